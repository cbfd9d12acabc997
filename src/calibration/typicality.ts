/**
 * Does an observation lie in the cloud of simulations that an estimator learned from? Outside it a network
 * answers all the same, and nothing in its answer shows that it is a guess.
 *
 * Data are centred by their medians, scaled by their quartiles and whitened by the covariance of the central
 * part. Two distances are looked at: from the centre (Mahalanobis), and to the nearest simulation, which sees
 * holes and bends in the cloud. Each is ranked among the distances that simulations themselves have.
 *
 * @see Schmitt et al. (2021), https://arxiv.org/abs/2112.08866
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, matrix, row, takeRows } from "../core/matrix.js";
import { foldIn, key as keyOf } from "../core/random.js";
import { stream } from "../core/rng.js";
import { fitWhitening, norms, type TypicalityScore, whiten as whitened } from "./cloud.js";

/** What `typicality` reports. */
export interface Typicality {
  /** Distance from the centre of the cloud. */
  readonly centre: TypicalityScore;
  /** Distance to the nearest simulation. */
  readonly neighbour: TypicalityScore;
  /** One sentence for the user; left out where the observation is typical. */
  readonly warning?: string;
}

/** Options of `typicality`. */
export interface TypicalityOptions {
  /**
   * Quantile beyond which there is a warning. Default 0.999: for either distance one typical observation in a
   * thousand raises it by chance; for the nearest neighbour one in N / 4 where there are fewer than 4,000 simulations.
   */
  readonly level?: number;
  /** Simulations that are searched for the nearest. Default 5000. */
  readonly searched?: number;
  /** Simulations whose own nearest neighbour is looked up. Default 1000. */
  readonly compared?: number;
  /** Which simulations are searched and compared. Default 0. */
  readonly seed?: string | number;
}

/** Wider data than this are scaled but not whitened. */
const widestCovariance = 128;

/**
 * Raises an alarm when an observation lies outside the training cloud.
 *
 * @param training - data rows that the estimator learned from, `[N, L]`, `N >= 20`.
 * @param observed - `[L]`.
 * @throws {ShapeError} if the widths differ or there are fewer than 20 rows.
 * @throws {RangeError} if the observation is not finite.
 * @example
 * const { warning } = typicality(simulations.x, observed);
 * if (warning) console.warn(warning);
 */
export function typicality(
  training: Matrix,
  observed: ArrayLike<number>,
  options: TypicalityOptions = {},
): Typicality {
  return typicalityIn(training, options)(observed);
}

/**
 * `typicality` for many observations: looks at the simulations once, and returns the check.
 *
 * @param training - simulated data, `[N, L]`, at least 20 rows.
 * @param options - each has a default.
 * @throws {ShapeError} if there are fewer than 20 rows; the check, if the widths differ.
 */
export function typicalityIn(
  training: Matrix,
  { level = 0.999, searched = 5000, compared = 1000, seed = 0 }: TypicalityOptions = {},
): (observed: ArrayLike<number>) => Typicality {
  if (training.rows < 20) {
    throw new ShapeError(`typicality: expected at least 20 simulations, got ${training.rows}.`);
  }
  const whitening = fitWhitening(training, widestCovariance);
  const whiten = (x: Matrix) => whitened(whitening, x);
  const order = stream(foldIn(keyOf(seed), "rows")).permutation(training.rows);
  const queries = Math.max(1, Math.min(compared, Math.floor(training.rows / 4)));
  const query = whiten(takeRows(training, order.subarray(0, queries)));
  const cloud = whiten(takeRows(training, order.subarray(queries, queries + searched)));
  const toCentre = [query, cloud].flatMap((part) => Array.from(norms(part)));
  const toNeighbour = Array.from({ length: query.rows }, (_, i) => nearest(cloud, row(query, i)));

  return (observed) => {
    checkObserved(training, observed);
    const point = whiten(matrix(1, training.cols, Float64Array.from(observed)));
    const centre = rank(norms(point)[0], toCentre);
    const neighbour = rank(nearest(cloud, point.data), toNeighbour);
    if (centre.quantile <= level && neighbour.quantile <= level) return { centre, neighbour };
    const share = (quantile: number) => `${(100 * quantile).toFixed(1)} %`;
    return {
      centre,
      neighbour,
      warning:
        `The observation lies outside the simulations: farther from their centre than ${share(centre.quantile)} ` +
        `of them and farther from its nearest than ${share(neighbour.quantile)} are from theirs. Do not trust ` +
        "the posterior before the simulator or the prior covers it.",
    };
  };
}

/** Distance to the nearest row. */
function nearest(cloud: Matrix, point: Float64Array): number {
  const { data, rows, cols } = cloud;
  let least = Infinity;
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < cols && sum < least; j++) sum += (data[i * cols + j] - point[j]) ** 2;
    if (sum < least) least = sum;
  }
  return Math.sqrt(least);
}

function rank(distance: number, others: readonly number[]): TypicalityScore {
  return { distance, quantile: others.filter((other) => other < distance).length / others.length };
}

function checkObserved(training: Matrix, observed: ArrayLike<number>): void {
  if (training.cols !== observed.length) {
    throw new ShapeError(
      `typicality: observed has ${observed.length} values but the simulations have ${training.cols} columns.`,
    );
  }
  const bad = Array.from(observed).findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new RangeError(`typicality: observed must be finite, but value ${bad} is ${observed[bad]}.`);
}
