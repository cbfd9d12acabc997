/**
 * The proposal of sequential ABC: a weighted population of which one is chosen and moved by a normal with twice the
 * weighted covariance of all. That variance minimises the Kullback-Leibler divergence between the proposal and the next
 * population. Points outside the prior are drawn again, the choice of the particle included: so the proposal is the
 * mixture cut to the support, whose constant is the same for every point and falls out of the weights.
 *
 * @see Beaumont, Cornuet, Marin and Robert (2009), https://doi.org/10.1093/biomet/asp052
 * @see Filippi et al. (2013), On optimality of kernels for ABC-SMC, https://doi.org/10.1515/sagmb-2012-0069
 * @module
 */
import { populationOf, shrunkCovariance } from "../../samplers/starts/population.js";
import type { Prior } from "../core/contracts.js";
import { cholesky, multiplyLower, solveLower } from "../core/linalg.js";
import { type Matrix, matrix, row } from "../core/matrix.js";
import { countAtMost } from "../core/quantile.js";
import { foldIn, type Key, type Rng, stream } from "../core/random.js";
import { logSumExp } from "../core/special.js";

/** A population as a proposal. */
export interface PopulationKernel {
  /**
   * `count` points inside the prior, `[count, D]`; number `i` comes from `foldIn(key, from + i)`. `undefined` where some did not
   * get inside in 10,000 attempts.
   */
  propose(count: number, key: Key, from: number): Matrix | undefined;
  /** Log density of the mixture that they are from, up to a constant, `[N, D] -> [N]`, nats. */
  logProb(theta: Matrix): Float64Array;
}

/** Twice the weighted covariance (Beaumont et al. 2009). */
const covarianceFactor = 2;
const attempts = 10_000;

/**
 * Makes a proposal of a population.
 *
 * @param theta - `[N, D]`.
 * @param weights - `[N]`, summing to one.
 */
export function populationKernel(prior: Prior, theta: Matrix, weights: Float64Array): PopulationKernel {
  const dim = theta.cols;
  const factor = kernelFactor(theta, weights);
  let sum = 0;
  const cumulative = weights.map((weight) => (sum += weight));
  const logWeights = weights.map(Math.log);
  const white = whitened(theta, factor);

  const z = new Float64Array(dim);
  function move(rng: Rng, out: Float64Array) {
    const chosen = Math.min(countAtMost(cumulative, rng.uniform() * sum), theta.rows - 1);
    for (let j = 0; j < dim; j++) z[j] = rng.normal();
    multiplyLower(factor, z, out);
    for (let j = 0; j < dim; j++) out[j] += theta.data[chosen * dim + j];
  }

  return {
    propose(count, key, from) {
      const out = matrix(count, dim);
      const streams = Array.from({ length: count }, (_, i) => stream(foldIn(key, from + i)));
      let pending = streams.map((_, i) => i);
      for (let attempt = 0; attempt < attempts && pending.length > 0; attempt++) {
        const moved = matrix(pending.length, dim);
        pending.forEach((i, k) => {
          move(streams[i], row(moved, k));
          out.data.set(row(moved, k), i * dim);
        });
        const logProb = prior.logProb(moved);
        pending = pending.filter((_, k) => !Number.isFinite(logProb[k]));
      }
      return pending.length === 0 ? out : undefined;
    },

    logProb(points) {
      const whitePoints = whitened(points, factor);
      const terms = new Float64Array(theta.rows);
      const out = new Float64Array(points.rows);
      for (let i = 0; i < points.rows; i++) {
        for (let k = 0; k < theta.rows; k++) {
          let square = 0;
          for (let j = 0; j < dim; j++) {
            square += (whitePoints.data[i * dim + j] - white.data[k * dim + j]) ** 2;
          }
          terms[k] = logWeights[k] - 0.5 * square;
        }
        out[i] = logSumExp(terms);
      }
      return out;
    },
  };
}

/**
 * Cholesky factor of twice the weighted covariance. Where the population is worth fewer than ten draws per parameter, or
 * its covariance has no full rank, correlations are drawn towards zero.
 */
function kernelFactor(theta: Matrix, weights: Float64Array): Float64Array {
  const population = populationOf(theta, weights);
  const doubled = (covariance: Float64Array) => covariance.map((value) => covarianceFactor * value);
  if (population.size >= 10 * theta.cols) {
    try {
      return cholesky(doubled(population.covariance), theta.cols);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return cholesky(doubled(shrunkCovariance(population, theta.cols)), theta.cols);
}

/** Rows `L^-1 theta`: their squared distances are those of the kernel. */
function whitened(theta: Matrix, factor: Float64Array): Matrix {
  const out = matrix(theta.rows, theta.cols, theta.data.slice());
  for (let i = 0; i < out.rows; i++) solveLower(factor, row(out, i));
  return out;
}
