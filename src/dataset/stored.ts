/**
 * Simulations that stay on disk: a folder of shards that is read shard by shard, so that it may be larger than
 * memory. `train` takes one wherever it takes a dataset.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Prior } from "../core/contracts.js";
import { ConfigError, ShapeError } from "../core/errors.js";
import { type Matrix, matrix, row, takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { priorFromSpec } from "../prior/from-spec.js";
import { describeTheta, rowLength } from "../simulator.js";
import type { Dataset } from "./dataset.js";
import { finishedManifest, type ShardEntry } from "./manifest.js";

/** Pairs `(theta_i, x_i)`. */
export interface Rows {
  /** `[N, D]`. */
  readonly theta: Matrix;
  /** `[N, L]`. */
  readonly x: Matrix;
}

/** A table of simulations on disk. */
export interface StoredDataset {
  readonly folder: string;
  /** Usable rows, N. */
  readonly n: number;
  /** Usable rows of each shard; they add up to `n`. */
  readonly shards: readonly number[];
  /** Parameter names, the columns of `theta`. */
  readonly names: readonly string[];
  readonly xShape: readonly number[];
  /** The prior that `theta` was drawn from; without it there is a ratio but no posterior. */
  readonly prior?: Prior;
  /** Rows kept out because they were not finite, by the user's choice; 0 otherwise. */
  readonly dropped: number;
  readonly invalid: "error" | "drop";
  /** Where the rows came from, in plain JSON. */
  readonly source: Readonly<Record<string, unknown>>;
  /** Rows that training holds in memory at a time. */
  readonly windowRows: number;
  /** SHA-256 over the hashes of all shards: it names the data. */
  readonly fingerprint: string;
  /**
   * Reads the usable rows of a shard. The first time its hash is compared with the manifest's, and its rows
   * with the prior.
   *
   * @throws {ConfigError} naming the file, if it is missing, damaged, or holds other rows than the manifest says.
   */
  read(shard: number): Promise<Rows>;
}

/** Options of `openDataset`. */
export interface OpenDatasetOptions {
  /** The prior that `theta` was drawn from. Default: the manifest's, where there is one. */
  readonly prior?: Prior;
  /** Rows without usable data: refuse the folder, or keep them out. Default: what the folder was made with. */
  readonly invalid?: "error" | "drop";
  /**
   * Rows that training holds in memory at a time; a dataset that has no more is read whole. Default 200,000, or as
   * many as make 2^24 numbers where rows are long.
   */
  readonly windowRows?: number;
}

const optionNames: OptionNames<OpenDatasetOptions> = { prior: true, invalid: true, windowRows: true };

/**
 * Opens a folder that `simulate` or `writeDataset` wrote, without reading its rows.
 *
 * @param caller - the public function, for error messages.
 * @throws {ConfigError} if there is no manifest, it is of another version, or shards are missing from it.
 * @throws {RangeError} if some rows are not usable and `invalid` is `"error"`, or `windowRows` is not an integer of at least 2.
 * @example
 * const simulations = await openDataset("simulations");
 * const estimator = await train(aalr(simulations), { seed: "hello" });
 */
