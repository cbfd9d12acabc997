/**
 * The simulator contract: parameters in, data out, one key per row so that row `i` is the same on any
 * number of workers. `defineSimulator` makes one from a plain function, for one row or for many at once.
 *
 * Three things can go wrong with a row, and they are kept apart. Data of the wrong length and a throw are
 * mistakes of the program and stop the run (`SimulatorError`). Data that are not finite are a property of
 * the model at that `theta`: such a row is reported in `Batch.failures`, and the caller decides.
 *
 * @module
 */
import type { Gold, Prior } from "./core/contracts.js";
import { SimulatorError } from "./core/errors.js";
import { type Matrix, matrix, row } from "./core/matrix.js";
import type { Key } from "./core/random.js";
import { type Rng, stream } from "./core/rng.js";

/** Simulated rows. `failures` names the rows for which the simulator gave no usable data, and why. */
export interface Batch {
  /** `[N, L]`; a failed row is `NaN`. */
  readonly x: Matrix;
  readonly failures?: readonly RowFailure[];
  /** Joint log ratio and joint score of these rows, where the simulator knows them. */
  readonly gold?: Gold;
}

/** One row without usable data. */
export interface RowFailure {
  readonly row: number;
  readonly reason: string;
}

/** What a simulator may be told about the batch. */
export interface BatchOptions {
  /** Number of the batch's first row in the whole run, for error messages. Default 0. */
  readonly firstRow?: number;
  /** Aborting rejects; only simulators that wait (for a process, a network) can look at it. */
  readonly signal?: AbortSignal;
}

/** Something that turns parameters into data. */
export interface Simulator {
  readonly name: string;
  readonly prior: Prior;
  /** Parameter names, the columns of `theta`. */
  readonly parameters: readonly string[];
  /** Declared shape of one data row; `x` has `L = product(xShape)` columns. */
  readonly xShape: readonly number[];
  /** `[N, D]` and N keys to `[N, L]`. */
  simulate(theta: Matrix, keys: readonly Key[], options?: BatchOptions): Batch | Promise<Batch>;
}

/** One row of parameters by name; the names are those of the prior. */
export type ThetaOf<P extends Prior> = Readonly<Record<P["names"][number], number>>;

interface Definition<P extends Prior> {
  /** Used in messages and manifests. Default `"simulator"`. */
  readonly name?: string;
  readonly prior: P;
  /** Shape of one data row: `[]` for a number, `[10]`, `[32, 32]` (row-major). */
  readonly xShape: readonly number[];
}

/** A simulator of one row. */
export interface ScalarDefinition<P extends Prior> extends Definition<P> {
  /** `L` numbers, or one number where `L = 1`. All randomness must come from `rng`. */
  run(theta: ThetaOf<P>, rng: Rng): number | ArrayLike<number>;
}

/** A simulator of many rows at once. */
export interface BatchedDefinition<P extends Prior> extends Definition<P> {
  /** `[N, D]` and N keys to `[N, L]`; row `i` must depend on `theta[i]` and `stream(keys[i])` alone. */
  runBatch(theta: Matrix, keys: readonly Key[]): Matrix | Promise<Matrix>;
}

/**
 * Makes a simulator from a function of one row (`run`) or of many rows (`runBatch`).
 *
 * @throws {TypeError} if neither or both of `run` and `runBatch` are given.
 * @throws {RangeError} if `xShape` holds anything but positive integers.
 * @example
 * const simulator = defineSimulator({
 *   prior: uniform({ mu: [-3, 3], sigma: [0.1, 2] }),
 *   xShape: [10],
 *   run: ({ mu, sigma }, rng) => rng.normals(10, mu, sigma),
 * });
 */
export function defineSimulator<const P extends Prior>(
  definition: ScalarDefinition<P> | BatchedDefinition<P>,
): Simulator {
  const { name = "simulator", prior, xShape } = definition;
  const scalar = "run" in definition && typeof definition.run === "function";
  const batched = "runBatch" in definition && typeof definition.runBatch === "function";
  if (scalar === batched) {
    throw new TypeError(
      `defineSimulator: expected one function, run (one row) or runBatch (many rows), got ${scalar ? "both" : "neither"}.`,
    );
  }
  if (!prior || !Array.isArray(prior.names) || typeof prior.sample !== "function") {
    throw new TypeError(`defineSimulator: prior must be a prior such as uniform({ mu: [-3, 3] }).`);
  }
  rowLength(xShape, "defineSimulator");
  return {
    name,
    prior,
    parameters: prior.names,
    xShape: [...xShape],
    simulate: scalar
      ? simulateRows(name, definition as ScalarDefinition<P>)
      : simulateBatch(name, definition as BatchedDefinition<P>),
  };
}

/**
 * Number of values in one data row, `L = product(xShape)`.
 *
 * @throws {RangeError} if `xShape` holds anything but positive integers.
 */
export function rowLength(xShape: readonly number[], caller = "rowLength"): number {
  if (!Array.isArray(xShape) || xShape.some((size) => !Number.isInteger(size) || size < 1)) {
    throw new RangeError(
      `${caller}: xShape must be a list of positive integers, such as [] or [10] or [32, 32], ` +
        `got ${JSON.stringify(xShape)}.`,
    );
  }
  return xShape.reduce((product, size) => product * size, 1);
}

