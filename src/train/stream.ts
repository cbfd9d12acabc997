/**
 * Training rows from shards on disk, in windows of one size.
 *
 * - Each shard gives its share of the validation rows and of the rows that standardisation is fitted on (at most
 *   100,000, and no more than a window), chosen by the split's key. They are read once, before the first epoch, and with
 *   them the hash of every shard is checked.
 * - In each epoch the shards come in a new order, their rows too; they are cut into windows of equal size, a whole
 *   number of batches; batches and contrasts are drawn within a window. The next window is read while one is trained on.
 * - What is left over at the end of an epoch, fewer rows than windows times a batch, is not trained on in that epoch, as
 *   the last partial batch of a table in memory is not. Its shards come first in the next epoch.
 *
 * All of it follows from the keys and the number of the epoch, so a run goes on bit for bit.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Matrix, matrix, stackRows, takeRows } from "../core/matrix.js";
import { foldIn, type Key } from "../core/random.js";
import { stream } from "../core/rng.js";
import type { Rows } from "../dataset/stored.js";
import { dtypeOf, emptyArray, lengthOf } from "../engine/feeds.js";
import type { Objective, Streaming } from "./objective.js";
import type { RowSource, SourceOptions } from "./row-source.js";

/** Standardisation is fitted on at most this many rows: an error of 0.3 % of a standard deviation. */
const mostFitted = 100_000;

/** The same objective with its rows in memory, where they are no more than a window. */
export async function loadIfSmall<E>(objective: Objective<E>): Promise<Objective<E>> {
  const { streaming } = objective;
  return streaming && streaming.data.n <= streaming.data.windowRows ? streaming.load() : objective;
}

/**
 * Reads the validation rows, fits the standardisation and plans the windows.
 *
 * @param held - number of validation rows.
 */
export async function streamSource<E>(
  streaming: Streaming<E>,
  held: number,
  options: SourceOptions,
): Promise<RowSource> {
  const { data } = streaming;
  const { splitKey, epochKey } = options;
  const trainingRows = data.n - held;
  const split = shardSplitter(data.shards, held, Math.min(mostFitted, data.windowRows), splitKey);
  const { validation, fitted, heldOut } = await readSample(streaming, split, options.signal);
  const transforms = streaming.fit(fitted);

  const windows = Math.ceil(trainingRows / data.windowRows);
  const perWindow = Math.floor(trainingRows / windows);
  const batchSize = Math.min(options.batchSize, perWindow);
  const windowRows = Math.floor(perWindow / batchSize) * batchSize;
  const leftOver = trainingRows - windows * windowRows;
  const sizes = data.shards.map((_, shard) => split(shard).training.length);
  const specs = streaming.specs(windowRows);
  const { fingerprint, invalid } = data;
  return {
    specs,
    initial: Object.fromEntries(
      Object.entries(specs).map(([name, spec]) => [name, emptyArray(dtypeOf(spec), lengthOf(spec))]),
    ),
    pool: Int32Array.from({ length: windowRows }, (_, i) => i),
    windows,
    trainingRows,
    validation: {
      tables: { specs: streaming.specs(held), values: streaming.values(validation, transforms) },
      rows: Int32Array.from({ length: held }, (_, i) => i),
    },
    heldOut,
    heldOutRows: validation,
    transforms,
    fingerprint: createHash("sha256")
      .update(JSON.stringify([fingerprint, invalid, windowRows, windows, transforms]))
      .digest("hex"),

    async *epoch(epoch, signal) {
      const order = shardOrder(epoch, sizes, leftOver, epochKey);
      const window = emptyRows(windowRows, validation);
      let filled = 0;
      let given = 0;
      for (const shard of order) {
        signal?.throwIfAborted();
        const rows = await data.read(shard);
        const { training } = split(shard);
        const shuffled = stream(foldIn(foldIn(epochKey(epoch), "rows"), shard)).permutation(training.length);
        for (let at = 0; at < shuffled.length; ) {
          const count = Math.min(windowRows - filled, shuffled.length - at);
          for (let i = 0; i < count; i++) copyRow(rows, training[shuffled[at + i]], window, filled + i);
          at += count;
          filled += count;
          if (filled < windowRows) continue;
          yield streaming.values(window, transforms);
          if (++given === windows) return;
          filled = 0;
        }
      }
    },
  };
}

