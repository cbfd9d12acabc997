/**
 * Simulations on disk: a folder of Arrow shards and `manifest.json`. Every file is written beside its place and
 * renamed, so a killed run leaves whole shards and a manifest that names them; the next run writes the rest.
 * The same holds for a full disk: the half-written file is removed and what was finished stays.
 *
 * Shards keep every simulated row; one without usable data is `NaN` in `x`. Leaving such rows out is the
 * reader's business, so an interrupted run can be continued either way.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../core/errors.js";
import type { Matrix } from "../core/matrix.js";
import { type RowFailure, rowLength } from "../simulator.js";
import { decodeRows, encodeArrow } from "./arrow.js";
import {
  type FolderFormat,
  type FolderIdentity,
  findDifference,
  makeManifest,
  manifestFile,
  readManifest,
  type ShardEntry,
} from "./manifest.js";

/** Rows of one shard. */
export interface Shard {
  readonly theta: Matrix;
  readonly x: Matrix;
  readonly failures: readonly RowFailure[];
}

/** How shards of one format become files; `x` tells how many rows there are. */
export interface ShardFormat<S extends ShardRows> {
  readonly format: FolderFormat;
  encode(shard: Omit<S, "failures">, identity: FolderIdentity): Uint8Array;
  /** @throws {ConfigError} naming `where`, if the bytes are damaged or hold something else. */
  decode(bytes: Uint8Array, where: string, identity: FolderIdentity): Omit<S, "failures">;
}

/** What every shard has. */
export type ShardRows = Pick<Shard, "x" | "failures">;

/** Simulations without gold. */
export const plainShards: ShardFormat<Shard> = {
  format: "galton-simulations",
  encode: ({ theta, x }, { names, xShape }) => encodeArrow(names, theta, x, xShape),
  decode: (bytes, where, { names, xShape }) => decodeRows(bytes, where, names, rowLength(xShape)),
};

/** A folder open for writing. */
export interface FolderWriter<S extends ShardRows = Shard> {
  /** The shards that an earlier run left whole: listed, present, and of the right hash. */
  readonly finished: ReadonlyMap<number, ShardEntry>;
  /** Reads one of them. */
  read(index: number): Promise<S>;
  /** Writes shard `index` and lists it; does nothing once the folder is closed. */
  write(index: number, shard: S): Promise<void>;
  /** Waits for the writes under way, so that another run may open the folder. */
  close(): Promise<void>;
}

/** Options of `openFolder`. */
export interface OpenFolderOptions {
  /** Named in error messages. Default `"simulate"`. */
  readonly caller?: string;
  readonly invalid?: "error" | "drop";
  /** Rows left out before writing. Default 0. */
  readonly dropped?: number;
}

/**
 * Opens a folder to write shards into, new or left by a run with the same arguments.
 *
 * @throws {ConfigError} if the folder holds other simulations (the message says which field differs), or cannot be written.
 */
export function openFolder(
  folder: string,
  identity: FolderIdentity,
  options: OpenFolderOptions = {},
): Promise<FolderWriter> {
  return openShards(plainShards, folder, identity, options);
}

/**
 * The same for shards of any format.
 *
 * @throws {ConfigError} as `openFolder`, and if the folder holds shards of another format.
 */
