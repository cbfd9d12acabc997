/**
 * Draws of equal weight from weighted ones.
 *
 * @module
 */
import { resample } from "../../samplers/starts/importance.js";
import { ShapeError } from "../core/errors.js";
import { type Matrix, takeRows } from "../core/matrix.js";
import { key as keyOf } from "../core/random.js";
import { checkPositive } from "./abc-run.js";

/**
 * Chooses `n` rows, row `i` `floor` or `ceil` of `n * weights[i]` times: systematic resampling. Rows of large weight come several times.
 *
 * @param sample - rows `[N, D]` and weights `[N]` that sum to one, as `smcAbc` and `adjustByRegression` return them.
 * @returns `[n, D]` in random order. Same seed, same bytes.
 * @throws {RangeError} if `n` is not a positive integer, or no weight is positive.
 * @throws {ShapeError} if there is not one weight per row.
 * @see Douc and Cappe (2005), Comparison of resampling schemes for particle filtering, https://arxiv.org/abs/cs/0507025
 */
export function resampleDraws(
  { theta, weights }: { readonly theta: Matrix; readonly weights: Float64Array },
  n: number,
  { seed }: { readonly seed: string | number },
): Matrix {
  checkPositive("resampleDraws", { n });
  if (weights.length !== theta.rows) {
    throw new ShapeError(
      `resampleDraws: expected one weight per row, got ${weights.length} for ${theta.rows} rows.`,
    );
  }
  if (!weights.some((weight) => weight > 0)) {
    throw new RangeError("resampleDraws: expected at least one row with a positive weight, got none.");
  }
  return takeRows(theta, resample({ u: theta, weights }, n, keyOf(seed)));
}
