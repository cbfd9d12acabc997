/**
 * What a posterior of posteriordb is here: a target, and the statistics of its reference draws.
 *
 * @see Magnusson et al. (2025), https://arxiv.org/abs/2407.04967
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { LogDensity } from "../../src/core/contracts.js";

/** A posterior, and how its draws become the parameters of the reference. */
export interface ReferencePosterior {
  readonly target: LogDensity;
  /** Reference parameters from one row of theta, by name. */
  derive(theta: Float64Array): Record<string, number>;
}

export interface Reference {
  readonly parameters: Record<
    string,
    { mean: number; sd: number; q50: number; mcse_mean: number; mcse_sd: number; mcse_q50: number }
  >;
  readonly unconstrained: { mean: number[]; sd: number[] };
}

/** The data of a posterior by name: numbers, lists and tables. */
export type Data = Readonly<Record<string, number[] & number[][]>>;

/** The data of a posterior, gzipped or not. */
export function readData(folder: string): Data {
  const path = `${folder}/data.json`;
  return JSON.parse(
    existsSync(path) ? readFileSync(path, "utf8") : String(gunzipSync(readFileSync(`${path}.gz`))),
  );
}
