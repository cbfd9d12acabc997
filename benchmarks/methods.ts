/**
 * The registry of methods, by name. To add one, write its file and a line here; a user's package can bring its own
 * without (`./my-method.js#method`).
 *
 * @module
 */
import type { Method } from "./method.js";
import type { RatioMethod } from "./ratio-method.js";
import { find, type Registry } from "./registry.js";

const ratio = () => import("./methods/ratio.js");
const sbi = () => import("./peers/sbi.js");
const abc = async (name: string) =>
  (await import("./methods/abc.js")).abcMethods.find((method) => method.name === name)!;

const likelihood = () => import("./methods/likelihood.js");
const npe = async (name: string) =>
  (await import("./methods/npe.js")).npeMethods.find((method) => method.name === name)!;

const sequential = async (name: string) =>
  (await import("./methods/sequential.js")).sequentialMethods.find((method) => method.name === name)!;

/** Loaders by name. */
export const methods: Readonly<Record<string, () => Promise<Method>>> = {
  aalr: async () => (await ratio()).aalrMethod,
  "aalr-k32": async () => (await ratio()).aalrK32,
  "nre-a": async () => (await ratio()).nreA,
  "nre-b": async () => (await ratio()).nreB,
  bnre: async () => (await ratio()).bnre,
  "aalr-lrt": async () => (await ratio()).aalrLrtMethod,
  nle: async () => (await likelihood()).nleMethods[0],
  npe: () => npe("npe"),
  "npe-maf": () => npe("npe-maf"),
  ...Object.fromEntries(
    ["apt", "apt-mixture", "snpe-a", "snpe-b", "snl", "snre", "tsnpe"].map((name) => [
      name,
      () => sequential(name),
    ]),
  ),
  "abc-32": () => abc("abc-32"),
  "abc-16": () => abc("abc-16"),
  "abc-8": () => abc("abc-8"),
  "abc-4": () => abc("abc-4"),
  "smc-abc": () => abc("smc-abc"),
  "abc-regression": () => abc("abc-regression"),
  "sbi-nre-a": async () => (await sbi()).sbiNreA,
  "sbi-nre-a-matched": async () => (await sbi()).sbiNreAMatched,
  "sbi-nre-c": async () => (await sbi()).sbiNreC,
  "sbi-nre-c-matched": async () => (await sbi()).sbiNreCMatched,
  "sbi-nre-c-matched-mh": async () => (await sbi()).sbiNreCMatchedMh,
  "sbi-npe-maf": async () => (await sbi()).sbiNpeMaf,
  "sbi-npe-nsf": async () => (await sbi()).sbiNpeNsf,
  "sbi-nle": async () => (await sbi()).sbiNle,
  prior: async () => (await import("./methods/limits.js")).priorLimit,
  exact: async () => (await import("./methods/limits.js")).exactLimit,
};

const gold = async (name: string) =>
  (await import("./methods/gold.js")).goldMethods.find((method) => method.name === name)!;

const likelihoodRatio = async (name: string) =>
  (await likelihood()).likelihoodRatioMethods.find((method) => method.name === name)!;

/** Loaders of the methods that learn a ratio from gold, by name. */
export const ratioMethods: Readonly<Record<string, () => Promise<RatioMethod>>> = {
  ...Object.fromEntries(
    ["carl", "rolr", "alice", "cascal", "rascal", "alices"].map((name) => [name, () => gold(name)]),
  ),
  ...Object.fromEntries(
    ["nde", "scandal", "scandal-0.01", "scandal-0.1", "scandal-1"].map((name) => [
      name,
      () => likelihoodRatio(name),
    ]),
  ),
  sally: async () => (await import("./methods/sally.js")).sallyMethod,
};

/** The methods that give posteriors. */
export const methodRegistry: Registry<Method> = {
  kind: "method",
  entries: methods,
  flaw: (value) =>
    typeof (value as Partial<Method>).prepare === "function" ? undefined : "it has no function prepare",
};

/**
 * Loads a method.
 *
 * @param name - a word of the registry, or `./module.js#export` or `package#export`.
 * @param folder - where relative paths begin. Default: the working folder.
 * @throws {ConfigError} if there is none; the message lists the known ones.
 */
export async function findMethod(name: string, folder?: string): Promise<Method> {
  return (await find(methodRegistry, name, folder)).item;
}
