/**
 * Many observations at once, each with a posterior of its own. (Independent observations of the *same* parameters are one
 * posterior: `posterior(estimator, { observed: [x1, x2, x3] })`.)
 *
 * The estimator is amortised, so nothing is trained again. Posteriors are taken one after the other, all chains of one in a
 * batch, with random numbers from the number of the observation alone: what comes out for observation `i` does not depend on
 * its neighbours, nor on how many there are.
 *
 * @module
 */
import type { Draws } from "../samplers/draws.js";
import { hmc } from "../samplers/hmc.js";
import type { Sampler } from "../samplers/kernel.js";
import { metropolis } from "../samplers/metropolis.js";
import { type Mode, type ModeOptions, mode } from "../samplers/mode.js";
import { type SampleOptions, sample } from "../samplers/sample.js";
import type { LogDensity, LongTask } from "./core/contracts.js";
import { type Matrix, takeRows } from "./core/matrix.js";
import { checkOptions, type OptionNames } from "./core/options.js";
import { foldIn, key as keyOf } from "./core/random.js";
import { type DirectPosterior, directDraws } from "./direct-posterior.js";
import type { LikelihoodEstimator } from "./estimators/likelihood.js";
import type { PosteriorEstimator } from "./estimators/posterior.js";
import type { NamedRatio } from "./estimators/ratio.js";
import { type PosteriorOptions, posterior } from "./posterior.js";

/** Options of `posteriors`: those of `posterior`, with one observation a row. */
export interface PosteriorsOptions extends Omit<PosteriorOptions, "observed"> {
  /** `[M, L]`, or M rows; each is an observation by itself. */
  readonly observed: readonly ArrayLike<number>[] | Matrix;
}

/**
 * One posterior for each observation.
 *
 * @returns M posteriors; of a posterior estimator they draw for themselves.
 * @throws as `posterior`.
 * @example
 * const targets = posteriors(estimator, { observed: simulations.x });
 * const draws = await sampleEach(targets, { chains: 20, draws: 50, seed: "hello" }); // draws[i]: of observation i
 */
export function posteriors(
  estimator: PosteriorEstimator,
  options: Pick<PosteriorsOptions, "observed">,
): readonly DirectPosterior[];
export function posteriors(
  estimator: NamedRatio | LikelihoodEstimator | PosteriorEstimator,
  options: PosteriorsOptions,
): readonly LogDensity[];
export function posteriors(
  estimator: NamedRatio | LikelihoodEstimator | PosteriorEstimator,
  { observed, ...options }: PosteriorsOptions,
): readonly LogDensity[] {
  const each = posterior as (from: typeof estimator, options: PosteriorOptions) => LogDensity;
  const rows =
    "data" in observed
      ? Array.from({ length: observed.rows }, (_, i) => takeRows(observed, [i]))
      : Array.from(observed, (values) => [values]);
  return rows.map((row) => each(estimator, { ...options, observed: row }));
}

/** Options of `sampleEach`: those of `sample` for every observation, and the sampler. */
export interface SampleEachOptions
  extends Pick<SampleOptions, "chains" | "warmup" | "draws" | "thin" | "seed" | "candidates">,
    LongTask {
  /** For targets that do not draw for themselves. Default `hmc`; `metropolis` where there is no gradient. */
  readonly sampler?: (target: LogDensity) => Sampler;
}

const optionNames: OptionNames<SampleEachOptions> = {
  chains: true,
  warmup: true,
  draws: true,
  thin: true,
  seed: true,
  candidates: true,
  sampler: true,
  signal: true,
  onProgress: true,
};

/**
 * Samples many posteriors: by chains, or directly where a posterior draws for itself. `summary` of each says whether to
 * trust it.
 *
 * @param targets - from `posteriors`, or any list of log densities.
 * @returns draws of each target, in order.
 * @throws as `sample`.
 */
export async function sampleEach(
  targets: readonly LogDensity[],
  options: SampleEachOptions = {},
): Promise<readonly Draws[]> {
  checkOptions("sampleEach", options, optionNames);
  const { seed = 0, sampler, onProgress, signal, ...counts } = options;
  const found: Draws[] = [];
  for (const [i, target] of targets.entries()) {
    signal?.throwIfAborted();
    const own = { ...counts, seed: seedOf(seed, i), ...(signal && { signal }) };
    if (isDirect(target)) found.push(await directDraws(target, own));
    else found.push(await sample((sampler ?? (target.gradient ? hmc : metropolis))(target), own));
    onProgress?.({ done: i + 1, total: targets.length });
  }
  return found;
}

/** Options of `modeEach`. */
export interface ModeEachOptions extends Omit<ModeOptions, "initial">, LongTask {}

/** Draws of a posterior among which the search of its mode begins, and how many of them do. */
const candidates = 1000;
const starts = 20;

/**
 * The most probable parameters (MAP) of many posteriors. A posterior that draws for itself is searched from the best of its
 * own draws, another from the best draws of the prior.
 *
 * @returns the mode of each target, in order.
 * @throws as `mode`.
 * @example
 * const modes = await modeEach(posteriors(estimator, { observed: rows }), { seed: "hello" });
 */
export async function modeEach(
  targets: readonly LogDensity[],
  { seed = 0, onProgress, ...options }: ModeEachOptions = {},
): Promise<readonly Mode[]> {
  const found: Mode[] = [];
  for (const [i, target] of targets.entries()) {
    options.signal?.throwIfAborted();
    const own = seedOf(seed, i);
    const initial = isDirect(target) ? await bestOf(target, own) : undefined;
    found.push(await mode(target, { ...options, seed: own, ...(initial && { initial }) }));
    onProgress?.({ done: i + 1, total: targets.length });
  }
  return found;
}

const seedOf = (seed: string | number, i: number) => foldIn(keyOf(seed), i).join();

const isDirect = (target: LogDensity): target is DirectPosterior => "sample" in target;

async function bestOf(target: DirectPosterior, seed: string): Promise<Matrix> {
  const draws = await target.sample(candidates, { seed });
  const logProb = await target.logProb(draws);
  const order = Array.from(logProb.keys()).sort((a, b) => logProb[b] - logProb[a] || a - b);
  return takeRows(draws, order.slice(0, starts));
}
