/**
 * Metropolis-Hastings with local and global proposals: needs no gradient.
 *
 * A local proposal is a random walk, `u' = u + S z`, `z ~ N(0, I)`, accepted with probability
 * `min(1, p(u') / p(u))`: it is symmetric, so its Hastings correction is zero. A global one is drawn from a mixture
 * `q` fitted to the importance sample that started the chains, and accepted with probability
 * `min(1, p(u') q(u) / (p(u) q(u')))`: it jumps between modes, and makes draws nearly independent where `q` fits.
 * Which of the two is tossed beforehand. Outside the support `logProb` is `-Infinity` and the proposal is rejected.
 *
 * During warm-up `S` is adapted by all chains together, towards a target acceptance rate and to the shape of the target (RAM,
 * see `robust-factor.ts`) or to the covariance of the draws so far (adaptive Metropolis). Then it is frozen, so the kept
 * draws are exactly Markov. `S` starts from the covariance of the starting population, and only local proposals adapt it;
 * `q` never changes.
 *
 * @see Metropolis et al. (1953); Hastings (1970), https://doi.org/10.1093/biomet/57.1.97
 * @see Vihola (2012), https://doi.org/10.1007/s11222-011-9269-5 (RAM)
 * @see Haario, Saksman and Tamminen (2001), https://doi.org/10.2307/3318737 (adaptive Metropolis)
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { ShapeError } from "../src/core/errors.js";
import { cholesky, copy } from "../src/core/linalg.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { foldIn, type Key, stream } from "../src/core/random.js";
import type { Answer, ChainState, Kernel, Sampler, Step, Tuner } from "./kernel.js";
import { proposeAround, walkAcceptance, walkScale } from "./random-walk.js";
import { type Mixture, type MixtureDensity, mixtureDensity, mixtureSampler } from "./starts/mixture.js";
import { shrunkCovariance } from "./starts/population.js";
import { checkTarget } from "./target.js";
import { type ChainMoments, startMoments, updateMoments, windowCovariance } from "./tuning/adaptation.js";
import { inverseMassOf } from "./tuning/metric.js";
import { adaptFactor } from "./tuning/robust-factor.js";

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
  /** Of the draws so far, where `S` follows their covariance. */
  readonly moments?: ChainMoments;
  /** What global proposals are drawn from; left out where chains started at given points. */
  readonly mixture?: Mixture;
}

/** Options of `metropolis`. */
export interface MetropolisOptions {
  /**
   * How warm-up finds `S`: `"robust"` (RAM), shape and scale from acceptances; `"covariance"` (adaptive Metropolis),
   * `2.38^2 / D` times the covariance of the draws so far, which does not see whether proposals are accepted; `"none"`, it stays.
   * Default `"robust"`.
   */
  readonly adaptation?: "robust" | "covariance" | "none";
  /** Acceptance rate of local proposals that RAM aims at. Default `0.234 + 0.206 / D`: 0.44 in one dimension, 0.275 in five. */
  readonly targetAcceptance?: number;
  /**
   * Covariance of the proposal in unconstrained space, `[D, D]`, where warm-up starts (and stays, if
   * `warmup` is 0). Default `2.38^2 / D` times the covariance of the starting population.
   */
  readonly proposalCovariance?: Float64Array;
  /**
   * Share of proposals that are drawn from a mixture fitted to the importance sample that started the chains, and
   * so reach other modes; 0 leaves a random walk alone. Default 0.6; there are none where chains start at given points.
   */
  readonly globalShare?: number;
}

/** Draws per parameter that a covariance needs before proposals follow it. */
const fewestDraws = 10;
const adaptations: readonly unknown[] = ["robust", "covariance", "none"];

const optionNames: OptionNames<MetropolisOptions> = {
  adaptation: true,
  targetAcceptance: true,
  proposalCovariance: true,
  globalShare: true,
};

/**
 * Builds a Metropolis-Hastings sampler for `sample`.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {RangeError} if there is no such `adaptation`, `targetAcceptance` is not between 0 and 1, `globalShare` not in [0, 1), or `proposalCovariance` is not positive definite.
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
  const { adaptation = "robust", proposalCovariance, globalShare = 0.6 } = options;
  const { targetAcceptance = walkAcceptance(target.dim) } = options;
  if (!adaptations.includes(adaptation)) {
    throw new RangeError(
      `metropolis: adaptation must be "robust", "covariance" or "none", got ${JSON.stringify(adaptation)}.`,
    );
  }
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
    kernel: new MixedProposals(target.dim, globalShare),
    tuner: walkTuner(target.dim, { adaptation, targetAcceptance, globalShare }, factor),
    options: { adaptation, targetAcceptance, globalShare, ...(proposalCovariance && { proposalCovariance }) },
  };
}

/** A mixture, ready to be drawn from and evaluated. */
interface Ready {
  readonly mixture: Mixture;
  readonly density: MixtureDensity;
  readonly draw: ReturnType<typeof mixtureSampler>;
}

