/**
 * The posterior of a trained density at one observation: normalised, and sampled without a chain.
 *
 * @module
 */
import { identity } from "./core/bijection.js";
import type { LogDensity } from "./core/contracts.js";
import { type Matrix, repeatRow } from "./core/matrix.js";
import { key as keyOf } from "./core/random.js";
import type { PosteriorEstimator } from "./estimators/posterior.js";

/** A posterior that draws for itself. */
export interface DirectPosterior extends LogDensity<true> {
  readonly gradient: NonNullable<LogDensity["gradient"]>;
  /**
   * Independent draws, `[n, D]`. Same seed, same bytes; more draws begin with fewer.
   *
   * @param options.seed - Default 0.
   * @throws {RangeError} if `n` is not a positive whole number.
   */
  sample(n: number, options?: { readonly seed?: string | number }): Promise<Matrix>;
}

/** @param observed - one row, `[1, L]`. */
export function directPosterior(estimator: PosteriorEstimator, observed: Matrix): DirectPosterior {
  const { prior, header, thetaDim } = estimator;
  return {
    dim: thetaDim,
    names: header.names,
    support: prior?.support ?? identity(thetaDim),
    normalised: true,
    ...(prior && { start: prior }),
    logProb: (theta) => estimator.logProb(theta, repeatRow(observed.data, theta.rows)),
    gradient: (theta) => estimator.gradient(theta, observed.data),
    sample: (n, { seed = 0 } = {}) => estimator.sample(observed, n, keyOf(seed)),
  };
}
