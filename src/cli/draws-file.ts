/**
 * Draws as files.
 *
 * - `.json`: `{ format: "galton-draws", version: 1, names, chains, groups, draws, values, stats, warmup, run }`, with `values`
 *   nested as `[chain][draw][parameter]` and each statistic as `[chain][draw]`; numbers that JSON lacks are the
 *   strings `"NaN"`, `"Infinity"`, `"-Infinity"`. Everything comes back bit for bit.
 * - `.csv`: the columns `chain` and `draw`, counted from 0, the parameters, and the statistics with `__` behind
 *   their names (`logProb__`), which tells them from parameters. `warmup` and `run` are left out.
 * - `.arrow`: the same columns as Arrow IPC; `run` is in the schema's metadata.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { Column } from "@uwdata/flechette";
import type { Draws } from "../../samplers/draws.js";
import { ConfigError } from "../core/errors.js";
import { checkWritable, writeWhole } from "./files.js";

const format = "galton-draws";
const version = 1;

/** Endings of the files. */
export const drawsEndings = [".json", ".csv", ".arrow"] as const;

/**
 * Writes draws; the ending chooses the format.
 *
 * @throws {ConfigError} for an unknown ending, a path that cannot be written, or (in tables) a parameter called like
 *   another column.
 */
export async function writeDraws(path: string, draws: Draws): Promise<void> {
  const ending = checkEnding(path, "writeDraws");
  await checkWritable(path);
  if (ending === ".json") await writeWhole(path, toJson(draws));
  else if (ending === ".csv") await writeWhole(path, toCsv(draws));
  else await writeWhole(path, await toArrow(draws));
}

/**
 * Reads draws.
 *
 * @throws {ConfigError} if the file cannot be read, is damaged, or holds something else; the message says what.
 */
export async function readDraws(path: string): Promise<Draws> {
  const ending = checkEnding(path, "readDraws");
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError(`readDraws: cannot read ${path}: ${cause.message}.`, { cause });
  });
  if (ending === ".json") return fromJson(bytes.toString("utf8"), path);
  try {
    if (ending === ".csv") {
      const { parseCsv } = await import("../dataset/table.js");
      const { columns = [], values } = parseCsv(bytes.toString("utf8"), basename(path));
      const named = columns.map(({ name, start }): [string, Float64Array] => [
        name,
        Float64Array.from({ length: values.rows }, (_, i) => values.data[i * values.cols + start]),
      ]);
      return fromColumns(named, {}, path);
    }
    return await fromArrow(bytes, path);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new ConfigError(cause.message.replace(/^readDataset/, "readDraws"), { cause });
  }
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

function toJson({ names, chains, groups, draws, values, stats, warmup, run }: Draws): string {
  const nest = (data: Float64Array, shape: readonly number[]): unknown => {
    if (shape.length === 0) return data[0];
    const [size, ...inner] = shape;
    const stride = data.length / size;
    return Array.from({ length: size }, (_, i) => nest(data.subarray(i * stride, (i + 1) * stride), inner));
  };
  return JSON.stringify(
    {
      format,
      version,
      names,
      chains,
      groups,
      draws,
      values: nest(values, [chains, draws, names.length]),
      stats: Object.fromEntries(
        Object.entries(stats).map(([name, data]) => [name, nest(data, [chains, draws])]),
      ),
      warmup,
      run,
    },
    (_, value) => {
      if (value instanceof Float64Array) return Array.from(value);
      return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
    },
  );
}

function fromJson(content: string, path: string): Draws {
  const fail = (reason: string, cause?: unknown) =>
    new ConfigError(`readDraws: ${path} ${reason}. Sample again, or pass another file.`, { cause });
  let found: Record<string, unknown>;
  try {
    found = JSON.parse(content);
  } catch (cause) {
    throw fail(`is not whole JSON: ${(cause as Error).message}`, cause);
  }
  if (found?.format !== format) throw fail("does not hold draws of galton");
  if (found.version !== version) {
    throw fail(`holds draws of version ${found.version}; this galton reads version ${version}`);
  }
  const { names, chains, groups, draws, values, stats, warmup = {}, run = {} } = found as unknown as Draws;
  if (!isNames(names) || !isCount(chains) || !isCount(draws) || typeof stats !== "object" || stats === null) {
    throw fail("is damaged: names, chains, draws or stats are missing");
  }
  if (groups !== undefined && !(isCount(groups) && chains % groups === 0)) {
    throw fail(`is damaged: groups is ${groups}, expected a divisor of ${chains} chains`);
  }
  const flatten = (nested: unknown, shape: readonly number[], what: string) => {
    const out: number[] = [];
    const walk = (entry: unknown, depth: number): void => {
      if (depth < shape.length) {
        if (!Array.isArray(entry) || entry.length !== shape[depth]) {
          throw fail(`is damaged: ${what} does not have the shape [${shape}]`);
        }
        for (const each of entry) walk(each, depth + 1);
      } else if (typeof entry === "number" || ["NaN", "Infinity", "-Infinity"].includes(entry as string)) {
        out.push(Number(entry));
      } else {
        throw fail(`is damaged: ${what} holds ${JSON.stringify(entry)}, expected a number`);
      }
    };
    walk(nested, 0);
    return Float64Array.from(out);
  };
  return {
    names,
    chains,
    ...(groups !== undefined && { groups }),
    draws,
    values: flatten(values, [chains, draws, names.length], "values"),
    stats: Object.fromEntries(
      Object.entries(stats).map(([name, data]) => [name, flatten(data, [chains, draws], name)]),
    ),
    warmup,
    run,
  };
}

