/**
 * Exact draws from a posterior with one mode, and its evidence, where the prior is normal in some coordinates `u`.
 *
 * The mode is found by damped scoring steps (Levenberg and Marquardt, with the Fisher information for the curvature) from
 * the best of some draws of the prior. Proposals come from a Student t law about it, whose mean and covariance two
 * rounds of importance sampling correct, mixed with a share of the prior, so that the ratio `w` of posterior to proposal
 * is bounded wherever the likelihood is. A proposal is kept with probability `w / c`, with `c` the largest `w` of a
 * pilot sample: draws are then independent, all but those where `w > c`, if there are any. For these the kept
 * proposals run through a Metropolis step,
 *
 *     leave u for u' with probability min(1, max(w(u'), c) / max(w(u), c))
 *
 * which leaves the posterior itself invariant whatever `c`.
 *
 * @see Tierney (1994), https://doi.org/10.1214/aos/1176325750, section 2.3.4 (rejection sampling chains)
 * @module
 */
import type { MultivariateDistribution } from "../src/core/distributions/distribution.js";
import { multivariateNormal } from "../src/core/distributions/multivariate-normal.js";
import {
  cholesky,
  dot,
  inverseFromCholesky,
  logDetCholesky,
  multiplyLower,
  solveCholesky,
  solveLower,
} from "../src/core/linalg.js";
import { type Matrix, matrix, row } from "../src/core/matrix.js";
import { foldIn, type Key, key as keyOf } from "../src/core/random.js";
import { type Rng, stream } from "../src/core/rng.js";
import { logAddExp, logGamma, logSumExp } from "../src/core/special.js";

/** A posterior of `u` in R^D. */
export interface PeakedPosterior {
  /** The problem, for errors. */
  readonly name: string;
  /** Normal prior of `u`. */
  readonly prior: MultivariateDistribution;
  /** `log p(x | u)`, nats. */
  logLikelihood(u: Float64Array): number;
  /** Adds to zeros the gradient of `logLikelihood`, `[D]`, and the Fisher information, `[D, D]`. */
  expand(u: Float64Array, gradient: Float64Array, information: Float64Array): void;
}

/** Draws of the prior that the search begins with, and how many of the best it climbs from. */
const searched = 400;
const climbers = 6;
const maxClimb = 60;
/** Degrees of freedom of the proposal, the share of the prior in it, and draws per round of its correction. */
const df = 8;
const priorShare = 0.05;
const rounds = 2;
const roundDraws = 1500;
/** Draws behind the bound, and behind the evidence: its error is below 1 % where weights vary by less than 1.4. */
const pilotDraws = 4000;
const evidenceDraws = 20_000;
/** A pilot whose weights all stand for fewer draws than this says nothing of the posterior. */
const fewestAccepted = 20;

/**
 * `n` draws of `u`, `[n, D]`. The same key gives the same bytes.
 *
 * @throws {RangeError} if hardly any proposal is accepted: the data are beyond what the simulator makes, or the posterior
 *   has several modes.
 */
export function peakedDraws(target: PeakedPosterior, n: number, key: Key): Matrix {
  const proposal = fitProposal(target, foldIn(key, 0));
  const pilot = weighted(target, proposal, pilotDraws, stream(foldIn(key, 1)));
  const bound = pilot.logWeights.reduce((a, b) => Math.max(a, b), -Infinity);
  const mean = logSumExp(pilot.logWeights) - Math.log(pilotDraws);
  const accepted = pilotDraws * Math.exp(mean - bound);
  if (!(accepted >= fewestAccepted)) {
    throw new RangeError(
      `${target.name}: expected data that the simulator can make, got some whose posterior is not the one peak that was ` +
        `found (${accepted.toPrecision(2)} of ${pilotDraws} proposals would be accepted, fewer than ${fewestAccepted}).`,
    );
  }
  const rng = stream(foldIn(key, 2));
  const dim = target.prior.dim;
  const out = matrix(n, dim);
  const u = new Float64Array(dim);
  let height = Number.NaN; // max(w, c) of the last draw, in logs
  for (let filled = 0; filled < n; ) {
    proposal.sample(rng, u);
    const logWeight = logPosterior(target, u) - proposal.logProb(u);
    if (!(Math.log(rng.uniform()) < logWeight - bound)) continue;
    const proposed = Math.max(logWeight, bound);
    const leaves = filled === 0 || proposed >= height || Math.log(rng.uniform()) < proposed - height;
    if (leaves) {
      out.data.set(u, filled * dim);
      height = proposed;
    } else {
      out.data.copyWithin(filled * dim, (filled - 1) * dim, filled * dim);
    }
    filled++;
  }
  return out;
}

