/**
 * Datasets in files: a folder of `simulate` or `writeDataset`, or the user's own CSV, NPY and Arrow tables.
 *
 * @module
 */
import { readFile, stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { Prior } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { type Matrix, matrix, sliceRows } from "../core/matrix.js";
import type { Dataset } from "./dataset.js";
import { datasetFrom } from "./from.js";
import { type DataTable, parseCsv, selectColumns } from "./table.js";

/** One file or folder with everything, or one file for each half. */
export type DatasetPaths = string | { readonly theta: string; readonly x: string };

/** Options of `readDataset`. */
export interface ReadDatasetOptions {
  /**
   * Parameter names. They select columns where the file names its columns; a nameless array (NPY) takes them
   * as the names. Default: what the file says; `theta0`, `theta1` ... for NPY.
   */
  readonly names?: readonly string[];
  /** Data columns, in this order; columns not named then may hold anything. Default: all that are not parameters. */
  readonly x?: readonly string[];
  /** Shape of one data row. Default: what the file says, else `[L]`. */
  readonly xShape?: readonly number[];
  /** The prior that `theta` was drawn from. Default: the manifest's, where there is one. */
  readonly prior?: Prior;
  /**
   * Rows with a value that is not finite: stop, or keep them out and count them. Default: what the folder was
   * made with, else `"error"`.
   */
  readonly invalid?: "error" | "drop";
}

/**
 * Reads a dataset. Files are told apart by their endings: `.csv` (comma or tab, with a header), `.npy` (f4, f8,
 * i4, i8; the first axis counts rows, the others are `xShape`), `.arrow`, `.feather` or `.arrows` (Arrow IPC,
 * uncompressed).
 *
 * @throws {ConfigError} if a file is missing, damaged, of another kind, or lacks a column.
 * @throws {ShapeError} if the halves do not fit together or the table is empty.
 * @throws {RangeError} if a value is not finite (unless `invalid: "drop"`).
 * @example
 * const dataset = await readDataset({ theta: "theta.csv", x: "images.npy" });
 */
export async function readDataset(paths: DatasetPaths, options: ReadDatasetOptions = {}): Promise<Dataset> {
  if (typeof paths !== "string") return readHalves(paths, options);
  if (await isFolder(paths)) return readSimulations(paths, options);
  const where = basename(paths);
  const selected = options.names && options.x ? [...options.names, ...options.x] : undefined;
  const table = await readTable(paths, selected);
  const names = options.names ?? table.names ?? options.prior?.names;
  if (!names) {
    throw new ConfigError(
      `readDataset: ${where} does not say which columns are parameters. Pass names: ["..."], ` +
        `or one file for each half: { theta: "theta.csv", x: "x.csv" }.`,
    );
  }
  const others = table.columns?.map((column) => column.name).filter((name) => !names.includes(name)) ?? [];
  const theta = selectColumns(table, names, where);
  if (theta.cols !== names.length) {
    throw new ConfigError(
      `readDataset: ${where}: a parameter column must hold one number per row, not lists.`,
    );
  }
  if (others.length === 0)
    throw new ConfigError(`readDataset: ${where} has no column besides the parameters.`);
  return datasetFrom({
    theta,
    x: selectColumns(table, options.x ?? others, where),
    names,
    xShape: options.xShape ?? (options.x ? undefined : table.xShape),
    prior: options.prior,
    invalid: options.invalid,
    source: { kind: "file", file: where },
  });
}

/**
 * Writes a dataset as a folder that `readDataset` reads back bit for bit.
 *
 * @param options - each has a default.
 * @param options.shardSize - rows per file. Default 10,000.
 * @throws {ConfigError} if the folder holds simulations already.
 */
export async function writeDataset(
  dataset: Dataset,
  folder: string,
  { shardSize = 10_000 }: { readonly shardSize?: number } = {},
): Promise<void> {
  if (!Number.isSafeInteger(shardSize) || shardSize < 1) {
    throw new RangeError(`writeDataset: shardSize must be a positive integer, got ${shardSize}.`);
  }
  const { openFolder } = await import("./folder.js"); // brings Arrow
  const { readManifest } = await import("./manifest.js");
  if (await readManifest(folder, "writeDataset")) {
    throw new ConfigError(`writeDataset: ${folder} holds simulations already. Choose another folder.`);
  }
  const { theta, x, names, xShape, prior, source, dropped } = dataset;
  const identity = { source, names, xShape, prior: prior?.spec ?? null, n: theta.rows, shardSize };
  const writer = await openFolder(folder, identity, { caller: "writeDataset", dropped });
  for (let index = 0; index * shardSize < theta.rows; index++) {
    const [from, to] = [index * shardSize, Math.min(theta.rows, (index + 1) * shardSize)];
    await writer.write(index, { theta: sliceRows(theta, from, to), x: sliceRows(x, from, to), failures: [] });
  }
}

async function readSimulations(folder: string, options: ReadDatasetOptions): Promise<Dataset> {
  const { openDataset, readAll } = await import("./stored.js");
  const { names, prior, invalid, xShape } = options;
  const stored = await openDataset(folder, { prior, invalid }, "readDataset");
  if (names && names.join() !== stored.names.join()) {
    throw new ConfigError(
      `readDataset: ${folder} has the parameters ${stored.names.join(", ")}, not ${names.join(", ")}.`,
    );
  }
  const dataset = await readAll(stored);
  const { theta, x, source, dropped } = dataset;
  return xShape
    ? { ...datasetFrom({ theta, x, names: stored.names, xShape, prior: stored.prior, source }), dropped }
    : dataset;
}

async function readHalves(
  paths: { readonly theta: string; readonly x: string },
  options: ReadDatasetOptions,
): Promise<Dataset> {
  const { names, prior, invalid } = options;
  const [left, right] = [await readTable(paths.theta, names), await readTable(paths.x, options.x)];
  const theta = left.columns && names ? selectColumns(left, names, basename(paths.theta)) : left.values;
  return datasetFrom({
    theta,
    x: options.x ? selectColumns(right, options.x, basename(paths.x)) : right.values,
    names:
      names ??
      left.columns?.map((column) => column.name) ??
      prior?.names ??
      Array.from({ length: theta.cols }, (_, j) => `theta${j}`),
    xShape: options.xShape ?? (options.x ? undefined : right.xShape),
    prior,
    invalid,
    source: { kind: "file", theta: basename(paths.theta), x: basename(paths.x) },
  });
}

async function readTable(path: string, wanted?: readonly string[]): Promise<DataTable> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError(`readDataset: cannot read ${path}: ${cause.message}.`, { cause });
  });
  const where = basename(path);
  switch (extname(path).toLowerCase()) {
    case ".csv":
    case ".tsv":
      return parseCsv(bytes.toString("utf8"), where, wanted);
    case ".npy": {
      const { decodeNpy } = await import("./npy.js");
      const { shape, values } = decodeNpy(bytes, where);
      if (shape.length === 0) throw new ConfigError(`readDataset: ${where} holds one number, not rows.`);
      const [rows, ...xShape] = shape;
      return { values: asMatrix(rows, values), xShape };
    }
    case ".arrow":
    case ".arrows":
    case ".feather": {
      const { decodeArrow } = await import("./arrow.js");
      return decodeArrow(bytes, where, wanted);
    }
    default:
      throw new ConfigError(
        `readDataset: ${where} has an unknown ending; expected .csv, .tsv, .npy, .arrow, .arrows or .feather, ` +
          `or a folder that simulate wrote.`,
      );
  }
}

function asMatrix(rows: number, values: Float64Array): Matrix {
  return matrix(rows, rows === 0 ? 0 : values.length / rows, values);
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError(`readDataset: cannot read ${path}: ${cause.message}.`, { cause });
  });
  return found.isDirectory();
}
