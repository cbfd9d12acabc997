/**
 * Importance sampling: draws from a proposal, weighted by `w = p(theta) / q(theta)`, stand for a density that is known up to
 * a constant. With a learned posterior as proposal and prior times likelihood as target it corrects what the network got
 * wrong, and the mean weight is the integral of the target: the evidence.
 *
 *     log Z = log mean_i w_i,     standard error sqrt((1 / ESS - 1 / N) N / (N - 1))
 *
 * A share of the draws comes from `target.start`, the prior, so that weights stay bounded and a mode that the proposal missed
 * is found, where draws from the prior can find it (Hesterberg 1995). The Pareto index of the largest weights says whether the
 * result can be trusted at all; where it cannot, the result says so: nothing is repaired in silence.
 *
 * @see Dax et al. (2023), Neural importance sampling, https://arxiv.org/abs/2210.05686
 * @see Hesterberg (1995), https://doi.org/10.1080/00401706.1995.10484303
 * @see Vehtari et al. (2024), https://arxiv.org/abs/1507.02646
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { type Matrix, stackRows, takeRows } from "../src/core/matrix.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { foldIn, key as keyOf } from "../src/core/random.js";
import { logAddExp, logSumExp } from "../src/core/special.js";
import { psis } from "./diagnostics/psis.js";
import { checkProposal, type Proposal } from "./proposal.js";
import { resample, weigh } from "./starts/importance.js";
import { mixtureProposal } from "./starts/refine.js";
import { checkTarget } from "./target.js";

/** Options of `importance`. */
export interface ImportanceOptions {
  /**
   * Where draws come from. Default: a mixture of Student t densities, fitted to draws from `target.start` in up to five rounds
   * (population Monte Carlo).
   */
  readonly proposal?: Proposal;
  /** Draws, N. Default 10,000. */
  readonly draws?: number;
  /**
   * Share of them that comes from `target.start` instead, in [0, 1]. Default 0.05; 0.1 without a proposal; 0 where the target
   * has no start. 1 is plain importance sampling from the prior.
   */
  readonly shareOfStart?: number;
  /** Default 0. */
  readonly seed?: string | number;
  readonly signal?: AbortSignal;
}

const optionNames: OptionNames<ImportanceOptions> = {
  proposal: true,
  draws: true,
  shareOfStart: true,
  seed: true,
  signal: true,
};

/** Draws that stand for the target with their weights. */
export interface WeightedDraws {
  readonly names: readonly string[];
  /** `[N, D]`. */
  readonly theta: Matrix;
  /** `log p(theta) - log q(theta)`, `[N]`, nats; `-Infinity` where the target is zero or either is no number. */
  readonly logRatios: Float64Array;
  /** Smoothed weights, `[N]`; they sum to one. */
  readonly weights: Float64Array;
  /** Effective sample size of the weights before they were smoothed, `1 / sum w^2`. */
  readonly ess: number;
  /** Tail index of the weights: below 0.5 good, above `min(0.7, 1 - 1 / log10 N)` not to be trusted. */
  readonly paretoK: number;
  /** Whether there is no warning. */
  readonly reliable: boolean;
  /**
   * Log of the integral of `exp(logProb)` over theta, nats, with its standard error: the log evidence where the target is
   * prior times likelihood.
   */
  readonly logIntegral: { readonly value: number; readonly standardError: number };
  /** Draws where the target or the proposal is no number: they count as impossible. */
  readonly nonFinite: number;
  /** What is wrong, one sentence each; empty where nothing is. */
  readonly warnings: readonly string[];
  /**
   * Draws with equal weights, `[n, D]` (sampling-importance-resampling): beyond the effective sample size they repeat. Same
   * seed, same bytes.
   *
   * @param options.seed - Default 0.
   */
  resample(n: number, options?: { readonly seed?: string | number }): Matrix;
}

/** Below this many effective draws, quantiles are rough. */
const fewest = 100;

/**
 * Samples a target by importance: corrects a learned posterior, estimates an evidence.
 *
 * @param target - up to a constant; the better it is known, the better the result, such as the posterior of a likelihood, of a
 *   ratio, or an exact density.
 * @throws {TypeError} if the target is no log density, or there is no such option.
 * @throws {RangeError} if a count or share is impossible, there is neither `proposal` nor `target.start`, or the target is zero
 *   at every draw.
 * @throws {ShapeError} if the proposal is over other parameters.
 * @example
 * const flow = posterior(await train(npe(simulations)), { observed });
 * const exact = posterior(await train(nle(simulations)), { observed }); // or logDensity({ ... })
 * const corrected = await importance(exact, { proposal: flow, draws: 10_000, seed: "hello" });
 * console.log(corrected.ess, corrected.paretoK, corrected.logIntegral, corrected.warnings);
 * const draws = corrected.resample(1000);
 */
