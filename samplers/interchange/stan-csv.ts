/**
 * Stan CSV, the files of CmdStan: one per chain, with the configuration and what adaptation found in comments.
 *
 * @see https://mc-stan.org/docs/cmdstan-guide/stan_csv_apdx.html
 * @module
 */
import { ConfigError } from "../../src/core/errors.js";
import type { Draws } from "../draws.js";
import { fromStanStatistic, toStanStatistic } from "./statistics.js";

/**
 * One chain as Stan CSV text, which ArviZ (`from_cmdstan`), posterior and rstan read.
 *
 * @param chain - its index.
 * @throws {RangeError} if there is no such chain.
 */
export function toStanCsv(draws: Draws, chain = 0): string {
  if (!(Number.isInteger(chain) && chain >= 0 && chain < draws.chains)) {
    throw new RangeError(`toStanCsv: chain must be an integer from 0 to ${draws.chains - 1}, got ${chain}.`);
  }
  const dim = draws.names.length;
  const stats = Object.entries(draws.stats);
  const lines = [
    "# model = galton",
    "# method = sample",
    "#   sample",
    `#     num_samples = ${draws.draws}`,
    "#     num_warmup = 0",
    "#     save_warmup = 0",
    "#     thin = 1",
    `# id = ${chain + 1}`,
    ...(draws.groups === undefined ? [] : [`# galton_groups = ${draws.groups}`]),
    [...stats.map(([name]) => toStanStatistic(name)), ...draws.names.map(toStanName)].join(","),
  ];
  for (let t = 0; t < draws.draws; t++) {
    const i = chain * draws.draws + t;
    const numbers = [...stats.map(([, data]) => data[i]), ...draws.values.subarray(i * dim, (i + 1) * dim)];
    lines.push(numbers.map(formatNumber).join(","));
  }
  return `${lines.join("\n")}\n`;
}

/**
 * Reads the files of one run, one per chain. Draws of the warm-up are left out; names become `theta[1]`, `L[1,2]`
 * again, and Stan's statistics get our names. `logProb` is Stan's `lp__`: in unconstrained space, with the Jacobian.
 *
 * @param texts - the files' content, in the order of the chains.
 * @returns `warmup.chains` holds the step size and the diagonal of the inverse metric of each chain, where the files
 *   have them; `run` the sampler, the model and the seed.
 * @throws {ConfigError} naming the chain and the line, if a file is damaged, was cut short, or is not of the same run.
 * @example
 * const draws = fromStanCsv(files.map((file) => readFileSync(file, "utf8")));
 */
export function fromStanCsv(texts: readonly string[]): Draws {
  if (texts.length === 0)
    throw new ConfigError("fromStanCsv: expected the text of at least one chain, got none.");
  const parts = texts.map(parseChain);
  const [first] = parts;
  parts.forEach(({ header, rows }, c) => {
    if (header.join() !== first.header.join() || rows.length !== first.rows.length) {
      throw new ConfigError(
        `fromStanCsv: chain ${c + 1} has ${rows.length} draws of (${header.join(", ")}), but chain 1 has ` +
          `${first.rows.length} draws of (${first.header.join(", ")}). Pass the files of one finished run.`,
      );
    }
  });
  const isStatistic = first.header.map((name) => name.endsWith("__"));
  const parameters = first.header.flatMap((_, j) => (isStatistic[j] ? [] : [j]));
  if (parameters.length === 0 || first.rows.length === 0) {
    throw new ConfigError(
      `fromStanCsv: found ${first.rows.length} draws of ${parameters.length} parameters; expected at least one of each.`,
    );
  }
  const rows = parts.flatMap((part) => part.rows);
  const column = (j: number) => Float64Array.from(rows, (row) => row[j]);
  const groups = Number(first.settings.get("galton_groups") ?? Number.NaN);
  const { settings } = first;
  const setting = (name: string) => (settings.has(name) ? { [name]: settings.get(name) } : {});
  const sampler = settings.get("engine") ?? settings.get("algorithm");
  return {
    names: parameters.map((j) => fromStanName(first.header[j])),
    chains: parts.length,
    ...(Number.isInteger(parts.length / groups) && { groups }),
    draws: first.rows.length,
    values: Float64Array.from(rows.flatMap((row) => parameters.map((j) => row[j]))),
    stats: Object.fromEntries(
      first.header.flatMap((name, j) => (isStatistic[j] ? [[fromStanStatistic(name), column(j)]] : [])),
    ),
    warmup: parts.some(({ adaptation }) => Object.keys(adaptation).length > 0)
      ? { chains: parts.map(({ adaptation }) => adaptation) }
      : {},
    run: { source: "Stan CSV", ...(sampler && { sampler }), ...setting("model"), ...setting("seed") },
  };
}

