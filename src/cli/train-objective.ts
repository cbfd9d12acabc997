/**
 * What `galton train` trains: the method, fitted to what DATA holds.
 *
 * @module
 */
import { existsSync, statSync } from "node:fs";
import { ConfigError } from "../core/errors.js";
import type { LikelihoodEstimator } from "../estimators/likelihood.js";
import type { PosteriorEstimator } from "../estimators/posterior.js";
import type { RatioEstimator } from "../estimators/ratio.js";
import type { ScoreEstimator } from "../estimators/score.js";
import type { DensitySpec } from "../flows/density.js";
import type { NreLoss } from "../losses/nre.js";
import type { Structure } from "../nets/structure.js";
import type { Objective } from "../train/objective.js";
import type { DataOptions } from "./data-argument.js";
import { flagOf } from "./options.js";

/** Losses of ratios to the evidence by the names of their papers. */
const nre: Readonly<Record<string, Partial<NreLoss>>> = {
  aalr: {},
  "nre-a": { contrasts: 1 },
  "nre-b": { gamma: Infinity },
  bnre: { contrasts: 1, balance: 100 },
};
/** Methods that learn from gold; the last three have a score term. */
const goldMethods = ["carl", "rolr", "alice", "cascal", "rascal", "alices"] as const;

/** Methods that learn a conditional density. */
const densityMethods = ["npe", "nle", "scandal"] as const;

/** Every word of `--method`. */
export const trainMethods = [
  "aalr",
  "nre-a",
  "nre-b",
  "bnre",
  ...densityMethods,
  ...goldMethods,
  "sally",
] as const;

/** Every word of `--structure`. */
export const structureNames = [
  "reference",
  "antisymmetric",
  "ratio-of-ratios",
  "morphing",
] as const satisfies readonly Structure[];

/** What the options say of the method, and the options of tables as `readData` takes them. */
export interface MethodOptions extends Omit<DataOptions, "prior"> {
  readonly method?: (typeof trainMethods)[number];
  /** File of a prior. */
  readonly prior?: string;
  readonly windowRows?: number;
  readonly contrasts?: number;
  readonly gamma?: number;
  readonly balance?: number;
  readonly alpha?: number | "auto";
  readonly structure?: Structure;
  readonly density?: DensitySpec;
  readonly noDequantise?: boolean;
  readonly width?: number;
  readonly blocks?: number;
}

/** What is trained, and whether its posterior will have a prior. */
export type Trained =
  | { readonly kind: "ratio"; readonly objective: Objective<RatioEstimator>; readonly hasPrior: boolean }
  | {
      readonly kind: "likelihood";
      readonly objective: Objective<LikelihoodEstimator>;
      readonly hasPrior: boolean;
    }
  | { readonly kind: "posterior"; readonly objective: Objective<PosteriorEstimator> }
  | { readonly kind: "score"; readonly objective: Objective<ScoreEstimator> };

/**
 * Reads DATA and builds the objective. Without `--method` it is `aalr`, or `alices` for a folder with gold and `sally` for one
 * with scores.
 *
 * @throws {ConfigError} if the method needs other simulations than DATA holds, or an option does not belong to it.
 */
export async function trainedBy(data: string, options: MethodOptions): Promise<Trained> {
  const { folderFormat } = await import("../dataset/manifest.js");
  const isFolder = existsSync(data) && statSync(data).isDirectory();
  const format = (isFolder ? await folderFormat(data) : undefined) ?? "galton-simulations";
  const fitting = {
    "galton-simulations": "aalr",
    "galton-gold": "alices",
    "galton-scores": "sally",
  } as const;
  const { method = fitting[format] } = options;
  const wanted = wantedFormat(method, format);
  if (wanted !== format) throw mismatch(data, method, format, wanted);
  if (!(method in nre)) refuse(method, options, ["contrasts", "gamma"]);
  if (!(method in nre || method === "npe")) refuse(method, options, ["balance"]);
  if (!isGold(method)) refuse(method, options, ["structure"]);
  if (isDensity(method)) refuse(method, options, ["width", "blocks"], "; --density says the network");
  else refuse(method, options, ["density"]);
  if (!["cascal", "rascal", "alices", "scandal"].includes(method)) refuse(method, options, ["alpha"]);
  if (options.noDequantise && method !== "nle" && method !== "scandal")
    refuse(method, options, ["noDequantise"]);
  if (wanted !== "galton-simulations") {
    const read = ["prior", "theta", "x", "xShape", "invalid", "windowRows"] as const;
    refuse(method, options, read, "; the folder says it itself");
  }
  if (isDensity(method)) return densityBy(method, data, options, wanted);
  const { defaultRatioNetwork } = await import("../estimators/aalr.js");
  const network = (rows: number) => {
    const { blocks, width, ...spec } = defaultRatioNetwork(rows);
    return { ...spec, blocks: options.blocks ?? blocks, width: options.width ?? width };
  };
  if (method === "sally") {
    const { readScores } = await import("../dataset/gold-files.js");
    const { sally } = await import("../estimators/sally.js");
    const simulations = await readScores(data);
    return { kind: "score", objective: sally(simulations, { network: network(simulations.x.rows) }) };
  }
  if (isGold(method)) {
    const { readGold } = await import("../dataset/gold-files.js");
    const methods = await import("../estimators/gold.js");
    const simulations = await readGold(data);
    const { alpha, structure } = options;
    const objective = methods[method](simulations, {
      network: network(simulations.theta.rows),
      ...(structure && { structure }),
      ...(alpha !== undefined && { alpha }),
    });
    return { kind: "ratio", objective, hasPrior: simulations.proposal !== undefined };
  }
  const { aalr } = await import("../estimators/aalr.js");
  const { countRows } = await import("../dataset/stored.js");
  const { readPrior } = await import("./prior-file.js");
  const { openData } = await import("./data-argument.js");
  const { theta, x, xShape, invalid, windowRows } = options;
  const prior = options.prior === undefined ? undefined : await readPrior(options.prior);
  const simulations = await openData(data, { theta, x, xShape, invalid, windowRows, prior });
  const preset = nre[method];
  const objective = aalr(simulations, {
    contrasts: options.contrasts ?? preset.contrasts,
    gamma: options.gamma ?? preset.gamma,
    balance: options.balance ?? preset.balance,
    network: network(countRows(simulations)),
  });
  return { kind: "ratio", objective, hasPrior: simulations.prior !== undefined };
}

