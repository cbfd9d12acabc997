/**
 * Datasets as Arrow IPC files: one float64 column per parameter, then the column `x`, a fixed-size list of
 * `L` float64 per row. The schema's metadata holds `galton = {"names": [...], "xShape": [...]}`. Any Arrow
 * reader opens them, as `pyarrow.feather.read_table("shard-000000.arrow")` does.
 *
 * @see https://arrow.apache.org/docs/format/Columnar.html
 * @module
 */
import {
  batchType,
  Column,
  columnFromArray,
  fixedSizeList,
  float64,
  Table,
  tableFromColumns,
  tableFromIPC,
  tableToIPC,
} from "@uwdata/flechette";
import { ConfigError } from "../core/errors.js";
import { column, type Matrix, matrix } from "../core/matrix.js";
import type { DataTable } from "./table.js";

/** Name of the data column; no parameter may be called so. */
export const dataColumn = "x";

/**
 * Encodes rows as an Arrow IPC file.
 *
 * @param names - the columns of `theta`.
 * @throws {ConfigError} if a parameter is called `x`, or there are no rows.
 */
export function encodeArrow(
  names: readonly string[],
  theta: Matrix,
  x: Matrix,
  xShape: readonly number[],
): Uint8Array {
  if (names.includes(dataColumn)) {
    throw new ConfigError(`encodeArrow: a parameter is called "${dataColumn}", which is the data column.`);
  }
  if (theta.rows === 0) throw new ConfigError("encodeArrow: the table has no rows.");
  return encodeColumns(
    [
      ...names.map((name, j) => ({ name, data: column(theta, j) })),
      { name: dataColumn, data: x.data, width: x.cols },
    ],
    { names, xShape },
  );
}

/** A column of numbers, or of lists of `width` numbers. */
export interface NumberColumn {
  readonly name: string;
  /** `[N]`, or `[N, width]` row-major. */
  readonly data: Float64Array;
  /** Left out for a column of numbers. */
  readonly width?: number;
}

/** Encodes columns of equal length, at least one row, with `galton = metadata` in the schema. */
export function encodeColumns(columns: readonly NumberColumn[], metadata: object): Uint8Array {
  const { schema, children } = tableFromColumns(
    columns.map(({ name, data, width }): [string, Column<unknown>] => [
      name,
      width === undefined ? columnFromArray(data) : listColumn(data, width),
    ]),
  );
  const labels = new Map([["galton", JSON.stringify(metadata)]]);
  return tableToIPC(new Table({ ...schema, metadata: labels }, children), { format: "file" })!;
}

function listColumn(data: Float64Array, width: number): Column<unknown> {
  const type = fixedSizeList(float64(), width);
  const list = new (batchType(type))({
    length: data.length / width,
    nullCount: 0,
    type,
    validity: new Uint8Array(0),
    children: [columnFromArray(data).data[0]],
  } as unknown as ConstructorParameters<ReturnType<typeof batchType>>[0]);
  return new Column([list], type);
}

/**
 * Decodes the number columns of an Arrow IPC file or stream, a list column of equal lengths as one block.
 *
 * @param where - the file's name, for error messages.
 * @param wanted - columns to decode; the others may hold anything. Default: all.
 * @throws {ConfigError} if the bytes are not Arrow, are compressed or are damaged, or a column does not hold numbers.
 */
export function decodeArrow(bytes: Uint8Array, where: string, wanted?: readonly string[]): DataTable {
  const { table, blocks } = decodeBlocks(bytes, where, wanted);
  const width = blocks.reduce((sum, block) => sum + block.width, 0);
  const values = matrix(table.numRows, width);
  const columns: { name: string; start: number; width: number }[] = [];
  let start = 0;
  for (const { name, width: cols, data } of blocks) {
    columns.push({ name, start, width: cols });
    for (let i = 0; i < values.rows; i++) {
      for (let j = 0; j < cols; j++) values.data[i * width + start + j] = data[i * cols + j];
    }
    start += cols;
  }
  return { values, columns, ...readMetadata(table) };
}

/**
 * Decodes what `encodeArrow` wrote; `x` is not copied.
 *
 * @param names - the columns of `theta`.
 * @throws {ConfigError} as `decodeArrow`, and if a column is missing or has another width.
 */
export function decodeRows(
  bytes: Uint8Array,
  where: string,
  names: readonly string[],
  xLength: number,
): { theta: Matrix; x: Matrix } {
  const wanted = [...names.map((name) => ({ name, width: 1 })), { name: dataColumn, width: xLength }];
  const { rows, columns } = decodeColumns(bytes, where, wanted);
  const theta = matrix(rows, names.length);
  names.forEach((_, j) => {
    for (let i = 0; i < rows; i++) theta.data[i * names.length + j] = columns[j][i];
  });
  return { theta, x: matrix(rows, xLength, columns[names.length]) };
}

