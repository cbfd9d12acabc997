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
import { type Matrix, matrix, row, sliceRows, stackRows, takeRows } from "./core/matrix.js";
import { foldIn, type Key, key } from "./core/random.js";
import type { Dataset } from "./dataset/dataset.js";
import type { FolderWriter, Shard } from "./dataset/folder.js";
import { type Executor, type Job, runAll } from "./executor/executor.js";
import { type RowsInput, type SimulatedRows, simulateRange } from "./simulate-range.js";
import { describeTheta, type RowFailure, rowLength, type Simulator } from "./simulator.js";
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
  /** Rows per shard. Default: at most 10,000, and with `out` at most a twentieth of `n`. */
  readonly shardSize?: number;
  /**
   * What to do with rows that are not finite: `"error"` stops at the first shard that has some and shows
   * them, `"drop"` keeps them out and counts them in `Dataset.dropped`. Default `"error"`. Dropping changes
   * the model: the data are then draws of `p(x | theta, usable)`.
   */
  readonly invalid?: "error" | "drop";
}

/**
 * Simulates `n` pairs `(theta_i, x_i)`.
 *
 * @throws {RangeError} if `n`, `workers` or `shardSize` is not a positive integer.
 * @throws {SimulatorError} if the simulator throws, returns rows of the wrong length or (by default) rows
 *   that are not finite; the message shows the parameters.
 * @throws {ConfigError} if `out` holds simulations made with other arguments.
 * @example
 * const simulations = await simulate(simulator, { n: 10_000, seed: "hello" });
 */
export async function simulate(
  simulator: Simulator | SimulatorModule,
  options: SimulateOptions,
): Promise<Dataset> {
  const { n, seed, workers = 1, out, invalid = "error", signal, onProgress } = options;
  const shardSize = options.shardSize ?? Math.min(10_000, out === undefined ? n : Math.ceil(n / 20));
  for (const [name, value] of Object.entries({ n, workers, shardSize })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`simulate: ${name} must be a positive integer, got ${value}.`);
    }
  }
  if (invalid !== "error" && invalid !== "drop") {
    throw new RangeError(`simulate: invalid must be "error" or "drop", got ${JSON.stringify(invalid)}.`);
  }
  const here = workers === 1 && !options.executor;
  if (!here && !isSimulatorModule(simulator)) {
    throw new ConfigError(
      `simulate: ${options.executor ? "an executor" : `workers: ${workers}`} needs a simulator that other threads ` +
        `can import, but a function cannot travel to them. Export it from a module and pass ` +
        `simulatorModule(new URL("./my-simulator.js", import.meta.url), "simulator") instead.`,
    );
  }
  signal?.throwIfAborted();

  const local = isSimulatorModule(simulator) ? await loadSimulator(simulator) : simulator;
  if (typeof local?.simulate !== "function") {
    throw new TypeError(
      `simulate: expected a simulator as defineSimulator, commandSimulator or simulatorModule make it, got ${typeof local}.`,
    );
  }
  const { name, prior, parameters: names, xShape } = local;
  const root = key(seed);
  const plan: Plan = {
    theta: prior.sample(n, foldIn(root, "theta")),
    simulation: foldIn(root, "simulation"),
    shardSize,
  };
  const source = { simulator: name, seed };
  let folder: FolderWriter | undefined;
  if (out !== undefined) {
    const { openFolder } = await import("./dataset/folder.js"); // brings Arrow
    const identity = { source, names, xShape, prior: prior.spec, n, shardSize };
    folder = await openFolder(out, identity, { invalid });
    await checkFinished(local, plan, folder.finished, out);
  }

  const shards = new Map<number, Shard>(folder?.finished);
  let done = [...shards.values()].reduce((sum, shard) => sum + shard.x.rows, 0);
  let checked = 0;
  const report = (rows: number) => {
    if (rows > 0) onProgress?.({ done: (done += rows), total: n });
  };
  /** Refuses the earliest shard with unusable rows, so that the message does not depend on the workers. */
  const checkInOrder = () => {
    for (let shard = shards.get(checked); shard; shard = shards.get(++checked)) {
      if (invalid === "error" && shard.failures.length > 0) {
        throw new SimulatorError(describeFailures(local, shard, checked * shardSize));
      }
    }
  };
  const finish = async (index: number, shard: Shard) => {
    await folder?.write(index, shard);
    shards.set(index, shard);
    checkInOrder();
  };

  checkInOrder();
  const count = Math.ceil(n / shardSize);
  const missing = Array.from({ length: count }, (_, index) => index).filter((index) => !shards.has(index));
  try {
    if (here) {
      for (const index of missing) {
        const theta = shardTheta(plan, index);
        const firstRow = index * shardSize;
        const rows = simulateRange(local, theta, plan.simulation, { firstRow, signal, onRows: report });
        await finish(index, { theta, ...(await untilAbort(rows, signal)) });
      }
    } else if (missing.length > 0) {
      await using own = options.executor ? undefined : await ownThreads(workers);
      const executor = options.executor ?? own!;
      const module = simulator as SimulatorModule; // checked at the door
      await simulateElsewhere(executor, module, plan, missing, { signal, report, finish });
    }
  } finally {
    await folder?.close();
  }

  const parts = Array.from({ length: count }, (_, index) => shards.get(index)!);
  const x = stackRows(parts.map((part) => part.x));
  const bad = new Set(
    parts.flatMap((part, s) => part.failures.map((failure) => s * shardSize + failure.row)),
  );
  const all = bad.size === 0;
  if (bad.size === n) throw new SimulatorError(describeFailures(local, parts[0], 0));
  const kept = all ? [] : Array.from({ length: n }, (_, i) => i).filter((i) => !bad.has(i));
  return {
    theta: all ? plan.theta : takeRows(plan.theta, kept),
    x: all ? x : takeRows(x, kept),
    names,
    xShape,
    prior,
    dropped: bad.size,
    source: { ...source, n },
  };
}

