/**
 * Packed parameters: all weights of a network in one flat vector, so that an optimiser step is a dozen
 * nodes, not a dozen per weight.
 *
 * @module
 */
import { ShapeError } from "../core/errors.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "./types.js";

const sizeOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

/** Length of the packed vector. */
export function parameterCount(parameters: readonly ParameterSpec[]): number {
  return parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/**
 * Splits a packed vector into named tensors, inside a trace or eagerly; one `Split` when traced.
 *
 * @param flat - `[P]`, the parameters in the order of `parameters`, each row-major.
 * @throws {ShapeError} if `flat` is not of length P.
 */
export function unpack(tf: Tf, flat: Tensor, parameters: readonly ParameterSpec[]): Tensors {
  const count = parameterCount(parameters);
  if (flat.shape.length !== 1 || flat.shape[0] !== count) {
    throw new ShapeError(`unpack: the parameters need a vector [${count}], got shape [${flat.shape}].`);
  }
  if (parameters.length === 0) return {};
  const sizes = parameters.map(({ shape }) => sizeOf(shape));
  const pieces = sizes.length === 1 ? [flat] : tf.split(flat, sizes);
  return Object.fromEntries(
    parameters.map(({ name, shape }, i) => [name, tf.reshape(pieces[i], [...shape])]),
  );
}
