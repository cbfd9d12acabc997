/**
 * What all inference in rounds shares: for one observation, each round simulates from a proposal that the estimators so far
 * give, and trains anew on what is there. What a proposal is and what is trained on is the method's own.
 *
 * @module
 */
import { drawsMatrix } from "../../samplers/draws.js";
import { metropolis } from "../../samplers/metropolis.js";
import { sample } from "../../samplers/sample.js";
import type { LogDensity, LongTask } from "../core/contracts.js";
import { ConfigError, ShapeError, SimulatorError } from "../core/errors.js";
import { type Matrix, row, sliceRows, stackRows, takeRows } from "../core/matrix.js";
import { foldIn, type Key, key as keyOf } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import { openEngine } from "../engine/open.js";
import type { LikelihoodEstimator } from "../estimators/likelihood.js";
import type { PosteriorEstimator } from "../estimators/posterior.js";
import type { RatioEstimator } from "../estimators/ratio.js";
import { type SimulatedRows, simulateRange } from "../simulate-range.js";
import { describeTheta, rowLength, type Simulator } from "../simulator.js";
import type { Objective } from "../train/objective.js";
import type { TrainOptions } from "../train/options.js";
import { train } from "../train/train.js";

/** What a round has done. */
export interface RoundRecord {
  /** From 1. */
  readonly round: number;
  /** Simulations of this round, failures included, and those that the estimator was trained on. */
  readonly simulated: number;
  readonly trainedOn: number;
  /** Simulations of this round without usable data, kept out; they count towards the budget. */
  readonly failed: number;
  /**
   * Share of the draws of this round's proposal that could be simulated: for truncated rounds the prior mass of the region,
   * for SNPE-A the mass of its normal proposal inside the prior; else 1, or next to it.
   */
  readonly acceptance: number;
  /**
   * Truncated rounds: what was drawn from to find parameters inside the region, and how many draws each took. Either gives
   * independent draws from the prior inside it.
   */
  readonly proposal?: "prior" | "posterior";
  readonly tries?: number;
  /** SNPE-B: rows of equal weight that would be as good as those trained on, `(sum w)^2 / sum w^2`. */
  readonly effectiveRows?: number;
  /** SNPE-A: components that were left out because they are no distributions once the proposal is divided out. */
  readonly improper?: number;
}

/** Options that all inference in rounds takes. */
export interface RoundsOptions extends LongTask<RoundRecord> {
  /** One observation, `[L]`. */
  readonly observed: ArrayLike<number>;
  /** Simulations of each round; their sum is the budget. */
  readonly simulations: readonly number[];
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
  /**
   * Folder that holds the simulations and the networks of each round. A run that was stopped goes on from it, bit for bit,
   * even in the middle of a training. Default none.
   */
  readonly folder?: string;
}

/** The names of those options. */
export const roundsOptionNames = {
  observed: true,
  simulations: true,
  train: true,
  seed: true,
  invalid: true,
  folder: true,
  signal: true,
  onProgress: true,
} as const;

/** What rounds may train. */
export type RoundsEstimator = RatioEstimator | PosteriorEstimator | LikelihoodEstimator;

/** Draws from a proposal. */
export interface Proposed extends Pick<RoundRecord, "proposal" | "tries"> {
  /** `[n, D]`. */
  readonly theta: Matrix;
  /** Share of all draws that these are. */
  readonly acceptance: number;
}

/** What is trained in a round. */
export interface RoundTraining<Estimator> extends Pick<RoundRecord, "effectiveRows"> {
  readonly objective: Objective<Estimator>;
  readonly trainedOn: number;
}

/** How a method goes about its rounds, which are counted from 0 here; it keeps what it learns. */
export interface RoundsMethod<Estimator> {
  /** Its options as plain JSON: part of what an interrupted run must match. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Parameters to simulate. */
  propose(round: number, n: number, key: Key): Promise<Proposed>;
  /** What to train on all usable simulations; those of round `r` end before row `ends[r]`. */
  training(round: number, all: Dataset, ends: readonly number[]): Promise<RoundTraining<Estimator>>;
  /** Takes in what a round has trained. */
  learned(round: number, estimator: Estimator, key: Key): Promise<Pick<RoundRecord, "improper">>;
}

