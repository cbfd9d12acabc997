/**
 * Parallel tempering: replicas of a chain at inverse temperatures from 1 (the target) to 0 (its start, usually the
 * prior), which exchange their places. What the hot ones find reaches the cold one, so separated modes get their
 * weights. Needs no gradient.
 *
 * A chain is a ladder of `K` replicas; its draws are those of the cold one. In each draw every replica walks once at its
 * own temperature, the last by an independent draw of the start, all in one request of `K` points. Then neighbours
 * swap, pairs (0, 1), (2, 3) ... in even draws and (1, 2), (3, 4) ... in odd ones, with probability
 *
 *     min(1, exp((beta_k - beta_{k+1}) (l_{k+1} - l_k))),   l the log likelihoods.
 *
 * Taking turns, not tossing a coin, makes states travel along the ladder in one direction: in `K` draws, not `K^2`.
 * The densities between are those of `tempered.ts`. Warm-up spaces the ladder so that all swaps fail alike, and adapts a
 * proposal for each temperature, with all ladders together. The log evidence comes with the kept draws, by stepping
 * stones: `log Z = sum_k log E_{k+1}[L^(beta_k - beta_{k+1})]`.
 *
 * @see Syed, Bouchard-Cote, Deligiannidis and Doucet (2022), https://doi.org/10.1111/rssb.12464, algorithms 1 to 3
 * @see Xie et al. (2011), https://doi.org/10.1093/sysbio/syq085 (stepping stones)
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { foldIn, stream } from "../src/core/random.js";
import { logAddExp } from "../src/core/special.js";
import type { ChainState, Kernel, Sampler } from "./kernel.js";
import { proposeAround, walkAcceptance } from "./random-walk.js";
import { logLikelihood, logTempered, startDensity } from "./tempered.js";
import { ladderTuner, type TemperingTuning } from "./tuning/ladder.js";

/** What a ladder needs for its next draw; replica 0 is the cold one, and its `u` and `logProb` are the chain's. */
export interface LadderState extends ChainState {
  logProb: number;
  draw: number;
  /** Where the replicas stand and what they propose, with the standard normals of the proposals; `[K, D]`. */
  readonly positions: Float64Array;
  readonly proposals: Float64Array;
  readonly z: Float64Array;
  /** Log densities of the target and of its start at both, `log |det J|` included; nats, `[K]`. */
  readonly logProbs: Float64Array;
  readonly logStarts: Float64Array;
  readonly logStartProposals: Float64Array;
  /** `log` of the uniforms that decide, `[K]`. */
  readonly logUniforms: Float64Array;
  /** Probabilities of the last walks, `[K]`, and of the last swaps, `[K - 1]`, `NaN` for pairs whose turn it was not. */
  readonly acceptances: Float64Array;
  readonly swaps: Float64Array;
  /** 1 for a replica that comes from the hot end and has not been cold since, `[K]`. */
  readonly fromHot: Float64Array;
  /** Log of the sums of `L^(beta_k - beta_{k+1})` at `k + 1` over the kept draws, `[K - 1]`, and their number. */
  readonly stones: Float64Array;
  stoneDraws: number;
}

/** Options of `parallelTempering`. */
export interface ParallelTemperingOptions {
  /**
   * Replicas of each chain, two or more. About `2 B + 1` of them make most of their work, where `B` is the `barrier` that
   * `Draws.warmup` reports. Default 10.
   */
  readonly replicas?: number;
  /** Inverse temperatures from 1 down to 0; fixes them. Default: `replicas` of them, spaced by warm-up. */
  readonly inverseTemperatures?: readonly number[];
  /** Acceptance rate of the walks. Default `0.234 + 0.206 / D`. */
  readonly targetAcceptance?: number;
}

const optionNames: OptionNames<ParallelTemperingOptions> = {
  replicas: true,
  inverseTemperatures: true,
  targetAcceptance: true,
};

