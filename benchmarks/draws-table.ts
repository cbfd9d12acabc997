/**
 * Draws as Arrow IPC files, one float64 column per parameter. Brings Arrow: import it where it is needed.
 *
 * @module
 */
import { tableFromArrays, tableToIPC } from "@uwdata/flechette";
import { ConfigError } from "../src/core/errors.js";
import { type Matrix, matrix } from "../src/core/matrix.js";
import { decodeArrow } from "../src/dataset/arrow.js";

/** Encodes named columns of equal length. */
export function encodeTable(columns: readonly (readonly [name: string, values: Float64Array])[]): Uint8Array {
  const table = tableFromArrays(columns.map(([name, values]) => [name, values] as [string, Float64Array]));
  return tableToIPC(table, { format: "file" })!;
}

/**
 * Decodes what `encodeTable` wrote.
 *
 * @param where - the file, for messages.
 * @throws {ConfigError} if the bytes are no whole Arrow file of numbers.
 */
export function decodeTable(
  bytes: Uint8Array,
  where: string,
): { readonly names: readonly string[]; readonly values: Matrix } {
  const { columns = [], values } = decodeArrow(bytes, where);
  if (Buffer.from(bytes.subarray(-6)).toString("latin1") !== "ARROW1") {
    throw new ConfigError(`readKeptDraws: ${where} is cut short.`);
  }
  return { names: columns.map(({ name }) => name), values: matrix(values.rows, columns.length, values.data) };
}
