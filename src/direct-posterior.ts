/**
 * The posterior of a trained density at one observation: normalised, and sampled without a chain.
 *
 * @module
 */
import type { Draws } from "../samplers/draws.js";
import type { SampleOptions } from "../samplers/sample.js";
import { warningsAt } from "./calibration/cloud.js";
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
    ...warningsAt(header.cloud, observed),
    logProb: (theta) => estimator.logProb(theta, repeatRow(observed.data, theta.rows)),
    gradient: (theta) => estimator.gradient(theta, observed.data),
    sample: (n, { seed = 0 } = {}) => estimator.sample(observed, n, keyOf(seed)),
  };
}

/**
 * Independent draws as chains hand them on, so that `summary`, tables, files and figures take them. R-hat is one but for noise,
 * and the effective sample size the number of draws.
 *
 * @param options - `chains`, `draws` and `seed` as of `sample`: as many draws in all. There is no warm-up and nothing to thin.
 * @throws {RangeError} if a count is not a positive whole number.
 * @example
 * console.log(String(summary(await directDraws(posterior(estimator, { observed }), { seed: "hello" }))));
 */
export async function directDraws(
  target: DirectPosterior,
  {
    chains = 100,
    draws = 100,
    seed = 0,
    signal,
  }: Pick<SampleOptions, "chains" | "draws" | "seed" | "signal"> = {},
): Promise<Draws> {
  for (const [name, value] of Object.entries({ chains, draws })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new RangeError(`directDraws: ${name} must be a positive whole number, got ${value}.`);
  }
  signal?.throwIfAborted();
  const theta = await target.sample(chains * draws, { seed });
  signal?.throwIfAborted();
  return {
    names: target.names,
    chains,
    draws,
    values: theta.data,
    stats: { logProb: await target.logProb(theta) },
    warmup: {},
    run: {
      sampler: "direct",
      seed,
      chains,
      draws,
      warmup: 0,
      thin: 1,
      divergences: 0,
      ...(target.warnings && { warnings: target.warnings }),
      termination: { reason: "complete" },
    },
  };
}
