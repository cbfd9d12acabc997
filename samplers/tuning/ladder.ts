/**
 * The ladder of parallel tempering: inverse temperatures at which all swaps fail alike, found in rounds that end with Stan's
 * windows, and a proposal for each. Every state is plain data.
 *
 * Let `r_k` be the share of failed swaps between neighbours in a round. Their sum up to a temperature estimates the
 * communication barrier `Lambda(beta)` on the way there, which hardly depends on the ladder; temperatures that divide it in
 * equal parts are the next ladder. Between those of the last it is interpolated linearly in `beta^(1/4)`.
 *
 * @see Syed, Bouchard-Cote, Deligiannidis and Doucet (2022), https://doi.org/10.1111/rssb.12464, section 5.1
 * @module
 */
import { cholesky } from "../../src/core/linalg.js";
import { logSumExp } from "../../src/core/special.js";
import { variance } from "../diagnostics/ranks.js";
import type { Tuner } from "../kernel.js";
import type { LadderState } from "../parallel-tempering.js";
import { walkScale } from "../random-walk.js";
import { shrunkCovariance } from "../starts/population.js";
import { type Windows, windowsOf } from "./adaptation.js";
import { inverseMassOf } from "./metric.js";
import { adaptFactor } from "./robust-factor.js";

/** What the ladders share; plain data. */
export interface TemperingTuning {
  /** Inverse temperatures from 1 to 0, `[K]`. */
  betas: Float64Array;
  /** Lower triangular `S` of each replica's random walk but the last, each `[D, D]`. */
  readonly factors: Float64Array[];
  readonly windows: Windows;
  /** Warm-up draws seen. */
  draw: number;
  /** Sum of the probabilities that swaps failed, and how many there were, since the last new ladder; `[K - 1]`. */
  readonly failures: Float64Array;
  readonly attempts: Float64Array;
  /** Whether the draws are kept ones. */
  readonly kept: boolean;
}

/** Smallest share of failed swaps: where hardly one fails, the barrier still rises. */
const leastFailure = 1e-3;

/** The tuner for `parallelTempering`; options are checked there. */
export function ladderTuner(
  dim: number,
  options: {
    readonly replicas: number;
    readonly targetAcceptance: number;
    readonly inverseTemperatures?: readonly number[];
  },
): Tuner<LadderState, TemperingTuning> {
  const { replicas, targetAcceptance, inverseTemperatures } = options;
  return {
    start({ covariance, size }, { warmup }) {
      const factor = cholesky(shrunkCovariance({ covariance, size }, dim), dim);
      const scaled = factor.map((value) => value * walkScale(dim));
      return {
        betas: Float64Array.from(
          inverseTemperatures ??
            Array.from({ length: replicas }, (_, k) => ((replicas - 1 - k) / (replicas - 1)) ** 4),
        ),
        factors: Array.from({ length: replicas - 1 }, () => scaled.slice()),
        windows: windowsOf(warmup),
        draw: 0,
        failures: new Float64Array(replicas - 1),
        attempts: new Float64Array(replicas - 1),
        kept: false,
      };
    },

    update(tuning, states) {
      const { factors, failures, attempts, windows } = tuning;
      const plan = { draw: tuning.draw + 1, chains: states.length, targetAcceptance };
      for (let k = 0; k < factors.length; k++) {
        const moves = states.map(({ z, acceptances }) => ({
          z: z.subarray(k * dim, (k + 1) * dim),
          acceptanceRate: acceptances[k],
        }));
        factors[k] = adaptFactor(factors[k], moves, plan);
        for (const { swaps } of states) {
          if (Number.isNaN(swaps[k])) continue;
          failures[k] += 1 - swaps[k];
          attempts[k]++;
        }
      }
      if (inverseTemperatures === undefined && windows.ends.includes(tuning.draw)) {
        const next = spaceLadder(tuning.betas, failedShares(tuning));
        const old = factors.slice();
        for (let k = 0; k < factors.length; k++) factors[k] = old[nearest(tuning.betas, next[k])].slice();
        tuning.betas = next;
        failures.fill(0);
        attempts.fill(0);
      }
      tuning.draw++;
      return tuning;
    },

    finish: (tuning) => ({ ...tuning, kept: true }),

    report(tuning, states) {
      const shares = failedShares(tuning);
      return {
        ...steppingStones(states),
        inverseTemperatures: [...tuning.betas],
        swapRates: [...shares.map((share) => 1 - share)],
        barrier: shares.reduce((a, b) => a + b, 0),
        proposalCovariance: inverseMassOf(tuning.factors[0], dim),
      };
    },
  };
}

/** `r_k` of the draws since the last new ladder, `[K - 1]`; `NaN` where none has been tried. */
function failedShares({ failures, attempts }: TemperingTuning): Float64Array {
  return failures.map((sum, k) => sum / attempts[k]);
}

/**
 * Inverse temperatures that divide the barrier in equal parts.
 *
 * @param betas - the last ladder, from 1 to 0, `[K]`.
 * @param failed - share of failed swaps between its neighbours, `[K - 1]`; `NaN` counts as none.
 */
export function spaceLadder(betas: Float64Array, failed: Float64Array): Float64Array {
  const barrier = new Float64Array(betas.length); // from the cold end
  for (let k = 1; k < betas.length; k++)
    barrier[k] = barrier[k - 1] + Math.max(failed[k - 1] || 0, leastFailure);
  const last = betas.length - 1;
  let k = 0;
  return betas.map((beta, i) => {
    if (i === 0 || i === last) return beta;
    const wanted = (barrier[last] * i) / last;
    while (barrier[k + 1] < wanted) k++;
    const part = (wanted - barrier[k]) / (barrier[k + 1] - barrier[k]);
    return (betas[k] ** 0.25 + part * (betas[k + 1] ** 0.25 - betas[k] ** 0.25)) ** 4;
  });
}

/** The replica that walks at nearly this inverse temperature; never the last, which does not walk. */
function nearest(betas: Float64Array, beta: number): number {
  const distance = (k: number) => Math.abs(betas[k] ** 0.25 - beta ** 0.25);
  let best = 0;
  for (let k = 1; k < betas.length - 1; k++) if (distance(k) < distance(best)) best = k;
  return best;
}

/** The log evidence of all ladders, and its standard error from their spread; `NaN` for one ladder. */
function steppingStones(states: readonly LadderState[]) {
  const chains = states.length;
  const own = states.map(({ stones, stoneDraws }) =>
    stones.reduce((sum, stone) => sum + stone - Math.log(stoneDraws), 0),
  );
  const draws = states.reduce((sum, { stoneDraws }) => sum + stoneDraws, 0);
  const logEvidence = states[0].stones.reduce(
    (sum, _, k) => sum + logSumExp(states.map(({ stones }) => stones[k])) - Math.log(draws),
    0,
  );
  return { logEvidence, standardError: chains > 1 ? Math.sqrt(variance(own) / chains) : Number.NaN };
}
