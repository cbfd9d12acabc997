/**
 * Activation functions by name. The default, SiLU, is smooth: a score term needs second derivatives,
 * and HMC needs gradients without kinks.
 *
 * `silu(x) = x sigmoid(x)` is written `x / 2 (1 + tanh(x / 2))`: far below zero it is zero or a rounding error,
 * where `sigmoid(x)` would send subnormal numbers through all layers, on which processors are ten times slower.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import type { Tensor, Tf } from "../engine/types.js";

const functions = {
  silu: (tf: Tf, x: Tensor) => {
    const half = tf.mul(0.5, x);
    return tf.add(half, tf.mul(half, tf.tanh(half)));
  },
  tanh: (tf: Tf, x: Tensor) => tf.tanh(x),
  softplus: (tf: Tf, x: Tensor) => tf.softplus(x),
  gelu: (tf: Tf, x: Tensor) => tf.mul(x, tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))))),
  elu: (tf: Tf, x: Tensor) => tf.elu(x),
  selu: (tf: Tf, x: Tensor) => tf.selu(x),
  relu: (tf: Tf, x: Tensor) => tf.relu(x),
} satisfies Record<string, (tf: Tf, x: Tensor) => Tensor>;

export type Activation = keyof typeof functions;

/**
 * The activation called `name`, as a function of a tensor.
 *
 * @throws {ConfigError} if there is no activation of that name.
 */
export function activation(name: Activation): (tf: Tf, x: Tensor) => Tensor {
  if (!Object.hasOwn(functions, name)) {
    throw new ConfigError(`activation: "${name}" is unknown; expected ${Object.keys(functions).join(", ")}.`);
  }
  return functions[name];
}