/** What the method learns from; `nle` from simulations of either kind. */
function wantedFormat(method: string, found: string): string {
  if (method === "sally") return "galton-scores";
  if (method === "nle" && found === "galton-gold") return found;
  return isGold(method) || method === "scandal" ? "galton-gold" : "galton-simulations";
}

/** A likelihood or a posterior; its simulations are held in memory. */
async function densityBy(
  method: (typeof densityMethods)[number],
  data: string,
  options: MethodOptions,
  format: string,
): Promise<Trained> {
  const { density, balance, alpha } = options;
  const family = density && { density };
  const likelihood = { ...family, ...(options.noDequantise && { dequantise: false }) };
  const { nle, scandal, simulatedPairs } = await import("../estimators/nle.js");
  if (format === "galton-gold") {
    const { readGold } = await import("../dataset/gold-files.js");
    const simulations = await readGold(data);
    const hasPrior = simulations.proposal !== undefined;
    if (method === "nle")
      return { kind: "likelihood", objective: nle(simulatedPairs(simulations), likelihood), hasPrior };
    const objective = scandal(simulations, { ...likelihood, ...(alpha !== undefined && { alpha }) });
    return { kind: "likelihood", objective, hasPrior };
  }
  refuse(method, options, ["windowRows"], ", whose simulations are held in memory");
  const { readPrior } = await import("./prior-file.js");
  const { readData } = await import("./data-argument.js");
  const { theta, x, xShape, invalid } = options;
  const prior = options.prior === undefined ? undefined : await readPrior(options.prior);
  const simulations = await readData(data, { theta, x, xShape, invalid, prior });
  if (method === "nle")
    return {
      kind: "likelihood",
      objective: nle(simulations, likelihood),
      hasPrior: simulations.prior !== undefined,
    };
  const { npe } = await import("../estimators/npe.js");
  return { kind: "posterior", objective: npe(simulations, { ...family, ...(balance && { balance }) }) };
}

const isDensity = (method: string): method is (typeof densityMethods)[number] =>
  (densityMethods as readonly string[]).includes(method);

const isGold = (method: string): method is (typeof goldMethods)[number] =>
  (goldMethods as readonly string[]).includes(method);

/** @throws {ConfigError} if one of these options was given. */
function refuse(
  method: string,
  options: MethodOptions,
  names: readonly (keyof MethodOptions)[],
  why = "",
): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given) throw new ConfigError(`train: ${flagOf(given)} does not go with --method ${method}${why}.`);
}

function mismatch(data: string, method: string, found: string, wanted: string): ConfigError {
  const flags: Readonly<Record<string, string>> = {
    "galton-simulations": "without gold",
    "galton-gold": "with --gold",
    "galton-scores": "with --scores",
  };
  const fits: Readonly<Record<string, string>> = {
    "galton-simulations": "aalr, nre-a, nre-b, bnre, npe or nle",
    "galton-gold": [...goldMethods, "scandal", "nle"].join(", "),
    "galton-scores": "sally",
  };
  return new ConfigError(
    `train: --method ${method} learns from simulations ${flags[wanted]}, but ${data} holds simulations ${flags[found]}. ` +
      `Use --method ${fits[found]}, or a folder that galton simulate wrote ${flags[wanted]}.`,
  );
}
