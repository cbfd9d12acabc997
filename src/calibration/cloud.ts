/**
 * The cloud of simulated data as plain numbers that fit into the header of an estimator: an estimator that carries it tells of
 * every observation whether it lies where the network has learned anything, without the simulations at hand.
 *
 * Data are centred by their medians, scaled by their quartiles and whitened by the covariance of the central part. Of the
 * distances from the centre (Mahalanobis) quantiles are kept. Holes in the cloud are not seen by them: `typicality` sees them,
 * from the simulations themselves.
 *
 * @see Schmitt et al. (2021), https://arxiv.org/abs/2112.08866
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { cholesky, solveLower } from "../core/linalg.js";
import { type Matrix, matrix, row, takeRows } from "../core/matrix.js";
import { sortedQuantile } from "../core/quantile.js";
import { foldIn, key as keyOf, stream } from "../core/random.js";

/** A map to coordinates in which a cloud is round and of unit width; plain JSON. */
export interface Whitening {
  readonly centres: readonly number[];
  readonly scales: readonly number[];
  /** Cholesky factor of the covariance of scaled data, `[L, L]`; left out where there are too few rows or too many columns. */
  readonly factor?: readonly number[];
}

/** What an estimator keeps of the data it learned from; plain JSON. */
export interface Cloud extends Whitening {
  /** Distances from the centre at `quantileLevels`. */
  readonly distances: readonly number[];
}

/** A distance of the observation, and its place among those of simulations. */
export interface TypicalityScore {
  /** In units of the cloud's own width. */
  readonly distance: number;
  /** Share of simulations that are nearer, in [0, 1]. */
  readonly quantile: number;
}

/** Shares of simulations whose distances are kept: every hundredth, and every thousandth of the last hundredth. */
export const quantileLevels: readonly number[] = [
  ...Array.from({ length: 99 }, (_, i) => i / 100),
  ...Array.from({ length: 11 }, (_, i) => 0.99 + i / 1000),
];

/** An observation beyond this share of simulations is told. */
const alarm = 0.999;
/** Rows that a cloud is made of, at most. */
const mostRows = 20_000;
/** Wider data than this are scaled but not whitened, so that headers stay small. */
const widest = 64;
/** Fewer rows than this are no cloud. */
const fewest = 40;

/** Standardised values are cut here before the covariance is taken, so that far tails do not make it. */
const cut = 5;

/**
 * The cloud of data rows. One half of them makes centre and covariance, the other the distances: a covariance fits its own
 * rows too well.
 *
 * @param x - `[N, L]`; of more than 20,000 rows as many are chosen at random.
 * @returns nothing where there are fewer than 40 rows.
 */
export function cloudOf(x: Matrix): Cloud | undefined {
  if (x.rows < fewest) return undefined;
  const chosen = stream(foldIn(keyOf(0), "cloud"))
    .permutation(x.rows)
    .subarray(0, mostRows);
  const half = chosen.length >> 1;
  const whitening = fitWhitening(takeRows(x, chosen.subarray(0, half)), widest);
  const distances = norms(whiten(whitening, takeRows(x, chosen.subarray(half)))).sort();
  return { ...whitening, distances: quantileLevels.map((level) => sortedQuantile(distances, level)) };
}

/**
 * Where an observation lies in a cloud.
 *
 * @param observed - `[L]`.
 * @throws {ShapeError} if it has another width than the cloud.
 */
export function scoreInCloud(cloud: Cloud, observed: ArrayLike<number>): TypicalityScore {
  const { centres, distances } = cloud;
  if (observed.length !== centres.length) {
    throw new ShapeError(
      `scoreInCloud: observed has ${observed.length} values but the simulations have ${centres.length} columns.`,
    );
  }
  const [distance] = norms(whiten(cloud, matrix(1, observed.length, Float64Array.from(observed))));
  const above = distances.findIndex((value) => value > distance);
  if (above < 0) return { distance, quantile: 1 };
  if (above === 0) return { distance, quantile: 0 };
  const part = (distance - distances[above - 1]) / (distances[above] - distances[above - 1]);
  const quantile = quantileLevels[above - 1] + part * (quantileLevels[above] - quantileLevels[above - 1]);
  return { distance, quantile };
}

