/**
 * Limits from the score and the Fisher information, to second order around the reference point. With the scores of M
 * events and the information I of one,
 *
 *     -2 log L(theta) / L(ref) = -2 delta . sum_i t(x_i) + M delta^T I delta,   delta = theta - ref,
 *
 * which is least at `delta = (M I)^-1 sum_i t(x_i)` with covariance `(M I)^-1`. It holds near the reference point only.
 *
 * Where the number of events is Poisson with a mean `nu(theta)`, the score has `(M / nu - 1) d nu` besides and the information
 * `d nu d nu^T / nu` (`event-rate.ts`).
 *
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, section V
 * @module
 */
import { chiSquared } from "../core/distributions/gamma.js";
import { ConfigError, ShapeError } from "../core/errors.js";
import { cholesky, inverseFromCholesky, multiply, solveCholesky } from "../core/linalg.js";
import { columnSums, type Matrix, matrix, row } from "../core/matrix.js";
import { checkOptions } from "../core/options.js";
import { normalQuantile } from "../core/special.js";
import { type EventRate, rateAt } from "./event-rate.js";
import type { FisherInformation } from "./fisher.js";

/** What the events say of the parameters, to second order. */
export interface LocalLimits {
  readonly names: readonly string[];
  /** The maximum, `[D]`, in units of `theta`. */
  readonly estimate: Float64Array;
  /** `(M I)^-1`, with the information of the rate where there is one, `[D, D]`. */
  readonly covariance: Matrix;
  /** Central interval of each parameter with the others free, `[D][2]`. */
  readonly intervals: readonly (readonly [low: number, high: number])[];
  /** Confidence of the intervals. */
  readonly level: number;
  /** `-2 log L(theta) / L(estimate)`, `[N, D] -> [N]`. */
  testStatistic(theta: Matrix): Float64Array;
  /** Asymptotic p-value of each `theta`, from the chi-squared distribution with D degrees of freedom (Wilks). */
  pValue(theta: Matrix): Float64Array;
}

/** Options of `localLimits`. */
export interface LocalLimitsOptions {
  /** Confidence of the intervals. Default 0.95. */
  readonly level?: number;
  /** How many events are expected, where their number counts, too. Default: it says nothing. */
  readonly rate?: EventRate;
}

/**
 * Limits from observed events.
 *
 * @param score - scores of the events, `[M, D]`: `estimator.score(x)`. A row of zeros for each expected event (the
 *   reference point as the truth) gives expected limits.
 * @throws {TypeError} if there is no such option.
 * @throws {ShapeError} if there are no events and no rate, the scores have another width, or the rate other parameters.
 * @throws {ConfigError} if the level is not between 0 and 1, or the information does not constrain all parameters.
 * @example
 * const limits = localLimits(fisher, await estimator.score(events));
 * console.log(limits.estimate, limits.intervals);
 */
export function localLimits(
  fisher: FisherInformation,
  score: Matrix,
  options: LocalLimitsOptions = {},
): LocalLimits {
  checkOptions<LocalLimitsOptions>("localLimits", options, { level: true, rate: true });
  const { level = 0.95, rate } = options;
  const { names, information, thetaRef } = fisher;
  const d = names.length;
  if ((score.rows === 0 && !rate) || score.cols !== d) {
    throw new ShapeError(
      `localLimits: expected scores [events, ${d}] of at least one event, got [${score.rows}, ${score.cols}].`,
    );
  }
  if (!(level > 0 && level < 1)) {
    throw new ConfigError(`localLimits: level must be between 0 and 1, got ${level}.`);
  }
  if (rate && rate.names.join() !== names.join()) {
    throw new ShapeError(
      `localLimits: the rate is of (${rate.names.join(", ")}) but the information of (${names.join(", ")}).`,
    );
  }
  const precision = information.data.map((value) => value * score.rows);
  const total = columnSums(score);
  if (rate) {
    const { expected, slope } = rateAt("localLimits", rate, thetaRef);
    slope.forEach((a, j) => {
      total[j] += (score.rows / expected - 1) * a;
      slope.forEach((b, k) => {
        precision[j * d + k] += (a * b) / expected;
      });
    });
  }
  let factor: Float64Array;
  try {
    factor = cholesky(precision, d);
  } catch (cause) {
    throw new ConfigError(
      `localLimits: the information does not constrain every combination of ${names.join(", ")}. ` +
        "Fix parameters that have no effect, or use more reference events.",
      { cause },
    );
  }
  const estimate = solveCholesky(factor, total).map((value, j) => thetaRef[j] + value);
  const covariance = matrix(d, d, inverseFromCholesky(factor, d));
  const width = normalQuantile(0.5 + level / 2);
  const testStatistic = (theta: Matrix) => {
    if (theta.cols !== d) {
      throw new ShapeError(
        `localLimits: theta has ${theta.cols} columns; expected ${d} (${names.join(", ")}).`,
      );
    }
    const out = new Float64Array(d);
    return Float64Array.from({ length: theta.rows }, (_, i) => {
      const off = row(theta, i).map((value, j) => value - estimate[j]);
      return multiply(precision, off, out).reduce((sum, value, j) => sum + value * off[j], 0);
    });
  };
  const chi2 = chiSquared(d);
  return {
    names,
    estimate,
    covariance,
    intervals: Array.from(estimate, (value, j) => {
      const half = width * Math.sqrt(covariance.data[j * d + j]);
      return [value - half, value + half] as const;
    }),
    level,
    testStatistic,
    pValue: (theta) => testStatistic(theta).map((value) => chi2.survival(value)),
  };
}
