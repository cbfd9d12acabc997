/**
 * What every estimator checks before it answers.
 *
 * @module
 */
import { ShapeError } from "../core/errors.js";
import type { Matrix } from "../core/matrix.js";

/** @throws {ShapeError} if `theta` has not one column per parameter. */
export function checkTheta(theta: Matrix, names: readonly string[], caller: string): void {
  if (theta.cols === names.length) return;
  throw new ShapeError(
    `${caller}: theta has ${theta.cols} columns but the estimator was trained on ${names.length} (${names.join(", ")}).`,
  );
}

/**
 * @throws {ShapeError} if `x` has not `xDim` columns.
 * @throws {RangeError} if a value is not finite.
 */
export function checkX(x: Matrix, xDim: number, caller: string): void {
  if (x.cols !== xDim) {
    throw new ShapeError(
      `${caller}: x has ${x.cols} values but the estimator was trained on xDim = ${xDim}.`,
    );
  }
  const at = x.data.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    throw new RangeError(
      `${caller}: x holds ${x.data[at]} in row ${Math.floor(at / xDim)}, column ${at % xDim}; expected finite numbers.`,
    );
  }
}
