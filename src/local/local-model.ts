/**
 * The local model: the exponential family that has the score as its statistic,
 *
 *     p_local(x | theta) = p(x | ref) exp(t(x) . (theta - ref)) / Z(theta),   Z(theta) = E_ref[exp(t(x) . (theta - ref))],
 *
 * which agrees with the simulator to first order in `theta - ref`. `Z` is the mean over events simulated at the reference
 * point; without it the ratio would not be normalised.
 *
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, section III
 * @module
 */
import type { LogProbAndGradient } from "../core/contracts.js";
import { ShapeError } from "../core/errors.js";
import { dot } from "../core/linalg.js";
import { columnSums, type Matrix, matrix, row } from "../core/matrix.js";
import { logSumExp } from "../core/special.js";
import type { ScoreEstimator } from "../estimators/score.js";

/** The local model around a reference point. */
export interface LocalModel {
  readonly names: readonly string[];
  /** `[D]`. */
  readonly thetaRef: Float64Array;
  /** `log Z`, `[N, D] -> [N]`, nats. */
  logNormaliser(theta: Matrix): Float64Array;
  /**
   * Effective number of reference events behind `Z`, `(sum w)^2 / sum w^2`, `[N, D] -> [N]`. A few only: `theta` is too far
   * from the reference for these events, and the log ratio there is a guess.
   */
  effectiveRows(theta: Matrix): Float64Array;
  /** Fixes one or several independent events, `[M, L]`; their log ratios add. */
  observe(x: Matrix): Promise<LocalRatio>;
}

/** `log p_local(x_1..M | theta) / p(x_1..M | ref)` at fixed events. */
export interface LocalRatio {
  /** Sum of their scores, `[D]`. */
  readonly score: Float64Array;
  readonly events: number;
  /** `[N, D] -> [N]`, nats. */
  logRatio(theta: Matrix): Float64Array;
  /** Value and gradient with respect to `theta`. */
  gradient(theta: Matrix): LogProbAndGradient;
}

/**
 * Builds the local model.
 *
 * @param reference - `x ~ p(x | thetaRef)`, `[N, L]`, for the normalisation; not used in training.
 * @throws {ShapeError} if there are no rows or they have another width.
 * @example
 * const model = await localModel(estimator, test.x);
 * const ratio = await model.observe(events);
 * ratio.logRatio(fromRows([[0.1, 0.2]]));
 */
export async function localModel(estimator: ScoreEstimator, reference: Matrix): Promise<LocalModel> {
  if (reference.rows === 0) throw new ShapeError("localModel: expected reference rows, got none.");
  const scores = await estimator.score(reference);
  const { thetaRef } = estimator;
  const { names } = estimator.header;

  const shift = (theta: Matrix, i: number) => row(theta, i).map((value, j) => value - thetaRef[j]);
  const exponents = (delta: Float64Array) =>
    Float64Array.from({ length: scores.rows }, (_, i) => dot(row(scores, i), delta));
  const forEach = (theta: Matrix, of: (delta: Float64Array) => number) => {
    checkTheta(theta, names);
    return Float64Array.from({ length: theta.rows }, (_, i) => of(shift(theta, i)));
  };
  const logZ = (delta: Float64Array) => logSumExp(exponents(delta)) - Math.log(scores.rows);

  return {
    names,
    thetaRef,
    logNormaliser: (theta) => forEach(theta, logZ),
    effectiveRows: (theta) =>
      forEach(theta, (delta) => {
        const logs = exponents(delta);
        return Math.exp(2 * logSumExp(logs) - logSumExp(logs.map((value) => 2 * value)));
      }),

    async observe(x) {
      const events = await estimator.score(x);
      const score = columnSums(events);
      const logRatio = (theta: Matrix) =>
        forEach(theta, (delta) => dot(score, delta) - events.rows * logZ(delta));
      return {
        score,
        events: events.rows,
        logRatio,
        gradient(theta) {
          const logProb = logRatio(theta);
          const gradient = matrix(theta.rows, names.length);
          for (let i = 0; i < theta.rows; i++) {
            const logs = exponents(shift(theta, i));
            const total = logSumExp(logs);
            const slope = row(gradient, i);
            slope.set(score);
            logs.forEach((value, k) => {
              const weight = events.rows * Math.exp(value - total); // d log Z: the mean score under the local model
              for (let j = 0; j < slope.length; j++) slope[j] -= weight * row(scores, k)[j];
            });
          }
          return { logProb, gradient };
        },
      };
    },
  };
}

function checkTheta(theta: Matrix, names: readonly string[]): void {
  if (theta.cols !== names.length) {
    throw new ShapeError(
      `localModel: theta has ${theta.cols} columns but the score has ${names.length} (${names.join(", ")}).`,
    );
  }
}