/** `"mu = 0.5, sigma = 1"`: one row of parameters as error messages show it. */
export function describeTheta(names: readonly string[], theta: ArrayLike<number>): string {
  return names.map((name, j) => `${name} = ${theta[j]}`).join(", ");
}

/** Marks the rows of `x` that are not finite: fills them with `NaN` and says which value was bad. */
export function findFailures(x: Matrix, known: readonly RowFailure[] = []): RowFailure[] {
  const failures = [...known];
  const named = new Set(known.map((failure) => failure.row));
  const { data, rows, cols } = x;
  for (let i = 0; i < rows; i++) {
    for (let j = i * cols; j < (i + 1) * cols; j++) {
      if (Number.isFinite(data[j])) continue;
      if (!named.has(i)) failures.push({ row: i, reason: `x[${j - i * cols}] is ${data[j]}` });
      row(x, i).fill(Number.NaN);
      break;
    }
  }
  return failures.sort((a, b) => a.row - b.row);
}

function simulateRows<P extends Prior>(name: string, definition: ScalarDefinition<P>): Simulator["simulate"] {
  const { prior, xShape } = definition;
  const names = prior.names;
  const length = rowLength(xShape);
  return (theta, keys, { firstRow = 0 } = {}) => {
    checkBatch(name, names, theta, keys);
    const x = matrix(theta.rows, length);
    const where = (i: number) =>
      `simulator "${name}" at row ${firstRow + i} (${describeTheta(names, row(theta, i))})`;
    for (let i = 0; i < theta.rows; i++) {
      const parameters: Record<string, number> = {};
      for (let j = 0; j < names.length; j++) parameters[names[j]] = theta.data[i * theta.cols + j];
      let values: number | ArrayLike<number>;
      try {
        values = definition.run(parameters as ThetaOf<P>, stream(keys[i]));
      } catch (cause) {
        throw new SimulatorError(`${where(i)} threw: ${cause instanceof Error ? cause.message : cause}`, {
          cause,
        });
      }
      const flaw = storeRow(values, xShape, row(x, i));
      if (flaw !== undefined) throw new SimulatorError(`${where(i)} ${flaw}`);
    }
    const failures = findFailures(x);
    return failures.length === 0 ? { x } : { x, failures };
  };
}

function simulateBatch<P extends Prior>(
  name: string,
  definition: BatchedDefinition<P>,
): Simulator["simulate"] {
  const { prior, xShape } = definition;
  const length = rowLength(xShape);
  return async (theta, keys, { firstRow = 0 } = {}) => {
    checkBatch(name, prior.names, theta, keys);
    let x: Matrix;
    try {
      x = await definition.runBatch(theta, keys);
    } catch (cause) {
      const first = theta.rows > 0 ? ` (first: ${describeTheta(prior.names, row(theta, 0))})` : "";
      throw new SimulatorError(
        `simulator "${name}" at rows ${firstRow} to ${firstRow + theta.rows - 1}${first} threw: ` +
          `${cause instanceof Error ? cause.message : cause}`,
        { cause },
      );
    }
    if (!(x?.data instanceof Float64Array) || x.rows !== theta.rows || x.cols !== length) {
      const got = x?.data instanceof Float64Array ? `[${x.rows}, ${x.cols}]` : describeValue(x);
      throw new SimulatorError(
        `simulator "${name}": runBatch must return a matrix [${theta.rows}, ${length}] ` +
          `(rows of theta, product of xShape ${JSON.stringify(xShape)}), got ${got}.`,
      );
    }
    const failures = findFailures(x);
    return failures.length === 0 ? { x } : { x, failures };
  };
}

/** Copies what a function of one row returned to `out`, `[L]`; otherwise says what is wrong with it. */
export function storeRow(
  values: number | ArrayLike<number>,
  xShape: readonly number[],
  out: Float64Array,
): string | undefined {
  const { length } = out;
  if (typeof values === "number" && length === 1) {
    out[0] = values;
  } else if (typeof values === "object" && values !== null && values.length === length) {
    for (let j = 0; j < length; j++) out[j] = values[j];
  } else {
    return (
      `returned ${describeValue(values)}; xShape ${JSON.stringify(xShape)} needs ` +
      `${length === 1 ? "one number" : `${length} numbers`}. ` +
      `Return that many, or declare another xShape.`
    );
  }
  return undefined;
}

/** Checks that theta has one column per parameter, and that there is one key per row. */
export function checkBatch(
  name: string,
  names: readonly string[],
  theta: Matrix,
  keys: readonly Key[],
): void {
  if (theta.cols !== names.length || keys.length !== theta.rows) {
    throw new SimulatorError(
      `simulator "${name}": expected theta [N, ${names.length}] and N keys, ` +
        `got theta [${theta.rows}, ${theta.cols}] and ${keys.length} keys.`,
    );
  }
}

function describeValue(value: unknown): string {
  if (value === null || value === undefined || typeof value === "number") return String(value);
  if (typeof value === "object" && "then" in value) return "a promise (run must not be async: use runBatch)";
  if (typeof value === "object" && "length" in value) return `${value.length} numbers`;
  return `a ${typeof value}`;
}
