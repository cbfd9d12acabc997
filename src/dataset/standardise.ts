/**
 * An affine map per column, `z = (value - center) / scale`, that brings training rows to the size that
 * networks like. Fit it on training rows only, and keep it with the estimator.
 *
 * The robust fit uses the median and the wider of two scales that equal the standard deviation for a normal
 * column: `IQR / 1.349` and `(q97.5 - q2.5) / 3.920`. Up to 2.5 % of wild values on either side do not move
 * it, and a column that is mostly one value (an empty histogram bin) is not blown up. A column too spiky
 * even for that falls back to its standard deviation.
 *
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, matrix } from "../core/matrix.js";
import { sortedQuantile } from "../core/quantile.js";

/** A fitted map; plain JSON. */
export interface Standardiser {
  readonly center: readonly number[];
  /** Positive; 1 for constant columns. */
  readonly scale: readonly number[];
  /** Columns with one value only. They are kept (and become 0), and carry no information. */
  readonly constantColumns: readonly number[];
}

/** Quantiles come from at most this many evenly spaced rows: an error of 0.3 % of a standard deviation. */
const quantileRows = 100_000;

/**
 * Fits the map on training rows.
 *
 * @param rows - `[N, C]`, training rows only.
 * @param options - each has a default.
 * @param options.robust - median and quantiles; otherwise mean and standard deviation. Default true.
 * @throws {ShapeError} if there are no rows.
 * @throws {RangeError} if a value is not finite.
 */
export function fitStandardiser(rows: Matrix, { robust = true }: { robust?: boolean } = {}): Standardiser {
  if (rows.rows === 0) throw new ShapeError("fitStandardiser: there are no rows to fit.");
  const center: number[] = [];
  const scale: number[] = [];
  const constantColumns: number[] = [];
  for (let j = 0; j < rows.cols; j++) {
    const { mean, sd, spread } = moments(rows, j);
    if (spread === 0) {
      center.push(rows.data[j]);
      scale.push(1);
      constantColumns.push(j);
    } else if (robust) {
      const sorted = sortedColumn(rows, j);
      const [low, q1, median, q3, high] = [0.025, 0.25, 0.5, 0.75, 0.975].map((p) =>
        sortedQuantile(sorted, p),
      );
      center.push(median);
      scale.push(Math.max((q3 - q1) / 1.349, (high - low) / 3.92) || sd);
    } else {
      center.push(mean);
      scale.push(sd);
    }
  }
  return { center, scale, constantColumns };
}

/**
 * `(rows - center) / scale`, a new matrix.
 *
 * @throws {ShapeError} if the number of columns is not that of the fit.
 */
export function applyStandardiser(rows: Matrix, standardiser: Standardiser): Matrix {
  return mapColumns(
    "applyStandardiser",
    rows,
    standardiser,
    (value, center, scale) => (value - center) / scale,
  );
}

/**
 * `center + scale * rows`, a new matrix.
 *
 * @throws {ShapeError} if the number of columns is not that of the fit.
 */
export function invertStandardiser(rows: Matrix, standardiser: Standardiser): Matrix {
  return mapColumns(
    "invertStandardiser",
    rows,
    standardiser,
    (value, center, scale) => center + scale * value,
  );
}

function mapColumns(
  caller: string,
  rows: Matrix,
  { center, scale }: Standardiser,
  map: (value: number, center: number, scale: number) => number,
): Matrix {
  if (rows.cols !== center.length) {
    throw new ShapeError(`${caller}: the fit has ${center.length} columns, the rows have ${rows.cols}.`);
  }
  const out = matrix(rows.rows, rows.cols);
  for (let i = 0; i < rows.rows; i++) {
    for (let j = 0; j < rows.cols; j++) {
      const at = i * rows.cols + j;
      out.data[at] = map(rows.data[at], center[j], scale[j]);
    }
  }
  return out;
}

function moments({ data, rows, cols }: Matrix, j: number): { mean: number; sd: number; spread: number } {
  let sum = 0;
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < rows; i++) {
    const value = data[i * cols + j];
    if (!Number.isFinite(value)) {
      throw new RangeError(`fitStandardiser: row ${i}, column ${j} is ${value}; expected finite numbers.`);
    }
    sum += value / rows;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  let squares = 0;
  for (let i = 0; i < rows; i++) squares += ((data[i * cols + j] - sum) / (high - low || 1)) ** 2; // no overflow
  return { mean: sum, sd: Math.sqrt(squares / rows) * (high - low), spread: high - low };
}

function sortedColumn({ data, rows, cols }: Matrix, j: number): Float64Array {
  const count = Math.min(rows, quantileRows);
  return Float64Array.from(
    { length: count },
    (_, i) => data[Math.floor((i * rows) / count) * cols + j],
  ).sort();
}
