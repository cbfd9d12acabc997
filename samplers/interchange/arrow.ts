/**
 * Draws as an Arrow IPC file.
 *
 * @module
 */
import type { Column as ArrowColumn } from "@uwdata/flechette";
import { ConfigError } from "../../src/core/errors.js";
import type { Draws } from "../draws.js";
import { fromColumns, toColumns } from "./draws-columns.js";
import { describeRun, readRun } from "./run-record.js";

/**
 * Writes the columns `chain` and `draw`, counted from 0, the parameters, and the statistics with `__` behind their
 * names; `group__` where chains are grouped. `run` is in the schema's metadata, `warmup` is left out.
 *
 * @throws {ConfigError} if a parameter is called like another column.
 */
export async function drawsToArrow(draws: Draws): Promise<Uint8Array> {
  const { columnFromArray, Table, tableFromColumns, tableToIPC } = await import("@uwdata/flechette");
  const columns = toColumns(draws).map(
    ([name, data]) => [name, columnFromArray(data)] as [string, ArrowColumn<unknown>],
  );
  const { schema, children } = tableFromColumns(columns);
  const metadata = new Map([["galton-draws", describeRun(draws.run)]]);
  return tableToIPC(new Table({ ...schema, metadata }, children), { format: "file" })!;
}

/**
 * Reads a table of draws, ours or anybody's, as `fromColumns` does.
 *
 * @throws {ConfigError} if it is no uncompressed Arrow IPC file or stream, is damaged, or has no draws.
 */
export async function drawsFromArrow(bytes: Uint8Array): Promise<Draws> {
  const { tableFromIPC } = await import("@uwdata/flechette");
  try {
    const table = tableFromIPC(bytes);
    const columns = table.names.map((name, j) => {
      const values = Float64Array.from(table.children[j].toArray() as ArrayLike<number>, Number);
      return [String(name), values] as const;
    });
    return fromColumns(columns, readRun(table.schema.metadata?.get("galton-draws")));
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(
      `drawsFromArrow: expected an uncompressed Arrow IPC file; this is none, or it is damaged: ${(cause as Error).message}.`,
      { cause },
    );
  }
}
