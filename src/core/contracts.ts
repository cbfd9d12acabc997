/**
 * The contracts that the layers share. A simulator and a prior make a dataset; a dataset and a loss make
 * an estimator; an estimator, a prior and an observation make a `LogDensity`; anything that is a
 * `LogDensity` can be sampled, profiled, tested and drawn.
 *
 * @module
 */
import type { Matrix } from "./matrix.js";
import type { Key } from "./random.js";

/**
 * What a simulator knows of the latent path `z` behind each row it simulated. Every answer is per row, at that row's
 * own `(x, z)`.
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244, section II
 */
export interface Gold {
  /** `log p(x, z | theta0) - log p(x, z | theta1)`, `[N, D]` twice to `[N]`, nats. */
  jointLogRatio(theta0: Matrix, theta1: Matrix): Float64Array;
  /** `d log p(x, z | theta) / d theta`, `[N, D] -> [N, D]`, per unit of `theta`. */
  jointScore(theta: Matrix): Matrix;
}

/** What every long task takes: a way to stop it and a way to watch it. */
export interface LongTask<Progress = { readonly done: number; readonly total: number }> {
  /** Aborting rejects with the signal's reason; finished work stays where it was written. */
  readonly signal?: AbortSignal;
  /** Told now and then how far the work has come. */
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * A smooth one-to-one map between unconstrained `u` in R^D and the support of `theta`.
 * Works on one row at a time, writing into the caller's arrays of length `dim`.
 */
export interface Bijection {
  readonly dim: number;
  /** `theta = T(u)`. */
  toConstrained(u: Float64Array, theta: Float64Array): void;
  /** `u = T^-1(theta)`; entries are `NaN` or infinite where `theta` is outside or on the edge of the support. */
  toUnconstrained(theta: Float64Array, u: Float64Array): void;
  /** `log |det dT/du|` at `u`, nats. */
  logDet(u: Float64Array): number;
  /** Writes `d/du [f(T(u)) + logDet(u)]` to `out`, given `gradient = df/dtheta` at `T(u)`. */
  pullback(u: Float64Array, gradient: Float64Array, out: Float64Array): void;
}

/** A prior over named parameters. */
export interface Prior<Name extends string = string> {
  readonly names: readonly Name[];
  readonly dim: number;
  /**
   * `[n, D]`; row `i` depends on `foldIn(key, i)` alone, so a longer sample begins with a shorter one.
   *
   * @param from - number of the first row: rows `from` to `from + n - 1` of a longer sample. Default 0.
   */
  sample(n: number, key: Key, from?: number): Matrix;
  /** `[N, D] -> [N]`, normalised, nats; `-Infinity` outside the support. */
  logProb(theta: Matrix): Float64Array;
  /** `d logProb / d theta`, `[N, D] -> [N, D]`; zeros outside the support. */
  gradient(theta: Matrix): Matrix;
  readonly support: Bijection;
  /** Mean and standard deviation of each parameter, `[D]`; `NaN` where they do not exist. */
  readonly mean: Float64Array;
  readonly sd: Float64Array;
  /** Plain JSON from which `priorFromSpec` makes an equal prior. */
  readonly spec: PriorSpec;
}

/** JSON description of a prior; `kind` names the constructor. */
export interface PriorSpec {
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** The answer of `LogDensity.gradient`. */
export interface LogProbAndGradient {
  /** `[N]`, nats. */
  readonly logProb: Float64Array;
  /** `d logProb / d theta`, `[N, D]`. */
  readonly gradient: Matrix;
}

/**
 * A target density over named parameters, batched over rows, on the constrained scale of `theta`.
 * `normalised` says whether `exp(logProb)` integrates to one: a ratio or an unnormalised posterior does not.
 */
export interface LogDensity<Normalised extends boolean = boolean> {
  readonly dim: number;
  readonly names: readonly string[];
  readonly support: Bijection;
  readonly normalised: Normalised;
  /** `[N, D] -> [N]`, nats; `-Infinity` outside the support. */
  logProb(theta: Matrix): Promise<Float64Array>;
  /** Value and gradient with respect to `theta`; left out where there is none. */
  gradient?(theta: Matrix): Promise<LogProbAndGradient>;
  /**
   * A density to start chains from, usually the prior: chains begin at a resampling of its draws
   * with weights `exp(logProb - start.logProb)`.
   */
  readonly start?: Pick<Prior, "sample" | "logProb">;
  /** What is wrong with it before anything is drawn, one sentence each: `summary` and `importance` tell it. */
  readonly warnings?: readonly string[];
}