/**
 * Decodes columns of known widths, in the order they are asked for; what lies in one array is not copied.
 *
 * @throws {ConfigError} as `decodeRows`.
 */
export function decodeColumns(
  bytes: Uint8Array,
  where: string,
  wanted: readonly { readonly name: string; readonly width: number }[],
): { rows: number; columns: Float64Array[] } {
  const { table, blocks } = decodeBlocks(
    bytes,
    where,
    wanted.map(({ name }) => name),
  );
  const rows = table.numRows;
  const columns = wanted.map(({ name, width }) => {
    const block = blocks.find((each) => each.name === name);
    if (block?.width !== width || block.data.length < rows * width) {
      throw new ConfigError(
        `readDataset: ${where}: expected a column "${name}" of ${width} numbers per row, got ` +
          `${block ? `${block.width} per row` : "none"}.`,
      );
    }
    const { data } = block;
    return data instanceof Float64Array ? data.subarray(0, rows * width) : Float64Array.from(data);
  });
  return { rows, columns };
}

/** @throws {ConfigError} if the bytes are not Arrow, are compressed or are damaged, or a column does not hold numbers. */
function decodeBlocks(
  bytes: Uint8Array,
  where: string,
  wanted: readonly string[] | undefined,
): { table: Table; blocks: Block[] } {
  let table: Table;
  let blocks: Block[];
  try {
    table = tableFromIPC(bytes);
    if (table.numCols === 0) throw new Error("it has no columns");
    const names = table.names.map(String);
    blocks = table.children.flatMap((child, j) =>
      wanted?.includes(names[j]) === false ? [] : [columnBlock(child, names[j], where)],
    );
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const reason = (cause as Error).message;
    throw new ConfigError(
      /compression codec/i.test(reason)
        ? `readDataset: ${where} is compressed (${reason}) Write it uncompressed, in pyarrow by ` +
            `feather.write_feather(table, path, compression="uncompressed").`
        : `readDataset: ${where} is not an Arrow IPC file, or it is damaged: ${reason}.`,
      { cause },
    );
  }
  return { table, blocks };
}

interface Block {
  readonly name: string;
  readonly width: number;
  /** `[rows, width]`, row-major; nulls are `NaN`. */
  readonly data: ArrayLike<number>;
}

function columnBlock(child: Column<unknown>, name: string, where: string): Block {
  const rows = child.length;
  const batch = child.data[0];
  if (child.data.length === 1 && child.nullCount === 0 && rows > 0) {
    const { values }: { values?: unknown } = batch; // plain numbers that lie in one array
    const isFloat = values instanceof Float64Array || values instanceof Float32Array;
    if (isFloat && batch.offsets === undefined && !batch.children?.length) {
      if (values.length < rows) throw new Error(`column "${name}" is cut short`);
      return { name, width: 1, data: values.subarray(0, rows) };
    }
  }
  const inner = batch?.children?.[0];
  if (child.data.length === 1 && child.nullCount === 0 && inner?.nullCount === 0 && rows > 0) {
    const values: unknown = inner.values; // a fixed-size list whose values lie in one array
    const width = inner.length / rows;
    if (
      batch.offsets === undefined &&
      Number.isInteger(width) &&
      (values instanceof Float64Array || values instanceof Float32Array)
    ) {
      if (values.length < rows * width) throw new Error(`column "${name}" is cut short`);
      return { name, width, data: values };
    }
  }
  const cells = Array.from({ length: rows }, (_, i) => child.at(i));
  const first = cells.find((cell) => cell !== null);
  const isList = typeof first === "object" && first !== null && "length" in first;
  const width = isList ? (first.length as number) : 1;
  const data = new Float64Array(rows * width);
  cells.forEach((cell, i) => {
    const row = (isList ? (cell ?? new Array(width).fill(null)) : [cell]) as ArrayLike<unknown>;
    if (row.length !== width) {
      throw new ConfigError(
        `readDataset: ${where}: column "${name}" has ${row.length} values in row ${i} but ${width} before.`,
      );
    }
    for (let j = 0; j < width; j++) {
      const value = row[j] ?? Number.NaN;
      if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "boolean") {
        throw new ConfigError(
          `readDataset: ${where}: column "${name}" must hold numbers, got ${typeof value} in row ${i}.`,
        );
      }
      data[i * width + j] = Number(value);
    }
  });
  return { name, width, data };
}

function readMetadata(table: Table): Pick<DataTable, "names" | "xShape"> {
  const text = table.schema.metadata?.get("galton");
  return text === undefined ? {} : JSON.parse(text);
}
