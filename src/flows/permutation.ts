/**
 * Columns in another order, so that maps which treat columns differently take turns.
 *
 * @module
 */
import { type Key, stream } from "../core/random.js";
import type { Tensor, Tf } from "../engine/types.js";
import type { Transform } from "./transform.js";

/** Column `order[i]` of the value is column `i` of the noise. */
export function permutation(order: readonly number[]): Transform {
  const back = order.map((_, i) => order.indexOf(i));
  return {
    parameters: [],
    initialise: () => new Float32Array(0),
    forward: (tf, _parameters, value) => ({ noise: columns(tf, value, order, back) }),
    inverse: (tf, _parameters, noise) => columns(tf, noise, back, order),
  };
}

/** The last column first. */
export const reversed = (count: number): number[] => [...Array(count).keys()].reverse();

/** A random order (Fisher and Yates), the same for the same key. */
export function shuffled(count: number, key: Key): number[] {
  const order = [...Array(count).keys()];
  const rng = stream(key);
  for (let i = count - 1; i > 0; i--) {
    const j = rng.integer(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Picks columns; its slope is to pick them back, where that of `tf.gather` adds them up one by one. */
function columns(tf: Tf, x: Tensor, order: readonly number[], back: readonly number[]): Tensor {
  return tf.customGrad((at) => ({
    value: tf.gather(at as Tensor, tf.tensor1d([...order], "int32"), 1),
    gradFunc: (dy: Tensor) => columns(tf, dy, back, order),
  }))(x);
}
