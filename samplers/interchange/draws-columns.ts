/**
 * Draws as the columns of a table, and anybody's table as draws: what CSV, Arrow and Parquet share.
 *
 * @see The layout of R's posterior (`.chain`, `.iteration`, `.draw`), https://mc-stan.org/posterior/reference/draws_df.html
 * @module
 */
import { ConfigError } from "../../src/core/errors.js";
import type { Draws } from "../draws.js";
import { fromStanStatistic } from "./statistics.js";

/** A name and its values, one per row. */
export type Column = readonly [name: string, values: Float64Array];

const chainColumns = ["chain", ".chain"];
const drawColumns = ["draw", ".iteration", "iteration", ".draw"];
const indexColumns = [...chainColumns, ...drawColumns];
const groupColumn = "group__";

/**
 * The columns `chain` and `draw`, counted from 0, the parameters, the statistics with `__` behind their names, which tells
 * them from parameters, and `group__` where chains of a group are not independent; each `[chains * draws]`.
 *
 * @param options.layout - `"draws_df"` has posterior's `.chain`, `.iteration`, `.draw`, counted from 1, for the first two.
 * @throws {ConfigError} if a parameter is called like another column.
 */
export function toColumns(
  { names, chains, groups, draws, values, stats }: Draws,
  { layout = "galton" as "galton" | "draws_df" } = {},
): Column[] {
  const odd = names.find((name) => indexColumns.includes(name) || name.endsWith("__"));
  if (odd !== undefined) {
    throw new ConfigError(
      `toColumns: a table cannot hold the parameter "${odd}" beside a column of that kind. Write .json instead.`,
    );
  }
  const column = (value: (i: number) => number) =>
    Float64Array.from({ length: chains * draws }, (_, i) => value(i));
  const chain = (i: number) => Math.floor(i / draws);
  return [
    ...(layout === "galton"
      ? [["chain", column(chain)] as const, ["draw", column((i) => i % draws)] as const]
      : [
          [".chain", column((i) => chain(i) + 1)] as const,
          [".iteration", column((i) => (i % draws) + 1)] as const,
          [".draw", column((i) => i + 1)] as const,
        ]),
    ...(groups === undefined
      ? []
      : [[groupColumn, column((i) => Math.floor((chain(i) * groups) / chains))] as const]),
    ...names.map((name, j): Column => [name, column((i) => values[i * names.length + j])]),
    ...Object.entries(stats).map(([name, data]): Column => [`${name}__`, data]),
  ];
}

/**
 * Reads a table of draws. Chain and draw numbers may begin anywhere and rows may be in any order; without a column of
 * chains all rows are one chain, without one of draws they are in order. Columns that end in `__` are statistics.
 *
 * @param columns - of equal lengths.
 * @param run - how the draws were made, where the file says it.
 * @throws {ConfigError} if there is no parameter or no row, or rows are missing or come twice.
 */
export function fromColumns(columns: readonly Column[], run: Draws["run"] = {}): Draws {
  const byName = new Map(columns);
  const names = columns
    .map(([name]) => name)
    .filter((name) => !name.endsWith("__") && !indexColumns.includes(name));
  const size = columns[0]?.[1].length ?? 0;
  if (names.length === 0 || size === 0) {
    throw new ConfigError(
      `fromColumns: expected at least one draw of one parameter, got ${size} rows of ${names.length} parameters; ` +
        `the columns are ${[...byName.keys()].join(", ")}.`,
    );
  }
  const pick = (candidates: readonly string[]) =>
    byName.get(candidates.find((name) => byName.has(name)) ?? "");
  const rows = orderedRows(size, pick(chainColumns), pick(drawColumns));
  const draws = rows[0].length;
  const order = rows.flat();
  const sorted = (data: Float64Array) => Float64Array.from(order, (i) => data[i]);
  const data = names.map((name) => byName.get(name)!);
  const groups = byName.has(groupColumn)
    ? countGroups(sorted(byName.get(groupColumn)!), rows.length, draws)
    : undefined;
  return {
    names,
    chains: rows.length,
    ...(groups !== undefined && { groups }),
    draws,
    values: Float64Array.from({ length: order.length * names.length }, (_, k) => {
      return data[k % names.length][order[Math.floor(k / names.length)]];
    }),
    stats: Object.fromEntries(
      columns
        .filter(([name]) => name.endsWith("__") && name !== groupColumn)
        .map(([name, values]) => [fromStanStatistic(name), sorted(values)]),
    ),
    warmup: {},
    run,
  };
}

/** Row numbers of each chain in the order of the draws. */
function orderedRows(size: number, chain?: Float64Array, draw?: Float64Array): number[][] {
  const byChain = new Map<number, number[]>();
  for (let i = 0; i < size; i++) {
    const c = chain?.[i] ?? 0;
    if (!Number.isInteger(c))
      throw new ConfigError(`fromColumns: row ${i + 1} is of chain ${c}, expected an integer.`);
    const rows = byChain.get(c);
    if (rows) rows.push(i);
    else byChain.set(c, [i]);
  }
  const chains = [...byChain].sort(([a], [b]) => a - b);
  const [firstChain, first] = chains[0];
  for (const [c, rows] of chains) {
    if (draw) rows.sort((a, b) => draw[a] - draw[b]);
    const twice = draw && rows.find((row, t) => t > 0 && draw[row] === draw[rows[t - 1]]);
    if (twice !== undefined) {
      throw new ConfigError(`fromColumns: draw ${draw![twice]} of chain ${c} comes twice.`);
    }
    if (rows.length !== first.length) {
      throw new ConfigError(
        `fromColumns: rows are missing: chain ${c} has ${rows.length} draws, but chain ${firstChain} has ${first.length}.`,
      );
    }
  }
  return chains.map(([, rows]) => rows);
}

function countGroups(group: Float64Array, chains: number, draws: number): number {
  const groups = group[group.length - 1] + 1;
  const agrees = group.every((g, i) => g === Math.floor((Math.floor(i / draws) * groups) / chains));
  if (!(agrees && Number.isInteger(chains / groups))) {
    throw new ConfigError(
      `fromColumns: ${groupColumn} must number equal groups of neighbouring chains from 0; it does not fit ${chains} chains.`,
    );
  }
  return groups;
}
