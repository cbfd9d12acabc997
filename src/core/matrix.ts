/**
 * Row-major float64 tables, the only table type at public boundaries: `theta: [N, D]`, `x: [N, L]`.
 *
 * @module
 */
import { ShapeError } from "./errors.js";

/** A row-major matrix of shape `[rows, cols]`; element `(i, j)` is `data[i * cols + j]`. */
export interface Matrix {
  readonly data: Float64Array;
  readonly rows: number;
  readonly cols: number;
}

/**
 * Wraps (does not copy) `data` as a `[rows, cols]` matrix; zeros when `data` is left out.
 *
 * @throws {ShapeError} if `data` does not hold `rows * cols` numbers.
 */
export function matrix(
  rows: number,
  cols: number,
  data: Float64Array = new Float64Array(rows * cols),
): Matrix {
  if (data.length !== rows * cols) {
    throw new ShapeError(`matrix: [${rows}, ${cols}] needs ${rows * cols} numbers, got ${data.length}.`);
  }
  return { data, rows, cols };
}

/**
 * Copies an array of equally long rows into a matrix.
 *
 * @throws {ShapeError} if the rows differ in length.
 */
export function fromRows(rows: readonly ArrayLike<number>[]): Matrix {
  const cols = rows.length === 0 ? 0 : rows[0].length;
  const out = matrix(rows.length, cols);
  rows.forEach((values, i) => {
    if (values.length !== cols) {
      throw new ShapeError(`fromRows: row ${i} has ${values.length} values but row 0 has ${cols}.`);
    }
    out.data.set(values, i * cols);
  });
  return out;
}

/** Row `i` as a view of the matrix, not a copy. */
export function row(m: Matrix, i: number): Float64Array {
  return m.data.subarray(i * m.cols, (i + 1) * m.cols);
}

/** All rows as plain arrays. */
export function toRows(m: Matrix): number[][] {
  return Array.from({ length: m.rows }, (_, i) => Array.from(row(m, i)));
}

/** Column `j`, copied. */
export function column(m: Matrix, j: number): Float64Array {
  const out = new Float64Array(m.rows);
  for (let i = 0; i < m.rows; i++) out[i] = m.data[i * m.cols + j];
  return out;
}

/** Sum of each column, `[cols]`. */
export function columnSums(m: Matrix): Float64Array {
  const sums = new Float64Array(m.cols);
  for (let i = 0; i < m.rows; i++) {
    for (let j = 0; j < m.cols; j++) sums[j] += m.data[i * m.cols + j];
  }
  return sums;
}

/** The rows named by `indices`, copied in that order. */
export function takeRows(m: Matrix, indices: ArrayLike<number>): Matrix {
  const out = matrix(indices.length, m.cols);
  for (let i = 0; i < indices.length; i++) out.data.set(row(m, indices[i]), i * m.cols);
  return out;
}

/** Rows `from` to `to` (exclusive) as a view, not a copy. */
export function sliceRows(m: Matrix, from: number, to: number): Matrix {
  return { data: m.data.subarray(from * m.cols, to * m.cols), rows: to - from, cols: m.cols };
}

/** Stacks matrices of equal width on top of each other. */
export function stackRows(parts: readonly Matrix[]): Matrix {
  const cols = parts.length === 0 ? 0 : parts[0].cols;
  const out = matrix(
    parts.reduce((sum, part) => sum + part.rows, 0),
    cols,
  );
  let offset = 0;
  for (const part of parts) {
    if (part.cols !== cols) throw new ShapeError(`stackRows: widths ${cols} and ${part.cols} differ.`);
    out.data.set(part.data, offset);
    offset += part.data.length;
  }
  return out;
}

/** The same row `n` times. */
export function repeatRow(values: ArrayLike<number>, n: number): Matrix {
  const out = matrix(n, values.length);
  for (let i = 0; i < n; i++) out.data.set(values, i * values.length);
  return out;
}
