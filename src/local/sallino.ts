/**
 * SALLINO: the score projected on one direction, `h(x) = t(x) . (theta - ref) / |theta - ref|`, and the ratio of its
 * one-dimensional densities at `theta` and at the reference point, from histograms. In the local model `h` is all that
 * matters for that pair of points, so one dimension suffices for any number of parameters.
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244, section III
 * @module
 */
import { ConfigError, ShapeError } from "../core/errors.js";
import { dot } from "../core/linalg.js";
import { type Matrix, row } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { countAtMost, sortedQuantile } from "../core/quantile.js";
import type { ScoreEstimator } from "../estimators/score.js";

/** Simulations at both points. */
export interface SallinoOptions {
  /** The point whose ratio to the reference is wanted, `[D]`. */
  readonly theta: readonly number[];
  /** `x ~ p(x | theta)`, `[N, L]`. */
  readonly x: Matrix;
  /** `x ~ p(x | thetaRef)`, `[M, L]`, not used in training. */
  readonly reference: Matrix;
  /** Bins that hold equally many of both samples together. Default `10 + floor(n^(1/3))`, n the smaller sample's rows. */
  readonly bins?: number;
}

const optionNames: OptionNames<SallinoOptions> = { theta: true, x: true, reference: true, bins: true };

/** The ratio of two histograms of `h`. */
export interface Sallino {
  /** Unit vector from the reference to `theta`, `[D]`. */
  readonly direction: Float64Array;
  /** Inner edges of the bins, ascending. */
  readonly edges: Float64Array;
  /** `log p(h | theta) / p(h | ref)` in each bin, nats. */
  readonly logRatios: Float64Array;
  /** `[N, L] -> [N]`: the log ratio of each event, nats. */
  logRatio(x: Matrix): Promise<Float64Array>;
}

/**
 * Fits the histograms. Half a count is added to each bin, so that no ratio is infinite.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ShapeError} if a sample is empty, or `theta` or `x` has another width.
 * @throws {ConfigError} if `theta` is the reference point or not finite, or `bins` is not a whole number of at least 2.
 * @example
 * const ratio = await sallino(estimator, { theta: [0.2, 0], x: atTheta.x, reference: atReference.x });
 */
export async function sallino(estimator: ScoreEstimator, options: SallinoOptions): Promise<Sallino> {
  checkOptions("sallino", options, optionNames);
  const { theta, x, reference } = options;
  const { thetaRef } = estimator;
  if (theta.length !== thetaRef.length) {
    throw new ShapeError(`sallino: theta has ${theta.length} values; expected ${thetaRef.length}.`);
  }
  if (x.rows === 0 || reference.rows === 0) {
    throw new ShapeError(
      `sallino: expected simulations at both points, got ${x.rows} at theta and ${reference.rows} at the reference.`,
    );
  }
  const shift = thetaRef.map((value, j) => theta[j] - value);
  const length = Math.hypot(...shift);
  if (!(length > 0 && length < Infinity)) {
    throw new ConfigError(
      `sallino: theta must be a point other than the reference (${Array.from(thetaRef).join(", ")}), got (${theta.join(", ")}).`,
    );
  }
  const bins = options.bins ?? 10 + Math.floor(Math.cbrt(Math.min(x.rows, reference.rows)));
  if (!Number.isSafeInteger(bins) || bins < 2) {
    throw new ConfigError(`sallino: bins must be a whole number of at least 2, got ${bins}.`);
  }
  const direction = shift.map((value) => value / length);
  const project = async (rows: Matrix) => {
    const score = await estimator.score(rows);
    return Float64Array.from({ length: rows.rows }, (_, i) => dot(row(score, i), direction));
  };
  const [h, hRef] = [await project(x), await project(reference)];
  const both = Float64Array.from([...quantiles(h), ...quantiles(hRef)]).sort();
  const inner = Array.from({ length: bins - 1 }, (_, k) => sortedQuantile(both, (k + 1) / bins));
  const edges = Float64Array.from(new Set(inner)); // an atom of h makes equal edges
  const densities = [h, hRef].map((values) => {
    const counts = new Float64Array(edges.length + 1).fill(0.5);
    for (const value of values) counts[countAtMost(edges, value)]++;
    return counts.map((count) => Math.log(count / (values.length + counts.length / 2)));
  });
  const logRatios = densities[0].map((value, k) => value - densities[1][k]);
  return {
    direction,
    edges,
    logRatios,
    logRatio: async (rows) => (await project(rows)).map((value) => logRatios[countAtMost(edges, value)]),
  };
}

/** A thousand quantiles: samples of different sizes count alike for the edges. */
function quantiles(values: Float64Array): Float64Array {
  const sorted = values.slice().sort();
  return Float64Array.from({ length: 1000 }, (_, k) => sortedQuantile(sorted, (k + 0.5) / 1000));
}
