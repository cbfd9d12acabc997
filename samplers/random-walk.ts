/**
 * The random walk `u' = u + S z`, `z ~ N(0, I)`: what Metropolis kernels propose where no gradient is asked for.
 *
 * @see Gelman, Roberts and Gilks (1996), Efficient Metropolis Jumping Rules (the scale and the target rate)
 * @module
 */
import { multiplyLower } from "../src/core/linalg.js";
import type { Rng } from "../src/core/random.js";

/**
 * Writes a proposal around `u`.
 *
 * @param factor - lower triangular `S`, `[D, D]`.
 * @param z - receives the standard normals that made it, `[D]`.
 * @param out - receives the proposal, `[D]`.
 */
export function proposeAround(
  u: Float64Array,
  factor: Float64Array,
  rng: Rng,
  z: Float64Array,
  out: Float64Array,
): void {
  rng.fillNormals(z);
  multiplyLower(factor, z, out);
  for (let i = 0; i < u.length; i++) out[i] += u[i];
}

/** The scale of `S` at which a random walk on a normal of its covariance moves best. */
export function walkScale(dim: number): number {
  return 2.38 / Math.sqrt(dim);
}

/** The acceptance rate that belongs to it: 0.44 in one dimension, 0.275 in five. */
export function walkAcceptance(dim: number): number {
  return 0.234 + 0.206 / dim;
}