// A class, because closures would be compiled anew for every sampler.
class MixedProposals implements Kernel<MetropolisState, MetropolisTuning> {
  readonly stats = ["acceptanceRate"];
  private last: Ready | undefined = undefined;

  constructor(
    private readonly dim: number,
    private readonly globalShare: number,
  ) {}

  init(u: Float64Array, key: Key): Step<MetropolisState> {
    const state = {
      u,
      logProb: Number.NaN,
      draw: -1,
      key,
      proposal: u.slice(),
      z: new Float64Array(this.dim),
      logUniform: 0,
      isGlobal: false,
      logMixture: Number.NaN,
      logMixtureProposal: Number.NaN,
    };
    return { state, request: { logProb: u } };
  }

  begin(state: MetropolisState, { factor, mixture }: MetropolisTuning): Step<MetropolisState> {
    const { u, proposal, z } = state;
    const rng = stream(foldIn(state.key, state.draw)); // the same draw always sees the same numbers
    state.isGlobal = mixture !== undefined && rng.uniform() < this.globalShare;
    if (mixture && state.isGlobal) {
      state.logUniform = Math.log(1 - rng.uniform());
      const { density, draw } = this.ready(mixture);
      draw(rng, proposal);
      if (Number.isNaN(state.logMixture)) state.logMixture = density.logProb(u);
      state.logMixtureProposal = density.logProb(proposal);
      return { state, request: { logProb: proposal } };
    }
    proposeAround(u, factor, rng, z, proposal);
    state.logUniform = Math.log(1 - rng.uniform());
    return { state, request: { logProb: proposal } };
  }

  step(state: MetropolisState, answer: Answer): Step<MetropolisState> {
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
      copy(state.proposal, state.u);
      state.logProb = answer.logProb;
      state.logMixture = state.isGlobal ? state.logMixtureProposal : Number.NaN;
    }
    state.draw++;
    return { state, info: { acceptanceRate: gain >= 0 ? 1 : Math.exp(gain) || 0 } };
  }

  private ready(mixture: Mixture): Ready {
    if (this.last?.mixture !== mixture) {
      this.last = { mixture, density: mixtureDensity(mixture), draw: mixtureSampler(mixture) };
    }
    return this.last;
  }
}

function walkTuner(
  dim: number,
  { adaptation, targetAcceptance, globalShare }: Required<Omit<MetropolisOptions, "proposalCovariance">>,
  factor?: Float64Array,
): Tuner<MetropolisState, MetropolisTuning> {
  const scaled = (covariance: Float64Array, size: number) =>
    cholesky(shrunkCovariance({ covariance, size }, dim), dim).map((value) => value * walkScale(dim));
  return {
    start(population, { chains }) {
      const mixture = globalShare > 0 ? population.mixture?.() : undefined;
      return {
        draw: 0,
        factor: factor?.slice() ?? scaled(population.covariance, population.size),
        ...(adaptation === "covariance" && { moments: startMoments(chains, dim) }),
        ...(mixture && { mixture }),
      };
    },

    update(tuning, states, infos) {
      const draw = tuning.draw + 1;
      if (tuning.moments) {
        const points = states.map(({ u }) => u);
        updateMoments(tuning.moments, points);
        const seen = windowCovariance(tuning.moments, states.length, dim);
        if (!seen || seen.draws < fewestDraws * dim) return { ...tuning, draw };
        return { ...tuning, draw, factor: scaled(seen.covariance, seen.draws) };
      }
      if (adaptation === "none") return { ...tuning, draw };
      // a global proposal says nothing about the random walk
      const moves = states.flatMap(({ z, isGlobal }, c) =>
        isGlobal ? [] : [{ z, acceptanceRate: infos[c].acceptanceRate }],
      );
      const plan = { draw, chains: states.length, targetAcceptance };
      return { ...tuning, draw, factor: adaptFactor(tuning.factor, moves, plan) };
    },

    finish: (tuning) => tuning,

    report: ({ factor }) => ({ proposalCovariance: inverseMassOf(factor, dim) }),
  };
}
