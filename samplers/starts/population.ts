/**
 * Covariances of weighted points: what kernels know of the target's shape before their first draw.
 *
 * @module
 */
import { type Matrix, row } from "../../src/core/matrix.js";
import type { Population } from "../kernel.js";

/** Spread of equal numbers in parts of their size, at the most. */
const rounding = 1e-14;

/**
 * Summarises points in unconstrained space.
 *
 * @param u - `[N, D]`.
 * @param weights - `[N]`, summing to one. Default equal.
 */
export function populationOf(u: Matrix, weights?: Float64Array): Population {
  const { rows, cols } = u;
  const mean = new Float64Array(cols);
  const covariance = new Float64Array(cols * cols);
  const weight = (i: number) => (weights ? weights[i] : 1 / rows);
  let squares = 0;
  for (let i = 0; i < rows; i++) {
    squares += weight(i) ** 2;
    for (let j = 0; j < cols; j++) mean[j] += weight(i) * u.data[i * cols + j];
  }
  for (let i = 0; i < rows; i++) {
    const w = weight(i);
    if (w === 0) continue;
    const point = row(u, i);
    for (let j = 0; j < cols; j++) {
      for (let k = 0; k <= j; k++)
        covariance[j * cols + k] += w * (point[j] - mean[j]) * (point[k] - mean[k]);
    }
  }
  for (let j = 0; j < cols; j++) {
    // equal numbers differ from their mean by rounding, which is no spread
    const isEqual = covariance[j * cols + j] <= (rounding * mean[j]) ** 2;
    for (let k = 0; k <= j; k++) {
      if (isEqual) covariance[j * cols + k] = 0;
      covariance[k * cols + j] = covariance[j * cols + k];
    }
  }
  return { covariance, size: 1 / squares };
}

/**
 * A positive definite covariance, `[D, D]`: correlations are drawn towards zero when the population is worth
 * few draws, and a parameter without spread gets variance one.
 */
export function shrunkCovariance({ covariance, size }: Population, dim: number): Float64Array {
  const keep = size / (size + dim + 1);
  const spread = (i: number) => {
    const value = covariance[i * dim + i];
    return value > 0 && value < Infinity ? value : undefined;
  };
  const out = new Float64Array(dim * dim);
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j < dim; j++) {
      if (i === j) out[i * dim + i] = spread(i) ?? 1;
      else if (spread(i) && spread(j)) out[i * dim + j] = keep * covariance[i * dim + j];
    }
  }
  return out;
}