/** Whether a text is Stan CSV, not another table: it begins with a comment, or its first column is `lp__`. */
export function isStanCsv(text: string): boolean {
  return /^\uFEFF?\s*(#|lp__\s*,)/.test(text);
}

interface Chain {
  readonly header: readonly string[];
  /** Draws after warm-up. */
  readonly rows: readonly (readonly number[])[];
  /** What the comments above the header set, such as `num_samples`; the first of each name. */
  readonly settings: ReadonlyMap<string, string>;
  readonly adaptation: { readonly stepSize?: number; readonly inverseMass?: readonly number[] };
}

function parseChain(text: string, index: number): Chain {
  const fail = (reason: string) => new ConfigError(`fromStanCsv: chain ${index + 1}${reason}`);
  const settings = new Map<string, string>();
  let header: readonly string[] | undefined;
  let rows: number[][] = [];
  let adapted = false;
  let stepSize: number | undefined;
  let inverseMass: readonly number[] | undefined;
  let metricFollows = false;

  text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\n|\r/)
    .forEach((line, i) => {
      if (line.trim() === "") return;
      if (line.startsWith("#")) {
        const comment = line.slice(1).trim();
        const [, name, value] = /^(\w+) = (.*?)(?: \(Default\))?$/.exec(comment) ?? [];
        if (header === undefined && name !== undefined && !settings.has(name)) settings.set(name, value);
        if (metricFollows) inverseMass = comment.split(",").map(parseNumber);
        metricFollows = /^Diagonal elements of inverse mass matrix/.test(comment);
        if (/^Step size = /.test(comment)) stepSize = parseNumber(comment.slice(12));
        if (/^Adaptation terminated/.test(comment)) {
          rows = []; // what came before was saved warm-up
          adapted = true;
        }
        return;
      }
      const cells = line.split(",").map((cell) => cell.trim());
      if (header === undefined) {
        header = cells;
        return;
      }
      if (cells.length !== header.length) {
        throw fail(
          `, line ${i + 1}: ${cells.length} cells, but the header names ${header.length}. The chain was cut short, or still runs.`,
        );
      }
      const row = cells.map(parseNumber);
      const bad = row.findIndex((value, j) => Number.isNaN(value) && !/^[+-]?nan$/i.test(cells[j]));
      if (bad >= 0) {
        throw fail(`, line ${i + 1}, column "${header[bad]}": expected a number, got "${cells[bad]}".`);
      }
      rows.push(row);
    });

  if (header === undefined) throw fail(" has no line of column names.");
  const method = settings.get("method");
  if (method !== undefined && method !== "sample") {
    throw fail(` is the output of Stan's method "${method}"; expected "sample", which makes chains.`);
  }
  if (!adapted && /^(1|true)$/.test(settings.get("save_warmup") ?? "")) {
    rows = rows.slice(Math.ceil(Number(settings.get("num_warmup")) / Number(settings.get("thin") ?? 1)));
  }
  return {
    header,
    rows,
    settings,
    adaptation: { ...(stepSize !== undefined && { stepSize }), ...(inverseMass && { inverseMass }) },
  };
}

/** `theta[1]` is `theta.1` in Stan's files; commas would end the column. */
function toStanName(name: string): string {
  return name
    .replace(/\[([^\]]*)\]/g, (_, index: string) => `.${index.replaceAll(",", ".")}`)
    .replaceAll(",", ".");
}

function fromStanName(column: string): string {
  return column.replace(/((?:\.\d+)+)$/, (indices) => `[${indices.slice(1).replaceAll(".", ",")}]`);
}

function formatNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

function parseNumber(cell: string): number {
  const infinite = /^([+-]?)inf(inity)?$/i.exec(cell);
  if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
  return cell === "" ? Number.NaN : Number(cell);
}
