/**
 * Mixtures of multivariate Student t densities: proposals that follow several modes (`fit-mixture.ts` fits them).
 * Their tails, `df = 7`, are heavier than those of most targets, so that importance weights stay bounded.
 *
 *     q(u) = sum_k w_k c_k (1 + |L_k^-1 (u - m_k)|^2 / df)^(-(df + D) / 2)
 *
 * The power is a product of square roots and multiplications, relative to the nearest component: one logarithm a
 * point, and nothing underflows.
 *
 * @see Cappe et al. (2008), Adaptive importance sampling in general mixture classes, https://doi.org/10.1007/s11222-008-9059-x
 * @module
 */
import { logDetCholesky, multiplyLower, solveLower } from "../../src/core/linalg.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import type { Rng } from "../../src/core/random.js";
import { logGamma } from "../../src/core/special.js";

/** One Student t density; plain data. */
export interface Component {
  readonly weight: number;
  readonly mean: Float64Array;
  /** Cholesky factor of the scale matrix, `[D, D]`. */
  readonly factor: Float64Array;
}

/** A mixture; plain data. */
export interface Mixture {
  readonly dim: number;
  readonly components: readonly Component[];
}

/** Degrees of freedom of every component. */
const df = 7;

/** A mixture made ready for many points. It keeps the parts of the last one that it was asked for. */
export interface MixtureDensity {
  /** Log density, nats, at the point `data[at], ..., data[at + D - 1]`; at the first `D` values by default. */
  logProb(data: Float64Array, at?: number): number;
  /** Share of each component in the density at the last point, `[K]`, up to a common factor. */
  readonly shares: Float64Array;
  /** What the last point counts in the likelihood equations of each component, `[K]`: less the farther it is. */
  readonly counts: Float64Array;
}

/** The density of a mixture. */
export function mixtureDensity({ dim, components }: Mixture): MixtureDensity {
  const power = df + dim;
  const norm = logGamma(power / 2) - logGamma(df / 2) - (dim / 2) * Math.log(df * Math.PI);
  const logs = components.map((c) => Math.log(c.weight) + norm - 0.5 * logDetCholesky(c.factor, dim));
  const largest = Math.max(...logs);
  const factors = Float64Array.from(logs, (value) => Math.exp(value - largest));
  const means = Float64Array.from(components.flatMap(({ mean }) => [...mean]));
  const inverses = Float64Array.from(components.flatMap(({ factor }) => inverseRows(factor, dim)));
  const distance = new Float64Array(dim);
  const shares = new Float64Array(components.length);
  const counts = new Float64Array(components.length);
  return {
    shares,
    counts,
    logProb(data, at = 0) {
      let nearest = Infinity;
      let entry = 0;
      for (let k = 0; k < shares.length; k++) {
        for (let j = 0; j < dim; j++) distance[j] = data[at + j] - means[k * dim + j];
        let square = 0;
        for (let i = 0; i < dim; i++) {
          let sum = 0;
          for (let j = 0; j <= i; j++) sum += inverses[entry++] * distance[j];
          square += sum * sum;
        }
        const value = 1 + square / df;
        counts[k] = value;
        if (value < nearest) nearest = value;
      }
      let total = 0;
      for (let k = 0; k < shares.length; k++) {
        shares[k] = factors[k] * halfPower(nearest / counts[k], power);
        counts[k] = power / (df * counts[k]);
        total += shares[k];
      }
      return largest + Math.log(total) - (power / 2) * Math.log(nearest);
    },
  };
}

/** Log density of a mixture at points `[N, D]`, nats. */
export function logProbMixture(mixture: Mixture, u: Matrix): Float64Array {
  const { logProb } = mixtureDensity(mixture);
  const out = new Float64Array(u.rows);
  for (let i = 0; i < u.rows; i++) out[i] = logProb(u.data, i * u.cols);
  return out;
}

/** A function that writes a draw from a mixture to `out`, `[D]`. */
export function mixtureSampler({ dim, components }: Mixture): (rng: Rng, out: Float64Array) => void {
  const weights = Float64Array.from(components, ({ weight }) => weight);
  const z = new Float64Array(dim);
  return (rng, out) => {
    const { mean, factor } = components[rng.categorical(weights)];
    const stretch = Math.sqrt(df / 2 / rng.gamma(df / 2));
    for (let j = 0; j < dim; j++) z[j] = stretch * rng.normal();
    multiplyLower(factor, z, out);
    for (let j = 0; j < dim; j++) out[j] += mean[j];
  };
}

/** Draws `n` points, `[n, D]`. */
export function sampleMixture(mixture: Mixture, n: number, rng: Rng): Matrix {
  const out = matrix(n, mixture.dim);
  const draw = mixtureSampler(mixture);
  for (let i = 0; i < n; i++) draw(rng, row(out, i));
  return out;
}

/** `base^(power / 2)` for `base` in [0, 1] and a positive integer `power`. */
function halfPower(base: number, power: number): number {
  let out = power % 2 === 1 ? Math.sqrt(base) : 1;
  let square = base;
  for (let rest = power >> 1; rest > 0; rest >>= 1) {
    if (rest % 2 === 1) out *= square;
    square *= square;
  }
  return out;
}

/** The lower triangle of `L^-1`, row after row. */
function inverseRows(factor: Float64Array, dim: number): number[] {
  const columns = Array.from({ length: dim }, (_, j) => {
    const unit = new Float64Array(dim);
    unit[j] = 1;
    return solveLower(factor, unit);
  });
  return Array.from({ length: dim }, (_, i) => columns.slice(0, i + 1).map((column) => column[i])).flat();
}
