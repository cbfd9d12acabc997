/**
 * Pairs of parameters and data, `(theta_i, x_i)`: what every estimator learns from. They come from a
 * simulator or from the user's own table; nothing below this line knows which.
 *
 * @module
 */
import type { Prior } from "../core/contracts.js";
import type { Matrix } from "../core/matrix.js";

/** A table of simulations in memory. */
export interface Dataset {
  /** `[N, D]`. */
  readonly theta: Matrix;
  /** `[N, L]`, `L = product(xShape)`. */
  readonly x: Matrix;
  /** Parameter names, the columns of `theta`. */
  readonly names: readonly string[];
  readonly xShape: readonly number[];
  /** The prior that `theta` was drawn from; without it there is a ratio but no posterior. */
  readonly prior?: Prior;
  /** Rows kept out because they were not finite, by the user's choice; 0 otherwise. */
  readonly dropped: number;
  /** Where the rows came from, in plain JSON: simulator, seed, or file. */
  readonly source: Readonly<Record<string, unknown>>;
}