/**
 * Builds a parallel tempering sampler for `sample`. Few chains do, 8 by default: each is a ladder, and reaches all modes.
 *
 * @param target - must have a `start` that can be drawn from, its prior.
 * @throws {TypeError} if the target is no log density, has no start, or there is no such option.
 * @throws {RangeError} if `replicas` is not an integer of at least 2, `inverseTemperatures` do not fall from 1 to 0, both are
 *   given, or `targetAcceptance` is not between 0 and 1.
 * @example
 * const draws = await sample(parallelTempering(target), { chains: 8, warmup: 500, draws: 1000, seed: "hello" });
 */
export function parallelTempering(
  target: LogDensity,
  options: ParallelTemperingOptions = {},
): Sampler<LadderState, TemperingTuning> {
  const logStart = startDensity("parallelTempering", target);
  checkOptions("parallelTempering", options, optionNames);
  const { inverseTemperatures, targetAcceptance = walkAcceptance(target.dim) } = options;
  if (!(targetAcceptance > 0 && targetAcceptance < 1)) {
    throw new RangeError(
      `parallelTempering: targetAcceptance must be between 0 and 1, got ${targetAcceptance}.`,
    );
  }
  const replicas = countReplicas(options);
  return {
    name: "parallelTempering",
    target,
    kernel: ladder(target, replicas, logStart),
    tuner: ladderTuner(target.dim, { replicas, targetAcceptance, inverseTemperatures }),
    options: { replicas, targetAcceptance, ...(inverseTemperatures && { inverseTemperatures }) },
    defaults: { chains: 8, warmup: 500, draws: 1000 },
  };
}

function countReplicas({ replicas, inverseTemperatures: betas }: ParallelTemperingOptions): number {
  if (betas === undefined) {
    if (replicas === undefined) return 10;
    if (Number.isSafeInteger(replicas) && replicas >= 2) return replicas;
    throw new RangeError(`parallelTempering: replicas must be an integer of at least 2, got ${replicas}.`);
  }
  if (replicas !== undefined) {
    throw new RangeError("parallelTempering: expected replicas or inverseTemperatures, got both.");
  }
  const falls = betas.every((beta, k) => k === 0 || beta < betas[k - 1]);
  if (betas.length < 2 || betas[0] !== 1 || betas.at(-1) !== 0 || !falls) {
    throw new RangeError(
      `parallelTempering: inverseTemperatures must fall from 1 to 0, such as [1, 0.3, 0.1, 0], got [${betas.join(", ")}].`,
    );
  }
  return betas.length;
}

