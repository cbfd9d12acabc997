/**
 * Simulates the shards of a run, here or on an executor, and hands each on as soon as it is whole. Only the
 * shards under way are in memory, so a run may be larger than that.
 *
 * @module
 */
import type { Prior } from "./core/contracts.js";
import { type Matrix, matrix, sliceRows } from "./core/matrix.js";
import type { Key } from "./core/random.js";
import type { Shard } from "./dataset/folder.js";
import { type Executor, type Job, runAll } from "./executor/executor.js";
import { type RowsInput, type SimulatedRows, simulateRange } from "./simulate-range.js";
import type { RowFailure, Simulator } from "./simulator.js";
import type { SimulatorModule } from "./simulator-module.js";

/** A run: its rows, cut into shards. */
export interface ShardPlan {
  /** Rows of the run. */
  readonly n: number;
  /** Rows of each shard but the last. */
  readonly shardSize: number;
  /** Parameters of rows `from` to `to` (exclusive), `[to - from, D]`. */
  theta(from: number, to: number): Matrix;
  /** Row `i` is simulated with `foldIn(simulation, i)`. */
  readonly simulation: Key;
}

/** What happens while shards are simulated. */
export interface ShardEvents {
  readonly signal?: AbortSignal;
  /** Told how many rows were simulated since it was last told. */
  readonly onRows: (rows: number) => void;
  /** Takes a whole shard; the next ones wait for it. */
  readonly onShard: (index: number, shard: Shard) => Promise<void>;
}

/** First and last row (exclusive) of a shard. */
export function shardRange({ n, shardSize }: ShardPlan, index: number): [from: number, to: number] {
  return [index * shardSize, Math.min(n, (index + 1) * shardSize)];
}

/**
 * Parameters of any rows of a run. A prior that draws later rows without the earlier ones is asked for just those;
 * one that does not (a user's own, which leaves `from` out) is asked for all rows once.
 */
export function thetaRows(prior: Prior, n: number, key: Key): ShardPlan["theta"] {
  const probe = 16;
  const [whole, later] = [prior.sample(probe + 1, key), prior.sample(probe, key, 1)];
  const isRanged =
    later.rows === probe &&
    whole.rows === probe + 1 &&
    later.data.every((value, at) => Object.is(value, whole.data[at + whole.cols]));
  if (isRanged) return (from, to) => prior.sample(to - from, key, from);
  const all = prior.sample(n, key);
  return (from, to) => sliceRows(all, from, to);
}

/** Simulates shards one after the other in this thread. */
export async function simulateShardsHere(
  simulator: Simulator,
  plan: ShardPlan,
  shards: readonly number[],
  { signal, onRows, onShard }: ShardEvents,
): Promise<void> {
  for (const index of shards) {
    const [from, to] = shardRange(plan, index);
    const theta = plan.theta(from, to);
    const rows = simulateRange(simulator, theta, plan.simulation, { firstRow: from, signal, onRows });
    await onShard(index, { theta, ...(await untilAbort(rows, signal)) });
  }
}

/** Cuts shards into jobs that never cross a shard, runs them, and hands each shard on with its last job. */
export async function simulateShardsElsewhere(
  executor: Executor,
  simulator: SimulatorModule,
  plan: ShardPlan,
  shards: readonly number[],
  { signal, onRows, onShard }: ShardEvents,
): Promise<void> {
  // About 64 jobs a worker: fine enough to share out uneven rows, coarse enough to hide the cost of a message.
  const rowsPerJob = Math.max(1, Math.ceil(plan.n / (64 * executor.workers)));
  const open = new Map<number, { left: number; theta: Matrix; x?: Matrix; failures: RowFailure[] }>();
  const tasks = new Map<number, { index: number; from: number; to: number }>();
  const module = new URL(
    import.meta.url.endsWith(".ts") ? "./simulate-range.ts" : "./simulate-range.js",
    import.meta.url,
  );

  function* jobs(): Generator<Job<RowsInput>> {
    let task = 0;
    for (const index of shards) {
      const [first, end] = shardRange(plan, index);
      const theta = plan.theta(first, end);
      open.set(index, { left: theta.rows, theta, failures: [] });
      for (let from = 0; from < theta.rows; from += rowsPerJob) {
        const to = Math.min(theta.rows, from + rowsPerJob);
        tasks.set(task++, { index, from, to });
        const { rows, cols, data } = sliceRows(theta, from, to);
        const copy = matrix(rows, cols, data.slice()); // a view would send its whole buffer
        yield {
          module,
          exportName: "simulateRowsJob",
          input: { simulator, theta: copy, firstRow: first + from },
          key: plan.simulation,
          transfer: [copy.data.buffer as ArrayBuffer],
        };
      }
    }
  }
  await runAll<SimulatedRows>(executor, jobs(), {
    signal,
    keep: false,
    async onOutput({ x, failures }, task) {
      const { index, from, to } = tasks.get(task)!;
      tasks.delete(task);
      const shard = open.get(index)!;
      shard.x ??= matrix(shard.theta.rows, x.cols);
      shard.x.data.set(x.data, from * x.cols);
      shard.failures.push(...failures.map((failure) => ({ ...failure, row: from + failure.row })));
      onRows(to - from);
      if ((shard.left -= to - from) > 0) return;
      open.delete(index);
      shard.failures.sort((a, b) => a.row - b.row);
      await onShard(index, { theta: shard.theta, x: shard.x, failures: shard.failures });
    },
  });
}

/** Rejects as soon as the signal fires, even while a simulator that never looks at it is waiting. */
export function untilAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