/** The outcome; owns the estimators of all rounds. */
export interface RoundsResult<Estimator> extends AsyncDisposable {
  /** Of the last round. It knows the neighbourhood of the observation only. */
  readonly estimator: Estimator;
  /** The posterior at the observation. */
  readonly target: LogDensity;
  /** `n` draws from it, `[n, D]`. Same seed, same bytes. */
  sample(
    n: number,
    options?: { readonly seed?: string | number; readonly signal?: AbortSignal },
  ): Promise<Matrix>;
  readonly rounds: readonly RoundRecord[];
  /** All simulations, of all rounds, in their order. */
  readonly simulations: Dataset;
  dispose(): Promise<void>;
}

/** What the rounds have left. */
export interface RoundsOutcome<Estimator> {
  /** Of each round. */
  readonly estimators: readonly Estimator[];
  readonly rounds: readonly RoundRecord[];
  readonly simulations: Dataset;
  dispose(): Promise<void>;
}

/**
 * Checks what all rounds share, before any of the budget is spent.
 *
 * @throws {ConfigError} if a budget is not a positive whole number, or `invalid` is neither of its values.
 * @throws {ShapeError} if `observed` does not have the shape of the simulator's data; {RangeError} if it is not finite.
 */
export function checkRounds(caller: string, simulator: Simulator, options: RoundsOptions): void {
  const { simulations: budgets, invalid = "error", observed } = options;
  const bad = budgets?.find((budget) => !(Number.isSafeInteger(budget) && budget > 0));
  if (!budgets?.length || bad !== undefined) {
    throw new ConfigError(
      `${caller}: simulations must hold a positive whole number for each round, got ${bad ?? "no round"}.`,
    );
  }
  if (invalid !== "error" && invalid !== "drop") {
    throw new ConfigError(`${caller}: invalid must be "error" or "drop", got ${JSON.stringify(invalid)}.`);
  }
  const xDim = rowLength(simulator.xShape);
  if (observed?.length !== xDim) {
    throw new ShapeError(
      `${caller}: observed must be one row of ${xDim} numbers, as "${simulator.name}" simulates them, got ${observed?.length ?? "none"}.`,
    );
  }
  const at = Array.from(observed).findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    throw new RangeError(`${caller}: observed holds ${observed[at]} at ${at}; expected finite numbers.`);
  }
}

