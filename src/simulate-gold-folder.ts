/**
 * Simulations with gold into a folder, shard by shard: what a stopped run left whole is read, the rest is simulated.
 *
 * @module
 */
import { ConfigError } from "./core/errors.js";
import { openShards, type ShardFormat, type ShardRows } from "./dataset/folder.js";
import type { FolderIdentity } from "./dataset/manifest.js";

/** Where shards go, and who is told of them. */
export interface ShardsRun {
  readonly caller: string;
  readonly folder: string;
  readonly identity: FolderIdentity;
  /** Told how many rows were read or simulated since it was last told. */
  readonly onRows: (rows: number) => void;
}

/**
 * Simulates the shards that the folder does not hold yet.
 *
 * @param simulate - rows `from` to `to` (exclusive) of the run.
 * @returns all shards, in order.
 * @throws {ConfigError} if the folder holds other simulations, or its first row comes out different now.
 */
export async function simulateInShards<S extends ShardRows>(
  format: ShardFormat<S>,
  { caller, folder, identity, onRows }: ShardsRun,
  simulate: (from: number, to: number, onRows: (rows: number) => void) => Promise<S>,
): Promise<S[]> {
  const { n, shardSize } = identity;
  const writer = await openShards(format, folder, identity, { caller });
  const parts: S[] = [];
  try {
    const [first] = writer.finished.keys();
    if (first !== undefined) {
      const at = first * shardSize;
      const again = await simulate(at, at + 1, () => undefined);
      if (!beginsWith(await writer.read(first), again)) {
        throw new ConfigError(
          `${caller}: row ${at} of ${folder} comes out different now: the proposal or the simulator was changed, or the ` +
            "simulator draws random numbers that do not come from its key. Use another folder.",
        );
      }
    }
    for (let index = 0; index * shardSize < n; index++) {
      const entry = writer.finished.get(index);
      if (entry) {
        parts.push(await writer.read(index));
        onRows(entry.rows);
        continue;
      }
      const shard = await simulate(index * shardSize, Math.min(n, (index + 1) * shardSize), onRows);
      await writer.write(index, shard);
      parts.push(shard);
    }
  } finally {
    await writer.close();
  }
  return parts;
}

/** Whether a shard begins with the only row of another, to the last bit. */
function beginsWith(shard: object, one: object): boolean {
  const numbers = (of: object) =>
    Object.entries(of).flatMap(([name, value]): [string, ArrayLike<number>][] =>
      ArrayBuffer.isView(value)
        ? [[name, value as Float64Array]]
        : "data" in value
          ? [[name, value.data]]
          : [],
    );
  const stored = new Map(numbers(shard));
  return numbers(one).every(([name, values]) => {
    const there = stored.get(name);
    return there !== undefined && Array.from(values).every((value, i) => Object.is(value, there[i]));
  });
}
