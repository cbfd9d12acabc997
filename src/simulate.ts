/**
 * Draws parameters from the prior and data from the simulator: `theta_i ~ p(theta)`, `x_i ~ p(x | theta_i)`.
 *
 * `theta` uses the key `foldIn(root, "theta")`; simulation `i` uses `foldIn(foldIn(root, "simulation"), i)`.
 * So the bytes do not depend on chunks, shards or workers, and a longer run begins with a shorter one.
 *
 * @module
 */
import type { LongTask } from "./core/contracts.js";
import { ConfigError, SimulatorError } from "./core/errors.js";
import { type Matrix, matrix, row, sliceRows, takeRows } from "./core/matrix.js";
import { checkOptions, type OptionNames } from "./core/options.js";
import { foldIn, key } from "./core/random.js";
import type { Dataset } from "./dataset/dataset.js";
import type { FolderWriter, Shard } from "./dataset/folder.js";
import type { StoredDataset } from "./dataset/stored.js";
import type { Executor } from "./executor/executor.js";
import { simulateRange } from "./simulate-range.js";
import {
  type ShardPlan,
  shardRange,
  simulateShardsElsewhere,
  simulateShardsHere,
  thetaRows,
} from "./simulate-shards.js";
import { describeTheta, rowLength, type Simulator } from "./simulator.js";
import { isSimulatorModule, loadSimulator, type SimulatorModule } from "./simulator-module.js";

/** Options of `simulate`. */
export interface SimulateOptions extends LongTask {
  /** Number of simulations, `>= 1`. */
  readonly n: number;
  readonly seed: string | number;
  /** Worker threads; above 1 the simulator must be given by `simulatorModule`. Default 1: this thread. */
  readonly workers?: number;
  /** Where to run instead of own threads; the simulator must be given by `simulatorModule`. */
  readonly executor?: Executor;
  /**
   * Folder for Arrow shards and their manifest. A run that was stopped goes on there when it is started again
   * with the same arguments; missing and damaged shards are simulated anew. Default: memory only.
   */
  readonly out?: string;
  /**
   * Rows per shard. Default: at most 10,000, and with `out` at most a twentieth of `n`; from ten million rows on a
   * thousandth of `n`.
   */
  readonly shardSize?: number;
  /**
   * What to do with rows that are not finite: `"error"` stops at the first shard that has some and shows
   * them, `"drop"` keeps them out and counts them in `Dataset.dropped`. Default `"error"`. Dropping changes
   * the model: the data are then draws of `p(x | theta, usable)`.
   */
  readonly invalid?: "error" | "drop";
}

const optionNames: OptionNames<SimulateOptions> = {
  n: true,
  seed: true,
  workers: true,
  executor: true,
  out: true,
  shardSize: true,
  invalid: true,
  signal: true,
  onProgress: true,
};

/** Options of `simulateToFolder`. */
export interface SimulateToFolderOptions extends SimulateOptions {
  readonly out: string;
}

/**
 * Simulates `n` pairs `(theta_i, x_i)`.
 *
 * @throws {RangeError} if `n`, `workers` or `shardSize` is not a positive integer.
 * @throws {SimulatorError} if the simulator throws, returns rows of the wrong length or (by default) rows
 *   that are not finite; the message shows the parameters.
 * @throws {ConfigError} if `out` holds simulations made with other arguments, or cannot be written.
 * @example
 * const simulations = await simulate(simulator, { n: 10_000, seed: "hello" });
 */
export async function simulate(
  simulator: Simulator | SimulatorModule,
  options: SimulateOptions,
): Promise<Dataset> {
  const run = await prepare("simulate", simulator, options);
  const { n, shardSize, local, source } = run;
  const { prior, parameters: names, xShape } = local;
  const theta = prior.sample(n, run.thetaKey);
  const x = matrix(n, rowLength(xShape));
  const bad: number[] = [];
  await simulateRows(run, (from, to) => sliceRows(theta, from, to), {
    async keep(index, shard) {
      x.data.set(shard.x.data, index * shardSize * x.cols);
      for (const failure of shard.failures) bad.push(index * shardSize + failure.row);
    },
  });
  const known = { names, xShape, prior, dropped: bad.length, source: { ...source, n } };
  if (bad.length === 0) return { theta, x, ...known };
  const left = new Set(bad);
  const kept = Array.from({ length: n }, (_, i) => i).filter((i) => !left.has(i));
  return { theta: takeRows(theta, kept), x: takeRows(x, kept), ...known };
}