/** Goes through the rounds; what it has made is disposed of where it fails. */
export async function runRounds<Estimator extends RoundsEstimator>(
  caller: string,
  simulator: Simulator,
  options: RoundsOptions,
  method: RoundsMethod<Estimator>,
): Promise<RoundsOutcome<Estimator>> {
  const { simulations: budgets, seed = 0, invalid = "error", folder, signal, onProgress } = options;
  const root = keyOf(seed);
  const wanted = options.train?.engine;
  const engine = typeof wanted === "object" ? wanted : await openEngine(wanted ?? "auto");
  const store =
    folder === undefined
      ? undefined
      : await (await import("./rounds-folder.js")).openRoundsFolder(caller, folder, simulator, {
          method: method.options,
          observed: Array.from(options.observed),
          simulations: budgets,
          seed: String(seed),
          invalid,
          train: { ...options.train, engine: engine.version },
        });
  const estimators: Estimator[] = [];
  const rounds: RoundRecord[] = [];
  const ends: number[] = [];
  let all: Dataset | undefined;
  const dispose = async () => {
    for (const estimator of estimators) await estimator.dispose();
  };

  try {
    for (const [r, budget] of budgets.entries()) {
      signal?.throwIfAborted();
      const key = foldIn(foldIn(root, "round"), r);
      let simulated = await store?.simulations(r);
      if (!simulated) {
        const proposed = await method.propose(r, budget, foldIn(key, "theta"));
        const rows = await simulateRange(simulator, proposed.theta, foldIn(key, "x"), { signal });
        simulated = { ...proposed, ...rows };
        await store?.keepSimulations(r, simulated);
      }
      const fresh = usable(caller, simulator, simulated, invalid);
      all = joined(all, fresh, simulator);
      ends.push(all.theta.rows);
      const { objective, ...trained } = await method.training(r, all, ends);
      let estimator = await store?.estimator(r, objective, engine);
      if (!estimator) {
        estimator = await train(objective, {
          ...options.train,
          engine,
          card: false,
          seed: `${seed} round ${r + 1}`,
          ...(store && { checkpoint: store.checkpoint(r) }),
          signal,
        });
        estimators.push(estimator);
        await store?.keepEstimator(r, objective, estimator);
      } else estimators.push(estimator);
      const learned = await method.learned(r, estimator, foldIn(key, "draws"));
      const record: RoundRecord = {
        round: r + 1,
        simulated: budget,
        failed: fresh.failed,
        acceptance: simulated.acceptance,
        ...(simulated.proposal && { proposal: simulated.proposal, tries: simulated.tries }),
        ...trained,
        ...learned,
      };
      rounds.push(record);
      onProgress?.(record);
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return { estimators, rounds, simulations: all as Dataset, dispose }; // there is at least one round
}

/** Usable rows, and how many were not. */
interface Simulated {
  readonly theta: Matrix;
  readonly x: Matrix;
  readonly failed: number;
}

/** Rows without usable data are an error, or left out and counted. */
function usable(
  caller: string,
  simulator: Simulator,
  { theta, x, failures }: SimulatedRows & { readonly theta: Matrix },
  invalid: "error" | "drop",
): Simulated {
  if (failures.length === theta.rows || (failures.length > 0 && invalid === "error")) {
    const at = describeTheta(simulator.parameters, row(theta, failures[0].row));
    throw new SimulatorError(
      `${caller}: ${failures.length} of ${theta.rows} simulations of "${simulator.name}" gave no usable data. ` +
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
    source: { simulator: name, proposal: "rounds" },
  };
}

/** Chains of the sampler behind a ratio or a likelihood. */
const chains = 100;

/** Draws from a density by many chains. */
export async function chainDraws(
  target: LogDensity,
  n: number,
  key: Key,
  signal?: AbortSignal,
): Promise<Matrix> {
  const made = await sample(metropolis(target), {
    chains,
    warmup: 100,
    draws: Math.ceil(n / chains),
    thin: 5,
    seed: key.join(),
    signal,
  });
  return sliceRows(drawsMatrix(made), 0, n);
}

/**
 * Draws until `n` of them are where they should be.
 *
 * @param options.draw - independent draws.
 * @param options.keep - which rows to keep.
 * @throws {ConfigError} with the `remedy` if fewer than one in `mostTries` is kept.
 */
export async function keptDraws(
  caller: string,
  n: number,
  key: Key,
  options: {
    readonly draw: (n: number, key: Key) => Promise<Matrix> | Matrix;
    readonly keep: (theta: Matrix) => Promise<readonly number[]> | readonly number[];
    readonly mostTries: number;
    readonly remedy: string;
    readonly signal?: AbortSignal;
  },
): Promise<Proposed> {
  const { draw, keep, mostTries, remedy, signal } = options;
  const parts: Matrix[] = [];
  let found = 0;
  let tried = 0;
  for (let b = 0; found < n; b++) {
    signal?.throwIfAborted();
    if (tried > mostTries * Math.max(n, found)) {
      throw new ConfigError(`${caller}: only ${found} of ${tried} draws ${remedy}`);
    }
    const draws = await draw(n, foldIn(key, b));
    const kept = await keep(draws);
    tried += draws.rows;
    found += kept.length;
    parts.push(takeRows(draws, kept));
  }
  return { theta: sliceRows(stackRows(parts), 0, n), acceptance: found / tried };
}
