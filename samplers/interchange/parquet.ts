/**
 * Draws as Parquet, in the layout of R's posterior.
 *
 * @see https://mc-stan.org/posterior/reference/draws_df.html
 * @module
 */
import { ConfigError } from "../../src/core/errors.js";
import type { Draws } from "../draws.js";
import { type Column, fromColumns, toColumns } from "./draws-columns.js";
import { describeRun, readRun } from "./run-record.js";

const metadataKey = "galton-draws";

/**
 * Writes the columns `.chain`, `.iteration` and `.draw`, counted from 1, the parameters, and the statistics with `__`
 * behind their names; `group__` where chains are grouped. `run` is in the file's metadata, `warmup` is left out.
 *
 * @returns the file, compressed by Snappy.
 * @throws {ConfigError} if a parameter is called like another column.
 */
export async function drawsToParquet(draws: Draws): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import("hyparquet-writer");
  const columnData = toColumns(draws, { layout: "draws_df" }).map(([name, data]) =>
    name.startsWith(".")
      ? { name, data: Int32Array.from(data), type: "INT32" as const }
      : { name, data, type: "DOUBLE" as const },
  );
  const kvMetadata = [{ key: metadataKey, value: describeRun(draws.run) }];
  return new Uint8Array(parquetWriteBuffer({ columnData, kvMetadata }));
}

/**
 * Reads a table of draws, ours or anybody's, as `fromColumns` does: uncompressed, or by Snappy, gzip, Brotli, and
 * Zstandard where Node has it (from 22.15 on). Missing values are `NaN`.
 *
 * @throws {ConfigError} if it is no Parquet file, is damaged, has other columns than numbers, or has no draws.
 */
export async function drawsFromParquet(bytes: Uint8Array): Promise<Draws> {
  const { parquetMetadata, parquetRead, parquetSchema } = await import("hyparquet");
  try {
    const file = new Uint8Array(bytes).buffer; // a Buffer shares its memory with others
    const metadata = parquetMetadata(file);
    const columns = new Map<string, Float64Array>(
      parquetSchema(metadata).children.map(({ element }) => [
        element.name,
        new Float64Array(Number(metadata.num_rows)),
      ]),
    );
    await parquetRead({
      file,
      metadata,
      compressors: await compressors(),
      onChunk: ({ columnName, columnData, rowStart }) => {
        const column = columns.get(columnName)!;
        for (let i = 0; i < columnData.length; i++)
          column[rowStart + i] = toNumber(columnData[i], columnName);
      },
    });
    const stored = metadata.key_value_metadata?.find(({ key }) => key === metadataKey);
    return fromColumns([...columns] satisfies Column[], readRun(stored?.value));
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(
      `drawsFromParquet: expected a Parquet file of numbers; this is none, or it is damaged: ${(cause as Error).message}. ` +
        "Where its compression is not known here, write it with Snappy.",
      { cause },
    );
  }
}

function toNumber(value: unknown, column: string): number {
  if (value === null || value === undefined) return Number.NaN;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return Number(value);
  throw new ConfigError(
    `drawsFromParquet: column "${column}" holds ${JSON.stringify(value)}, expected numbers.`,
  );
}

/** What Node can unpack; Snappy is the reader's own. */
async function compressors() {
  const zlib = await import("node:zlib");
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (input: Uint8Array) => Uint8Array };
  return {
    GZIP: (input: Uint8Array) => new Uint8Array(zlib.gunzipSync(input)),
    BROTLI: (input: Uint8Array) => new Uint8Array(zlib.brotliDecompressSync(input)),
    ...(zstdDecompressSync && { ZSTD: (input: Uint8Array) => new Uint8Array(zstdDecompressSync(input)) }),
  };
}
