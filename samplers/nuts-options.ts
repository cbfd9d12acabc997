/**
 * Options and tuning of the no-U-turn sampler.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { checkHamiltonian, positiveInteger } from "./hmc-options.js";
import type { DualAveraging } from "./tuning/adaptation.js";
import type { PooledMetric } from "./tuning/pooled-metric.js";

/** Options of `nuts`. */
export interface NutsOptions {
  /** Mean acceptance probability along trajectories that the step size aims at. Default 0.8. */
  readonly targetAcceptance?: number;
  /** `"diagonal"` or `"dense"` inverse mass. Default `"diagonal"`. */
  readonly metric?: "diagonal" | "dense";
  /**
   * How warm-up learns. `"pooled"`: one step size and one metric from all chains, which a few dozen draws of many chains
   * suffice for. `"stan"`: each chain its own, as Stan does, so that a chain does not depend on how many others there
   * are and a chain in a bad place spoils no other; give it 1000 draws. Default `"pooled"`.
   */
  readonly adaptation?: "pooled" | "stan";
  /**
   * Step size where warm-up starts, in units of the metric. Default `D^(-1/4)` with `"pooled"`, 1 with `"stan"`, where a
   * search by halving and doubling precedes the first draw and follows every change of the metric.
   */
  readonly stepSize?: number;
  /**
   * Inverse mass where warm-up starts, `[D]` or `[D, D]`, about the covariance of the target in unconstrained space.
   * Default: with `"pooled"` the covariance of the starting population, with `"stan"` the identity.
   */
  readonly inverseMass?: Float64Array;
  /** Most doublings of a trajectory, of up to `2^maxTreeDepth - 1` steps; at most 20. Default 10. */
  readonly maxTreeDepth?: number;
}

const optionNames: OptionNames<NutsOptions> = {
  targetAcceptance: true,
  metric: true,
  adaptation: true,
  stepSize: true,
  inverseMass: true,
  maxTreeDepth: true,
};

/** Checks what can be checked without a target. */
export function checkNutsOptions(options: NutsOptions, dim: number): void {
  checkOptions("nuts", options, optionNames);
  checkHamiltonian("nuts", options, dim);
  const { adaptation, maxTreeDepth } = options;
  if (adaptation !== undefined && adaptation !== "pooled" && adaptation !== "stan") {
    throw new RangeError(`nuts: adaptation must be "pooled" or "stan", got ${JSON.stringify(adaptation)}.`);
  }
  positiveInteger("nuts", "maxTreeDepth", maxTreeDepth);
  if (maxTreeDepth !== undefined && maxTreeDepth > 20) {
    throw new RangeError(`nuts: maxTreeDepth must be at most 20, got ${maxTreeDepth}.`);
  }
}

/** What the chains share, and how pooled warm-up stands; plain data. With `"stan"` it never changes. */
export interface NutsTuning extends PooledMetric {
  stepSize: number;
  averaging: DualAveraging;
  /** Warm-up draws in all. */
  readonly warmup: number;
}