export async function openDataset(
  folder: string,
  options: OpenDatasetOptions = {},
  caller = "openDataset",
): Promise<StoredDataset> {
  checkOptions(caller, options, optionNames);
  const manifest = await finishedManifest(folder, caller);
  const { names, xShape, source, n } = manifest;
  const prior = options.prior ?? (manifest.prior ? priorFromSpec(manifest.prior) : undefined);
  if (prior && prior.names.join() !== names.join()) {
    throw new ShapeError(
      `${caller}: ${folder} has the parameters ${names.join(", ")} but the prior's are ${prior.names.join(", ")}.`,
    );
  }
  const width = names.length + rowLength(xShape);
  const { windowRows = Math.min(200_000, Math.max(1000, Math.floor(2 ** 24 / width))) } = options;
  if (!Number.isSafeInteger(windowRows) || windowRows < 2) {
    throw new RangeError(`${caller}: windowRows must be an integer of at least 2, got ${windowRows}.`);
  }
  const { invalid = manifest.invalid } = options;
  if (invalid !== "error" && invalid !== "drop") {
    throw new RangeError(`${caller}: invalid must be "error" or "drop", got ${JSON.stringify(invalid)}.`);
  }
  const failed = manifest.shards.reduce((sum, { failures }) => sum + failures, 0);
  if (failed > 0 && invalid === "error") {
    const first = manifest.shards.find(({ failures }) => failures > 0)?.firstFailure;
    throw new RangeError(
      `${caller}: ${failed} of the ${n} rows of ${folder} hold no usable data` +
        `${first ? ` (the first is row ${first.row}: ${first.reason})` : ""}. ` +
        `Pass invalid: "drop" to keep such rows out and count them.`,
    );
  }
  if (failed === n) throw new ShapeError(`${caller}: no row of ${folder} is finite.`);

  const { readShard } = await import("./folder.js"); // brings Arrow
  const checked = new Set<number>();
  const hash = createHash("sha256").update(JSON.stringify([n, names, xShape]));
  for (const { sha256 } of manifest.shards) hash.update(sha256);
  return {
    folder,
    n: n - failed,
    shards: manifest.shards.map(({ rows, failures }) => rows - failures),
    names,
    xShape,
    ...(prior && { prior }),
    dropped: Math.max(failed, manifest.dropped),
    invalid,
    source: { ...source, n },
    windowRows,
    fingerprint: hash.digest("hex"),

    async read(index) {
      const entry = manifest.shards[index];
      if (!entry) {
        throw new RangeError(`read: shard must be from 0 to ${manifest.shards.length - 1}, got ${index}.`);
      }
      const verify = !checked.has(index);
      const shard = await readShard(folder, entry, manifest, { caller, verify });
      const rows = finiteRows(shard);
      if (verify) checkRows(rows, entry, prior, names, `${caller}: the shard ${entry.file} of ${folder}`);
      checked.add(index);
      return rows;
    },
  };
}

/**
 * Reads a stored dataset whole.
 *
 * @throws {ConfigError} as `read`.
 */
export async function readAll(stored: StoredDataset): Promise<Dataset> {
  const { n, names, xShape, prior, dropped, source } = stored;
  const theta = matrix(n, names.length);
  const x = matrix(n, rowLength(xShape));
  let at = 0;
  for (let shard = 0; shard < stored.shards.length; shard++) {
    const rows = await stored.read(shard);
    theta.data.set(rows.theta.data, at * theta.cols);
    x.data.set(rows.x.data, at * x.cols);
    at += rows.x.rows;
  }
  return { theta, x, names, xShape, ...(prior && { prior }), dropped, source };
}

/** How many simulations there are, in memory or on disk. */
export function countRows(simulations: Dataset | StoredDataset): number {
  return isStored(simulations) ? simulations.n : simulations.theta.rows;
}

/** Whether simulations stay on disk. */
export function isStored(simulations: Dataset | StoredDataset): simulations is StoredDataset {
  return "read" in simulations;
}

/** The rows in which every value is finite. */
function finiteRows({ theta, x }: Rows): Rows {
  const kept: number[] = [];
  for (let i = 0; i < x.rows; i++) {
    if (isFiniteRow(theta, i) && isFiniteRow(x, i)) kept.push(i);
  }
  if (kept.length === x.rows) return { theta, x };
  return { theta: takeRows(theta, kept), x: takeRows(x, kept) };
}

function isFiniteRow({ data, cols }: Matrix, i: number): boolean {
  for (let at = i * cols; at < (i + 1) * cols; at++) if (!Number.isFinite(data[at])) return false;
  return true;
}

function checkRows(
  { theta }: Rows,
  { rows, failures }: ShardEntry,
  prior: Prior | undefined,
  names: readonly string[],
  where: string,
): void {
  if (theta.rows !== rows - failures) {
    throw new ConfigError(
      `${where} has ${theta.rows} rows of finite numbers; its manifest says ${rows - failures}. ` +
        `Read it with readDataset and write the usable rows to another folder.`,
    );
  }
  const outside = prior?.logProb(theta).findIndex((logProb) => !(logProb > -Infinity)) ?? -1;
  if (outside >= 0) {
    throw new RangeError(
      `${where}: usable row ${outside} lies outside the prior: ${describeTheta(names, row(theta, outside))}.`,
    );
  }
}
