/**
 * Checks of a ratio at any points, with simulations that training has not seen:
 *
 *     E_theta1[r(x | theta0, theta1)] = 1,   E_theta1[r f(x)] = E_theta0[f(x)] for any f,
 *
 * and, of several ratios, whether what they say of the same data depends on what they were taken to.
 *
 * @see Cranmer, Pavez and Louppe (2015), https://arxiv.org/abs/1506.02169, section 4.3
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, matrix, repeatRow, row } from "../core/matrix.js";
import { type MeanCheck, type RatioCheck, weightCheck } from "../estimators/gold-checks.js";
import type { RatioFunction } from "./calibrated-ratio.js";

/**
 * Checks `E_ref[r(x | theta, ref)] = 1` at every point of a grid. Far from the reference point the tail of the weights grows
 * heavy: look at `paretoK` and `largestShare` before `z`.
 *
 * @param x - `x ~ p(x | thetaRef)`, `[N, L]`; `x ~ p(x)` for a ratio to the evidence.
 * @param theta - `[K, D]`.
 * @returns one check for each point, `[K]`.
 * @throws {ShapeError} if there are no points or fewer than two rows.
 * @example
 * const checks = await expectationsAt(estimator, test.x, fromRows([[0.1], [0.3], [1]]));
 * console.table(checks);
 */
export async function expectationsAt(ratio: RatioFunction, x: Matrix, theta: Matrix): Promise<RatioCheck[]> {
  if (x.rows < 2 || theta.rows === 0) {
    throw new ShapeError(
      `expectationsAt: expected at least one point and two rows of data, got ${theta.rows} and ${x.rows}.`,
    );
  }
  const checks: RatioCheck[] = [];
  for (let k = 0; k < theta.rows; k++) {
    const check = weightCheck(await ratio.logRatio(repeatRow(row(theta, k), x.rows), x));
    if (check) checks.push(check);
  }
  return checks;
}

/**
 * Checks `E_theta1[r f(x)] = E_theta0[f(x)]`: does the weighted sample have the mean of an observable that the other has?
 *
 * @param numerator - `f(x)` of rows of `theta0`, `[N]`.
 * @param denominator - `f(x)` of rows of `theta1`, `[M]`, and their log ratios, `[M]`, nats.
 * @returns the difference of both means, its standard error and `z`; 0 is exact.
 * @throws {ShapeError} if a sample has fewer than two rows, or lengths differ.
 * @throws {RangeError} if a value is `NaN`.
 */
export function observableCheck(
  numerator: Float64Array,
  denominator: { readonly f: Float64Array; readonly logRatio: Float64Array },
): MeanCheck {
  const { f, logRatio } = denominator;
  if (numerator.length < 2 || f.length < 2 || f.length !== logRatio.length) {
    throw new ShapeError(
      `observableCheck: expected at least two rows of either sample, a log ratio for each of the second, ` +
        `got ${numerator.length}, ${f.length} and ${logRatio.length}.`,
    );
  }
  const weighted = f.map((value, i) => value * Math.exp(logRatio[i]));
  if (numerator.some(Number.isNaN) || weighted.some(Number.isNaN)) {
    throw new RangeError("observableCheck: expected numbers, got NaN.");
  }
  const [first, second] = [numerator, weighted].map((values) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return { mean, variance: squares / (values.length - 1) / values.length };
  });
  const off = second.mean - first.mean;
  const standardError = Math.sqrt(first.variance + second.variance);
  return {
    mean: off,
    standardError,
    z: off === 0 ? 0 : off / standardError,
    rows: numerator.length + f.length,
  };
}

/** What sums log ratios over observations: a `RatioEstimator` or a `CalibratedRatio`. */
export interface ObservableRatio {
  observe(x: Matrix): { logRatio(theta: Matrix): Promise<Float64Array> };
}

/** What several ratios say of the same observations. */
export interface ReferenceSpread {
  /** `-2 log r` of each ratio, less its smallest value on the grid, `[E, K]`: `-2 log L(theta) / L(best)`. */
  readonly curves: Matrix;
  /** Row of the grid where each ratio is largest, `[E]`. */
  readonly best: Int32Array;
  /** Standard deviation over the ratios at each point, `[K]`. */
  readonly spread: Float64Array;
  /** The largest difference between two ratios at any point. */
  readonly largest: number;
}

/**
 * Compares ratios to different reference points, or equally trained ones: `-2 log L(theta) / L(best)` is the same for exact
 * ratios, whatever they are taken to. A difference of 1 is a standard deviation in one parameter.
 *
 * @param ratios - two or more.
 * @param x - observations, `[M, L]`.
 * @param theta - the grid, `[K, D]`, at least two points.
 * @throws {ShapeError} if there are fewer than two ratios or points.
 * @example
 * const { largest } = await referenceSpread([atZero, atOne], observed, grid);
 */
export async function referenceSpread(
  ratios: readonly ObservableRatio[],
  x: Matrix,
  theta: Matrix,
): Promise<ReferenceSpread> {
  if (ratios.length < 2 || theta.rows < 2) {
    throw new ShapeError(
      `referenceSpread: expected at least two ratios and two points, got ${ratios.length} and ${theta.rows}.`,
    );
  }
  const curves = matrix(ratios.length, theta.rows);
  const best = new Int32Array(ratios.length);
  for (const [e, ratio] of ratios.entries()) {
    const logRatio = await ratio.observe(x).logRatio(theta);
    const largest = logRatio.reduce((a, b) => Math.max(a, b), -Infinity);
    best[e] = logRatio.indexOf(largest);
    row(curves, e).set(logRatio.map((value) => 2 * (largest - value)));
  }
  const spread = new Float64Array(theta.rows);
  let largest = 0;
  for (let k = 0; k < theta.rows; k++) {
    const values = ratios.map((_, e) => row(curves, e)[k]);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    spread[k] = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1));
    largest = Math.max(largest, Math.max(...values) - Math.min(...values));
  }
  return { curves, best, spread, largest };
}
