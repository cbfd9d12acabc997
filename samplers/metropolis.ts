/**
 * Metropolis-Hastings with local and global proposals: needs no gradient.
 *
 * A local proposal is a random walk, `u' = u + S z`, `z ~ N(0, I)`, accepted with probability
 * `min(1, p(u') / p(u))`: it is symmetric, so its Hastings correction is zero. A global one is drawn from a mixture
 * `q` fitted to the importance sample that started the chains, and accepted with probability
 * `min(1, p(u') q(u) / (p(u) q(u')))`: it jumps between modes, and makes draws nearly independent where `q` fits.
 * Which of the two is tossed beforehand. Outside the support `logProb` is `-Infinity` and the proposal is rejected.
 *
 * During warm-up `S` is adapted towards a target acceptance rate and to the shape of the target (RAM):
 *
 *     S S' <- S (I + eta_t mean_c[(a_c - target) z_c z_c' / |z_c|^2]) S',   eta_t = D min(4, sqrt(C)) t^(-2/3)
 *
 * with one `S` for the run and the mean over all `C` chains, whose noise is the smaller the more there are; no
 * step halves `S S'` more than once. Then it is frozen, so the kept draws are exactly
 * Markov. `S` starts from the covariance of the starting population, and only local proposals adapt it; `q` never changes.
 *
 * @see Metropolis et al. (1953); Hastings (1970), https://doi.org/10.1093/biomet/57.1.97
 * @see Vihola (2012), https://doi.org/10.1007/s11222-011-9269-5, eq. 1 (RAM)
 * @see Gelman, Roberts and Gilks (1996), Efficient Metropolis Jumping Rules (the scale and the target rate)
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { ShapeError } from "../src/core/errors.js";
import { cholesky, multiplyLower } from "../src/core/linalg.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { foldIn, stream } from "../src/core/random.js";
import type { ChainState, Info, Kernel, Sampler, Tuner } from "./kernel.js";
import { inverseMassOf } from "./metric.js";
import { type Mixture, type MixtureDensity, mixtureDensity, mixtureSampler } from "./mixture.js";
import { shrunkCovariance } from "./population.js";
import { checkTarget } from "./target.js";

/** What a chain needs for its next draw. */
export interface MetropolisState extends ChainState {
  logProb: number;
  draw: number;
  /** The proposed point, and the standard normals that made it; `[D]`. */
  readonly proposal: Float64Array;
  readonly z: Float64Array;
  /** `log` of the uniform that decides. */
  logUniform: number;
  /** Whether the proposal came from the mixture, not from around `u`. */
  isGlobal: boolean;
  /** `log q` of the mixture at `u`, `NaN` while nobody has asked for it, and at a global proposal. */
  logMixture: number;
  logMixtureProposal: number;
}

/** What the chains share. */
export interface MetropolisTuning {
  /** Lower triangular `S`, `[D, D]`: the Cholesky factor of the proposal's covariance. */
  readonly factor: Float64Array;
  /** Warm-up draws seen. */
  readonly draw: number;
  /** What global proposals are drawn from; left out where chains started at given points. */
  readonly mixture?: Mixture;
}

/** Options of `metropolis`. */
export interface MetropolisOptions {
  /** Acceptance rate of local proposals that warm-up aims at. Default `0.234 + 0.206 / D`: 0.44 in one dimension, 0.275 in five. */
  readonly targetAcceptance?: number;
  /**
   * Covariance of the proposal in unconstrained space, `[D, D]`, where warm-up starts (and stays, if
   * `warmup` is 0). Default `2.38^2 / D` times the covariance of the starting population.
   */
  readonly proposalCovariance?: Float64Array;
  /**
   * Share of proposals that are drawn from a mixture fitted to the importance sample that started the chains, and
   * so reach other modes. Default 0.6; there are none where chains start at given points.
   */
  readonly globalShare?: number;
}

const optionNames: OptionNames<MetropolisOptions> = {
  targetAcceptance: true,
  proposalCovariance: true,
  globalShare: true,
};

/**
 * Builds a Metropolis-Hastings sampler for `sample`.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {RangeError} if `targetAcceptance` is not between 0 and 1, `globalShare` not in [0, 1), or `proposalCovariance` is not positive definite.
 * @throws {ShapeError} if `proposalCovariance` does not hold `D * D` numbers.
 * @example
 * const draws = await sample(metropolis(target), { chains: 1000, warmup: 200, draws: 10, thin: 10, seed: 1 });
 */
export function metropolis(
  target: LogDensity,
  options: MetropolisOptions = {},
): Sampler<MetropolisState, MetropolisTuning> {
  checkTarget("metropolis", target);
  checkOptions("metropolis", options, optionNames);
  const { targetAcceptance = 0.234 + 0.206 / target.dim, proposalCovariance, globalShare = 0.6 } = options;
  if (!(globalShare >= 0 && globalShare < 1)) {
    throw new RangeError(`metropolis: globalShare must be in [0, 1), got ${globalShare}.`);
  }
  if (!(targetAcceptance > 0 && targetAcceptance < 1)) {
    throw new RangeError(`metropolis: targetAcceptance must be between 0 and 1, got ${targetAcceptance}.`);
  }
  if (proposalCovariance !== undefined && proposalCovariance.length !== target.dim ** 2) {
    throw new ShapeError(
      `metropolis: proposalCovariance must hold ${target.dim} x ${target.dim} numbers, got ${proposalCovariance.length}.`,
    );
  }
  const factor = proposalCovariance && cholesky(proposalCovariance, target.dim);
  return {
    name: "metropolis",
    target,
    kernel: mixedProposals(target.dim, globalShare),
    tuner: robustAdaptation(target.dim, targetAcceptance, globalShare, factor),
    options: { targetAcceptance, globalShare, ...(proposalCovariance && { proposalCovariance }) },
  };
}