export async function importance(
  target: LogDensity,
  options: ImportanceOptions = {},
): Promise<WeightedDraws> {
  checkTarget("importance", target);
  checkOptions("importance", options, optionNames);
  const { draws = 10_000, seed = 0, signal, proposal } = options;
  if (!(Number.isSafeInteger(draws) && draws >= 2)) {
    throw new RangeError(`importance: draws must be a whole number of at least 2, got ${draws}.`);
  }
  const share = options.shareOfStart ?? (!target.start ? 0 : proposal ? 0.05 : 0.1);
  checkStart(target, proposal, share);
  const key = keyOf(seed);
  signal?.throwIfAborted();
  const fromStart = Math.round(share * draws);
  const parts: Matrix[] = [];
  let from: Pick<Proposal, "logProb" | "sample"> | undefined;
  if (fromStart < draws) {
    from = proposal ?? (await mixtureProposal(target, foldIn(key, "fit")));
    parts.push(await from.sample(draws - fromStart, { seed: foldIn(key, "proposal").join() }));
  }
  if (fromStart > 0) parts.push(target.start!.sample(fromStart, foldIn(key, "start")));
  const theta = stackRows(parts);
  signal?.throwIfAborted();
  const logProposal = await mixed(target, from, theta, fromStart / draws);
  signal?.throwIfAborted();
  const logProb = await target.logProb(theta);
  return weighted(target, theta, logProb, logProposal);
}

/** `log((1 - share) q(theta) + share start(theta))`: the density that all draws together come from. */
async function mixed(
  target: LogDensity,
  from: Pick<Proposal, "logProb"> | undefined,
  theta: Matrix,
  share: number,
): Promise<Float64Array> {
  if (!from) return target.start!.logProb(theta);
  const own = await from.logProb(theta);
  if (share === 0) return own;
  const start = target.start!.logProb(theta);
  return own.map((value, i) => logAddExp(Math.log1p(-share) + value, Math.log(share) + start[i]));
}

function weighted(
  target: LogDensity,
  theta: Matrix,
  logProb: Float64Array,
  logProposal: Float64Array,
): WeightedDraws {
  const n = theta.rows;
  let nonFinite = 0;
  const logRatios = logProb.map((value, i) => {
    if (value === -Infinity) return value;
    const ratio = value - logProposal[i];
    if (Number.isFinite(ratio)) return ratio;
    nonFinite++;
    return -Infinity;
  });
  if (!logRatios.some((value) => value > -Infinity)) {
    throw new RangeError(
      `importance: the target is zero or no number at all ${n} draws (${nonFinite} not finite). ` +
        "Check the target at a point that you trust, or pass another proposal.",
    );
  }
  const { u, ess } = weigh(target, theta, logProb, logProposal);
  const { logWeights, k: paretoK } = psis(logRatios);
  const weights = logWeights.map(Math.exp);
  const warnings = [...(target.warnings ?? []), ...warningsOf({ n, ess, paretoK, nonFinite })];
  return {
    names: target.names,
    theta,
    logRatios,
    weights,
    ess,
    paretoK,
    reliable: warnings.length === 0,
    logIntegral: {
      value: logSumExp(logRatios) - Math.log(n),
      standardError: Math.sqrt(Math.max(0, (1 / ess - 1 / n) * (n / (n - 1)))),
    },
    nonFinite,
    warnings,
    resample(count, { seed = 0 } = {}) {
      if (!(Number.isSafeInteger(count) && count >= 1)) {
        throw new RangeError(`resample: n must be a positive whole number, got ${count}.`);
      }
      return takeRows(theta, resample({ u, weights }, count, foldIn(keyOf(seed), "resample")));
    },
  };
}

function warningsOf({
  n,
  ess,
  paretoK,
  nonFinite,
}: {
  readonly n: number;
  readonly ess: number;
  readonly paretoK: number;
  readonly nonFinite: number;
}): string[] {
  const warnings: string[] = [];
  const limit = Math.min(0.7, 1 - 1 / Math.log10(n));
  const advice = "Do not trust it: train a better proposal or take the posterior by sample(hmc(target)).";
  if (!(paretoK <= limit)) {
    warnings.push(
      `A few draws carry the weight (Pareto k = ${paretoK.toPrecision(2)}, above ${limit.toPrecision(2)}): the proposal misses ` +
        `where the target has mass, and neither the weighted draws nor the integral converge. ${advice}`,
    );
  }
  if (ess < fewest) {
    warnings.push(
      `The ${n} draws are worth ${ess.toFixed(0)} independent ones: quantiles are rough. Take more draws or a better proposal.`,
    );
  }
  if (nonFinite > 0) {
    warnings.push(
      `At ${nonFinite} of ${n} draws the target or the proposal is not finite: they count as impossible. Check the target there.`,
    );
  }
  return warnings;
}

function checkStart(target: LogDensity, proposal: Proposal | undefined, share: number): void {
  if (!(share >= 0 && share <= 1)) {
    throw new RangeError(`importance: shareOfStart must lie in [0, 1], got ${share}.`);
  }
  if (!target.start && (share > 0 || !proposal)) {
    throw new RangeError(
      `importance: target has no start to draw from; ${proposal ? "leave shareOfStart out" : "pass a proposal"}, or give it one.`,
    );
  }
  checkProposal("importance", target, proposal);
}
