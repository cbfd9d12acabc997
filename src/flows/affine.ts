/**
 * Columns shifted and scaled: `noise = scale value + shift`.
 *
 * @module
 */
import type { Tensor, Tf } from "../engine/types.js";
import type { ColumnMap } from "./transform.js";

/** Scales and slopes lie between a thousandth and a thousand, whatever the network says, so that nothing overflows. */
export const steepest = 1000;

/** `log(steepest) tanh(raw / log(steepest))`: `raw` near zero, and never beyond `log(steepest)`. */
export function boundedLog(tf: Tf, raw: Tensor): Tensor {
  const limit = Math.log(steepest);
  return tf.mul(tf.tanh(tf.mul(raw, 1 / limit)), limit);
}

/** The affine map: first the logarithms of the scales of all columns, then their shifts. Identity where both are zero. */
export const affine: ColumnMap = {
  columns: (count) => [...Array(count).keys(), ...Array(count).keys()],
  shifts: (count) => count,
  forward(tf, value, raw) {
    const { logDet, shift } = shapes(tf, raw);
    return { noise: tf.add(tf.mul(value, tf.exp(logDet)), shift), logDet };
  },
  inverse(tf, noise, raw) {
    const { logDet, shift } = shapes(tf, raw);
    return tf.mul(tf.sub(noise, shift), tf.exp(tf.neg(logDet)));
  },
};

function shapes(tf: Tf, raw: Tensor): { logDet: Tensor; shift: Tensor } {
  const [logScale, shift] = tf.split(raw, 2, 1);
  return { logDet: boundedLog(tf, logScale), shift };
}
