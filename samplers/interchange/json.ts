/**
 * Draws as JSON, the one format that keeps everything.
 *
 * @module
 */
import { ConfigError } from "../../src/core/errors.js";
import type { Draws } from "../draws.js";
import { plainNumbers } from "./run-record.js";

const format = "galton-draws";
const version = 1;

/**
 * Writes `{ format: "galton-draws", version: 1, names, chains, groups, draws, values, stats, warmup, run }`, with `values`
 * nested as `[chain][draw][parameter]` and each statistic as `[chain][draw]`; numbers that JSON lacks are the
 * strings `"NaN"`, `"Infinity"`, `"-Infinity"`. Everything comes back bit for bit.
 */
export function drawsToJson({ names, chains, groups, draws, values, stats, warmup, run }: Draws): string {
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
    plainNumbers,
  );
}

/**
 * Reads what `drawsToJson` wrote.
 *
 * @throws {ConfigError} if it is damaged, or something else; the message says what.
 */
export function drawsFromJson(content: string): Draws {
  const fail = (reason: string, cause?: unknown) =>
    new ConfigError(`drawsFromJson: the text ${reason}. Sample again, or pass another file.`, { cause });
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

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string");
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
