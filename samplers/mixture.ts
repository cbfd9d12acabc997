/**
 * Mixtures of multivariate Student t densities fitted to points: proposals that follow several modes.
 *
 * Fitted by expectation-maximisation with Gaussian responsibilities, started by k-means++, each covariance
 * drawn towards that of all points; sampled with `df = 5` tails, so that importance weights stay bounded
 * where the target's tails are no heavier.
 *
 * @see Cappe et al. (2008), Adaptive importance sampling in general mixture classes, https://doi.org/10.1007/s11222-008-9059-x
 * @see Arthur and Vassilvitskii (2007), k-means++
 * @module
 */
import { cholesky, logDetCholesky, multiplyLower, solveLower } from "../src/core/linalg.js";
import { type Matrix, matrix, row } from "../src/core/matrix.js";
import type { Rng } from "../src/core/random.js";
import { logGamma, logSumExp } from "../src/core/special.js";
import { populationOf, shrunkCovariance } from "./population.js";

interface Component {
  weight: number;
  mean: Float64Array;
  /** Cholesky factor of the scale matrix, `[D, D]`. */
  factor: Float64Array;
}

/** A fitted mixture. */
export interface Mixture {
  readonly dim: number;
  readonly components: readonly Readonly<Component>[];
}

const df = 5;
const iterations = 8; // enough for a proposal: its density is exact however well it fits

/**
 * Fits a mixture of at most `size` components to equally weighted points.
 *
 * @param u - `[N, D]`.
 */
export function fitMixture(u: Matrix, size: number, rng: Rng): Mixture {
  const dim = u.cols;
  const whole = shrunkCovariance(populationOf(u), dim);
  // components that share the space evenly have volumes `1 / size` of the whole
  const local = whole.map((value) => value * size ** (-2 / dim));
  const localFactor = cholesky(local, dim);
  let components: Component[] = centres(u, size, cholesky(whole, dim), rng).map((mean, _, all) => ({
    weight: 1 / all.length,
    mean,
    factor: localFactor,
  }));
  for (let step = 0; step < iterations; step++) components = improve(u, components, local);
  return { dim, components };
}

/** Draws `n` points, `[n, D]`. */
export function sampleMixture({ dim, components }: Mixture, n: number, rng: Rng): Matrix {
  const out = matrix(n, dim);
  const weights = components.map((component) => component.weight);
  const z = new Float64Array(dim);
  for (let i = 0; i < n; i++) {
    const { mean, factor } = components[rng.categorical(weights)];
    const stretch = Math.sqrt(df / 2 / rng.gamma(df / 2));
    for (let j = 0; j < dim; j++) z[j] = stretch * rng.normal();
    const point = multiplyLower(factor, z, row(out, i));
    for (let j = 0; j < dim; j++) point[j] += mean[j];
  }
  return out;
}

/** Log density of the mixture at points `[N, D]`, nats. */
export function logProbMixture(mixture: Mixture, u: Matrix): Float64Array {
  const density = mixtureDensity(mixture);
  return Float64Array.from({ length: u.rows }, (_, i) => density(row(u, i)));
}

/** Log density of the mixture as a function of one point `[D]`, nats. */
export function mixtureDensity({ dim, components }: Mixture): (point: Float64Array) => number {
  const norm = logGamma((df + dim) / 2) - logGamma(df / 2) - (dim / 2) * Math.log(df * Math.PI);
  const constants = components.map((c) => Math.log(c.weight) + norm - 0.5 * logDetCholesky(c.factor, dim));
  const terms = new Float64Array(components.length);
  const scratch = new Float64Array(dim);
  return (point) => {
    components.forEach((component, k) => {
      const square = squareDistance(point, component, scratch);
      terms[k] = constants[k] - ((df + dim) / 2) * Math.log1p(square / df);
    });
    return logSumExp(terms);
  };
}

/** One step of expectation-maximisation; components left with less than half a point are dropped. */
function improve(u: Matrix, components: Component[], local: Float64Array): Component[] {
  const { rows: n, cols: dim } = u;
  const scratch = new Float64Array(dim);
  const constants = components.map((c) => Math.log(c.weight) - 0.5 * logDetCholesky(c.factor, dim));
  const shares = matrix(n, components.length);
  for (let i = 0; i < n; i++) {
    const share = row(shares, i);
    const point = row(u, i);
    components.forEach((component, k) => {
      share[k] = constants[k] - 0.5 * squareDistance(point, component, scratch);
    });
    const total = logSumExp(share);
    for (let k = 0; k < share.length; k++) share[k] = Math.exp(share[k] - total);
  }
  const prior = dim + 1; // points' worth of the shared covariance
  const next = components.map((_, k): Component => {
    let mass = 0;
    const mean = new Float64Array(dim);
    for (let i = 0; i < n; i++) {
      const share = shares.data[i * shares.cols + k];
      mass += share;
      for (let j = 0; j < dim; j++) mean[j] += share * u.data[i * dim + j];
    }
    for (let j = 0; j < dim; j++) mean[j] /= mass;
    const covariance = local.map((value) => prior * value); // only its lower triangle is read
    for (let i = 0; i < n; i++) {
      const share = shares.data[i * shares.cols + k];
      if (share < 1e-4) continue;
      for (let j = 0; j < dim; j++) {
        const distance = share * (u.data[i * dim + j] - mean[j]);
        for (let l = 0; l <= j; l++) covariance[j * dim + l] += distance * (u.data[i * dim + l] - mean[l]);
      }
    }
    if (mass < 0.5) return { weight: 0, mean, factor: covariance };
    return {
      weight: mass / n,
      mean,
      factor: cholesky(
        covariance.map((value) => value / (mass + prior)),
        dim,
      ),
    };
  });
  const kept = next.filter((component) => component.weight > 0);
  const total = kept.reduce((sum, component) => sum + component.weight, 0);
  for (const component of kept) component.weight /= total;
  return kept;
}

/** k-means++: each next centre is a point drawn in proportion to its squared distance to the nearest one. */
function centres(u: Matrix, size: number, factor: Float64Array, rng: Rng): Float64Array[] {
  const scratch = new Float64Array(u.cols);
  const nearest = new Float64Array(u.rows).fill(1);
  const out: Float64Array[] = [];
  while (out.length < size && nearest.some((value) => value > 0)) {
    const mean = row(u, rng.categorical(nearest)).slice();
    for (let i = 0; i < u.rows; i++) {
      const square = squareDistance(row(u, i), { mean, factor }, scratch);
      nearest[i] = out.length === 0 ? square : Math.min(nearest[i], square);
    }
    out.push(mean);
  }
  return out;
}

/** `(u - mean)' (L L')^-1 (u - mean)`. */
function squareDistance(
  u: Float64Array,
  { mean, factor }: Pick<Component, "mean" | "factor">,
  scratch: Float64Array,
): number {
  for (let j = 0; j < mean.length; j++) scratch[j] = u[j] - mean[j];
  solveLower(factor, scratch);
  let sum = 0;
  for (let j = 0; j < mean.length; j++) sum += scratch[j] * scratch[j];
  return sum;
}
