/**
 * The Fisher information of one event at the reference point, `I_ij = E_ref[t_i t_j]`, from an estimated score: what the
 * simulator can tell of its parameters, whatever is measured of `x`. Its inverse, over the number of events, is the least
 * covariance of an unbiased estimate (Cramer and Rao).
 *
 * The uncertainty is that of the finite sample. An error of the score itself is not in it: a score that is too noisy gives
 * too much information, one that is too smooth too little. Where the joint scores `t_z` of the events are known, too, whose
 * mean given `x` is the exact score, the error `e = t_learned - t` can only take information away:
 *
 *     E_ref[t_learned t_z^T + t_z t_learned^T - t_learned t_learned^T] = I - E_ref[e e^T]
 *
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, section V
 * @module
 */
import { ConfigError, ShapeError } from "../core/errors.js";
import { type Matrix, matrix, row } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn, key, stream } from "../core/random.js";
import type { ScoreEstimator } from "../estimators/score.js";

/** An estimated information matrix. */
export interface FisherInformation {
  readonly names: readonly string[];
  /** `[D]`. */
  readonly thetaRef: Float64Array;
  /** Per event, `[D, D]`, in inverse units of `theta` squared; symmetric, and not negative but with `jointScore`. */
  readonly information: Matrix;
  /** Of each entry, `[D, D]`. */
  readonly standardError: Matrix;
  /** Of the entries in row-major order, `[D^2, D^2]`: for the error of anything made of them. */
  readonly covariance: Matrix;
  /** Events it was estimated from. */
  readonly rows: number;
}

/** Options of `fisherInformation`. */
export interface FisherOptions {
  /**
   * Joint scores of the same events, `[N, D]`, as `simulateScore` gives them: the information is then that of the exact score
   * less the mean square error of the learned one, so on average never too large. Default: the square of the learned score.
   */
  readonly jointScore?: Matrix;
  /**
   * Resamples of the events for the uncertainty. Default 0: the covariance of `t_i t_j` over the events, which is what the
   * bootstrap tends to.
   */
  readonly bootstrap?: number;
  /** Seed of the resamples. Default 0. */
  readonly seed?: string | number;
}

const optionNames: OptionNames<FisherOptions> = { jointScore: true, bootstrap: true, seed: true };

/**
 * Estimates the information from events at the reference point.
 *
 * @param x - `x ~ p(x | thetaRef)`, `[N, L]`, not used in training; at least 2 rows.
 * @throws {TypeError} if there is no such option.
 * @throws {ShapeError} if there are fewer than 2 rows, or `x` or `jointScore` has another shape.
 * @throws {ConfigError} if `bootstrap` is not a whole number, or 1.
 * @example
 * const test = await simulateScore(simulator, { n: 100_000, thetaRef: [0, 0], seed: "test" });
 * const { information, standardError } = await fisherInformation(estimator, test.x, { jointScore: test.jointScore });
 */
export async function fisherInformation(
  estimator: ScoreEstimator,
  x: Matrix,
  options: FisherOptions = {},
): Promise<FisherInformation> {
  checkOptions("fisherInformation", options, optionNames);
  if (x.rows < 2) throw new ShapeError(`fisherInformation: expected at least 2 rows of x, got ${x.rows}.`);
  return fisherOfScores(await estimator.score(x), estimator.header.names, estimator.thetaRef, options);
}

/** The same, from scores `[N, D]` of events at the reference point. */
export function fisherOfScores(
  score: Matrix,
  names: readonly string[],
  thetaRef: Float64Array,
  { jointScore, bootstrap = 0, seed = 0 }: FisherOptions = {},
): FisherInformation {
  if (!Number.isSafeInteger(bootstrap) || bootstrap < 0 || bootstrap === 1) {
    throw new ConfigError(
      `fisherInformation: bootstrap must be 0 or a whole number above 1, got ${bootstrap}.`,
    );
  }
  const [n, d] = [score.rows, score.cols];
  if (jointScore && (jointScore.rows !== n || jointScore.cols !== d)) {
    throw new ShapeError(
      `fisherInformation: expected jointScore [${n}, ${d}], a row for each of x, got [${jointScore.rows}, ${jointScore.cols}].`,
    );
  }
  const products = matrix(n, d * d);
  for (let i = 0; i < n; i++) {
    const t = row(score, i);
    const z = jointScore ? row(jointScore, i) : t;
    for (let j = 0; j < d * d; j++) {
      const [a, b] = [Math.floor(j / d), j % d];
      products.data[i * d * d + j] = t[a] * z[b] + z[a] * t[b] - t[a] * t[b];
    }
  }
  const all = Int32Array.from({ length: n }, (_, i) => i);
  const mean = meanOf(products, all);
  let covariance: Matrix;
  if (bootstrap === 0) {
    covariance = covarianceOf(products, mean, n * (n - 1));
  } else {
    const means = matrix(bootstrap, d * d);
    const root = key(seed);
    for (let b = 0; b < bootstrap; b++) {
      const rng = stream(foldIn(root, b));
      row(means, b).set(
        meanOf(
          products,
          Int32Array.from({ length: n }, () => rng.integer(n)),
        ),
      );
    }
    const centre = meanOf(
      means,
      Int32Array.from({ length: bootstrap }, (_, b) => b),
    );
    covariance = covarianceOf(means, centre, bootstrap - 1);
  }
  const variances = Float64Array.from({ length: d * d }, (_, j) => covariance.data[j * d * d + j]);
  return {
    names,
    thetaRef,
    information: matrix(d, d, mean),
    standardError: matrix(d, d, variances.map(Math.sqrt)),
    covariance,
    rows: n,
  };
}

function meanOf(values: Matrix, rows: Int32Array): Float64Array {
  const mean = new Float64Array(values.cols);
  for (const i of rows) {
    for (let j = 0; j < values.cols; j++) mean[j] += values.data[i * values.cols + j] / rows.length;
  }
  return mean;
}

/** The sum of products of deviations over `divisor`. */
function covarianceOf(values: Matrix, mean: Float64Array, divisor: number): Matrix {
  const out = matrix(values.cols, values.cols);
  for (let i = 0; i < values.rows; i++) {
    const off = row(values, i).map((value, j) => value - mean[j]);
    off.forEach((a, j) => {
      off.forEach((b, k) => {
        out.data[j * values.cols + k] += (a * b) / divisor;
      });
    });
  }
  return out;
}