function mixedProposals(dim: number, globalShare: number): Kernel<MetropolisState, MetropolisTuning> {
  let last:
    | { mixture: Mixture; density: MixtureDensity; draw: ReturnType<typeof mixtureSampler> }
    | undefined;
  const ready = (mixture: Mixture) => {
    if (last?.mixture !== mixture) {
      last = { mixture, density: mixtureDensity(mixture), draw: mixtureSampler(mixture) };
    }
    return last;
  };
  return {
    stats: ["acceptanceRate"],

    init: (u, key) => ({
      state: {
        u,
        logProb: Number.NaN,
        draw: -1,
        key,
        proposal: u.slice(),
        z: new Float64Array(dim),
        logUniform: 0,
        isGlobal: false,
        logMixture: Number.NaN,
        logMixtureProposal: Number.NaN,
      },
      request: { logProb: u },
    }),

    begin(state, { factor, mixture }) {
      const { u, proposal, z } = state;
      const rng = stream(foldIn(state.key, state.draw)); // the same draw always sees the same numbers
      state.isGlobal = mixture !== undefined && rng.uniform() < globalShare;
      if (mixture && state.isGlobal) {
        state.logUniform = Math.log(1 - rng.uniform());
        const { density, draw } = ready(mixture);
        draw(rng, proposal);
        if (Number.isNaN(state.logMixture)) state.logMixture = density.logProb(u);
        state.logMixtureProposal = density.logProb(proposal);
        return { state, request: { logProb: proposal } };
      }
      for (let i = 0; i < dim; i++) z[i] = rng.normal();
      state.logUniform = Math.log(1 - rng.uniform());
      multiplyLower(factor, z, proposal);
      for (let i = 0; i < dim; i++) proposal[i] += u[i];
      return { state, request: { logProb: proposal } };
    },

    step(state, answer) {
      if (state.draw < 0) {
        // the answer is for the starting point
        state.logProb = answer.logProb;
        state.draw = 0;
        return { state };
      }
      const hastings = state.isGlobal ? state.logMixture - state.logMixtureProposal : 0;
      const gain = answer.logProb - state.logProb + hastings;
      if (state.logUniform < gain) {
        // NaN rejects
        state.u.set(state.proposal);
        state.logProb = answer.logProb;
        state.logMixture = state.isGlobal ? state.logMixtureProposal : Number.NaN;
      }
      state.draw++;
      return { state, info: { acceptanceRate: gain >= 0 ? 1 : Math.exp(gain) || 0 } };
    },
  };
}

function robustAdaptation(
  dim: number,
  targetAcceptance: number,
  globalShare: number,
  factor?: Float64Array,
): Tuner<MetropolisState, MetropolisTuning> {
  return {
    start(population) {
      const mixture = globalShare > 0 ? population.mixture?.() : undefined;
      const shared = { draw: 0, ...(mixture && { mixture }) };
      if (factor) return { ...shared, factor: factor.slice() };
      const start = cholesky(shrunkCovariance(population, dim), dim);
      return { ...shared, factor: start.map((value) => (value * 2.38) / Math.sqrt(dim)) };
    },

    update(tuning, states, infos) {
      const draw = tuning.draw + 1;
      const gain = dim * Math.min(4, Math.sqrt(states.length)) * draw ** (-2 / 3);
      const change = meanDirection(dim, targetAcceptance, states, infos);
      const rate = Math.min(gain, 0.5 / largestRowSum(change, dim));
      for (let k = 0; k < change.length; k++) change[k] *= rate;
      for (let i = 0; i < dim; i++) change[i * dim + i] += 1;
      // S S' <- S M S' with M = R R' makes the new factor S R, lower triangular again
      return { ...tuning, factor: multiplyTriangles(tuning.factor, cholesky(change, dim), dim), draw };
    },

    finish: (tuning) => tuning,

    report: ({ factor }) => ({ proposalCovariance: inverseMassOf(factor, dim) }),
  };
}

/** `mean_c[(a_c - target) z_c z_c' / |z_c|^2]`; its eigenvalues lie in `(-1, 1)`. */
function meanDirection(
  dim: number,
  targetAcceptance: number,
  states: readonly MetropolisState[],
  infos: readonly Info[],
): Float64Array {
  const out = new Float64Array(dim * dim);
  const local = states.reduce((count, { isGlobal }) => count + Number(!isGlobal), 0);
  states.forEach(({ z, isGlobal }, c) => {
    if (isGlobal) return; // says nothing about the random walk
    let square = 0;
    for (let i = 0; i < dim; i++) square += z[i] * z[i];
    const weight = (infos[c].acceptanceRate - targetAcceptance) / square / local;
    for (let i = 0; i < dim; i++) {
      for (let j = 0; j < dim; j++) out[i * dim + j] += weight * z[i] * z[j];
    }
  });
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