/** Column names and values, `[chains * draws]` each. */
function toColumns({ names, chains, draws, values, stats }: Draws): [string, Float64Array][] {
  const odd = names.find((name) => name === "chain" || name === "draw" || name.endsWith("__"));
  if (odd !== undefined) {
    throw new ConfigError(
      `writeDraws: a table cannot hold the parameter "${odd}" beside a column of that kind. Write .json instead.`,
    );
  }
  const size = chains * draws;
  return [
    ["chain", Float64Array.from({ length: size }, (_, i) => Math.floor(i / draws))],
    ["draw", Float64Array.from({ length: size }, (_, i) => i % draws)],
    ...names.map((name, j): [string, Float64Array] => [
      name,
      Float64Array.from({ length: size }, (_, i) => values[i * names.length + j]),
    ]),
    ...Object.entries(stats).map(([name, data]): [string, Float64Array] => [`${name}__`, data]),
  ];
}

function fromColumns(
  columns: readonly (readonly [string, Float64Array])[],
  run: Draws["run"],
  path: string,
): Draws {
  const fail = (reason: string) => new ConfigError(`readDraws: ${path} ${reason}.`);
  const byName = new Map(columns);
  const chain = byName.get("chain");
  const draw = byName.get("draw");
  const names = columns
    .map(([name]) => name)
    .filter((name) => name !== "chain" && name !== "draw" && !name.endsWith("__"));
  if (!chain || !draw || names.length === 0) {
    throw fail(
      `must have the columns chain, draw and at least one parameter; it has ${[...byName.keys()].join(", ")}`,
    );
  }
  const chains = chain.length === 0 ? 0 : chain[chain.length - 1] + 1;
  const draws = chain.length / chains;
  const ordered =
    Number.isSafeInteger(draws) &&
    chain.every((c, i) => c === Math.floor(i / draws) && draw[i] === i % draws);
  if (!ordered) {
    throw fail(
      "must hold the same number of draws for each chain, chain after chain, both counted from 0; rows are missing or in disorder",
    );
  }
  const values = new Float64Array(chain.length * names.length);
  names.forEach((name, j) => {
    byName.get(name)!.forEach((value, i) => {
      values[i * names.length + j] = value;
    });
  });
  const stats = columns.filter(([name]) => name.endsWith("__"));
  return {
    names,
    chains,
    draws,
    values,
    stats: Object.fromEntries(stats.map(([name, data]) => [name.slice(0, -2), data])),
    warmup: {},
    run,
  };
}

/** Numbers as the shortest text that reads back to the same float64. */
function toCsv(draws: Draws): string {
  const columns = toColumns(draws);
  const lines = [columns.map(([name]) => name).join(",")];
  for (let i = 0; i < draws.chains * draws.draws; i++)
    lines.push(columns.map(([, data]) => data[i]).join(","));
  return `${lines.join("\n")}\n`;
}

async function toArrow(draws: Draws): Promise<Uint8Array> {
  const { columnFromArray, Table, tableFromColumns, tableToIPC } = await import("@uwdata/flechette");
  const columns = toColumns(draws).map(
    ([name, data]) => [name, columnFromArray(data)] as [string, Column<unknown>],
  );
  const { schema, children } = tableFromColumns(columns);
  const metadata = new Map([["galton-draws", JSON.stringify({ version, run: draws.run })]]);
  return tableToIPC(new Table({ ...schema, metadata }, children), { format: "file" })!;
}

async function fromArrow(bytes: Uint8Array, path: string): Promise<Draws> {
  const { tableFromIPC } = await import("@uwdata/flechette");
  try {
    const table = tableFromIPC(bytes);
    const columns = table.names.map((name, j): [string, Float64Array] => [
      String(name),
      Float64Array.from(table.children[j].toArray() as ArrayLike<number>, Number),
    ]);
    const text = table.schema.metadata?.get("galton-draws");
    return fromColumns(columns, text === undefined ? {} : JSON.parse(text).run, path);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(
      `readDraws: ${path} is not an Arrow IPC file, or it is damaged: ${(cause as Error).message}.`,
      { cause },
    );
  }
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string");
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
