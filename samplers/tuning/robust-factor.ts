/**
 * Robust adaptive Metropolis: the factor `S` of a random walk, adapted to the shape of the target and towards a rate of
 * acceptance,
 *
 *     S S' <- S (I + eta_t mean_c[(a_c - target) z_c z_c' / |z_c|^2]) S',   eta_t = D min(4, sqrt(C)) t^(-2/3)
 *
 * with one `S` for all `C` chains and the mean over them, whose noise is the smaller the more there are; no step
 * halves `S S'` more than once.
 *
 * @see Vihola (2012), https://doi.org/10.1007/s11222-011-9269-5, eq. 1
 * @module
 */
import { cholesky } from "../../src/core/linalg.js";

/** One random-walk move: the standard normals that made the proposal, `[D]`, and its probability of acceptance. */
export interface WalkMove {
  readonly z: Float64Array;
  readonly acceptanceRate: number;
}

/**
 * The next `S`, lower triangular, `[D, D]`.
 *
 * @param moves - of the chains that walked; without any, `S` stays.
 * @param plan - `draw` is the number of this update, from 1.
 */
export function adaptFactor(
  factor: Float64Array,
  moves: readonly WalkMove[],
  plan: { readonly draw: number; readonly chains: number; readonly targetAcceptance: number },
): Float64Array {
  if (moves.length === 0) return factor;
  const dim = moves[0].z.length;
  const gain = dim * Math.min(4, Math.sqrt(plan.chains)) * plan.draw ** (-2 / 3);
  const change = meanDirection(dim, plan.targetAcceptance, moves);
  const rate = Math.min(gain, 0.5 / largestRowSum(change, dim));
  for (let k = 0; k < change.length; k++) change[k] *= rate;
  for (let i = 0; i < dim; i++) change[i * dim + i] += 1;
  // S S' <- S M S' with M = R R' makes the new factor S R, lower triangular again
  return multiplyTriangles(factor, cholesky(change, dim), dim);
}

/** `mean_c[(a_c - target) z_c z_c' / |z_c|^2]`; its eigenvalues lie in `(-1, 1)`. */
function meanDirection(dim: number, targetAcceptance: number, moves: readonly WalkMove[]): Float64Array {
  const out = new Float64Array(dim * dim);
  for (const { z, acceptanceRate } of moves) {
    let square = 0;
    for (let i = 0; i < dim; i++) square += z[i] * z[i];
    const weight = (acceptanceRate - targetAcceptance) / square / moves.length;
    for (let i = 0; i < dim; i++) {
      for (let j = 0; j < dim; j++) out[i * dim + j] += weight * z[i] * z[j];
    }
  }
  return out;
}

/** Bounds the size of the eigenvalues of a symmetric matrix. */
function largestRowSum(a: Float64Array, dim: number): number {
  let largest = 0;
  for (let i = 0; i < dim; i++) {
    let sum = 0;
    for (let j = 0; j < dim; j++) sum += Math.abs(a[i * dim + j]);
    largest = Math.max(largest, sum);
  }
  return largest;
}

/** The product of two lower triangular matrices. */
function multiplyTriangles(a: Float64Array, b: Float64Array, dim: number): Float64Array {
  const out = new Float64Array(dim * dim);
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = j; k <= i; k++) sum += a[i * dim + k] * b[k * dim + j];
      out[i * dim + j] = sum;
    }
  }
  return out;
}
