/**
 * Sequential Monte Carlo by likelihood tempering: particles from the prior are moved to the target through the
 * densities between (see `tempered.ts`), and the evidence comes with them. Needs no gradient.
 *
 * A particle is a chain, and the tempering is the warm-up. At each inverse temperature `beta` the particles
 *
 * 1. are weighted by `L^(beta' - beta)`, with `beta'` so far on that their effective sample size is a given share;
 * 2. give the log evidence their mean weight, `log Z += log mean(L^(beta' - beta))`;
 * 3. are resampled systematically;
 * 4. walk at `beta'`, with proposals `u + S z` that have the covariance of the weighted particles and a scale adapted to
 *    the acceptance rate, until nearly all have moved.
 *
 * At `beta = 1` the warm-up is over; draws of it that were not needed cost nothing. Kept draws are moves of every
 * particle at `beta = 1` with the last `S`, so they can be judged and averaged as those of any sampler.
 *
 * The particles live on islands that know nothing of each other. The evidence is the mean of theirs, which is unbiased,
 * and its standard error is that of their spread. `Draws.groups` counts them.
 *
 * @see Del Moral, Doucet and Jasra (2006), https://doi.org/10.1111/j.1467-9868.2006.00553.x
 * @see Jasra et al. (2011), https://doi.org/10.1111/j.1467-9469.2010.00723.x (adaptive temperatures)
 * @see Dai, Heng, Jacob and Whiteley (2022), https://doi.org/10.1080/01621459.2022.2087659
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { copy } from "../src/core/linalg.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { foldIn, stream } from "../src/core/random.js";
import { positiveInteger } from "./hmc-options.js";
import type { ChainState, Kernel, Sampler } from "./kernel.js";
import { proposeAround, walkAcceptance } from "./random-walk.js";
import { logTempered, startDensity } from "./tempered.js";
import { type SmcTuning, smcTuner } from "./tuning/smc-tuner.js";

/** What a particle needs for its next move. */
export interface SmcState extends ChainState {
  logProb: number;
  draw: number;
  /** Its number, which says its island. */
  readonly chain: number;
  /** `log start` at `u`, and at the proposal; nats, `log |det J|` included. */
  logStart: number;
  logStartProposal: number;
  /** The proposed point, and the standard normals that made it; `[D]`. */
  readonly proposal: Float64Array;
  readonly z: Float64Array;
  /** `log` of the uniform that decides. */
  logUniform: number;
}

/** Options of `smc`. */
export interface SmcOptions {
  /** Independent groups of particles, which give the evidence its standard error. Default 4. */
  readonly islands?: number;
  /** Effective sample size that a step of the temperature leaves, as a share of the particles. Default 0.5. */
  readonly essShare?: number;
  /** Share of the particles that must have moved at a temperature before the next. Default 0.99. */
  readonly movedShare?: number;
  /** Acceptance rate that the scale of the proposals aims at. Default `0.234 + 0.206 / D`. */
  readonly targetAcceptance?: number;
}

const optionNames: OptionNames<SmcOptions> = {
  islands: true,
  essShare: true,
  movedShare: true,
  targetAcceptance: true,
};

/**
 * Builds a tempered sequential Monte Carlo sampler for `sample`, of 1000 chains, 10 draws each and a warm-up of 2000
 * draws at the most by default.
 *
 * @param target - must have a `start` that can be drawn from, its prior. `evidence(draws)` is the log of the
 *   integral of the target: the evidence where `logProb` is the log of a normalised prior and a likelihood.
 * @throws {TypeError} if the target is no log density, has no start, or there is no such option.
 * @throws {RangeError} if `islands` is not a positive integer, or a share or `targetAcceptance` is not between 0 and 1.
 * @example
 * const draws = await sample(smc(target), { chains: 2000, seed: "hello" });
 * const { logEvidence, standardError } = evidence(draws);
 */
export function smc(target: LogDensity, options: SmcOptions = {}): Sampler<SmcState, SmcTuning> {
  const logStart = startDensity("smc", target);
  checkOptions("smc", options, optionNames);
  const { islands = 4, essShare = 0.5, movedShare = 0.99 } = options;
  const { targetAcceptance = walkAcceptance(target.dim) } = options;
  positiveInteger("smc", "islands", islands);
  const shares = { essShare, movedShare, targetAcceptance };
  for (const [name, value] of Object.entries(shares)) {
    if (!(value > 0 && value < 1))
      throw new RangeError(`smc: ${name} must be between 0 and 1, got ${value}.`);
  }
  return {
    name: "smc",
    target,
    kernel: temperedWalk(target.dim, logStart),
    tuner: smcTuner(target.dim, { islands, ...shares }),
    options: { islands, ...shares },
    startsFrom: "prior",
    groups: islands,
    defaults: { chains: 1000, warmup: 2000, draws: 10 },
  };
}

function temperedWalk(dim: number, logStart: (u: Float64Array) => number): Kernel<SmcState, SmcTuning> {
  return {
    stats: ["acceptanceRate"],

    init: (u, key, chain) => ({
      state: {
        u,
        logProb: Number.NaN,
        draw: -1,
        key,
        chain,
        logStart: logStart(u),
        logStartProposal: Number.NaN,
        proposal: u.slice(),
        z: new Float64Array(dim),
        logUniform: 0,
      },
      request: { logProb: u },
    }),

    begin(state, { islands, perIsland, kept }) {
      const island = islands[Math.floor(state.chain / perIsland)];
      if (island.beta === 0 || (island.done && !kept)) {
        // a draw of the prior already, or nothing left to do before the others have come
        state.draw++;
        return { state, info: { acceptanceRate: Number.NaN } };
      }
      const rng = stream(foldIn(state.key, state.draw)); // the same draw always sees the same numbers
      proposeAround(state.u, island.factor, rng, state.z, state.proposal);
      state.logUniform = Math.log(1 - rng.uniform());
      state.logStartProposal = logStart(state.proposal);
      return { state, request: { logProb: state.proposal } };
    },

    step(state, { logProb }, { islands, perIsland }) {
      if (state.draw < 0) {
        // the answer is for the starting point, which may have no density
        state.logProb = logProb;
        state.draw = 0;
        return { state };
      }
      const { beta } = islands[Math.floor(state.chain / perIsland)];
      const gain =
        logTempered(beta, state.logStartProposal, logProb) - logTempered(beta, state.logStart, state.logProb);
      if (state.logUniform < gain) {
        // NaN rejects
        copy(state.proposal, state.u);
        state.logProb = logProb;
        state.logStart = state.logStartProposal;
      }
      state.draw++;
      return { state, info: { acceptanceRate: gain >= 0 ? 1 : Math.exp(gain) || 0 } };
    },
  };
}
