/**
 * Weighted ridge regression of several targets on standardised features:
 * `min_B sum_i w_i |y_i - a - B^T z_i|^2 + ridge |B|^2`, where `z` has weighted mean 0 and standard deviation 1, so `ridge`
 * has no unit. The intercept is not penalised. A feature without spread gets the coefficient 0.
 *
 * @see Hoerl and Kennard (1970), https://doi.org/10.1080/00401706.1970.10488634
 * @module
 */
import { cholesky, solveCholesky } from "../core/linalg.js";
import { type Matrix, matrix, row } from "../core/matrix.js";

/** Spread of equal numbers in parts of their size, at the most. */
const rounding = 1e-13;

/**
 * Fits the regression.
 *
 * @param features - `[N, S]`, finite where the weight is not 0.
 * @param targets - `[N, D]`, likewise.
 * @param weights - `[N]`, summing to one.
 * @param ridge - `> 0`.
 * @returns the predicted targets of feature rows, `[M, S] -> [M, D]`.
 */
export function fitRidge(
  features: Matrix,
  targets: Matrix,
  weights: Float64Array,
  ridge: number,
): (features: Matrix) => Matrix {
  const { rows, cols: size } = features;
  const { cols: dim } = targets;
  const { mean, sd } = weightedMoments(features, weights);
  const { mean: intercept } = weightedMoments(targets, weights);

  const gram = new Float64Array(size * size);
  const moments = Array.from({ length: dim }, () => new Float64Array(size));
  const z = new Float64Array(size);
  for (let i = 0; i < rows; i++) {
    const w = weights[i];
    if (w === 0) continue;
    for (let j = 0; j < size; j++) z[j] = sd[j] > 0 ? (features.data[i * size + j] - mean[j]) / sd[j] : 0;
    for (let j = 0; j < size; j++) {
      if (z[j] === 0) continue;
      const weighted = w * z[j];
      for (let k = 0; k <= j; k++) gram[j * size + k] += weighted * z[k];
      for (let d = 0; d < dim; d++) moments[d][j] += weighted * (targets.data[i * dim + d] - intercept[d]);
    }
  }
  for (let j = 0; j < size; j++) gram[j * size + j] += ridge;
  const factor = cholesky(gram, size);
  for (const slopes of moments) solveCholesky(factor, slopes);

  return (points) => {
    const out = matrix(points.rows, dim);
    for (let i = 0; i < points.rows; i++) {
      const point = row(points, i);
      for (let d = 0; d < dim; d++) {
        let sum = intercept[d];
        for (let j = 0; j < size; j++) {
          if (sd[j] > 0) sum += (moments[d][j] * (point[j] - mean[j])) / sd[j];
        }
        out.data[i * dim + d] = sum;
      }
    }
    return out;
  };
}

/** Weighted mean and standard deviation of each column, `[cols]`; rows of weight 0 are not looked at. */
export function weightedMoments(
  { data, rows, cols }: Matrix,
  weights: Float64Array,
): { readonly mean: Float64Array; readonly sd: Float64Array } {
  const mean = new Float64Array(cols);
  const sd = new Float64Array(cols);
  for (let i = 0; i < rows; i++) {
    if (weights[i] === 0) continue;
    for (let j = 0; j < cols; j++) mean[j] += weights[i] * data[i * cols + j];
  }
  for (let i = 0; i < rows; i++) {
    if (weights[i] === 0) continue;
    for (let j = 0; j < cols; j++) sd[j] += weights[i] * (data[i * cols + j] - mean[j]) ** 2;
  }
  for (let j = 0; j < cols; j++) {
    sd[j] = Math.sqrt(sd[j]);
    if (sd[j] <= rounding * Math.abs(mean[j])) sd[j] = 0; // equal numbers differ from their mean by rounding
  }
  return { mean, sd };
}