/** `log p(x)`, nats, to about 0.01: the mean weight of draws from one key. */
export function peakedLogEvidence(target: PeakedPosterior): number {
  const key = keyOf(`${target.name} evidence`);
  const proposal = fitProposal(target, foldIn(key, 0));
  const { logWeights } = weighted(target, proposal, evidenceDraws, stream(foldIn(key, 1)));
  return logSumExp(logWeights) - Math.log(evidenceDraws);
}

/** A posterior of positive parameters whose priors are independent and log-normal. */
export interface LogNormalTarget {
  readonly name: string;
  /** Location and scale of the logarithm of each parameter. */
  readonly laws: readonly (readonly [number, number])[];
  /** `log p(x | theta)`, up to a constant, nats. */
  logLikelihood(theta: Float64Array): number;
  /** Adds to `gradient`, `[D]`, that of `logLikelihood` by theta, and to `information`, `[D, D]`, what `x` says. */
  expand(theta: Float64Array, gradient: Float64Array, information: Float64Array): void;
}

/** What is made of a `LogNormalTarget`, in terms of theta. */
export interface LogNormalPosterior {
  draws(n: number, key: Key): Matrix;
  /** `log` of the integral of `exp(logLikelihood)` over the prior, nats, to about 0.01. */
  logEvidence(): number;
  /** `[N, D] -> [N, D]`. */
  likelihoodGradient(theta: Matrix): Matrix;
}

/** The posterior of `u = log theta`, whose prior is normal. */
export function logNormalPosterior(target: LogNormalTarget): LogNormalPosterior {
  const { name, laws } = target;
  const dim = laws.length;
  const peaked = (): PeakedPosterior => ({
    name,
    prior: multivariateNormal(
      laws.map(([location]) => location),
      laws.map(([, scale], i) => laws.map((_, j) => (i === j ? scale * scale : 0))),
    ),
    logLikelihood: (u) => target.logLikelihood(u.map(Math.exp)),
    expand(u, gradient, information) {
      const theta = u.map(Math.exp);
      target.expand(theta, gradient, information);
      for (let i = 0; i < dim; i++) {
        gradient[i] *= theta[i];
        for (let j = 0; j < dim; j++) information[i * dim + j] *= theta[i] * theta[j];
      }
    },
  });
  return {
    draws(n, key) {
      const u = peakedDraws(peaked(), n, key);
      return matrix(n, dim, u.data.map(Math.exp));
    },
    logEvidence: () => peakedLogEvidence(peaked()),
    likelihoodGradient(theta) {
      const out = matrix(theta.rows, dim);
      const information = new Float64Array(dim * dim);
      for (let i = 0; i < theta.rows; i++) target.expand(row(theta, i), row(out, i), information);
      return out;
    },
  };
}

const logPosterior = ({ prior, logLikelihood }: PeakedPosterior, u: Float64Array) =>
  prior.logProb(u) + logLikelihood(u);

/** What draws are proposed from. */
interface Proposal {
  sample(rng: Rng, u: Float64Array): void;
  logProb(u: Float64Array): number;
}

function fitProposal(target: PeakedPosterior, key: Key): Proposal {
  const dim = target.prior.dim;
  const { u, covariance } = findMode(target, key);
  let proposal = mixed(target.prior, u, covariance);
  for (let round = 0; round < rounds; round++) {
    const { points, logWeights } = weighted(target, proposal, roundDraws, stream(foldIn(key, round + 1)));
    const total = logSumExp(logWeights);
    const weights = logWeights.map((value) => Math.exp(value - total));
    if (1 / dot(weights, weights) < 10 * dim) break; // too few that count: the mode's own covariance is better
    const mean = new Float64Array(dim);
    const spread = new Float64Array(dim * dim);
    weights.forEach((w, i) => {
      for (let j = 0; j < dim; j++) mean[j] += w * points.data[i * dim + j];
    });
    weights.forEach((w, i) => {
      const d = row(points, i).map((value, j) => value - mean[j]);
      for (let a = 0; a < dim; a++) for (let b = 0; b < dim; b++) spread[a * dim + b] += w * d[a] * d[b];
    });
    proposal = mixed(target.prior, mean, spread);
  }
  return proposal;
}