/** How many rows gave no usable data, which first, at which parameters, what to do. */
function describeFailures(
  simulator: Pick<Simulator, "name" | "parameters">,
  { theta, failures }: Pick<Shard, "theta" | "failures">,
  firstRow = 0,
): string {
  const { row: first, reason } = failures[0];
  return (
    `simulate: ${failures.length} of the ${theta.rows} simulations from row ${firstRow} on of ` +
    `"${simulator.name}" gave no usable data. The first is row ${firstRow + first} ` +
    `(${describeTheta(simulator.parameters, row(theta, first))}): ${reason}. ` +
    `Repair the simulator or narrow the prior, or pass invalid: "drop" to keep such rows out and count them.`
  );
}

interface Plan {
  /** `[n, D]`. */
  readonly theta: Matrix;
  readonly simulation: Key;
  readonly shardSize: number;
}

function shardTheta({ theta, shardSize }: Plan, index: number): Matrix {
  return sliceRows(theta, index * shardSize, Math.min(theta.rows, (index + 1) * shardSize));
}

async function ownThreads(workers: number): Promise<Executor> {
  const { threads } = await import("./executor/threads.js");
  return threads({ workers });
}

/** Cuts shards into jobs that never cross a shard, runs them, and finishes each shard with its last job. */
async function simulateElsewhere(
  executor: Executor,
  simulator: SimulatorModule,
  plan: Plan,
  missing: readonly number[],
  options: {
    signal?: AbortSignal;
    report: (rows: number) => void;
    finish: (index: number, shard: Shard) => Promise<void>;
  },
): Promise<void> {
  const { theta, simulation } = plan;
  const { signal, report, finish } = options;
  // About 64 jobs a worker: fine enough to share out uneven rows, coarse enough to hide the cost of a message.
  const rowsPerJob = Math.max(1, Math.ceil(theta.rows / (64 * executor.workers)));
  const tasks = missing.flatMap((index) => {
    const { rows } = shardTheta(plan, index);
    return Array.from({ length: Math.ceil(rows / rowsPerJob) }, (_, k) => {
      return { index, from: k * rowsPerJob, to: Math.min(rows, (k + 1) * rowsPerJob) };
    });
  });
  const open = new Map<number, { left: number; x: Matrix; failures: RowFailure[] }>();
  const module = new URL(
    import.meta.url.endsWith(".ts") ? "./simulate-range.ts" : "./simulate-range.js",
    import.meta.url,
  );

  function* jobs(): Generator<Job<RowsInput>> {
    for (const { index, from, to } of tasks) {
      const part = sliceRows(shardTheta(plan, index), from, to);
      const copy = matrix(part.rows, part.cols, part.data.slice()); // a view would send its whole buffer
      const input = { simulator, theta: copy, firstRow: index * plan.shardSize + from };
      yield {
        module,
        exportName: "simulateRowsJob",
        input,
        key: simulation,
        transfer: [copy.data.buffer as ArrayBuffer],
      };
    }
  }
  await runAll<SimulatedRows>(executor, jobs(), {
    signal,
    async onOutput({ x, failures }, task) {
      const { index, from, to } = tasks[task];
      const part = shardTheta(plan, index);
      const shard = open.get(index) ?? { left: part.rows, x: matrix(part.rows, x.cols), failures: [] };
      open.set(index, shard);
      shard.x.data.set(x.data, from * x.cols);
      shard.failures.push(...failures.map((failure) => ({ ...failure, row: from + failure.row })));
      report(to - from);
      if ((shard.left -= to - from) > 0) return;
      open.delete(index);
      shard.failures.sort((a, b) => a.row - b.row);
      await finish(index, { theta: part, x: shard.x, failures: shard.failures });
    },
  });
}

/** Refuses a folder that another version of the prior or the simulator wrote, by redoing its first row. */
async function checkFinished(
  simulator: Simulator,
  { theta, simulation, shardSize }: Plan,
  finished: ReadonlyMap<number, Shard>,
  out: string,
): Promise<void> {
  const [first] = finished;
  if (!first) return;
  const [index, shard] = first;
  const drawn = row(theta, index * shardSize);
  const { x } = await simulateRange(simulator, matrix(1, theta.cols, drawn.slice()), simulation, {
    firstRow: index * shardSize,
  });
  const same = (a: Float64Array, b: Float64Array) => a.every((value, j) => Object.is(value, b[j]));
  if (
    x.cols === rowLength(simulator.xShape) &&
    same(drawn, row(shard.theta, 0)) &&
    same(x.data, row(shard.x, 0))
  )
    return;
  throw new ConfigError(
    `simulate: row ${index * shardSize} of ${out} comes out different now: the prior or the simulator was changed, ` +
      `or the simulator draws random numbers that do not come from its rng. Use another folder.`,
  );
}

/** Rejects as soon as the signal fires, even while a simulator that never looks at it is waiting. */
function untilAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
