/**
 * The gradient of `tf.prod`: for each element the product of all others, by multiplications alone, so that elements
 * may be zero and derivatives of any order exist (TensorFlow.js's own stops at `tf.cumprod`).
 *
 * @module
 */
import { sizeOf } from "./symbol.js";
import type { Tensor, Tf } from "./types.js";

/** Registers the gradient of products over axes. */
export function installProductGradient(tf: Tf): void {
  tf.registerGradient({
    kernelName: "Prod",
    inputsToSave: ["x"],
    gradFunc: (dy, [x], attrs) => {
      const reduced = tf.util.parseAxisParam((attrs as { axis?: number | number[] }).axis as never, x.shape);
      const order = [...x.shape.keys()].filter((axis) => !reduced.includes(axis)).concat(reduced);
      const moved = order.map((axis) => x.shape[axis]);
      const n = sizeOf(reduced.map((axis) => x.shape[axis]));
      const rows = sizeOf(x.shape) / n;
      const slope = () => {
        const others = productsOfOthers(tf, tf.reshape(tf.transpose(x, order), [rows, n]), rows, n);
        const scaled = tf.mul(tf.reshape(dy as Tensor, [rows, 1]), others);
        const back = order.map((_, axis) => order.indexOf(axis));
        return tf.transpose(tf.reshape(scaled, moved), back);
      };
      return { x: slope };
    },
  });
}

/** `[rows, n]` to the product of all other elements of each row: those before times those behind. */
function productsOfOthers(tf: Tf, x: Tensor, rows: number, n: number): Tensor {
  /** The elements `by` places before (behind, if negative), ones where there are none. */
  const shifted = (of: Tensor, by: number): Tensor => {
    const width = Math.min(Math.abs(by), n);
    const ones = tf.ones([rows, width]);
    if (width === n) return ones;
    const rest = tf.slice(of, [0, by > 0 ? 0 : width], [rows, n - width]);
    return tf.concat(by > 0 ? [ones, rest] : [rest, ones], 1);
  };
  /** Products of everything on one side, doubling their reach (Hillis and Steele 1986). */
  const running = (sign: 1 | -1): Tensor => {
    let product = shifted(x, sign);
    for (let reach = 1; reach < n; reach *= 2) product = tf.mul(product, shifted(product, sign * reach));
    return product;
  };
  return tf.mul(running(1), running(-1));
}
