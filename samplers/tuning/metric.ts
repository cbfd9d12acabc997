/**
 * The metric of Hamiltonian kernels as a factor `L` of the inverse mass matrix, `M^-1 = L L'`: lower
 * triangular `[D, D]`, or its diagonal `[D]`. Momenta are kept whitened, `v = L' p`, so that
 * `v ~ N(0, I)`, the kinetic energy is `|v|^2 / 2`, and the equations of motion read
 *
 *     du/dt = L v,   dv/dt = L' d logProb / du.
 *
 * @module
 */
import { cholesky, multiplyLower, solveLower } from "../../src/core/linalg.js";
import { shrunkCovariance } from "../starts/population.js";

/** Adds `scale * L' g` to `v`, and returns the kinetic energy `|v|^2 / 2` after it. */
export function kick(factor: Float64Array, g: Float64Array, scale: number, v: Float64Array): number {
  const dim = v.length;
  let energy = 0;
  if (factor.length === dim) {
    // one loop, because chains of a few parameters come here at every step
    for (let i = 0; i < dim; i++) {
      const moved = v[i] + scale * factor[i] * g[i];
      v[i] = moved;
      energy += 0.5 * moved * moved;
    }
    return energy;
  }
  push(factor, g, scale, v);
  for (let i = 0; i < dim; i++) energy += 0.5 * v[i] * v[i];
  return energy;
}

/** The first half of a leapfrog step: adds `stepSize / 2 L' g` to `v`, then writes `from + stepSize L v` to `to`. `motion` receives `L v`. */
export function drift(
  factor: Float64Array,
  g: Float64Array,
  stepSize: number,
  v: Float64Array,
  motion: Float64Array,
  from: Float64Array,
  to: Float64Array,
): void {
  const dim = v.length;
  const scale = 0.5 * stepSize;
  if (factor.length === dim) {
    for (let i = 0; i < dim; i++) {
      const moved = v[i] + scale * factor[i] * g[i];
      v[i] = moved;
      const way = factor[i] * moved;
      motion[i] = way;
      to[i] = from[i] + stepSize * way;
    }
    return;
  }
  push(factor, g, scale, v);
  multiplyLower(factor, v, motion);
  for (let i = 0; i < dim; i++) to[i] = from[i] + stepSize * motion[i];
}

/** Adds `scale * L' g` to `v` for a dense `L`. */
function push(factor: Float64Array, g: Float64Array, scale: number, v: Float64Array): void {
  const dim = v.length;
  for (let i = 0; i < dim; i++) {
    const pull = scale * g[i];
    for (let j = 0; j <= i; j++) v[j] += factor[i * dim + j] * pull;
  }
}

/** `L^-1 x`, in place: distances in units of the metric. */
export function whiten(factor: Float64Array, x: Float64Array): void {
  if (factor.length === x.length) for (let i = 0; i < x.length; i++) x[i] /= factor[i];
  else solveLower(factor, x);
}

/** The factor for an inverse mass matrix, `[D, D]`, or its diagonal, `[D]`. */
export function factorOf(inverseMass: Float64Array, dim: number): Float64Array {
  return inverseMass.length === dim ? inverseMass.map(Math.sqrt) : cholesky(inverseMass, dim);
}

/** The inverse mass matrix, `[D, D]`, or its diagonal, `[D]`. */
export function inverseMassOf(factor: Float64Array, dim: number): Float64Array {
  if (factor.length === dim) return factor.map((value) => value * value);
  const out = new Float64Array(dim * dim);
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j < dim; j++) {
      for (let k = 0; k <= Math.min(i, j); k++) out[i * dim + j] += factor[i * dim + k] * factor[j * dim + k];
    }
  }
  return out;
}

/** The factor for an estimated covariance that is worth `size` draws. */
export function factorOfCovariance(
  covariance: Float64Array,
  size: number,
  dim: number,
  dense: boolean,
): Float64Array {
  const inverseMass = shrunkCovariance({ covariance, size }, dim);
  if (dense) return cholesky(inverseMass, dim);
  return Float64Array.from({ length: dim }, (_, i) => Math.sqrt(inverseMass[i * dim + i]));
}
