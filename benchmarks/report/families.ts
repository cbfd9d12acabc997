/**
 * What a method learns, told by its name, so that it can stand beside what was published for the same.
 *
 * @module
 */
import { type PublishedCurve, publishedCurves } from "../published.js";

/** A ratio, the density of the posterior, or that of the data. */
export type Family = "ratio" | "posterior" | "likelihood";

/** What the name of a method says of it. */
export interface MethodKind {
  /** `undefined` for methods that learn something else, or nothing, as rejection does. */
  readonly family: Family | undefined;
  /** Whether it spends its simulations in rounds, for one observation. */
  readonly isSequential: boolean;
}

const families: readonly (readonly [Family, RegExp])[] = [
  ["ratio", /^(aalr|carl|bnre|s?nre|tmnre|tsnre)(-|$)/],
  ["posterior", /^(s?npe|tsnpe|apt|fmpe|npse)(-|$)/],
  ["likelihood", /^(s?nle|snl|tsnle)(-|$)/],
];
const sequential = /^(snre|snpe|snle|snl|apt|tsn[rpl]e|tmnre)(-|$)/;

/**
 * Reads the name of a method, of ours or of the package sbi (`sbi-...`).
 *
 * @example
 * methodKind("sbi-npe-maf"); // { family: "posterior", isSequential: false }
 */
export function methodKind(method: string): MethodKind {
  const name = method.replace(/^sbi-/, "").toLowerCase();
  return {
    family: families.find(([, pattern]) => pattern.test(name))?.[0],
    isSequential: sequential.test(name),
  };
}

/** The published curves of a problem to be shown beside methods of ours: those in rounds where one of ours has rounds. */
export function publishedBeside(problem: string, methods: readonly string[]): readonly PublishedCurve[] {
  const hasRounds = methods.some((method) => methodKind(method).isSequential);
  return publishedCurves(problem).filter(({ isSequential }) => hasRounds || !isSequential);
}
