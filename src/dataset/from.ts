/**
 * A dataset from the user's own table: pairs of parameters and data that were simulated elsewhere.
 *
 * @module
 */
import type { Prior } from "../core/contracts.js";
import { ShapeError } from "../core/errors.js";
import { fromRows, type Matrix, matrix, row, takeRows } from "../core/matrix.js";
import { describeTheta, rowLength } from "../simulator.js";
import type { Dataset } from "./dataset.js";

/** A matrix, a list of rows, or a list of numbers (one per row). */
export type Rows = Matrix | readonly (ArrayLike<number> | number)[] | Float64Array;

/** What `datasetFrom` takes. */
export interface DatasetParts {
  /** `[N, D]`. */
  readonly theta: Rows;
  /** `[N, L]`. */
  readonly x: Rows;
  /** Parameter names, D of them. Default: those of `prior`. */
  readonly names?: readonly string[];
  /** Shape of one data row, with product L. Default `[L]`. */
  readonly xShape?: readonly number[];
  /** The prior that `theta` was drawn from; without it there is a ratio but no posterior. */
  readonly prior?: Prior;
  /** Rows with a value that is not finite: stop, or keep them out and count them. Default `"error"`. */
  readonly invalid?: "error" | "drop";
  /** Where the rows came from, in plain JSON. Default `{ kind: "table" }`. */
  readonly source?: Readonly<Record<string, unknown>>;
}

/**
 * Makes a dataset from pairs `(theta_i, x_i)`. Arrays are copied, matrices are not.
 *
 * @throws {ShapeError} if the table is empty, `theta` and `x` differ in rows, rows are ragged, or names or
 *   `xShape` do not fit.
 * @throws {RangeError} if a value is not finite (unless `invalid: "drop"`), or a row lies outside the prior.
 * @example
 * const dataset = datasetFrom({ theta: [[0.1], [0.7]], x: [[1.2, 0.3], [0.4, 0.9]], names: ["mu"] });
 */
export function datasetFrom(parts: DatasetParts): Dataset {
  const { prior, names = prior?.names, invalid = "error", source = { kind: "table" } } = parts;
  const theta = toMatrix(parts.theta, "theta");
  const x = toMatrix(parts.x, "x");
  if (theta.rows !== x.rows) {
    throw new ShapeError(`datasetFrom: theta has ${theta.rows} rows but x has ${x.rows}; they must pair up.`);
  }
  if (theta.rows === 0 || theta.cols === 0 || x.cols === 0) {
    throw new ShapeError(
      `datasetFrom: the table is empty: theta [${theta.rows}, ${theta.cols}], x [${x.rows}, ${x.cols}].`,
    );
  }
  if (names?.length !== theta.cols || new Set(names).size !== names.length) {
    throw new ShapeError(
      `datasetFrom: names must be ${theta.cols} different names, one per column of theta, got ` +
        `${names === undefined ? "none" : JSON.stringify(names)}.`,
    );
  }
  if (prior && prior.names.join() !== names.join()) {
    throw new ShapeError(
      `datasetFrom: names are ${names.join(", ")} but the prior's are ${prior.names.join(", ")}.`,
    );
  }
  const xShape = parts.xShape ?? [x.cols];
  if (rowLength(xShape, "datasetFrom") !== x.cols) {
    throw new ShapeError(
      `datasetFrom: xShape ${JSON.stringify(xShape)} does not hold the ${x.cols} columns of x.`,
    );
  }

  const kept: number[] = [];
  for (let i = 0; i < theta.rows; i++) {
    const j = row(theta, i).findIndex((value) => !Number.isFinite(value));
    const k = row(x, i).findIndex((value) => !Number.isFinite(value));
    if (j < 0 && k < 0) {
      kept.push(i);
    } else if (invalid === "error") {
      const cell = j >= 0 ? `${names[j]} is ${row(theta, i)[j]}` : `x[${k}] is ${row(x, i)[k]}`;
      throw new RangeError(
        `datasetFrom: row ${i}: ${cell} (${describeTheta(names, row(theta, i))}). ` +
          `Repair the table, or pass invalid: "drop" to keep such rows out and count them.`,
      );
    }
  }
  if (kept.length === 0) throw new ShapeError("datasetFrom: no row of the table is finite.");
  const dropped = theta.rows - kept.length;
  const all = dropped === 0;
  const finite = { theta: all ? theta : takeRows(theta, kept), x: all ? x : takeRows(x, kept) };
  const outside = prior?.logProb(finite.theta).findIndex((logProb) => !(logProb > -Infinity)) ?? -1;
  if (outside >= 0) {
    throw new RangeError(
      `datasetFrom: row ${kept[outside]} lies outside the prior: ${describeTheta(names, row(finite.theta, outside))}.`,
    );
  }
  return { ...finite, names: [...names], xShape: [...xShape], ...(prior && { prior }), dropped, source };
}

function toMatrix(rows: Rows, what: string): Matrix {
  if (rows instanceof Float64Array) return matrix(rows.length, 1, rows.slice());
  if (!Array.isArray(rows)) {
    const { data, rows: n, cols } = rows as Matrix;
    if (!(data instanceof Float64Array)) {
      throw new ShapeError(`datasetFrom: ${what} must be a matrix, a list of rows or a list of numbers.`);
    }
    return matrix(n, cols, data);
  }
  const listed = rows.map((each: ArrayLike<number> | number) => (typeof each === "number" ? [each] : each));
  const ragged = listed.findIndex((each) => each.length !== listed[0].length);
  if (ragged >= 0) {
    throw new ShapeError(
      `datasetFrom: ${what} is ragged: row ${ragged} has ${listed[ragged].length} values, row 0 has ${listed[0].length}.`,
    );
  }
  return fromRows(listed);
}
