/**
 * Draws as tables.
 *
 * @module
 */
import type { ColumnTable } from "arquero";
import type { Draws } from "./draws.js";

/**
 * Draws as columns: `chain` and `draw` (counted from 0), the parameters, and the statistics that are no parameter's
 * name; each `[chains * draws]`.
 */
export function columns(draws: Draws): Record<string, Float64Array | Int32Array> {
  const size = draws.chains * draws.draws;
  const dim = draws.names.length;
  const out: Record<string, Float64Array | Int32Array> = {
    chain: Int32Array.from({ length: size }, (_, i) => Math.floor(i / draws.draws)),
    draw: Int32Array.from({ length: size }, (_, i) => i % draws.draws),
  };
  draws.names.forEach((name, j) => {
    out[name] = Float64Array.from({ length: size }, (_, i) => draws.values[i * dim + j]);
  });
  for (const [name, data] of Object.entries(draws.stats)) out[name] ??= data;
  return out;
}

/** Draws as an arquero table, with the columns of `columns`. */
export async function table(draws: Draws): Promise<ColumnTable> {
  const { table: makeTable } = await import("arquero");
  return makeTable(columns(draws));
}
