/**
 * Simulations on disk: a folder of Arrow shards and `manifest.json`, which says what they are (parameters,
 * prior, simulator, seed) and holds the SHA-256 of each shard. Every file is written beside its place and
 * renamed, so a killed run leaves whole shards and a manifest that names them; the next run writes the rest.
 *
 * Shards keep every simulated row; one without usable data is `NaN` in `x`. Leaving such rows out is the
 * reader's business, so an interrupted run can be continued either way.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { PriorSpec } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { type Matrix, stackRows } from "../core/matrix.js";
import type { RowFailure } from "../simulator.js";
import { decodeArrow, encodeArrow } from "./arrow.js";
import { selectColumns } from "./table.js";

const format = "galton-simulations";
const version = 1;
const manifestFile = "manifest.json";

/** What the rows of a folder are. Two runs may share a folder only if all of this is equal. */
export interface FolderIdentity {
  /** Where the rows come from: simulator and seed, or file. */
  readonly source: Readonly<Record<string, unknown>>;
  readonly names: readonly string[];
  readonly xShape: readonly number[];
  readonly prior: PriorSpec | null;
  /** Rows in all shards together. */
  readonly n: number;
  /** Rows in each shard but the last. */
  readonly shardSize: number;
}

/** A shard that is written. */
export interface ShardEntry {
  readonly index: number;
  readonly file: string;
  readonly rows: number;
  readonly sha256: string;
  /** Rows without usable data, and the first of them (counted from the folder's first row). */
  readonly failures: number;
  readonly firstFailure?: RowFailure;
}

/** `manifest.json`. */
export interface Manifest extends FolderIdentity {
  readonly format: typeof format;
  readonly version: typeof version;
  /** What the user chose for rows without usable data. */
  readonly invalid: "error" | "drop";
  /** Rows kept out by the user's choice: those of the finished shards, or of the dataset that was written. */
  readonly dropped: number;
  readonly shards: readonly ShardEntry[];
}

/** Rows of one shard. */
export interface Shard {
  readonly theta: Matrix;
  readonly x: Matrix;
  readonly failures: readonly RowFailure[];
}

/** A folder open for writing. */
export interface FolderWriter {
  /** The shards that an earlier run left whole: listed, present, and of the right hash. */
  readonly finished: ReadonlyMap<number, Shard>;
  /** Writes shard `index` and lists it; does nothing once the folder is closed. */
  write(index: number, shard: Shard): Promise<void>;
  /** Waits for the writes under way, so that another run may open the folder. */
  close(): Promise<void>;
}

/**
 * Opens a folder to write shards into, new or left by a run with the same arguments.
 *
 * @param dropped - rows left out before writing. Default 0.
 * @throws {ConfigError} if the folder holds other simulations; the message says which field differs.
 */
