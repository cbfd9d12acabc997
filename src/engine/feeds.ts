/**
 * Checks of what comes in: specs, feeds and row indices, shared by all engines.
 *
 * @module
 */
import { ShapeError } from "../core/errors.js";
import type { Dtype, Feeds, HostArray, Specs, TensorSpec } from "./types.js";

/** The array that holds a tensor's values on the way in and out. */
export type TensorArray = Float32Array | Int32Array | Uint8Array;

/** A zeroed array for a tensor. */
export function emptyArray(dtype: Dtype, length: number): TensorArray {
  if (dtype === "float32") return new Float32Array(length);
  return dtype === "int32" ? new Int32Array(length) : new Uint8Array(length);
}

/** Element type of a spec. */
export const dtypeOf = (spec: TensorSpec): Dtype => spec.dtype ?? "float32";

/** Number of elements of a spec. */
export const lengthOf = (spec: TensorSpec): number => spec.shape.reduce((product, n) => product * n, 1);

/**
 * Checks that `feeds` names exactly the tensors of `specs`, each with values of the right kind and number.
 *
 * @throws {ShapeError} otherwise.
 */
export function checkFeeds(caller: string, specs: Specs, feeds: Feeds): void {
  const names = Object.keys(specs);
  for (const name of Object.keys(feeds)) {
    if (!(name in specs)) {
      throw new ShapeError(`${caller}: unknown input "${name}"; expected ${list(names)}.`);
    }
  }
  for (const name of names) {
    if (feeds[name] === undefined) {
      throw new ShapeError(`${caller}: input "${name}" is missing; expected ${list(names)}.`);
    }
    checkArray(caller, name, specs[name], feeds[name]);
  }
}

/** Checks the values of one tensor. */
export function checkArray(caller: string, name: string, spec: TensorSpec, values: HostArray): void {
  const length = lengthOf(spec);
  if (values.length !== length) {
    throw new ShapeError(
      `${caller}: input "${name}" has shape [${spec.shape}], so it needs ${length} numbers, got ${values.length}.`,
    );
  }
  const dtype = dtypeOf(spec);
  const isFloat = values instanceof Float32Array || values instanceof Float64Array;
  if (isFloat !== (dtype === "float32")) {
    throw new ShapeError(
      `${caller}: input "${name}" is ${dtype}, got a ${values.constructor.name}. Convert it first.`,
    );
  }
}

/**
 * Checks that row numbers are rows of a table.
 *
 * @throws {ShapeError} at the first that is not.
 */
export function checkRows(caller: string, name: string, rows: Int32Array, available: number): void {
  for (let i = 0; i < rows.length; i++) {
    if (rows[i] < 0 || rows[i] >= available) {
      throw new ShapeError(
        `${caller}: index "${name}" names row ${rows[i]}, but its table has rows 0 to ${available - 1}.`,
      );
    }
  }
}

const list = (names: readonly string[]) =>
  names.length === 0 ? "no inputs" : names.map((name) => `"${name}"`).join(", ");
