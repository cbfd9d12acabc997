/**
 * Tables of the report page: rounded for reading, sortable where asked for, with all digits in a CSV download.
 *
 * @module
 */
import { type Cell, checkTable, type Table, toCsv } from "./csv.js";
import { formatNumber, formatUncertain } from "./figures/checks.js";
import { escapeHtml, richHtml } from "./html.js";

/** A mean with its standard error; the error may be `NaN` where it is not known. */
export interface Measured {
  readonly value: number;
  readonly error: number;
  /** As it is to be written, e.g. as another published it. Default: the error with two digits, the value to the same place. */
  readonly text?: string;
}

/** What a cell of a `ReportTable` may hold. */
export type ReportCell = Cell | Measured;

/** A table of the page. Numbers are rounded for reading; the download has all digits. */
export interface ReportTable {
  readonly columns: readonly string[];
  /** In the download a column with measured cells becomes two, the second with its name and `(s.e.)`. */
  readonly rows: readonly (readonly ReportCell[])[];
  readonly caption?: string;
  /** Significant digits of numbers that are not whole. Default 4. */
  readonly digits?: number;
  /** Name of the download, without ending; left out, there is none. */
  readonly file?: string;
  /** Headings become buttons that sort, where scripts run. Default `false`. */
  readonly sortable?: boolean;
}

/**
 * A table as HTML, in a box of its own that scrolls where the window is narrower.
 *
 * @throws {ShapeError} if a row does not have one cell for each column.
 */
export function tableHtml(table: ReportTable): string {
  const download = plainTable(table);
  checkTable("reportPage", download);
  const { columns, rows, caption, digits = 4, file, sortable = false } = table;
  const numeric = columns.map((_, j) => rows.some((cells) => !Number.isNaN(sortValue(cells[j]) ?? NaN)));
  const className = (j: number, text = "") =>
    numeric[j] ? ' class="number"' : text.length > longText ? ' class="long"' : "";
  const head = columns.map((name, j) => `<th scope="col"${className(j)}>${richHtml(name)}</th>`);
  const body = rows.map((cells) => {
    const row = cells.map((cell, j) => {
      const value = sortable ? sortValue(cell) : undefined;
      const data = value === undefined ? "" : ` data-value="${value}"`;
      const text = cellText(cell, digits);
      const html = richHtml(text).replace(/(?<=\w)_(?=\w)/g, "_<wbr>"); // names of problems are long
      return `<td${className(j, text)}${data}>${html}</td>`;
    });
    return `<tr>${row.join("")}</tr>`;
  });
  const details =
    file === undefined
      ? ""
      : `<details><summary>Show data</summary><p>${csvLink("Table as CSV", file, download)}</p></details>`;
  return (
    `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(caption ?? "Table")}">` +
    `<table${sortable ? ' class="sortable"' : ""}>` +
    `${caption === undefined ? "" : `<caption>${richHtml(caption)}</caption>`}` +
    `<thead><tr>${head.join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>${details}\n`
  );
}

/** Letters above which a cell breaks its lines. */
const longText = 48;

/** A link that downloads the table out of the page itself. */
export function csvLink(text: string, file: string, table: Table): string {
  const name = `${file.replace(/\.csv$/i, "").replace(/[^\w.-]+/g, "-")}.csv`;
  const bytes = Buffer.from(toCsv(table), "utf8").toString("base64");
  return `<a download="${name}" href="data:text/csv;charset=utf-8;base64,${bytes}">${escapeHtml(text)}</a> (${name})`;
}

/**
 * The same table with plain cells: a column that holds measured ones becomes two.
 *
 * @throws {ShapeError} if a row does not have one cell for each column.
 */
export function plainTable({ columns, rows }: Pick<ReportTable, "columns" | "rows">): Table {
  checkTable("reportPage", { columns, rows: rows.map((cells) => cells.map(() => null)) });
  const measured = columns.map((_, j) => rows.some((cells) => isMeasured(cells[j])));
  return {
    columns: columns.flatMap((name, j) => (measured[j] ? [name, `${name} (s.e.)`] : [name])),
    rows: rows.map((cells) =>
      cells.flatMap((cell, j): Cell[] => {
        if (isMeasured(cell)) return [cell.value, Number.isNaN(cell.error) ? null : cell.error];
        return measured[j] ? [cell, null] : [cell];
      }),
    ),
  };
}

function isMeasured(cell: ReportCell): cell is Measured {
  return typeof cell === "object" && cell !== null;
}

/** The number that a cell is sorted by; `undefined` for text and empty cells. */
function sortValue(cell: ReportCell): number | undefined {
  const value = isMeasured(cell) ? cell.value : cell;
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
}

function cellText(cell: ReportCell, digits: number): string {
  if (cell === null || cell === undefined) return "";
  if (isMeasured(cell)) return cell.text ?? formatUncertain(cell.value, cell.error, digits);
  if (typeof cell === "number") return formatNumber(cell, digits);
  return typeof cell === "boolean" ? (cell ? "yes" : "no") : String(cell);
}