export async function openFolder(
  folder: string,
  identity: FolderIdentity,
  { invalid = "error", dropped = 0 }: { invalid?: "error" | "drop"; dropped?: number } = {},
): Promise<FolderWriter> {
  await mkdir(folder, { recursive: true }).catch((cause: Error) => {
    throw new ConfigError(`simulate: cannot make the folder ${folder}: ${cause.message}. Choose another.`, {
      cause,
    });
  });
  await removeLeftovers(folder);
  const previous = await readManifest(folder, "simulate");
  const entries = new Map<number, ShardEntry>();
  const finished = new Map<number, Shard>();
  if (previous) {
    const difference = findDifference(identity, previous);
    if (difference) {
      throw new ConfigError(
        `simulate: ${folder} holds other simulations: ${difference}. ` +
          `Use the same arguments to go on with them, or another folder.`,
      );
    }
    for (const entry of previous.shards) {
      try {
        finished.set(entry.index, await readShard(folder, entry, previous));
        entries.set(entry.index, entry);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error; // a missing or damaged shard is written anew
      }
    }
  }

  const save = () => {
    const shards = [...entries.values()].sort((a, b) => a.index - b.index);
    const failed = shards.reduce((sum, shard) => sum + shard.failures, 0);
    const manifest: Manifest = {
      format,
      version,
      ...identity,
      invalid,
      dropped: invalid === "drop" ? dropped + failed : dropped,
      shards,
    };
    return writeWhole(join(folder, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`);
  };
  let last = save();
  await last;
  let closed = false;
  const writes = new Set<Promise<void>>();

  const write = async (index: number, { theta, x, failures }: Shard) => {
    const bytes = encodeArrow(identity.names, theta, x, identity.xShape);
    const file = `shard-${String(index).padStart(6, "0")}.arrow`;
    await writeWhole(join(folder, file), bytes);
    const [first] = failures;
    entries.set(index, {
      index,
      file,
      rows: x.rows,
      sha256: sha256(bytes),
      failures: failures.length,
      ...(first && { firstFailure: { ...first, row: index * identity.shardSize + first.row } }),
    });
    last = last.then(save); // one writer of the manifest at a time
    await last;
  };

  return {
    finished,
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
 * Reads a folder of simulations whole and checks every hash.
 *
 * @throws {ConfigError} if the manifest is missing or of another version, or a shard is missing or damaged.
 */
export async function readFolder(folder: string): Promise<{ manifest: Manifest; theta: Matrix; x: Matrix }> {
  const manifest = await readManifest(folder, "readDataset");
  if (!manifest)
    throw new ConfigError(`readDataset: ${folder} has no ${manifestFile}; expected one from simulate.`);
  const count = Math.ceil(manifest.n / manifest.shardSize);
  const shards: Shard[] = [];
  for (let index = 0; index < count; index++) {
    const entry = manifest.shards.find((shard) => shard.index === index);
    if (!entry) {
      throw new ConfigError(
        `readDataset: ${folder} is not finished: ${manifest.shards.length} of ${count} shards are written. ` +
          `Run simulate again with the same arguments to write the rest.`,
      );
    }
    shards.push(await readShard(folder, entry, manifest));
  }
  return {
    manifest,
    theta: stackRows(shards.map((shard) => shard.theta)),
    x: stackRows(shards.map((shard) => shard.x)),
  };
}

/**
 * The manifest of a folder, or `undefined` where there is none.
 *
 * @throws {ConfigError} if it is not a manifest of this version.
 */
export async function readManifest(folder: string, caller: string): Promise<Manifest | undefined> {
  const path = join(folder, manifestFile);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw new ConfigError(`${caller}: cannot read ${path}: ${error.message}.`, { cause: error });
  });
  if (text === undefined) return undefined;
  let manifest: Manifest;
  try {
    manifest = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`${caller}: ${path} is not JSON: ${(cause as Error).message}.`, { cause });
  }
  if (manifest?.format !== format) {
    throw new ConfigError(
      `${caller}: ${path}: "format" is ${JSON.stringify(manifest?.format)}; expected "${format}".`,
    );
  }
  if (manifest.version !== version) {
    throw new ConfigError(
      `${caller}: ${path}: "version" is ${manifest.version}; this release of galton reads version ${version}.`,
    );
  }
  const usable =
    Array.isArray(manifest.names) &&
    Array.isArray(manifest.xShape) &&
    Array.isArray(manifest.shards) &&
    Number.isSafeInteger(manifest.n) &&
    manifest.shardSize >= 1;
  if (!usable) throw new ConfigError(`${caller}: ${path} lacks names, xShape, shards, n or shardSize.`);
  return manifest;
}

async function readShard(folder: string, entry: ShardEntry, manifest: FolderIdentity): Promise<Shard> {
  const path = join(folder, basename(entry.file));
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
    throw new ConfigError(`readDataset: the shard ${path} is missing. Run simulate again to write it.`, {
      cause,
    });
  });
  if (sha256(bytes) !== entry.sha256) {
    throw new ConfigError(
      `readDataset: the shard ${path} is damaged: its SHA-256 is not that of the manifest. ` +
        `Run simulate again with the same arguments to write it anew.`,
    );
  }
  const table = decodeArrow(bytes, path);
  const theta = selectColumns(table, manifest.names, path);
  const x = selectColumns(table, ["x"], path);
  const failures: RowFailure[] = [];
  for (let i = 0; i < x.rows; i++) {
    if (!Number.isNaN(x.data[i * x.cols])) continue;
    const isFirst = entry.firstFailure?.row === entry.index * manifest.shardSize + i;
    failures.push({ row: i, reason: isFirst ? entry.firstFailure!.reason : "not finite" });
  }
  return { theta, x, failures };
}

function findDifference(now: FolderIdentity, then: FolderIdentity): string | undefined {
  const flat = ({ source, names, xShape, prior, n, shardSize }: FolderIdentity) => ({
    ...source,
    names,
    xShape,
    prior,
    n,
    shardSize,
  });
  const [a, b] = [flat(now), flat(then)] as Record<string, unknown>[];
  for (const field of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [here, there] = [canonical(a[field]), canonical(b[field])];
    if (here !== there) return `"${field}" is ${there} there and ${here} now`;
  }
  return undefined;
}

/** JSON with sorted keys, so that equal objects give equal text. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner) =>
      inner !== null && typeof inner === "object" && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? "absent"
  );
}

/** Half-written files of a run that was killed. */
async function removeLeftovers(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) =>
    /^(manifest\.json|shard-\d+\.arrow)\.\d+\.tmp$/.test(name),
  );
  await Promise.all(names.map((name) => rm(join(folder, name), { force: true })));
}

async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, content, { flush: true });
  await rename(temporary, path);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