/** The mode, and the inverse of the curvature there. */
function findMode(target: PeakedPosterior, key: Key) {
  const { prior } = target;
  const dim = prior.dim;
  const rng = stream(foldIn(key, 0));
  const starts = Array.from({ length: searched }, () => {
    const u = prior.sample(rng);
    return { u, height: logPosterior(target, u) };
  });
  starts.sort((a, b) => b.height - a.height);
  const precision = inverseFromCholesky(cholesky(prior.covariance, dim), dim);
  const tops = starts.slice(0, climbers).map((from) => climb(target, precision, from));
  const { u } = tops.reduce((best, top) => (top.height > best.height ? top : best));
  const { curvature } = slope(target, precision, u);
  return { u, covariance: inverseFromCholesky(cholesky(curvature, dim), dim) };
}

/** Gradient of the log posterior, and minus its expected second derivatives. */
function slope(target: PeakedPosterior, precision: Float64Array, u: Float64Array) {
  const dim = u.length;
  const gradient = new Float64Array(dim);
  const curvature = new Float64Array(dim * dim);
  target.expand(u, gradient, curvature);
  const byPrior = new Float64Array(dim);
  target.prior.gradient(u, byPrior);
  for (let j = 0; j < dim; j++) gradient[j] += byPrior[j];
  for (let j = 0; j < dim * dim; j++) curvature[j] += precision[j];
  return { gradient, curvature };
}

function climb(
  target: PeakedPosterior,
  precision: Float64Array,
  from: { readonly u: Float64Array; readonly height: number },
) {
  let { u, height } = from;
  const dim = u.length;
  let damping = 1e-2;
  for (let i = 0; i < maxClimb && damping < 1e8; i++) {
    const { gradient, curvature } = slope(target, precision, u);
    let gain = 0;
    for (; !(gain > 0) && damping < 1e8; damping *= 10) {
      const damped = curvature.slice();
      for (let j = 0; j < dim; j++) damped[j * dim + j] *= 1 + damping;
      const move = solveCholesky(cholesky(damped, dim), gradient.slice());
      const next = u.map((value, j) => value + move[j]);
      const there = logPosterior(target, next);
      gain = there - height;
      if (gain > 0) {
        u = next;
        height = there;
        damping /= 100; // by ten, after the loop's own factor
      }
    }
    if (gain < 1e-6) break;
  }
  return { u, height };
}

/** The t law of given mean and covariance, mixed with the prior. */
function mixed(prior: MultivariateDistribution, mean: Float64Array, covariance: Float64Array): Proposal {
  const dim = mean.length;
  const factor = cholesky(
    covariance.map((value) => (value * (df - 2)) / df), // the scale of a t law with that covariance
    dim,
  );
  const constant =
    logGamma((df + dim) / 2) -
    logGamma(df / 2) -
    (dim / 2) * Math.log(df * Math.PI) -
    logDetCholesky(factor, dim) / 2;
  return {
    sample(rng, u) {
      if (rng.uniform() < priorShare) {
        u.set(prior.sample(rng));
        return;
      }
      const stretch = Math.sqrt(df / rng.gamma(df / 2, 2));
      multiplyLower(factor, rng.normals(dim), u);
      for (let j = 0; j < dim; j++) u[j] = mean[j] + stretch * u[j];
    },
    logProb(u) {
      const z = solveLower(
        factor,
        u.map((value, j) => value - mean[j]),
      );
      const t = constant - ((df + dim) / 2) * Math.log1p(dot(z, z) / df);
      return logAddExp(Math.log1p(-priorShare) + t, Math.log(priorShare) + prior.logProb(u));
    },
  };
}

/** Draws of the proposal, `[n, D]`, and the logs of their weights `[n]`. */
function weighted(target: PeakedPosterior, proposal: Proposal, n: number, rng: Rng) {
  const points = matrix(n, target.prior.dim);
  const logWeights = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const u = row(points, i);
    proposal.sample(rng, u);
    logWeights[i] = logPosterior(target, u) - proposal.logProb(u);
  }
  return { points, logWeights };
}
