/**
 * Draws as Arrow IPC files, one float64 column per parameter.
 *
 * @module
 */
import { ConfigError } from "../src/core/errors.js";
import { type Matrix, matrix } from "../src/core/matrix.js";

/** Encodes named columns of equal length. */
export async function encodeTable(
  columns: readonly (readonly [name: string, values: Float64Array])[],
): Promise<Uint8Array> {
  const { tableFromArrays, tableToIPC } = await import("@uwdata/flechette");
  const table = tableFromArrays(columns.map(([name, values]) => [name, values] as [string, Float64Array]));
  return tableToIPC(table, { format: "file" })!;
}

/**
 * Decodes what `encodeTable` wrote.
 *
 * @param where - the file, for messages.
 * @throws {ConfigError} if the bytes are no whole Arrow file of numbers.
 */
export async function decodeTable(
  bytes: Uint8Array,
  where: string,
): Promise<{ readonly names: readonly string[]; readonly values: Matrix }> {
  const { decodeArrow } = await import("../src/dataset/arrow.js");
  const { columns = [], values } = decodeArrow(bytes, where);
  if (Buffer.from(bytes.subarray(-6)).toString("latin1") !== "ARROW1") {
    throw new ConfigError(`readKeptDraws: ${where} is cut short.`);
  }
  return { names: columns.map(({ name }) => name), values: matrix(values.rows, columns.length, values.data) };
}