/**
 * Simulates `n` pairs `(theta_i, x_i)` into a folder, without holding more than a few shards in memory: the
 * same files as `simulate` writes, for datasets larger than memory.
 *
 * @returns the folder, open: `train` reads it in windows.
 * @throws as `simulate`.
 * @example
 * const simulations = await simulateToFolder(simulator, { n: 10_000_000, seed: "hello", out: "simulations" });
 * const estimator = await train(aalr(simulations), { seed: "hello" });
 */
export async function simulateToFolder(
  simulator: Simulator | SimulatorModule,
  options: SimulateToFolderOptions,
): Promise<StoredDataset> {
  if (typeof options.out !== "string") {
    throw new TypeError(`simulateToFolder: out must be a folder, got ${String(options.out)}.`);
  }
  const run = await prepare("simulateToFolder", simulator, options);
  const { n, local, thetaKey } = run;
  await simulateRows(run, thetaRows(local.prior, n, thetaKey), {});
  const { openDataset } = await import("./dataset/stored.js");
  return openDataset(options.out, { prior: local.prior, invalid: options.invalid ?? "error" });
}

/** What was asked for, checked and with its defaults. */
interface Run {
  readonly caller: string;
  readonly options: SimulateOptions;
  readonly n: number;
  readonly shardSize: number;
  readonly invalid: "error" | "drop";
  readonly local: Simulator;
  /** Where the rows are simulated if not here. */
  readonly module?: SimulatorModule;
  readonly thetaKey: ReturnType<typeof key>;
  readonly simulationKey: ReturnType<typeof key>;
  readonly source: Readonly<Record<string, unknown>>;
}

async function prepare(
  caller: string,
  simulator: Simulator | SimulatorModule,
  options: SimulateOptions,
): Promise<Run> {
  checkOptions(caller, options, optionNames);
  const { n, seed, workers = 1, out, invalid = "error", signal } = options;
  const inFolder = Math.max(Math.min(10_000, Math.ceil(n / 20)), Math.ceil(n / 1000));
  const shardSize = options.shardSize ?? (out === undefined ? Math.min(10_000, n) : inFolder);
  for (const [name, value] of Object.entries({ n, workers, shardSize })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`${caller}: ${name} must be a positive integer, got ${value}.`);
    }
  }
  if (invalid !== "error" && invalid !== "drop") {
    throw new RangeError(`${caller}: invalid must be "error" or "drop", got ${JSON.stringify(invalid)}.`);
  }
  const here = workers === 1 && !options.executor;
  if (!here && !isSimulatorModule(simulator)) {
    throw new ConfigError(
      `${caller}: ${options.executor ? "an executor" : `workers: ${workers}`} needs a simulator that other threads ` +
        `can import, but a function cannot travel to them. Export it from a module and pass ` +
        `simulatorModule(new URL("./my-simulator.js", import.meta.url), "simulator") instead.`,
    );
  }
  signal?.throwIfAborted();

  const local = isSimulatorModule(simulator) ? await loadSimulator(simulator) : simulator;
  if (typeof local?.simulate !== "function") {
    throw new TypeError(
      `${caller}: expected a simulator as defineSimulator, commandSimulator or simulatorModule make it, got ${typeof local}.`,
    );
  }
  const root = key(seed);
  return {
    caller,
    options,
    n,
    shardSize,
    invalid,
    local,
    ...(!here && { module: simulator as SimulatorModule }), // checked above
    thetaKey: foldIn(root, "theta"),
    simulationKey: foldIn(root, "simulation"),
    source: { simulator: local.name, seed },
  };
}

