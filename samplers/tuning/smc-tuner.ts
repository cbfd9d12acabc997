/**
 * The tempering of sequential Monte Carlo, island by island: when to lower the temperature, by how much, and how to walk
 * there. Every state is plain data.
 *
 * @module
 */
import { cholesky } from "../../src/core/linalg.js";
import { matrix, row } from "../../src/core/matrix.js";
import { foldIn } from "../../src/core/random.js";
import { logSumExp } from "../../src/core/special.js";
import { variance } from "../diagnostics/ranks.js";
import type { Tuner } from "../kernel.js";
import { walkScale } from "../random-walk.js";
import type { SmcOptions, SmcState } from "../smc.js";
import { resample } from "../starts/importance.js";
import { populationOf, shrunkCovariance } from "../starts/population.js";
import { logLikelihood } from "../tempered.js";

/** How one island stands. */
interface Island {
  /** Inverse temperature, and those before it. */
  beta: number;
  readonly betas: number[];
  /** Log evidence at `beta`, nats. */
  logEvidence: number;
  /** Lower triangular `S`, `[D, D]`: the covariance of the particles at `beta`, times `scale^2`. */
  factor: Float64Array;
  scale: number;
  /** Share of the particles that have not moved at `beta`. */
  unmoved: number;
  /** Whether the particles have moved at `beta = 1`. */
  done: boolean;
}

/** What the particles share; plain data. */
export interface SmcTuning {
  readonly islands: Island[];
  readonly perIsland: number;
  /** Whether the draws are kept ones. */
  kept: boolean;
}

/** Particles of an island below which covariances and evidences mean little. */
const fewestParticles = 10;

/** The tuner for `smc`; options are checked there. */
export function smcTuner(dim: number, options: Required<SmcOptions>): Tuner<SmcState, SmcTuning> {
  const { islands: count, essShare, movedShare, targetAcceptance } = options;
  return {
    start(_, { chains, warmup }) {
      const perIsland = chains / count;
      if (perIsland < fewestParticles) {
        throw new RangeError(
          `smc: expected ${fewestParticles} chains or more on each of ${count} islands, got ${perIsland}; pass ` +
            `chains: ${Math.max(1000, fewestParticles * count)}, or fewer islands.`,
        );
      }
      if (warmup === 0) {
        throw new RangeError("smc: tempering takes place in the warm-up, got warmup = 0; leave it out.");
      }
      const islands = Array.from({ length: count }, () => ({
        beta: 0,
        betas: [0],
        logEvidence: 0,
        factor: new Float64Array(dim * dim),
        scale: walkScale(dim),
        unmoved: 0,
        done: false,
      }));
      return { islands, perIsland, kept: false };
    },

    update(tuning, states, infos) {
      tuning.islands.forEach((island, k) => {
        if (island.done) return;
        const from = k * tuning.perIsland;
        const to = from + tuning.perIsland;
        if (island.beta > 0) {
          let acceptance = 0;
          for (let c = from; c < to; c++) acceptance += infos[c].acceptanceRate / tuning.perIsland;
          const change = Math.exp(acceptance - targetAcceptance);
          island.scale *= change;
          for (let i = 0; i < island.factor.length; i++) island.factor[i] *= change;
          island.unmoved *= 1 - acceptance;
          if (island.unmoved > 1 - movedShare) return;
        }
        if (island.beta === 1) island.done = true;
        else cool(island, states.slice(from, to), essShare, dim);
      });
      return tuning;
    },

    finish: (tuning) => ({ ...tuning, kept: true }),

    report({ islands }) {
      const beta = Math.min(...islands.map((island) => island.beta));
      const logs = islands.map((island) => island.logEvidence);
      const logEvidence = beta === 1 ? logSumExp(logs) - Math.log(count) : Number.NaN;
      const shares = logs.map((value) => Math.exp(value - logEvidence));
      return {
        logEvidence,
        standardError: count > 1 ? Math.sqrt(variance(shares) / count) : Number.NaN,
        inverseTemperature: beta,
        inverseTemperatures: islands.map(({ betas }) => [...betas]),
      };
    },
  };
}

/** Steps 1 to 3: weights the particles to the next temperature, resamples them and learns how they shall walk. */
function cool(island: Island, states: readonly SmcState[], essShare: number, dim: number): void {
  const logs = Float64Array.from(states, ({ logStart, logProb }) => logLikelihood(logStart, logProb));
  const next = nextBeta(logs, island.beta, essShare);
  const weights = logs.map((value) => (next - island.beta) * value);
  const total = logSumExp(weights);
  island.logEvidence += total - Math.log(states.length);
  for (let i = 0; i < weights.length; i++) weights[i] = Math.exp(weights[i] - total);
  const u = matrix(states.length, dim);
  states.forEach((state, i) => {
    row(u, i).set(state.u);
  });
  const factor = cholesky(shrunkCovariance(populationOf(u, weights), dim), dim);
  island.factor = factor.map((value) => island.scale * value);
  island.beta = next;
  island.betas.push(next);
  island.unmoved = 1;

  const { key, draw } = states[0];
  const old = states.map(({ logProb, logStart }) => ({ logProb, logStart }));
  resample({ u, weights }, states.length, foldIn(foldIn(key, "resample"), draw)).forEach((parent, i) => {
    states[i].u.set(row(u, parent));
    states[i].logProb = old[parent].logProb;
    states[i].logStart = old[parent].logStart;
  });
}

/**
 * The next inverse temperature: 1, or where the weights `L^(beta' - beta)` are worth a share of the particles that have a
 * likelihood at all.
 *
 * @param logs - log likelihoods, `[N]`; `-Infinity` where there is none.
 * @throws {RangeError} if no particle has a likelihood.
 */
export function nextBeta(logs: Float64Array, beta: number, essShare: number): number {
  const alive = logs.filter((value) => value > -Infinity);
  if (alive.length === 0) {
    throw new RangeError(
      `smc: the target has no finite log density at any of ${logs.length} particles drawn from its start. Check it at a ` +
        "point that you trust, or take more chains.",
    );
  }
  const largest = alive.reduce((a, b) => Math.max(a, b));
  const ess = (step: number) => {
    let sum = 0;
    let squares = 0;
    for (const value of alive) {
      const weight = Math.exp(step * (value - largest));
      sum += weight;
      squares += weight * weight;
    }
    return (sum * sum) / squares;
  };
  const wanted = essShare * alive.length;
  if (ess(1 - beta) >= wanted) return 1;
  let low = 0;
  let high = 1 - beta;
  while (high - low > 1e-6 * high) {
    const middle = (low + high) / 2;
    if (ess(middle) >= wanted) low = middle;
    else high = middle;
  }
  return beta + high;
}
