/**
 * Draws as CSV: `chain` and `draw`, counted from 0, the parameters, and statistics with `__` behind their names. Numbers are
 * the shortest text that reads back to the same float64; names with a comma or a quote, such as `mu[1,2]`, stand in double quotes.
 *
 * @module
 */
import type { Draws } from "../draws.js";
import { toColumns } from "./draws-columns.js";

/**
 * @param options.from - number of the first draw: that of a chunk within its run. Default 0.
 * @param options.header - whether the names of the columns come first. Default true.
 * @throws {ConfigError} if a parameter is called like another column.
 */
export function drawsToCsv(
  draws: Draws,
  { from = 0, header = true }: { readonly from?: number; readonly header?: boolean } = {},
): string {
  const columns = toColumns(draws);
  const numbered = columns.map(([name, data]) => (name === "draw" ? data.map((draw) => draw + from) : data));
  const cell = (name: string) => (/[",]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);
  const lines = header ? [columns.map(([name]) => cell(name)).join(",")] : [];
  for (let i = 0; i < draws.chains * draws.draws; i++) lines.push(numbered.map((data) => data[i]).join(","));
  return `${lines.join("\n")}\n`;
}

/**
 * Writes a run to a CSV file while it goes on, chunk by chunk, so that a run that is killed leaves all but its last chunk. The
 * file is that of `galton sample --out draws.csv`, with other rows first; `galton diagnose` reads it.
 *
 * @param path - is overwritten when the first chunk has come.
 * @param chunks - those of `sampleChunks`. A run that goes on from a checkpoint begins with the chunk that was not full: give it a file
 *   of its own, whose draws are counted from 0.
 * @returns how many draws of each chain were written.
 * @throws what the run throws, after what came before was written.
 * @example
 * await writeChunks("draws.csv", sampleChunks(nuts(target), { draws: 100_000, chunk: 1000, seed: "hello" }));
 */
export async function writeChunks(path: string, chunks: AsyncIterable<Draws>): Promise<number> {
  const { open } = await import("node:fs/promises");
  const file = await open(path, "a"); // tells a bad path at once, and keeps what was there until there is something else
  let from = 0;
  try {
    for await (const chunk of chunks) {
      if (from === 0) await file.truncate();
      await file.write(drawsToCsv(chunk, { from, header: from === 0 }));
      from += chunk.draws;
    }
  } finally {
    await file.close();
  }
  return from;
}
