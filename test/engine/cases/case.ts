/**
 * One row of the table of operators: a function of one tensor for TensorFlow.js, and the same function in
 * plain float64.
 */
import type { Tensor, Tf } from "../../../src/engine/types.js";
import { type At, over } from "../float64.js";

export interface OperatorCase {
  readonly name: string;
  /** Shape of the input. Default `[3, 4]`. */
  readonly shape?: readonly number[];
  /** Range of the input's values. Default -1 to 1. */
  readonly range?: readonly [number, number];
  readonly apply: (tf: Tf, x: Tensor) => Tensor;
  /** The output, row-major. */
  readonly reference: (x: At) => readonly number[];
  /** Whether eager TensorFlow.js can compute it; false for kernels that its cpu backend lacks. Default true. */
  readonly isEager?: boolean;
  /** How many derivatives exist. Default 2. */
  readonly order?: 0 | 1 | 2;
  /** What the refusal of the next derivative says; without it there is nothing to differentiate. */
  readonly refusal?: RegExp;
}

/** Shape of the input where a case names none. */
export const SHAPE = [3, 4] as const;

/** An elementwise function. */
export function each(
  name: string,
  apply: OperatorCase["apply"],
  f: (x: number) => number,
  range?: readonly [number, number],
): OperatorCase {
  return { name, apply, range, reference: (x) => over(SHAPE, (i, j) => f(x(i, j))) };
}

/** A function without derivatives, such as a comparison. */
export const valueOnly = (row: OperatorCase): OperatorCase => ({ ...row, order: 0 });

/** Matrices of constants, alike in both worlds. */
export const weight = (i: number, j = 0, k = 0, l = 0): number =>
  Math.fround(Math.sin(1 + 1.7 * i + 2.3 * j + 3.1 * k + 4.9 * l));

/** `weight` as a tensor. */
export function weights(tf: Tf, shape: readonly number[]): Tensor {
  return tf.tensor(
    over(shape, (...index) => weight(...(index as [number]))),
    [...shape],
  );
}
