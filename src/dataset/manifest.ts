/**
 * `manifest.json`: what the rows of a folder of simulations are (parameters, prior, simulator, seed), and the
 * SHA-256 of each shard that is written.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { PriorSpec } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { type RowFailure, rowLength } from "../simulator.js";

const version = 1;

/** What a folder holds: the `format` of its manifest, in words, and how it is read and made. */
const contents = {
  "galton-simulations": ["simulations without gold", "readDataset or openDataset", "simulate"],
  "galton-gold": ["classification pairs with gold", "readGold", "simulateGold"],
  "galton-scores": ["simulations with scores", "readScores", "simulateScore"],
} as const;

/** `format` of a manifest. */
export type FolderFormat = keyof typeof contents;

/** Name of the manifest in its folder. */
export const manifestFile = "manifest.json";

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
  /** Where simulations with gold have their denominator, or scores are taken; `null` where it is drawn row by row. */
  readonly thetaRef?: readonly number[] | null;
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
  readonly format: FolderFormat;
  readonly version: typeof version;
  /** What the user chose for rows without usable data. */
  readonly invalid: "error" | "drop";
  /** Rows kept out by the user's choice: those of the finished shards, or of the dataset that was written. */
  readonly dropped: number;
  /** In the order of their indices; gaps where a run has not come so far. */
  readonly shards: readonly ShardEntry[];
}

/** The manifest of shards, as it is written. */
export function makeManifest(
  identity: FolderIdentity,
  entries: Iterable<ShardEntry>,
  options: {
    readonly format: FolderFormat;
    readonly invalid: "error" | "drop";
    readonly dropped: number;
  },
): Manifest {
  const { format, invalid, dropped } = options;
  const shards = [...entries].sort((a, b) => a.index - b.index);
  const failed = shards.reduce((sum, shard) => sum + shard.failures, 0);
  return {
    format,
    version,
    ...identity,
    invalid,
    dropped: invalid === "drop" ? dropped + failed : dropped,
    shards,
  };
}

/**
 * The manifest of a folder, or `undefined` where there is none.
 *
 * @throws {ConfigError} if it is of another format or version, or lists what cannot be a shard of the folder.
 */
export async function readManifest(
  folder: string,
  caller: string,
  format: FolderFormat = "galton-simulations",
): Promise<Manifest | undefined> {
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
    const found = Object.hasOwn(contents, manifest?.format) ? contents[manifest.format] : undefined;
    if (found) {
      throw new ConfigError(
        `${caller}: ${folder} holds ${found[0]}; expected ${contents[format][0]}, as ${contents[format][2]} writes them. ` +
          `Take another folder, or read this one by ${found[1]}.`,
      );
    }
    throw new ConfigError(
      `${caller}: ${path}: "format" is ${JSON.stringify(manifest?.format)}; expected "${format}".`,
    );
  }
  if (manifest.version !== version) {
    throw new ConfigError(
      `${caller}: ${path}: "version" is ${manifest.version}; this release of galton reads version ${version}.`,
    );
  }
  const { names, xShape, shards, n, shardSize, invalid } = manifest;
  const positive = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;
  const usable =
    Array.isArray(names) &&
    Array.isArray(xShape) &&
    Array.isArray(shards) &&
    positive(n) &&
    positive(shardSize) &&
    (invalid === "error" || invalid === "drop");
  if (!usable) {
    throw new ConfigError(`${caller}: ${path} lacks names, xShape, shards, n, shardSize or invalid.`);
  }
  rowLength(xShape, `${caller}: ${path}`);
  const seen = new Set<number>();
  for (const entry of shards) checkEntry(entry, manifest, seen, `${caller}: ${path}`);
  return manifest;
}

/** @throws {ConfigError} if the entry cannot be a shard of the folder, such as a path that leaves it. */
function checkEntry(
  entry: ShardEntry | null,
  { n, shardSize }: Manifest,
  seen: Set<number>,
  where: string,
): void {
  const { index, file, rows, sha256, failures } = entry ?? ({} as Partial<ShardEntry>);
  const fail = (expected: string) =>
    new ConfigError(
      `${where} lists the shard ${JSON.stringify(entry)}; expected ${expected}. ` +
        `Write the folder anew, or restore its manifest.`,
    );
  const count = Math.ceil(n / shardSize);
  if (!Number.isInteger(index) || index! < 0 || index! >= count || seen.has(index!)) {
    throw fail(`each "index" from 0 to ${count - 1} once`);
  }
  seen.add(index!);
  if (typeof file !== "string" || basename(file) !== file || !file.endsWith(".arrow")) {
    throw fail('a "file" in the folder, such as "shard-000000.arrow"');
  }
  const expected = Math.min(n, (index! + 1) * shardSize) - index! * shardSize;
  if (rows !== expected) throw fail(`${expected} "rows"`);
  if (!Number.isInteger(failures) || failures! < 0 || failures! > expected) {
    throw fail(`"failures" from 0 to ${expected}`);
  }
  if (typeof sha256 !== "string") throw fail('a "sha256"');
}

/** The format of a folder, where there is a manifest; `undefined` where there is none or it is no manifest of galton's. */
export async function folderFormat(folder: string): Promise<FolderFormat | undefined> {
  const text = await readFile(join(folder, manifestFile), "utf8").catch(() => "null");
  const format = /"format":\s*"([^"]*)"/.exec(text)?.[1] ?? "";
  return Object.hasOwn(contents, format) ? (format as FolderFormat) : undefined;
}

/**
 * The manifest of a folder that lists all of its shards, in order.
 *
 * @throws {ConfigError} as `readManifest`, and if there is none or shards are missing.
 */
export async function finishedManifest(
  folder: string,
  caller: string,
  format: FolderFormat = "galton-simulations",
): Promise<Manifest> {
  const manifest = await readManifest(folder, caller, format);
  const writer = contents[format][2];
  if (!manifest) {
    throw new ConfigError(`${caller}: ${folder} has no ${manifestFile}; expected one from ${writer}.`);
  }
  const count = Math.ceil(manifest.n / manifest.shardSize);
  if (manifest.shards.length < count) {
    throw new ConfigError(
      `${caller}: ${folder} is not finished: ${manifest.shards.length} of ${count} shards are written. ` +
        `Run ${writer} again with the same arguments to write the rest.`,
    );
  }
  return { ...manifest, shards: [...manifest.shards].sort((a, b) => a.index - b.index) };
}

/** The first field that two folders differ in, in words; `undefined` where they are equal. */
export function findDifference(now: FolderIdentity, then: FolderIdentity): string | undefined {
  const flat = ({ source, names, xShape, prior, n, shardSize, thetaRef }: FolderIdentity) => ({
    ...source,
    names,
    xShape,
    prior,
    n,
    shardSize,
    thetaRef,
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