export async function openShards<S extends ShardRows>(
  shards: ShardFormat<S>,
  folder: string,
  identity: FolderIdentity,
  { caller = "simulate", invalid = "error", dropped = 0 }: OpenFolderOptions = {},
): Promise<FolderWriter<S>> {
  const { format } = shards;
  await mkdir(folder, { recursive: true }).catch((cause: Error) => {
    throw new ConfigError(`${caller}: cannot make the folder ${folder}: ${cause.message}. Choose another.`, {
      cause,
    });
  });
  const previous = await readManifest(folder, caller, format);
  const entries = new Map<number, ShardEntry>();
  if (previous && previous.shards.length > 0) {
    const difference = findDifference(identity, previous);
    if (difference) {
      throw new ConfigError(
        `${caller}: ${folder} holds other simulations: ${difference}. ` +
          `Use the same arguments to go on with them, or another folder.`,
      );
    }
    for (const entry of previous.shards) {
      try {
        await readShardOf(shards, folder, entry, previous);
        entries.set(entry.index, entry);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error; // a missing or damaged shard is written anew
      }
    }
  }
  await removeLeftovers(folder, caller);

  // One writer of the manifest at a time; shards that are finished meanwhile share the next one.
  let last: Promise<void> = Promise.resolve();
  let queued: Promise<void> | undefined;
  const save = () => {
    if (!queued) {
      queued = last.then(() => {
        queued = undefined;
        const manifest = makeManifest(identity, entries.values(), { format, invalid, dropped });
        return writeWhole(caller, join(folder, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`);
      });
      last = queued.catch(() => undefined);
    }
    return queued;
  };
  await save();
  const finished = new Map(entries);
  let closed = false;
  const writes = new Set<Promise<void>>();

  const write = async (index: number, shard: S) => {
    const { x, failures } = shard;
    const bytes = shards.encode(shard, identity);
    const file = `shard-${String(index).padStart(6, "0")}.arrow`;
    await writeWhole(caller, join(folder, file), bytes);
    const [first] = failures;
    entries.set(index, {
      index,
      file,
      rows: x.rows,
      sha256: sha256(bytes),
      failures: failures.length,
      ...(first && { firstFailure: { ...first, row: index * identity.shardSize + first.row } }),
    });
    await save();
  };

  return {
    finished,
    read: (index) => readShardOf(shards, folder, finished.get(index)!, identity),
    async write(index, shard) {
      if (closed) return;
      const work = write(index, shard);
      writes.add(work);
      try {
        await work;
      } finally {
        writes.delete(work);
      }
    },
    async close() {
      closed = true;
      await Promise.allSettled(writes);
    },
  };
}

/**
 * Reads one shard.
 *
 * @param options.verify - compare its SHA-256 with the manifest's. Default true.
 * @throws {ConfigError} naming the file, if it is missing, damaged or does not hold what the manifest says.
 */
export function readShard(
  folder: string,
  entry: ShardEntry,
  identity: FolderIdentity,
  options: ReadShardOptions = {},
): Promise<Shard> {
  return readShardOf(plainShards, folder, entry, identity, options);
}

/** Options of `readShard`. */
interface ReadShardOptions {
  readonly caller?: string;
  readonly verify?: boolean;
}

/** The same for shards of any format. */
export async function readShardOf<S extends ShardRows>(
  shards: ShardFormat<S>,
  folder: string,
  entry: ShardEntry,
  identity: FolderIdentity,
  { caller = "readDataset", verify = true }: ReadShardOptions = {},
): Promise<S> {
  const path = join(folder, entry.file);
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError(
      cause.code === "ENOENT"
        ? `${caller}: the shard ${path} is missing. Run simulate again to write it.`
        : `${caller}: cannot read the shard ${path}: ${cause.message}.`,
      { cause },
    );
  });
  if (verify && sha256(bytes) !== entry.sha256) {
    throw new ConfigError(
      `${caller}: the shard ${path} is damaged: its SHA-256 is not that of the manifest. ` +
        `Run simulate again with the same arguments to write it anew.`,
    );
  }
  const rows = shards.decode(bytes, path, identity);
  const { x } = rows;
  if (x.rows !== entry.rows) {
    throw new ConfigError(
      `${caller}: the shard ${path} holds ${x.rows} rows; its manifest says ${entry.rows}.`,
    );
  }
  const failures: RowFailure[] = [];
  for (let i = 0; i < x.rows; i++) {
    if (!Number.isNaN(x.data[i * x.cols])) continue;
    const isFirst = entry.firstFailure?.row === entry.index * identity.shardSize + i;
    failures.push({ row: i, reason: isFirst ? entry.firstFailure!.reason : "not finite" });
  }
  return { ...rows, failures } as unknown as S; // as ShardFormat says
}

/** Half-written files of a run that was killed. */
async function removeLeftovers(folder: string, caller: string): Promise<void> {
  try {
    const names = (await readdir(folder)).filter((name) =>
      /^(manifest\.json|shard-\d+\.arrow)\.\d+\.tmp$/.test(name),
    );
    await Promise.all(names.map((name) => rm(join(folder, name), { force: true })));
  } catch (cause) {
    throw cannotWrite(caller, folder, cause as Error);
  }
}

/** Writes beside the file and renames, so that nobody sees half of it. */
export async function writeWhole(caller: string, path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, content, { flush: true });
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined); // half a file would only take up room
    throw cannotWrite(caller, path, cause as Error);
  }
}

function cannotWrite(caller: string, path: string, cause: Error): ConfigError {
  return new ConfigError(
    `${caller}: cannot write ${path}: ${cause.message}. The shards that were finished before are kept. ` +
      `Make room, or make the folder writable, and run it again with the same arguments; or choose another folder.`,
    { cause },
  );
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
