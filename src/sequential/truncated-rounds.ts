/**
 * Sequential inference for one observation by truncated proposals: each round simulates from the prior restricted to the
 * region that holds all but a share `left` of the current posterior's mass, and trains anew on all simulations inside it.
 *
 * Inside the region every proposal so far is the prior up to a constant, so ratios and densities need no correction, and
 * simulations of earlier rounds count where they lie inside. Regions only ever shrink.
 *
 * @see Deistler, Goncalves and Macke (2022), https://arxiv.org/abs/2210.04815, algorithm 1 (TSNPE)
 * @see Miller et al. (2021), https://arxiv.org/abs/2107.01214 (truncated ratio estimation)
 * @module
 */
import { drawsMatrix } from "../../samplers/draws.js";
import { metropolis } from "../../samplers/metropolis.js";
import { sample } from "../../samplers/sample.js";
import type { LogDensity, LongTask } from "../core/contracts.js";
import { ConfigError, SimulatorError } from "../core/errors.js";
import { fromRows, type Matrix, row, sliceRows, stackRows, takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn, type Key, key as keyOf } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import type { PosteriorEstimator } from "../estimators/posterior.js";
import type { RatioEstimator } from "../estimators/ratio.js";
import { posterior } from "../posterior.js";
import { simulateRange } from "../simulate-range.js";
import { describeTheta, type Simulator } from "../simulator.js";
import type { Objective } from "../train/objective.js";
import type { TrainOptions } from "../train/options.js";
import { train } from "../train/train.js";
import { type HighDensity, highDensity, insideAll, restrictedDraws, restrictedTo } from "./region.js";

/** What a round has done. */
export interface RoundRecord {
  /** From 1. */
  readonly round: number;
  /** Simulations of this round, failures included, and those that the estimator was trained on. */
  readonly simulated: number;
  readonly trainedOn: number;
  /** Simulations without usable data: they are kept out, and count. */
  readonly failed: number;
  /** Prior mass of the region that this round drew from. */
  readonly acceptance: number;
}

/** Options of `truncatedRounds`. */
export interface TruncatedRoundsOptions<Estimator> extends LongTask<RoundRecord> {
  /** One observation, `[L]`. */
  readonly observed: ArrayLike<number>;
  /** Simulations of each round; their sum is the budget. */
  readonly simulations: readonly number[];
  /** What to train on the simulations of a round. */
  readonly objective: (simulations: Dataset) => Objective<Estimator>;
  /**
   * How to train. There is no report card: averages over data say little about one observation, `localC2st` says more.
   */
  readonly train?: Omit<TrainOptions, "seed" | "card" | "signal" | "onProgress" | "checkpoint">;
  /** Default 0. */
  readonly seed?: string | number;
  /** Share of the current posterior's mass left outside the region. Default 1e-4. */
  readonly left?: number;
  /** Posterior draws that the threshold is taken from. Default 10,000. */
  readonly draws?: number;
}

const optionNames: OptionNames<TruncatedRoundsOptions<unknown>> = {
  observed: true,
  simulations: true,
  objective: true,
  train: true,
  seed: true,
  left: true,
  draws: true,
  signal: true,
  onProgress: true,
};

/** The outcome; owns the estimators of all rounds, whose densities bound the region. */
export interface TruncatedRounds<Estimator> extends AsyncDisposable {
  /** Of the last round. It knows the neighbourhood of the observation only. */
  readonly estimator: Estimator;
  /** The posterior at the observation, `-Infinity` outside the region. */
  readonly target: LogDensity<false>;
  /** `n` draws from it, `[n, D]`. Same seed, same bytes. */
  sample(
    n: number,
    options?: { readonly seed?: string | number; readonly signal?: AbortSignal },
  ): Promise<Matrix>;
  readonly rounds: readonly RoundRecord[];
  /** All simulations, of all rounds. */
  readonly simulations: Dataset;
  dispose(): Promise<void>;
}

/** Chains of the sampler behind a ratio. */
const chains = 100;

