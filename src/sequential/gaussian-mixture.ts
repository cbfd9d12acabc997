/**
 * Mixtures of normal distributions by their precisions, and the quotient that turns the posterior under a normal proposal
 * into that under the prior.
 *
 * With components `q_k = N(m_k, P_k^-1)`, a proposal `N(m_0, P_0^-1)` and a prior `N(m_p, P_p^-1)` the product
 * `q_k * prior / proposal` is, up to a factor, normal with
 *
 *     P = P_k - P_0 + P_p,    P m = P_k m_k - P_0 m_0 + P_p m_p
 *
 * and its weight is that of `q_k` times
 * `exp( [log det P_k - log det P - m_k' P_k m_k + m' P m] / 2 )`, what does not depend on `k` left out. A flat prior has
 * `P_p = 0`.
 *
 * @see Papamakarios and Murray (2016), https://arxiv.org/abs/1605.06376, equations 7 to 10
 * @module
 */
import {
  cholesky,
  dot,
  logDetCholesky,
  multiply,
  solveCholesky,
  solveLowerTransposed,
} from "../core/linalg.js";
import { type Matrix, matrix, row } from "../core/matrix.js";
import { foldIn, type Key, stream } from "../core/random.js";
import { logSumExp } from "../core/special.js";

/** A normal distribution, or a flat one where the precision is zero. */
export interface Gaussian {
  /** `[D]`. */
  readonly mean: Float64Array;
  /** `[D, D]`, symmetric. */
  readonly precision: Float64Array;
}

/** A mixture; every precision is positive definite. */
export interface GaussianMixture {
  /** `[K]`, normalised, nats. */
  readonly logWeights: Float64Array;
  readonly components: readonly Gaussian[];
}

/** The lower Cholesky factor of a precision, or `undefined` where it is not positive definite. */
function factorOf(precision: Float64Array, dim: number): Float64Array | undefined {
  try {
    const factor = cholesky(precision, dim);
    return factor.every(Number.isFinite) ? factor : undefined;
  } catch {
    return undefined;
  }
}

/**
 * `mixture * prior / proposal`, normalised.
 *
 * @returns the components that are normal distributions, and the numbers of those that are not, because the proposal is
 *   narrower than they are.
 */
export function quotient(
  { logWeights, components }: GaussianMixture,
  { proposal, prior }: { readonly proposal: Gaussian; readonly prior: Gaussian },
): { readonly mixture: GaussianMixture; readonly improper: readonly number[] } {
  const dim = proposal.mean.length;
  const product = ({ mean, precision }: Gaussian) => multiply(precision, mean, new Float64Array(dim));
  const [fromProposal, fromPrior] = [product(proposal), product(prior)];
  const logs: number[] = [];
  const proper: Gaussian[] = [];
  const improper: number[] = [];
  for (const [k, component] of components.entries()) {
    const precision = component.precision.map((p, i) => p - proposal.precision[i] + prior.precision[i]);
    const [own, factor] = [factorOf(component.precision, dim), factorOf(precision, dim)];
    if (!own || !factor) {
      improper.push(k);
      continue;
    }
    const fromOwn = product(component);
    const linear = fromOwn.map((value, j) => value - fromProposal[j] + fromPrior[j]);
    const mean = solveCholesky(factor, linear.slice());
    proper.push({ mean, precision });
    const logDet = logDetCholesky(own, dim) - logDetCholesky(factor, dim);
    logs.push(logWeights[k] + 0.5 * (logDet - dot(component.mean, fromOwn) + dot(mean, linear)));
  }
  const total = logSumExp(logs);
  return {
    mixture: { logWeights: Float64Array.from(logs, (log) => log - total), components: proper },
    improper,
  };
}

/** `log p` of rows, `[N, D] -> [N]`, nats, normalised. */
export function logProbOf({ logWeights, components }: GaussianMixture, theta: Matrix): Float64Array {
  const dim = theta.cols;
  const constants = components.map(({ precision }, k) => {
    const logDet = logDetCholesky(cholesky(precision, dim), dim);
    return logWeights[k] + 0.5 * (logDet - dim * Math.log(2 * Math.PI));
  });
  const from = new Float64Array(dim);
  const image = new Float64Array(dim);
  const logs = new Float64Array(components.length);
  return Float64Array.from({ length: theta.rows }, (_, i) => {
    const at = row(theta, i);
    for (const [k, { mean, precision }] of components.entries()) {
      for (let j = 0; j < dim; j++) from[j] = at[j] - mean[j];
      logs[k] = constants[k] - 0.5 * dot(from, multiply(precision, from, image));
    }
    return logSumExp(logs);
  });
}

/** Draws, `[n, D]`; row `i` depends on `foldIn(key, i)` alone. */
export function drawsOf({ logWeights, components }: GaussianMixture, n: number, key: Key): Matrix {
  const dim = components[0].mean.length;
  const factors = components.map(({ precision }) => cholesky(precision, dim));
  const theta = matrix(n, dim);
  for (let i = 0; i < n; i++) {
    const rng = stream(foldIn(key, i));
    const u = rng.uniform();
    let k = 0;
    for (let sum = Math.exp(logWeights[0]); sum <= u && k + 1 < components.length; ) {
      k++;
      sum += Math.exp(logWeights[k]);
    }
    const noise = rng.normals(dim);
    // P = L L', so L' (theta - mean) = noise gives the covariance P^-1
    const from = solveLowerTransposed(factors[k], noise);
    for (let j = 0; j < dim; j++) theta.data[i * dim + j] = components[k].mean[j] + from[j];
  }
  return theta;
}