/** Usable rows of one shard, by what they are for; row numbers within the shard. */
interface ShardSplit {
  readonly validation: Int32Array;
  readonly training: Int32Array;
  /** Training rows to fit the standardisation on. */
  readonly fitted: Int32Array;
}

/** Shares out `held` validation rows and at most `mostFitted` others in proportion to the shards. */
function shardSplitter(
  shards: readonly number[],
  held: number,
  mostFitted: number,
  key: Key,
): (shard: number) => ShardSplit {
  let n = 0;
  const starts = shards.map((rows) => (n += rows) - rows);
  const fitted = Math.min(mostFitted, n - held);
  return (shard) => {
    const [from, to] = [starts[shard], starts[shard] + shards[shard]];
    const share = (total: number) => Math.floor((to * total) / n) - Math.floor((from * total) / n);
    const order = stream(foldIn(foldIn(key, "shards"), shard)).permutation(shards[shard]);
    const count = share(held);
    return {
      validation: order.slice(0, count).sort(),
      training: order.slice(count).sort(),
      fitted: order.slice(count, count + share(fitted)).sort(),
    };
  };
}

/** Reads all shards once and keeps the validation rows, with their numbers, and those for the fit. */
async function readSample<E>(
  { data }: Streaming<E>,
  split: (shard: number) => ShardSplit,
  signal: AbortSignal | undefined,
): Promise<{ validation: Rows; fitted: Rows; heldOut: Int32Array }> {
  const parts: { validation: Rows; fitted: Rows }[] = [];
  const heldOut: number[] = [];
  let before = 0;
  for (let shard = 0; shard < data.shards.length; shard++) {
    signal?.throwIfAborted();
    const { theta, x } = await data.read(shard);
    const { validation, fitted } = split(shard);
    const take = (rows: Int32Array): Rows => ({ theta: takeRows(theta, rows), x: takeRows(x, rows) });
    parts.push({ validation: take(validation), fitted: take(fitted) });
    for (const i of validation) heldOut.push(before + i);
    before += x.rows;
  }
  const join = (part: "validation" | "fitted"): Rows => ({
    theta: stackRows(parts.map((each) => each[part].theta)),
    x: stackRows(parts.map((each) => each[part].x)),
  });
  return { validation: join("validation"), fitted: join("fitted"), heldOut: Int32Array.from(heldOut) };
}

/**
 * The order of the shards in an epoch: those whose rows were left over in the epoch before come first, the others
 * at random.
 */
export function shardOrder(
  epoch: number,
  sizes: readonly number[],
  leftOver: number,
  epochKey: (epoch: number) => Key,
): number[] {
  let first: number[] = [];
  for (let past = 0; ; past++) {
    const shuffled = stream(foldIn(epochKey(past), "shards")).permutation(sizes.length);
    const known = new Set(first);
    const order = [...first, ...Array.from(shuffled).filter((shard) => !known.has(shard))];
    if (past === epoch) return order;
    first = [];
    for (let rest = leftOver, at = order.length - 1; rest > 0; at--) {
      first.push(order[at]);
      rest -= sizes[order[at]];
    }
  }
}

function emptyRows(count: number, like: Rows): Rows {
  return { theta: matrix(count, like.theta.cols), x: matrix(count, like.x.cols) };
}

function copyRow(from: Rows, i: number, to: Rows, at: number): void {
  copy(from.theta, i, to.theta, at);
  copy(from.x, i, to.x, at);
}

function copy(from: Matrix, i: number, to: Matrix, at: number): void {
  for (let j = 0; j < from.cols; j++) to.data[at * to.cols + j] = from.data[i * from.cols + j];
}