/**
 * Infers the parameters behind one observation in rounds.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if a budget is not a positive whole number, `left` is not in (0, 1), or the region becomes too
 *   small for rejection.
 * @throws {SimulatorError} if no simulation of a round gave usable data.
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
  const {
    observed,
    simulations: budgets,
    objective,
    seed = 0,
    left = 1e-4,
    draws: wanted = 10_000,
  } = options;
  const { signal, onProgress } = options;
  const bad = budgets.find((budget) => !(Number.isSafeInteger(budget) && budget > 0));
  if (budgets.length === 0 || bad !== undefined) {
    throw new ConfigError(
      `truncatedRounds: simulations must hold a positive whole number for each round, got ${bad ?? "no round"}.`,
    );
  }
  if (!(left > 0 && left < 1)) throw new ConfigError(`truncatedRounds: left must be in (0, 1), got ${left}.`);
  const root = keyOf(seed);
  const { prior } = simulator;
  const regions: HighDensity[] = [];
  const rounds: RoundRecord[] = [];
  const estimators: Estimator[] = [];
  let all: Dataset | undefined;
  const dispose = async () => {
    for (const estimator of estimators) await estimator.dispose();
  };

  /** Draws from the current posterior, restricted to the regions so far. */
  const drawFrom = async (
    estimator: Estimator,
    target: LogDensity<false>,
    n: number,
    key: Key,
    signal?: AbortSignal,
  ): Promise<Matrix> => {
    if (estimator.kind === "posterior")
      return insideOf(estimator, fromRows([observed]), regions, n, key, signal);
    const perChain = Math.ceil(n / chains);
    const made = await sample(metropolis(target), {
      chains,
      warmup: 100,
      draws: perChain,
      thin: 5,
      seed: key.join(),
      signal,
    });
    return sliceRows(drawsMatrix(made), 0, n);
  };

  try {
    for (const [r, budget] of budgets.entries()) {
      signal?.throwIfAborted();
      const key = foldIn(foldIn(root, "round"), r);
      const { theta, acceptance } = await restrictedDraws(prior, regions, budget, foldIn(key, "theta"), {
        signal,
      });
      const fresh = await simulateAll(simulator, theta, foldIn(key, "x"), signal);
      all = joined(all, fresh.usable, simulator);
      const inside = await insideAll(regions, all.theta);
      const used: Dataset = { ...all, theta: takeRows(all.theta, inside), x: takeRows(all.x, inside) };
      const estimator = await train(objective(used), {
        ...options.train,
        seed: `${seed} round ${r + 1}`,
        signal,
      });
      estimators.push(estimator);
      const record = {
        round: r + 1,
        simulated: budget,
        trainedOn: used.theta.rows,
        failed: fresh.failed,
        acceptance,
      };
      rounds.push(record);
      onProgress?.(record);
      if (r + 1 < budgets.length) {
        const target = restrictedTo(targetOf(estimator, observed), regions);
        const draws = await drawFrom(estimator, target, wanted, foldIn(key, "draws"), signal);
        regions.push(await highDensity(targetOf(estimator, observed), draws, left));
      }
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  const estimator = estimators[estimators.length - 1];
  const target = restrictedTo(targetOf(estimator, observed), regions);
  return {
    estimator,
    target,
    rounds,
    simulations: all as Dataset, // there is at least one round
    sample: (n, { seed: own = 0, signal: abort } = {}) =>
      drawFrom(estimator, target, n, foldIn(keyOf(own), "truncated"), abort),
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

function targetOf(estimator: RatioEstimator | PosteriorEstimator, observed: ArrayLike<number>): LogDensity {
  return estimator.kind === "posterior"
    ? posterior(estimator, { observed })
    : posterior(estimator, { observed });
}

/** Direct draws that lie in all regions. */
async function insideOf(
  estimator: PosteriorEstimator,
  observed: Matrix,
  regions: readonly HighDensity[],
  n: number,
  key: Key,
  signal?: AbortSignal,
): Promise<Matrix> {
  const parts: Matrix[] = [];
  let found = 0;
  for (let b = 0; found < n; b++) {
    signal?.throwIfAborted();
    if (b >= 100 && found === 0) {
      throw new ConfigError(
        "truncatedRounds: the new posterior has no mass where the last one had it. Use more simulations per round.",
      );
    }
    const draws = await estimator.sample(observed, n, foldIn(key, b));
    const kept = await insideAll(regions, draws);
    found += kept.length;
    parts.push(takeRows(draws, kept));
  }
  return sliceRows(stackRows(parts), 0, n);
}

/** Simulates rows; those without usable data are left out and counted. */
async function simulateAll(
  simulator: Simulator,
  theta: Matrix,
  key: Key,
  signal?: AbortSignal,
): Promise<{ readonly usable: { theta: Matrix; x: Matrix }; readonly failed: number }> {
  const { x, failures } = await simulateRange(simulator, theta, key, { signal });
  if (failures.length === theta.rows) {
    const at = describeTheta(simulator.parameters, row(theta, failures[0].row));
    throw new SimulatorError(
      `truncatedRounds: none of ${theta.rows} simulations of "${simulator.name}" gave usable data. The first is at ${at}: ${failures[0].reason}.`,
    );
  }
  const left = new Set(failures.map(({ row }) => row));
  const kept = Array.from({ length: theta.rows }, (_, i) => i).filter((i) => !left.has(i));
  return { usable: { theta: takeRows(theta, kept), x: takeRows(x, kept) }, failed: failures.length };
}

function joined(
  before: Dataset | undefined,
  { theta, x }: { readonly theta: Matrix; readonly x: Matrix },
  { parameters: names, xShape, prior, name }: Simulator,
): Dataset {
  return {
    theta: before ? stackRows([before.theta, theta]) : theta,
    x: before ? stackRows([before.x, x]) : x,
    names,
    xShape,
    prior,
    dropped: 0,
    source: { simulator: name, proposal: "truncated" },
  };
}