function ladder(
  { dim, start, support }: LogDensity,
  replicas: number,
  logStart: (u: Float64Array) => number,
): Kernel<LadderState, TemperingTuning> {
  const hot = replicas - 1;
  const at = (points: Float64Array, k: number) => points.subarray(k * dim, (k + 1) * dim);

  /** Walks each replica to its proposal, or leaves it. */
  function walk(state: LadderState, logProbs: Float64Array, betas: Float64Array): void {
    const { positions, proposals, logStarts, logStartProposals, logUniforms, acceptances } = state;
    for (let k = 0; k < replicas; k++) {
      const gain =
        k === hot
          ? 0 // an independent draw of its own density
          : logTempered(betas[k], logStartProposals[k], logProbs[k]) -
            logTempered(betas[k], logStarts[k], state.logProbs[k]);
      acceptances[k] = gain >= 0 ? 1 : Math.exp(gain) || 0;
      if (!(logUniforms[k] < gain)) continue; // NaN rejects
      at(positions, k).set(at(proposals, k));
      state.logProbs[k] = logProbs[k];
      logStarts[k] = logStartProposals[k];
    }
  }

  /** Swaps the neighbours whose turn it is; returns the mean probability. */
  function swap(state: LadderState, betas: Float64Array): number {
    const { positions, logProbs, logStarts, swaps, fromHot } = state;
    const rng = stream(foldIn(foldIn(state.key, "swaps"), state.draw));
    swaps.fill(Number.NaN);
    let sum = 0;
    let pairs = 0;
    for (let k = state.draw % 2; k < hot; k += 2) {
      const difference =
        logLikelihood(logStarts[k + 1], logProbs[k + 1]) - logLikelihood(logStarts[k], logProbs[k]);
      swaps[k] = Math.min(1, Math.exp((betas[k] - betas[k + 1]) * difference)) || 0;
      sum += swaps[k];
      pairs++;
      if (!(rng.uniform() < swaps[k])) continue;
      const colder = at(positions, k).slice();
      at(positions, k).set(at(positions, k + 1));
      at(positions, k + 1).set(colder);
      for (const values of [logProbs, logStarts, fromHot]) {
        [values[k], values[k + 1]] = [values[k + 1], values[k]];
      }
    }
    return sum / pairs; // NaN where there is no pair
  }

  function layStones(state: LadderState, betas: Float64Array): void {
    state.stoneDraws++;
    for (let k = 0; k < hot; k++) {
      const value = logLikelihood(state.logStarts[k + 1], state.logProbs[k + 1]);
      state.stones[k] = logAddExp(state.stones[k], (betas[k] - betas[k + 1]) * value);
    }
  }

  return {
    stats: ["acceptanceRate", "swapRate", "roundTrip"],

    init(u, key) {
      const repeated = new Float64Array(replicas * dim);
      for (let k = 0; k < replicas; k++) at(repeated, k).set(u);
      return {
        state: {
          u,
          logProb: Number.NaN,
          draw: -1,
          key,
          positions: repeated,
          proposals: repeated.slice(),
          z: new Float64Array(replicas * dim),
          logProbs: new Float64Array(replicas).fill(Number.NaN),
          logStarts: new Float64Array(replicas).fill(logStart(u)),
          logStartProposals: new Float64Array(replicas),
          logUniforms: new Float64Array(replicas),
          acceptances: new Float64Array(replicas),
          swaps: new Float64Array(hot).fill(Number.NaN),
          fromHot: new Float64Array(replicas),
          stones: new Float64Array(hot).fill(Number.NEGATIVE_INFINITY),
          stoneDraws: 0,
        },
        request: { logProb: u },
      };
    },

    begin(state, { factors }) {
      const { positions, proposals, z, logStartProposals, logUniforms } = state;
      const rng = stream(foldIn(state.key, state.draw)); // the same draw always sees the same numbers
      for (let k = 0; k < hot; k++) {
        proposeAround(at(positions, k), factors[k], rng, at(z, k), at(proposals, k));
        logUniforms[k] = Math.log(1 - rng.uniform());
        logStartProposals[k] = logStart(at(proposals, k));
      }
      const drawn = start!.sample(1, foldIn(foldIn(state.key, "start"), state.draw));
      support.toUnconstrained(drawn.data, at(proposals, hot));
      logStartProposals[hot] = logStart(at(proposals, hot));
      logUniforms[hot] = Number.NEGATIVE_INFINITY;
      return { state, request: { logProb: proposals } };
    },

    step(state, { logProb, logProbs }, { betas, kept }) {
      if (state.draw < 0) {
        // the answer is for the starting point, where all replicas stand
        state.logProbs.fill(logProb);
        state.logProb = logProb;
        state.draw = 0;
        return { state };
      }
      walk(state, logProbs!, betas);
      state.fromHot[hot] = 1;
      if (kept) layStones(state, betas);
      const swapRate = swap(state, betas);
      const roundTrip = state.fromHot[0];
      state.fromHot[0] = 0;
      state.u.set(at(state.positions, 0));
      state.logProb = state.logProbs[0];
      state.draw++;
      return { state, info: { acceptanceRate: state.acceptances[0], swapRate, roundTrip } };
    },
  };
}
