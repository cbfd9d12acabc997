/**
 * The table that answers: what is the posterior, and may I trust the draws?
 *
 * @module
 */
import type { Matrix } from "../src/core/matrix.js";
import { sortedQuantile } from "../src/core/quantile.js";
import { essBulk, essTail } from "./diagnostics/ess.js";
import { groupedEss } from "./diagnostics/groups.js";
import { bfmi } from "./diagnostics/intervals.js";
import { mcseMean } from "./diagnostics/mcse.js";
import { mean, variance } from "./diagnostics/ranks.js";
import { nestedRhat, rhat } from "./diagnostics/rhat.js";
import { chainStatistic, chainValues, type Draws } from "./draws.js";

/** One parameter. */
export interface SummaryRow {
  readonly name: string;
  readonly mean: number;
  readonly sd: number;
  /** 5 %, 50 % and 95 % quantiles. */
  readonly q05: number;
  readonly q50: number;
  readonly q95: number;
  /** Rank-normalised split R-hat; nested R-hat where `nested` is set. */
  readonly rhat: number;
  readonly essBulk: number;
  readonly essTail: number;
  /** Monte Carlo standard error of the mean. */
  readonly mcse: number;
}

/** What `summary` returns. */
export interface Summary {
  readonly rows: readonly SummaryRow[];
  readonly chains: number;
  readonly draws: number;
  /** Whether R-hat is the nested one, for many short chains. */
  readonly nested: boolean;
  /** What is wrong, in words; empty if nothing is. */
  readonly warnings: readonly string[];
  /** The table as text. */
  toString(): string;
}

/** Nested R-hat is used from this many chains on, below this many draws. */
const manyChains = 32;
const fewDraws = 500;

/** Draws from which on the energy of a single chain can be judged. */
const longChain = 500;

/**
 * Summarises draws, one row per parameter. R-hat should be below 1.01 and both ESS above 400; trouble is said in
 * `warnings`, never thrown.
 *
 * Split R-hat of perfect short chains is well above 1.01 by noise alone: its square exceeds 1 by about the inverse
 * of the effective sample size of half a chain. Therefore R-hat is the nested one for 32 chains or more of fewer than 500
 * draws each, where 1.01 asks for the same effective sample size of the whole run.
 *
 * Where chains are not independent (walkers of an ensemble, particles of an island; `draws.groups`), R-hat compares the
 * groups, and ESS and MCSE follow their means.
 *
 * @example
 * console.log(String(summary(draws)));
 */
export function summary(draws: Draws): Summary {
  const { groups } = draws;
  const nested = needsNestedRhat(draws);
  const rows = draws.names.map((name) => summariseParameter(name, chainValues(draws, name), nested, groups));
  const warnings = warn(draws, rows, nested);
  const result = { rows, chains: draws.chains, draws: draws.draws, nested, warnings };
  return { ...result, toString: () => formatSummary(result) };
}

/**
 * The table as aligned text, with the warnings below.
 *
 * @param summary - as `summary` returns it.
 */
export function formatSummary({ rows, warnings }: Pick<Summary, "rows" | "warnings">): string {
  const head = ["", "mean", "sd", "5 %", "50 %", "95 %", "R-hat", "bulk ESS", "tail ESS", "MCSE"];
  const lines = rows.map((r) => {
    const digits = decimals(r.mcse, r.sd);
    const numbers = [r.mean, r.sd, r.q05, r.q50, r.q95].map((value) => value.toFixed(digits));
    const counts = [r.essBulk, r.essTail].map((value) => value.toFixed(0));
    return [r.name, ...numbers, r.rhat.toFixed(3), ...counts, r.mcse.toPrecision(2)];
  });
  const table = [head, ...lines];
  const widths = head.map((_, j) => Math.max(...table.map((line) => line[j].length)));
  const text = table.map((line) =>
    line
      .map((cell, j) => (j === 0 ? cell.padEnd(widths[j]) : cell.padStart(widths[j])))
      .join("  ")
      .trimEnd(),
  );
  return [...text, ...warnings.map((warning) => `! ${warning}`)].join("\n");
}

