/**
 * Fits mixtures of Student t densities to points by expectation-maximisation, started by k-means++. The covariance
 * of each component is drawn towards that of all points.
 *
 * @see Peel and McLachlan (2000), Robust mixture modelling using the t distribution, https://doi.org/10.1023/A:1008981510081
 * @see Arthur and Vassilvitskii (2007), k-means++
 * @module
 */
import { cholesky, solveLower } from "../../src/core/linalg.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import type { Rng } from "../../src/core/random.js";
import { type Component, logProbMixture, type Mixture, mixtureDensity } from "./mixture.js";
import { populationOf, shrunkCovariance } from "./population.js";

const iterations = 8; // enough for a proposal: its density is exact however well it fits

/**
 * Fits a mixture of 1, 4 or 16 components: of four times as many for as long as that makes points more likely
 * that were held out, because components too many for the points make a worse proposal than one.
 *
 * @param u - equally weighted points to fit, `[N, D]`.
 * @param heldOut - points to judge by, `[M, D]`, independent of `u`.
 * @param most - most components to try.
 */
export function chooseMixture(u: Matrix, heldOut: Matrix, most: number, rng: Rng): Mixture {
  let best = fitMixture(u, 1, rng);
  let score = meanLogProb(best, heldOut);
  for (let size = 4; size <= Math.min(16, most); size *= 4) {
    const next = fitMixture(u, size, rng);
    const nextScore = meanLogProb(next, heldOut);
    if (!(nextScore > score)) break;
    best = next;
    score = nextScore;
  }
  return best;
}

function meanLogProb(mixture: Mixture, u: Matrix): number {
  return logProbMixture(mixture, u).reduce((a, b) => a + b, 0) / u.rows;
}

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
  const factor = cholesky(local, dim);
  const means = centres(u, size, cholesky(whole, dim), rng);
  let components: readonly Component[] = means.map((mean) => ({ weight: 1 / means.length, mean, factor }));
  for (let step = 0; step < iterations; step++) components = improve(u, components, local);
  return { dim, components };
}

/** One step of expectation-maximisation; components left with less than half a point are dropped. */
function improve(u: Matrix, components: readonly Component[], local: Float64Array): Component[] {
  const { rows: n, cols: dim } = u;
  const { logProb, shares, counts } = mixtureDensity({ dim, components });
  const size = components.length;
  const means = Float64Array.from(components.flatMap(({ mean }) => [...mean]));
  const mass = new Float64Array(size);
  // moments about the old means, of points weighted by share and count: [K], [K, D], [K, D, D] (lower triangles)
  const weight = new Float64Array(size);
  const first = new Float64Array(size * dim);
  const second = new Float64Array(size * dim * dim);
  const distance = new Float64Array(dim);
  for (let i = 0; i < n; i++) {
    logProb(u.data, i * dim);
    let total = 0;
    for (let k = 0; k < size; k++) total += shares[k];
    for (let k = 0; k < size; k++) {
      const share = shares[k] / total;
      mass[k] += share;
      if (share < 1e-4) continue;
      const w = share * counts[k];
      weight[k] += w;
      for (let j = 0; j < dim; j++) {
        const value = u.data[i * dim + j] - means[k * dim + j];
        distance[j] = value;
        first[k * dim + j] += w * value;
        const line = (k * dim + j) * dim;
        for (let l = 0; l <= j; l++) second[line + l] += w * value * distance[l];
      }
    }
  }
  const prior = dim + 1; // points' worth of the shared covariance
  const kept = components.flatMap(({ mean }, k): Component[] => {
    if (!(mass[k] >= 0.5)) return [];
    const shift = first.subarray(k * dim, (k + 1) * dim).map((value) => value / weight[k]);
    const covariance = local.map((value) => prior * value); // only its lower triangle is read
    for (let j = 0; j < dim; j++) {
      for (let l = 0; l <= j; l++) {
        covariance[j * dim + l] += second[(k * dim + j) * dim + l] - weight[k] * shift[j] * shift[l];
        covariance[j * dim + l] /= mass[k] + prior;
      }
    }
    return [
      { weight: mass[k], mean: mean.map((value, j) => value + shift[j]), factor: cholesky(covariance, dim) },
    ];
  });
  const total = kept.reduce((sum, { weight }) => sum + weight, 0);
  return kept.map((component) => ({ ...component, weight: component.weight / total }));
}

/** k-means++: each next centre is a point drawn in proportion to its squared distance to the nearest one. */
function centres(u: Matrix, size: number, factor: Float64Array, rng: Rng): Float64Array[] {
  const { rows: n, cols: dim } = u;
  const white = matrix(n, dim, u.data.slice());
  for (let i = 0; i < n; i++) solveLower(factor, row(white, i));
  const nearest = new Float64Array(n).fill(1);
  const out: Float64Array[] = [];
  while (out.length < size && nearest.some((value) => value > 0)) {
    const centre = rng.categorical(nearest);
    for (let i = 0; i < n; i++) {
      let square = 0;
      for (let j = 0; j < dim; j++) square += (white.data[i * dim + j] - white.data[centre * dim + j]) ** 2;
      nearest[i] = out.length === 0 ? square : Math.min(nearest[i], square);
    }
    out.push(row(u, centre).slice());
  }
  return out;
}
