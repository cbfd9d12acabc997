/**
 * Checks that all priors share.
 *
 * @module
 */
import { ShapeError } from "../core/errors.js";
import type { Matrix } from "../core/matrix.js";

/**
 * Checks parameter names: they become columns of tables and keys of objects, so they are distinct, not empty,
 * hold no comma, quote or white space, and are not whole numbers (objects would reorder those).
 *
 * @throws {RangeError} naming the first bad one.
 */
export function checkNames<Name extends string>(caller: string, names: readonly Name[]): readonly Name[] {
  if (names.length === 0) throw new RangeError(`${caller}: needs at least one parameter, got none.`);
  names.forEach((name, j) => {
    if (
      typeof name !== "string" ||
      !/^[^\s,"'`]+$/.test(name) ||
      /^\d+$/.test(name) ||
      name === "__proto__"
    ) {
      throw new RangeError(
        `${caller}: a parameter name must be a word without commas or quotes and not a whole number, got "${name}".`,
      );
    }
    if (names.indexOf(name) !== j) {
      throw new RangeError(`${caller}: parameter names must differ, got "${name}" twice.`);
    }
  });
  return names;
}

/**
 * Checks that a table has one column per parameter.
 *
 * @throws {ShapeError} otherwise.
 */
export function checkColumns(caller: string, theta: Matrix, names: readonly string[]): void {
  if (theta.cols !== names.length) {
    throw new ShapeError(
      `${caller}: theta must have ${names.length} columns (${names.join(", ")}), got ${theta.cols}.`,
    );
  }
}
