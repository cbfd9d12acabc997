/**
 * Draws as files; the ending says the format.
 *
 * - `.json`: everything, bit for bit.
 * - `.csv`: the columns `chain` and `draw`, counted from 0, the parameters, and the statistics with `__` behind
 *   their names (`logProb__`), which tells them from parameters. `warmup` and `run` are left out.
 * - `.arrow`, `.parquet`: such columns, and `run` in the metadata; Parquet counts as R's posterior does.
 * - `.nc`: netCDF-4 as ArviZ's InferenceData, with `run`.
 *
 * Read are also the tables of others, and Stan CSV, one file for each chain.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { concatenate, type Draws } from "../../samplers/draws.js";
import { drawsFromArrow, drawsToArrow } from "../../samplers/interchange/arrow.js";
import { drawsToCsv } from "../../samplers/interchange/csv.js";
import { fromColumns } from "../../samplers/interchange/draws-columns.js";
import { drawsFromJson, drawsToJson } from "../../samplers/interchange/json.js";
import { drawsFromNetCdf, drawsToNetCdf } from "../../samplers/interchange/net-cdf.js";
import { drawsFromParquet, drawsToParquet } from "../../samplers/interchange/parquet.js";
import { fromStanCsv, isStanCsv } from "../../samplers/interchange/stan-csv.js";
import { ConfigError, ShapeError } from "../core/errors.js";
import { checkWritable, writeWhole } from "./files.js";
import { galtonPackage } from "./package-info.js";

/** Endings of the files. */
export const drawsEndings = [".json", ".csv", ".arrow", ".parquet", ".nc"] as const;

/**
 * Writes draws; the ending chooses the format.
 *
 * @throws {ConfigError} for an unknown ending, a path that cannot be written, or (in tables) a parameter called like
 *   another column.
 */
export async function writeDraws(path: string, draws: Draws): Promise<void> {
  const ending = checkEnding(path, "writeDraws");
  await checkWritable(path);
  const encode = {
    ".json": drawsToJson,
    ".csv": (run: Draws) => drawsToCsv(run),
    ".arrow": drawsToArrow,
    ".parquet": drawsToParquet,
    ".nc": (run: Draws) => drawsToNetCdf(run, { version: galtonPackage().version }),
  };
  await writeWhole(path, await encode[ending](draws));
}

/**
 * Reads draws.
 *
 * @param paths - a file, or several that hold chains of one run each.
 * @throws {ConfigError} if a file cannot be read, is damaged, or holds something else; the message says what.
 */
export async function readDraws(...paths: readonly string[]): Promise<Draws> {
  const files: { path: string; bytes: Buffer; text?: string }[] = [];
  for (const path of paths) {
    const ending = checkEnding(path, "readDraws");
    const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
      throw new ConfigError(`readDraws: cannot read ${path}: ${cause.message}.`, { cause });
    });
    files.push({ path, bytes, ...(ending === ".csv" && { text: bytes.toString("utf8") }) });
  }
  const texts = files.map(({ text }) => text);
  const all = paths.join(", ");
  if (texts.every((text) => text !== undefined && isStanCsv(text))) {
    return naming(all, () => fromStanCsv(texts as string[]));
  }
  const parts: Draws[] = [];
  for (const { path, bytes, text } of files) parts.push(await naming(path, () => decode(path, bytes, text)));
  return parts.length === 1 ? parts[0] : naming(all, () => concatenate(parts));
}

/**
 * The ending of a file of draws.
 *
 * @throws {ConfigError} if it is none of `drawsEndings`.
 */
export function checkEnding(path: string, caller: string): (typeof drawsEndings)[number] {
  const ending = drawsEndings.find((each) => each === extname(path).toLowerCase());
  if (ending === undefined) {
    throw new ConfigError(`${caller}: "${path}" must end in one of ${drawsEndings.join(", ")}.`);
  }
  return ending;
}

async function decode(path: string, bytes: Buffer, text: string | undefined): Promise<Draws> {
  if (text !== undefined) return isStanCsv(text) ? fromStanCsv([text]) : fromCsv(text, path);
  switch (checkEnding(path, "readDraws")) {
    case ".arrow":
      return drawsFromArrow(bytes);
    case ".parquet":
      return drawsFromParquet(bytes);
    case ".nc":
      return drawsFromNetCdf(bytes);
    default:
      return drawsFromJson(bytes.toString("utf8"));
  }
}

/** Runs a reader; what it finds wrong is told with the file's name. */
async function naming(path: string, read: () => Draws | Promise<Draws>): Promise<Draws> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof ConfigError || cause instanceof ShapeError)) throw cause;
    throw new ConfigError(`readDraws: ${path}: ${cause.message.replace(/^\w+: /, "")}`, { cause });
  }
}

async function fromCsv(text: string, path: string): Promise<Draws> {
  const { parseCsv } = await import("../dataset/table.js");
  const { columns = [], values } = parseCsv(text, basename(path));
  return fromColumns(
    columns.map(({ name, start }) => [
      name,
      Float64Array.from({ length: values.rows }, (_, i) => values.data[i * values.cols + start]),
    ]),
  );
}