/**
 * One sentence for each observation that lies outside the cloud; none without a cloud. One typical observation in a thousand
 * raises it by chance; one in N / 2 where there were fewer than 2,000 simulations.
 *
 * @param x - observations, `[M, L]`.
 */
export function cloudWarnings(cloud: Cloud | undefined, x: Matrix): string[] {
  if (!cloud) return [];
  return Array.from({ length: x.rows }, (_, i) => i).flatMap((i) => {
    const { quantile, distance } = scoreInCloud(cloud, row(x, i));
    if (quantile <= alarm) return []; // NaN is told, too
    return [
      `${x.rows > 1 ? `Observation ${i}` : "The observation"} lies outside the simulations: ${distance.toPrecision(3)} widths from ` +
        `their centre, farther than ${(100 * quantile).toFixed(1)} % of them. Do not trust the posterior before the simulator or the prior covers it.`,
    ];
  });
}

/** The cloud as a field of a header, where there is one. */
export function cloudRecord(x: Matrix): { readonly cloud?: Cloud } {
  const cloud = cloudOf(x);
  return cloud ? { cloud } : {};
}

/** The warnings as a field of a `LogDensity`, where there are any. */
export function warningsAt(cloud: Cloud | undefined, x: Matrix): { readonly warnings?: readonly string[] } {
  const warnings = cloudWarnings(cloud, x);
  return warnings.length > 0 ? { warnings } : {};
}

/** Centres, scales and covariance of data; wider data than `most` columns, or too few rows, have no covariance. */
export function fitWhitening(x: Matrix, most: number): Whitening {
  const { rows, cols } = x;
  const centres = new Array<number>(cols);
  const scales = new Array<number>(cols);
  for (let j = 0; j < cols; j++) {
    const values = Float64Array.from({ length: rows }, (_, i) => x.data[i * cols + j]).sort();
    const at = (share: number) => values[Math.round(share * (rows - 1))];
    centres[j] = at(0.5);
    // the quartiles of a normal lie 1.349 sd apart; columns that are mostly constant take their sd or 1e-12
    scales[j] =
      (at(0.75) - at(0.25)) / 1.349 || deviation(values) || 1e-12 * Math.max(1, Math.abs(centres[j]));
  }
  if (cols > most || rows < 5 * cols) return { centres, scales };

  const covariance = new Float64Array(cols * cols);
  const central = whiten({ centres, scales }, x).data.map((value) => Math.max(-cut, Math.min(cut, value)));
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      for (let k = 0; k <= j; k++)
        covariance[j * cols + k] += (central[i * cols + j] * central[i * cols + k]) / rows;
    }
  }
  for (let j = 0; j < cols; j++) covariance[j * cols + j] += 1e-6; // columns may repeat each other
  return { centres, scales, factor: Array.from(cholesky(covariance, cols)) };
}

/** Rows in the coordinates of a cloud, `[N, L]`. */
export function whiten({ centres, scales, factor }: Whitening, x: Matrix): Matrix {
  const { cols } = x;
  const out = matrix(
    x.rows,
    cols,
    x.data.map((value, i) => (value - centres[i % cols]) / scales[i % cols]),
  );
  if (factor) {
    const lower = Float64Array.from(factor);
    for (let i = 0; i < out.rows; i++) solveLower(lower, row(out, i));
  }
  return out;
}

/** Lengths of rows. */
export function norms(x: Matrix): Float64Array {
  return Float64Array.from({ length: x.rows }, (_, i) =>
    Math.sqrt(row(x, i).reduce((sum, value) => sum + value * value, 0)),
  );
}

function deviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