/** Whether R-hat is the nested one. */
export function needsNestedRhat({ groups, chains, draws }: Draws): boolean {
  return groups !== undefined || (chains >= manyChains && draws < fewDraws);
}

/**
 * Summarises one parameter.
 *
 * @param x - its draws, `[chains, draws]`.
 */
export function summariseParameter(name: string, x: Matrix, nested: boolean, groups?: number): SummaryRow {
  const sorted = x.data.slice().sort();
  const grouped = groups === undefined ? undefined : groupedEss(x, groups);
  return {
    name,
    mean: mean(x.data),
    sd: Math.sqrt(variance(x.data)),
    q05: sortedQuantile(sorted, 0.05),
    q50: sortedQuantile(sorted, 0.5),
    q95: sortedQuantile(sorted, 0.95),
    rhat: nested ? nestedRhat(x, groups) : rhat(x),
    essBulk: grouped?.bulk ?? essBulk(x),
    essTail: grouped?.tail ?? essTail(x),
    mcse: grouped?.mcse ?? mcseMean(x),
  };
}

function warn(draws: Draws, rows: readonly SummaryRow[], nested: boolean): string[] {
  const { warnings: known } = draws.run as { readonly warnings?: readonly string[] }; // of the target itself
  const warnings: string[] = [...(known ?? [])];
  const named = (test: (row: SummaryRow) => boolean) =>
    rows
      .filter(test)
      .map((row) => row.name)
      .join(", ");
  const unmixed = named((row) => row.rhat > 1.01);
  if (unmixed) {
    warnings.push(
      `${nested ? "nested " : ""}R-hat is above 1.01 for ${unmixed}: the chains have not ` +
        "mixed. Run longer, or look for separated modes.",
    );
  }
  const scarce = named((row) => row.essBulk < 400 || row.essTail < 400);
  if (scarce) warnings.push(`ESS is below 400 for ${scarce}: take more draws or more chains.`);
  const broken = named((row) => Number.isNaN(row.essBulk) || Number.isNaN(row.rhat));
  if (broken) {
    warnings.push(
      `R-hat or ESS cannot be computed for ${broken}: they need finite draws of 2 chains${draws.groups === undefined ? "" : " on each of 2 groups"}, 8 draws each or more.`,
    );
  }
  const diverging = chainStatistic(draws, "diverging");
  const divergences = Number(draws.run.divergences ?? diverging?.data.reduce((a, b) => a + b, 0) ?? 0);
  if (divergences > 0) {
    warnings.push(
      `${divergences} transitions diverged after warm-up: raise targetAcceptance, or rescale the parameters there.`,
    );
  }
  const { nonFinite = 0 } = (draws.run.evaluations ?? {}) as { readonly nonFinite?: number };
  if (nonFinite > 0) {
    warnings.push(
      `the target was NaN or infinite, or had no finite gradient, at ${nonFinite} points, warm-up included: chains avoid ` +
        "them. Look there for a fault of the density, or give it a support that leaves them out.",
    );
  }
  const { inverseTemperature = 1 } = draws.warmup as { readonly inverseTemperature?: number };
  if (inverseTemperature < 1) {
    warnings.push(
      `the tempering had come to an inverse temperature of ${inverseTemperature.toPrecision(2)} when the warm-up ended: these are ` +
        "no draws of the target, but of a density between its start and it. Raise warmup.",
    );
  }
  const energy = chainStatistic(draws, "energy");
  if (energy && energy.cols >= 50) {
    // A short chain falls below 0.3 by chance; of short chains only their mean says something.
    const perChain = bfmi(energy);
    const low = perChain.filter((value) => value < 0.3).length;
    if (energy.cols < longChain ? mean(perChain) < 0.3 : low > 0)
      warnings.push(`E-BFMI is below 0.3 in ${low} of ${draws.chains} chains: the energy mixes slowly.`);
  }
  return warnings;
}

/** Decimals that show the first digit of the Monte Carlo error, and at least two digits of the spread. */
function decimals(mcse: number, sd: number): number {
  const digitsOf = (value: number) => (value > 0 && value < Infinity ? -Math.floor(Math.log10(value)) : 2);
  return Math.min(12, Math.max(0, digitsOf(mcse), digitsOf(sd) + 1));
}
