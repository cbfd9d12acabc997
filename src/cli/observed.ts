/**
 * What was measured, from the command line or a file: numbers separated by commas (several observations by
 * semicolons), JSON, CSV or NPY. The shape must be one that the estimator declares: one row, flat or as
 * `xShape`, or several of them.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { ConfigError, ShapeError } from "../core/errors.js";
import { type Matrix, matrix } from "../core/matrix.js";
import { readJson } from "./prior-file.js";

/** Numbers and their shape, before anyone says what the axes are. */
interface Block {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/**
 * Reads one or several independent observations.
 *
 * @param source - a path that ends in .json, .csv, .tsv or .npy, or the numbers themselves: `0.9,1.4` or `1,2;3,4`.
 * @param xShape - shape of one data row of the estimator.
 * @returns `[M, L]`, `L = product(xShape)`.
 * @throws {ConfigError} if the file cannot be read or holds something other than finite numbers.
 * @throws {ShapeError} if the numbers are not M rows of `xShape`.
 */
export async function readObserved(source: string, xShape: readonly number[]): Promise<Matrix> {
  const { shape, values } = await readBlock(source);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new ConfigError(
      `readObserved: value ${bad} of ${source} is ${values[bad]}; expected finite numbers.`,
    );
  }
  const length = xShape.reduce((product, size) => product * size, 1);
  const is = (wanted: readonly number[]) => wanted.join() === shape.join();
  const rows = shape[0] ?? 1;
  if (is(xShape) || is([length])) return matrix(1, length, values);
  if (rows > 0 && (is([rows, ...xShape]) || is([rows, length]))) return matrix(rows, length, values);
  throw new ShapeError(
    `readObserved: ${source} has the shape [${shape}] but the estimator was trained on data of shape [${xShape}]: ` +
      `expected ${length} ${length === 1 ? "number" : "numbers"}, or rows of ${length}, one for each observation.`,
  );
}

async function readBlock(source: string): Promise<Block> {
  switch (extname(source).toLowerCase()) {
    case ".json":
      return fromNested(await readJson(source, "readObserved"), source);
    case ".csv":
    case ".tsv":
      return fromCsv((await readBytes(source)).toString("utf8"), source);
    case ".npy": {
      const { decodeNpy } = await import("../dataset/npy.js");
      return decodeNpy(await readBytes(source), basename(source));
    }
    default:
      return fromText(source);
  }
}

function readBytes(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError(`readObserved: cannot read ${path}: ${cause.message}.`, { cause });
  });
}

function fromText(source: string): Block {
  if (source.trim().startsWith("[")) {
    try {
      return fromNested(JSON.parse(source), "--observed");
    } catch (cause) {
      if (cause instanceof ConfigError || cause instanceof ShapeError) throw cause;
      throw new ConfigError(`readObserved: "${source}" is not JSON: ${(cause as Error).message}.`, { cause });
    }
  }
  const cells = source.split(";").map((part) => part.split(",").map((cell) => cell.trim()));
  const odd = cells.flat().find((cell) => cell === "" || Number.isNaN(Number(cell)));
  if (odd !== undefined) {
    throw new ConfigError(
      `readObserved: expected numbers such as 0.9,1.4 or a file that ends in .json, .csv, .tsv or .npy, got "${source}"` +
        `${odd === source ? "" : ` ("${odd}" is not a number)`}.`,
    );
  }
  const rows = cells.map((part) => part.map(Number));
  return fromNested(rows.length === 1 ? rows[0] : rows, "--observed");
}

/** A table with or without a header: one row for each observation. */
async function fromCsv(content: string, source: string): Promise<Block> {
  const { parseCsv } = await import("../dataset/table.js");
  const [first = ""] = content.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  const separator = first.includes("\t") ? "\t" : ",";
  const cells = first.split(separator);
  const bare = cells.every((cell) => cell.trim() !== "" && !Number.isNaN(Number(cell)));
  const header = bare ? `${cells.map((_, j) => `x${j}`).join(separator)}\n` : "";
  try {
    const { values } = parseCsv(header + content, basename(source));
    return { shape: [values.rows, values.cols], values: values.data };
  } catch (cause) {
    const message = (cause as Error).message.replace(/^readDataset/, "readObserved");
    // lines are counted as in the file, which has no header here
    throw new ConfigError(bare ? message.replace(/line (\d+)/, (_, n) => `line ${n - 1}`) : message, {
      cause,
    });
  }
}

function fromNested(value: unknown, source: string): Block {
  const shape: number[] = [];
  for (let level: unknown = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  const values: number[] = [];
  const walk = (entry: unknown, depth: number): void => {
    if (depth === shape.length) {
      if (typeof entry === "number") values.push(entry);
      else {
        throw new ConfigError(
          `readObserved: ${source} must hold an array of numbers, or an array of such arrays, got ${JSON.stringify(entry).slice(0, 60)}.`,
        );
      }
    } else if (Array.isArray(entry) && entry.length === shape[depth]) {
      for (const each of entry) walk(each, depth + 1);
    } else {
      throw new ShapeError(`readObserved: ${source} is ragged: its arrays differ in length or depth.`);
    }
  };
  walk(value, 0);
  return { shape, values: Float64Array.from(values) };
}
