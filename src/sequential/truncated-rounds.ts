/**
 * Sequential inference for one observation by truncated proposals: each round simulates from the prior restricted to the
 * region that holds all but a share `left` of the current posterior's mass, and trains anew on all simulations inside it.
 *
 * Inside the region every proposal so far is the prior up to a constant, so ratios and densities need no correction, and
 * simulations of earlier rounds count where they lie inside. Regions only ever shrink. Where one holds too little of the
 * prior for rejection, its draws come from the posterior that bounds it, as `proposal` of the round says; for a ratio
 * there is no such posterior, and the run stops.
 *
 * @see Deistler, Goncalves and Macke (2022), https://arxiv.org/abs/2210.04815, algorithm 1 (TSNPE)
 * @see Miller et al. (2021), https://arxiv.org/abs/2107.01214 (truncated ratio estimation)
 * @module
 */
import type { LogDensity } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { fromRows, type Matrix, takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn, type Key, key as keyOf } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import type { PosteriorEstimator } from "../estimators/posterior.js";
import type { RatioEstimator } from "../estimators/ratio.js";
import { posterior } from "../posterior.js";
import type { Simulator } from "../simulator.js";
import type { Objective } from "../train/objective.js";
import {
  type HighDensity,
  highDensity,
  insideAll,
  regionScale,
  restrictedDraws,
  restrictedTo,
  type WideDraw,
} from "./region.js";
import {
  chainDraws,
  checkRounds,
  keptDraws,
  type RoundsOptions,
  type RoundsResult,
  roundsOptionNames,
  runRounds,
} from "./rounds.js";

/** Options of `truncatedRounds`. */
export interface TruncatedRoundsOptions<Estimator> extends RoundsOptions {
  /** What to train on the simulations of a round. */
  readonly objective: (simulations: Dataset) => Objective<Estimator>;
  /** Share of the current posterior's mass left outside the region. Default 1e-4. */
  readonly left?: number;
  /** Posterior draws that the threshold is taken from. Default 10,000. */
  readonly draws?: number;
}

const optionNames: OptionNames<TruncatedRoundsOptions<unknown>> = {
  ...roundsOptionNames,
  objective: true,
  left: true,
  draws: true,
};

/** The outcome; owns the estimators of all rounds, whose densities bound the region. */
export interface TruncatedRounds<Estimator> extends RoundsResult<Estimator> {
  /** The posterior at the observation, `-Infinity` outside the region. */
  readonly target: LogDensity<false>;
}

/**
 * Infers the parameters behind one observation in rounds.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if a budget or `draws` is not a positive whole number, `left` is not in (0, 1), the region
 *   becomes too small to draw from, or `folder` holds rounds made otherwise.
 * @throws {ShapeError} if `observed` does not have the shape of the simulator's data; {RangeError} if it is not finite.
 * @throws {SimulatorError} if a simulation gives no usable data, or with `invalid: "drop"` if none does.
 * @example
 * const { target, rounds } = await truncatedRounds(simulator, {
 *   observed, simulations: [2000, 2000, 2000], objective: (simulations) => aalr(simulations), seed: "hello",
 * });
 */
export async function truncatedRounds<Estimator extends RatioEstimator | PosteriorEstimator>(
  simulator: Simulator,
  options: TruncatedRoundsOptions<Estimator>,
): Promise<TruncatedRounds<Estimator>> {
  checkOptions("truncatedRounds", options, optionNames);
  const { observed, objective, left = 1e-4, draws: wanted = 10_000, signal } = options;
  checkRounds("truncatedRounds", simulator, options);
  if (!(left > 0 && left < 1)) throw new ConfigError(`truncatedRounds: left must be in (0, 1), got ${left}.`);
  if (!(Number.isSafeInteger(wanted) && wanted > 0)) {
    throw new ConfigError(`truncatedRounds: draws must be a positive whole number, got ${wanted}.`);
  }
  const regions: HighDensity[] = [];

  /** Draws from the current posterior, restricted to the regions so far. */
  const drawFrom = async (
    estimator: Estimator,
    target: LogDensity<false>,
    n: number,
    key: Key,
    signal?: AbortSignal,
  ): Promise<Matrix> => {
    if (estimator.kind === "ratio") return chainDraws(target, n, key, signal);
    const { theta } = await keptDraws("truncatedRounds", n, key, {
      draw: (count, own) => estimator.sample(fromRows([observed]), count, own),
      keep: (theta) => insideAll(regions, theta),
      mostTries: 100,
      remedy: "of the new posterior lie where the last one had its mass. Use more simulations per round.",
      signal,
    });
    return theta;
  };

  const { estimators, rounds, simulations, dispose } = await runRounds<Estimator>(
    "truncatedRounds",
    simulator,
    options,
    {
      options: { left, draws: wanted },
      propose: (_, n, key) => restrictedDraws(simulator.prior, regions, n, key, { signal }),
      async training(_, all) {
        const inside = await insideAll(regions, all.theta);
        const used: Dataset = { ...all, theta: takeRows(all.theta, inside), x: takeRows(all.x, inside) };
        return { objective: objective(used), trainedOn: inside.length };
      },
      async learned(r, estimator, key) {
        if (r + 1 < options.simulations.length) {
          const target = restrictedTo(posterior(estimator, { observed }), regions);
          const draws = await drawFrom(estimator, target, wanted, key, signal);
          const draw: WideDraw | undefined =
            estimator.kind === "posterior"
              ? (n, key) => estimator.sampleWide(observed, n, key, regionScale(simulator.prior.dim, left))
              : undefined;
          regions.push(await highDensity(posterior(estimator, { observed }), draws, left, draw));
        }
        return {};
      },
    },
  );
  const estimator = estimators[estimators.length - 1];
  const target = restrictedTo(posterior(estimator, { observed }), regions);
  return {
    estimator,
    target,
    rounds,
    simulations,
    sample: (n, { seed: own = 0, signal: abort } = {}) =>
      drawFrom(estimator, target, n, foldIn(keyOf(own), "truncated"), abort),
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}
