/**
 * Tables as comma-separated values, quoted as RFC 4180 asks.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4180
 * @module
 */
import { ShapeError } from "../core/errors.js";

/** What a table cell may hold; `null` and `undefined` are empty cells. */
export type Cell = string | number | bigint | boolean | null | undefined;

/** Column names and rows of equal length. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/**
 * Writes a table as CSV: a header line, then one line a row, each ended by CR LF. Numbers are written so that
 * reading them gives the same float64; `NaN` and infinities as `NaN`, `Infinity`, `-Infinity`.
 *
 * @throws {ShapeError} if a row does not have one cell for each column, or there are no columns.
 * @example
 * toCsv({ columns: ["name", "mean"], rows: [["mu", 0.93]] }); // "name,mean\r\nmu,0.93\r\n"
 */
export function toCsv({ columns, rows }: Table): string {
  checkTable("toCsv", { columns, rows });
  return [columns, ...rows].map((cells) => `${cells.map(quote).join(",")}\r\n`).join("");
}

/**
 * Checks that every row has one cell for each column.
 *
 * @throws {ShapeError} naming the first row that does not, or that there are no columns.
 */
export function checkTable(caller: string, { columns, rows }: Table): void {
  if (columns.length === 0) throw new ShapeError(`${caller}: a table needs at least one column.`);
  rows.forEach((cells, i) => {
    if (cells.length !== columns.length) {
      throw new ShapeError(
        `${caller}: row ${i} has ${cells.length} cells but the table has ${columns.length} columns.`,
      );
    }
  });
}

/** A cell with a quote, comma or line end, or with spaces at its ends, stands in quotes, inner quotes doubled. */
function quote(cell: Cell): string {
  const text = cell === null || cell === undefined ? "" : Object.is(cell, -0) ? "-0" : String(cell);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
