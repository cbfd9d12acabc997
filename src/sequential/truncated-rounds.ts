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
import { ConfigError, ShapeError, SimulatorError } from "../core/errors.js";
import { fromRows, type Matrix, row, sliceRows, stackRows, takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn, type Key, key as keyOf } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import type { PosteriorEstimator } from "../estimators/posterior.js";
import type { RatioEstimator } from "../estimators/ratio.js";
import { posterior } from "../posterior.js";
import { simulateRange } from "../simulate-range.js";
import { describeTheta, rowLength, type Simulator } from "../simulator.js";
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
  /** Simulations of this round without usable data, kept out; they count towards the budget. */
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
  /**
   * What to do with simulations that give no usable data: `"error"` stops, `"drop"` keeps them out and counts them.
   * Dropping changes the model. Default `"error"`.
   */
  readonly invalid?: "error" | "drop";
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
  invalid: true,
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
 * @throws {ConfigError} if a budget or `draws` is not a positive whole number, `left` is not in (0, 1), or the region
 *   becomes too small for rejection.
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
  const {
    observed,
    simulations: budgets,
    objective,
    seed = 0,
    invalid = "error",
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
  if (!(Number.isSafeInteger(wanted) && wanted > 0)) {
    throw new ConfigError(`truncatedRounds: draws must be a positive whole number, got ${wanted}.`);
  }
  if (invalid !== "error" && invalid !== "drop") {
    throw new ConfigError(
      `truncatedRounds: invalid must be "error" or "drop", got ${JSON.stringify(invalid)}.`,
    );
  }
  checkObserved(observed, simulator); // before any budget is spent
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
      const fresh = await simulateAll(simulator, theta, foldIn(key, "x"), invalid, signal);
      all = joined(all, fresh, simulator);
      const inside = await insideAll(regions, all.theta);
      const used: Dataset = { ...all, theta: takeRows(all.theta, inside), x: takeRows(all.x, inside) };
      const estimator = await train(objective(used), {
        ...options.train,
        card: false,
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
        const target = restrictedTo(posterior(estimator, { observed }), regions);
        const draws = await drawFrom(estimator, target, wanted, foldIn(key, "draws"), signal);
        regions.push(await highDensity(posterior(estimator, { observed }), draws, left));
      }
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  const estimator = estimators[estimators.length - 1];
  const target = restrictedTo(posterior(estimator, { observed }), regions);
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

function checkObserved(observed: ArrayLike<number>, { name, xShape }: Simulator): void {
  const xDim = rowLength(xShape);
  if (observed?.length !== xDim) {
    throw new ShapeError(
      `truncatedRounds: observed must be one row of ${xDim} numbers, as "${name}" simulates them, got ${observed?.length ?? "none"}.`,
    );
  }
  const at = Array.from(observed).findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    throw new RangeError(
      `truncatedRounds: observed holds ${observed[at]} at ${at}; expected finite numbers.`,
    );
  }
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
    if (b * n > 100 * Math.max(n, found)) {
      throw new ConfigError(
        `truncatedRounds: only ${found} of ${b * n} draws of the new posterior lie where the last one had its mass. ` +
          "Use more simulations per round.",
      );
    }
    const draws = await estimator.sample(observed, n, foldIn(key, b));
    const kept = await insideAll(regions, draws);
    found += kept.length;
    parts.push(takeRows(draws, kept));
  }
  return sliceRows(stackRows(parts), 0, n);
}

/** Usable rows, and how many were not. */
interface Simulated {
  readonly theta: Matrix;
  readonly x: Matrix;
  readonly failed: number;
}

/** Simulates rows; those without usable data are an error, or left out and counted. */
async function simulateAll(
  simulator: Simulator,
  theta: Matrix,
  key: Key,
  invalid: "error" | "drop",
  signal?: AbortSignal,
): Promise<Simulated> {
  const { x, failures } = await simulateRange(simulator, theta, key, { signal });
  if (failures.length === theta.rows || (failures.length > 0 && invalid === "error")) {
    const at = describeTheta(simulator.parameters, row(theta, failures[0].row));
    throw new SimulatorError(
      `truncatedRounds: ${failures.length} of ${theta.rows} simulations of "${simulator.name}" gave no usable data. ` +
        `The first is at ${at}: ${failures[0].reason}. Repair the simulator, or pass invalid: "drop" to keep such rows out and count them.`,
    );
  }
  const left = new Set(failures.map(({ row }) => row));
  const kept = Array.from({ length: theta.rows }, (_, i) => i).filter((i) => !left.has(i));
  return { theta: takeRows(theta, kept), x: takeRows(x, kept), failed: failures.length };
}

function joined(
  before: Dataset | undefined,
  { theta, x, failed }: Simulated,
  { parameters: names, xShape, prior, name }: Simulator,
): Dataset {
  return {
    theta: before ? stackRows([before.theta, theta]) : theta,
    x: before ? stackRows([before.x, x]) : x,
    names,
    xShape,
    prior,
    dropped: (before?.dropped ?? 0) + failed,
    source: { simulator: name, proposal: "truncated" },
  };
}
