/**
 * Columns with a fixed center and scale, for values that do not come standardised.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import type { Transform } from "./transform.js";

/**
 * `noise = (value - center) / scale`.
 *
 * @param center - `[V]`.
 * @param scale - `[V]`, positive.
 * @throws {ConfigError} if a number is not finite or a scale not positive.
 */
export function standardising(center: readonly number[], scale: readonly number[]): Transform {
  const isGood =
    center.length === scale.length &&
    center.every(Number.isFinite) &&
    scale.every((s) => s > 0 && s < Infinity);
  if (!isGood) {
    throw new ConfigError(
      `standardising: expected as many finite centers as positive scales, got ${JSON.stringify({ center, scale })}.`,
    );
  }
  return {
    parameters: [],
    initialise: () => new Float32Array(0),
    forward: (tf, _parameters, value) => ({
      noise: tf.mul(tf.sub(value, tf.tensor1d([...center])), tf.tensor1d(scale.map((s) => 1 / s))),
      logDet: tf.tensor1d(scale.map((s) => -Math.log(s))),
    }),
    inverse: (tf, _parameters, noise) =>
      tf.add(tf.mul(noise, tf.tensor1d([...scale])), tf.tensor1d([...center])),
  };
}
