/**
 * A table of numbers as it comes from a file, before anyone says which columns are parameters.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { type Matrix, matrix } from "../core/matrix.js";

/** Columns of numbers; cells that held no number are `NaN`. */
export interface DataTable {
  /** All columns side by side, `[N, sum of widths]`. */
  readonly values: Matrix;
  /** Named columns, where the file names them; `width` is above 1 for columns of lists. */
  readonly columns?: readonly { readonly name: string; readonly start: number; readonly width: number }[];
  /** Parameter names, where the file says them. */
  readonly names?: readonly string[];
  /** Shape of one data row, where the file says it. */
  readonly xShape?: readonly number[];
}

/**
 * The columns called `names`, side by side in that order.
 *
 * @throws {ConfigError} if the table has no such column, or names no columns at all.
 */
export function selectColumns(table: DataTable, names: readonly string[], where: string): Matrix {
  const { columns, values } = table;
  if (!columns) throw new ConfigError(`readDataset: ${where} names no columns, so none can be selected.`);
  const picked = names.map((name) => {
    const found = columns.find((column) => column.name === name);
    if (!found) {
      throw new ConfigError(
        `readDataset: ${where} has no column "${name}"; it has ${columns.map((column) => column.name).join(", ")}.`,
      );
    }
    return found;
  });
  const out = matrix(
    values.rows,
    picked.reduce((sum, { width }) => sum + width, 0),
  );
  let offset = 0;
  for (const { start, width } of picked) {
    for (let i = 0; i < values.rows; i++) {
      for (let j = 0; j < width; j++) {
        out.data[i * out.cols + offset + j] = values.data[i * values.cols + start + j];
      }
    }
    offset += width;
  }
  return out;
}

/**
 * Parses comma-separated values with a header line. A tab in the header makes it tab-separated. Names may
 * stand in double quotes, and hold commas then; blank lines are skipped.
 *
 * @param wanted - columns that must hold numbers; the others may hold anything. Default: all.
 * @throws {ConfigError} if there is no header, a name comes twice, a line has too few or too many cells, or
 *   a cell is not a number (`nan` and `inf` count as numbers here).
 */
export function parseCsv(text: string, where: string, wanted?: readonly string[]): DataTable {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  const separator = lines[0].includes("\t") ? "\t" : ",";
  const names = headerCells(lines[0], separator);
  if (names.every((name) => name === "" || parseNumber(name) !== undefined)) {
    throw new ConfigError(`readDataset: ${where} must begin with a line of column names, got "${lines[0]}".`);
  }
  const twice = names.find((name, j) => names.indexOf(name) !== j);
  if (twice !== undefined) throw new ConfigError(`readDataset: ${where} has the column "${twice}" twice.`);
  const numbers: number[] = [];
  let rows = 0;
  for (let line = 1; line < lines.length; line++) {
    if (lines[line].trim() === "") continue;
    const cells = lines[line].split(separator);
    if (cells.length !== names.length) {
      throw new ConfigError(
        `readDataset: ${where}, line ${line + 1}: ${cells.length} cells, but the header names ${names.length}.`,
      );
    }
    for (let j = 0; j < cells.length; j++) {
      const value =
        parseNumber(cells[j].trim()) ?? (wanted?.includes(names[j]) === false ? Number.NaN : undefined);
      if (value === undefined) {
        throw new ConfigError(
          `readDataset: ${where}, line ${line + 1}, column "${names[j]}": expected a number, got "${cells[j]}".`,
        );
      }
      numbers.push(value);
    }
    rows++;
  }
  return {
    values: matrix(rows, names.length, Float64Array.from(numbers)),
    columns: names.map((name, start) => ({ name, start, width: 1 })),
  };
}

/** Names between separators, bare or in double quotes, within which a quote comes twice. */
function headerCells(line: string, separator: string): string[] {
  const cell = new RegExp(
    `(?:^|${separator})(?: *"((?:[^"]|"")*)" *(?=${separator}|$)|([^${separator}]*))`,
    "g",
  );
  return Array.from(line.matchAll(cell), ([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare.trim());
}

function parseNumber(cell: string): number | undefined {
  if (cell === "") return undefined;
  const value = Number(cell);
  if (!Number.isNaN(value)) return /^0[xob]/i.test(cell) ? undefined : value;
  if (/^[+-]?nan$/i.test(cell)) return Number.NaN;
  const infinite = /^([+-]?)inf(inity)?$/i.exec(cell);
  return infinite ? (infinite[1] === "-" ? -Infinity : Infinity) : undefined;
}
