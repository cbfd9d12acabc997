/**
 * Point by point: one ratio estimator for each of a few parameter points, all to one reference point, and their log ratios
 * of given events interpolated in between by a Gaussian process. Each network has one simple task; what is between the
 * points comes with a standard deviation.
 *
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, section III
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { fromRows, type Matrix } from "../core/matrix.js";
import type { RatioEstimator } from "../estimators/ratio.js";
import { type GaussianProcess, gaussianProcess } from "./gaussian-process.js";

/** Estimators at points. */
export interface PointByPoint {
  /** `[K + 1, D]`: the points, the reference last. */
  readonly points: Matrix;
  /** Fixes one or several independent events, `[M, L]`; their log ratios add at each point, then they are interpolated. */
  observe(x: Matrix): Promise<InterpolatedRatio>;
}

/** `log p(x_1..M | theta) / p(x_1..M | ref)` at fixed events. */
export interface InterpolatedRatio {
  /** What the networks say at each point, and 0 at the reference, `[K + 1]`, nats. */
  readonly values: Float64Array;
  readonly process: GaussianProcess;
  /** `[N, D] -> [N]`, nats. */
  logRatio(theta: Matrix): Float64Array;
  /** Standard deviation of the interpolation, `[N]`; errors of the networks are in it as far as they scatter. */
  spread(theta: Matrix): Float64Array;
}

/**
 * Joins estimators that were each trained on simulations of one point, e.g. `carl` on a table whose `theta` is the same
 * in every row.
 *
 * @throws {ConfigError} if there are fewer than 2, or their reference points differ.
 * @example
 * const ratio = await pointByPoint([{ theta: [0.2], estimator: a }, { theta: [0.4], estimator: b }]).observe(events);
 */
export function pointByPoint(
  members: readonly { readonly theta: readonly number[]; readonly estimator: RatioEstimator }[],
): PointByPoint {
  if (members.length < 2) {
    throw new ConfigError(`pointByPoint: expected estimators at 2 points or more, got ${members.length}.`);
  }
  const references = members.map(({ estimator }) => estimator.header.reference);
  const [reference] = references;
  if (
    reference === "evidence" ||
    references.some((other) => JSON.stringify(other) !== JSON.stringify(reference))
  ) {
    throw new ConfigError(
      "pointByPoint: expected ratios to one and the same reference point, got different ones.",
    );
  }
  const points = fromRows([...members.map(({ theta }) => theta), reference.thetaRef]);
  return {
    points,
    async observe(x) {
      const values = new Float64Array(points.rows); // at the reference the log ratio is 0
      for (const [k, { theta, estimator }] of members.entries()) {
        values[k] = (await estimator.observe(x).logRatio(fromRows([theta])))[0];
      }
      const process = gaussianProcess(points, values);
      return {
        values,
        process,
        logRatio: (theta) => process.predict(theta).mean,
        spread: (theta) => process.predict(theta).sd,
      };
    },
  };
}
