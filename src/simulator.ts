/**
 * The simulator contract: parameters in, data out, one key per row so that row `i` is the same on any
 * number of workers.
 *
 * @module
 */
import type { Prior } from "./core/contracts.js";
import type { Matrix } from "./core/matrix.js";
import type { Key } from "./core/random.js";

/** Simulated rows. `failures` names the rows for which the simulator gave no usable data, and why. */
export interface Batch {
  /** `[N, L]`; a failed row is `NaN`. */
  readonly x: Matrix;
  readonly failures?: readonly { readonly row: number; readonly reason: string }[];
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
  simulate(theta: Matrix, keys: readonly Key[]): Batch | Promise<Batch>;
}