/** Simulates the rows that the folder does not hold yet; `keep` gets all of them. */
async function simulateRows(
  run: Run,
  theta: ShardPlan["theta"],
  { keep }: { readonly keep?: (index: number, shard: Shard) => Promise<void> },
): Promise<void> {
  const { caller, options, n, shardSize, invalid, local, module, source } = run;
  const { out, workers = 1, signal, onProgress } = options;
  const plan: ShardPlan = { n, shardSize, theta, simulation: run.simulationKey };
  let folder: FolderWriter | undefined;
  if (out !== undefined) {
    const { openFolder } = await import("./dataset/folder.js"); // brings Arrow
    const { parameters: names, xShape, prior } = local;
    const identity = { source, names, xShape, prior: prior.spec, n, shardSize };
    folder = await openFolder(out, identity, { caller, invalid });
    await checkFinished(run, plan, folder);
  }

  /** Shards that are done, and what is wrong with them. */
  const settled = new Map<number, string | undefined>();
  let failed = 0;
  let checked = 0;
  const settle = async (index: number, shard: Shard) => {
    await keep?.(index, shard);
    failed += shard.failures.length;
    const trouble = shard.failures.length > 0 ? describeFailures(run, shard, index * shardSize) : undefined;
    settled.set(index, trouble);
    // The earliest shard with unusable rows is refused, so that the message does not depend on the workers.
    for (; invalid === "error" && settled.has(checked); checked++) {
      const message = settled.get(checked);
      if (message !== undefined) throw new SimulatorError(message);
    }
  };

  let done = 0;
  const count = Math.ceil(n / shardSize);
  const missing: number[] = [];
  try {
    for (let index = 0; index < count; index++) {
      const entry = folder?.finished.get(index);
      if (!entry) {
        missing.push(index);
        continue;
      }
      done += entry.rows;
      if (keep || entry.failures > 0) await settle(index, await folder!.read(index));
      else settled.set(index, undefined);
    }
    const events = {
      signal,
      onRows: (rows: number) => onProgress?.({ done: (done += rows), total: n }),
      async onShard(index: number, shard: Shard) {
        await folder?.write(index, shard);
        await settle(index, shard);
      },
    };
    if (!module) {
      await simulateShardsHere(local, plan, missing, events);
    } else if (missing.length > 0) {
      await using own = options.executor ? undefined : await ownThreads(workers);
      await simulateShardsElsewhere(options.executor ?? own!, module, plan, missing, events);
    }
  } finally {
    await folder?.close();
  }
  if (failed === n) throw new SimulatorError(settled.get(0));
}

/** How many rows gave no usable data, which first, at which parameters, what to do. */
function describeFailures({ caller, local }: Run, { theta, failures }: Shard, firstRow: number): string {
  const { row: first, reason } = failures[0];
  return (
    `${caller}: ${failures.length} of the ${theta.rows} simulations from row ${firstRow} on of ` +
    `"${local.name}" gave no usable data. The first is row ${firstRow + first} ` +
    `(${describeTheta(local.parameters, row(theta, first))}): ${reason}. ` +
    `Repair the simulator or narrow the prior, or pass invalid: "drop" to keep such rows out and count them.`
  );
}

async function ownThreads(workers: number): Promise<Executor> {
  const { threads } = await import("./executor/threads.js");
  return threads({ workers });
}

/** Refuses a folder that another version of the prior or the simulator wrote, by redoing its first row. */
async function checkFinished(
  { caller, local, options }: Run,
  plan: ShardPlan,
  folder: FolderWriter,
): Promise<void> {
  const [index] = folder.finished.keys();
  if (index === undefined) return;
  const shard = await folder.read(index);
  const [first] = shardRange(plan, index);
  const drawn: Matrix = plan.theta(first, first + 1);
  const theta = matrix(1, drawn.cols, drawn.data.slice());
  const { x } = await simulateRange(local, theta, plan.simulation, { firstRow: first });
  const same = (a: Float64Array, b: Float64Array) => a.every((value, j) => Object.is(value, b[j]));
  if (same(theta.data, row(shard.theta, 0)) && same(x.data, row(shard.x, 0))) return;
  throw new ConfigError(
    `${caller}: row ${first} of ${options.out} comes out different now: the prior or the simulator was changed, ` +
      `or the simulator draws random numbers that do not come from its rng. Use another folder.`,
  );
}
