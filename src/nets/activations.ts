/**
 * Activation functions by name. The default, SiLU, is smooth: a score term needs second derivatives,
 * and HMC needs gradients without kinks.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import type { Tensor, Tf } from "../engine/types.js";

/**
 * `x sigmoid(x)`, with `sigmoid(x) = (1 + tanh(x / 2)) / 2`: far below zero that is zero or a rounding error, where
 * an accurate sigmoid would send subnormal numbers through all layers, on which processors are ten times slower.
 * The slope `s (1 + x - x s)` is written out because it takes half the passes that autodiff would make.
 */
function silu(tf: Tf, x: Tensor): Tensor {
  const sigmoid = (at: Tensor) => tf.add(tf.mul(tf.tanh(tf.mul(at, 0.5)), 0.5), 0.5);
  return tf.customGrad((at, save) => {
    (save as (tensors: Tensor[]) => void)([at as Tensor]);
    return {
      value: tf.mul(at as Tensor, sigmoid(at as Tensor)),
      gradFunc: (dy: Tensor, [point]: Tensor[]) => {
        const s = sigmoid(point);
        return tf.mul(dy, tf.mul(s, tf.add(tf.sub(point, tf.mul(point, s)), 1)));
      },
    };
  })(x);
}

const functions = {
  silu,
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

/** Activations with a kink in their slope (relu in their value): no second derivative to train a score term with. */
const kinked: readonly Activation[] = ["relu", "elu", "selu"];

/**
 * Refuses an activation without a continuous second derivative.
 *
 * @param caller - the method whose loss has a score term.
 * @throws {ConfigError} for relu, elu and selu.
 */
export function requireSmooth(name: Activation, caller: string): void {
  if (!kinked.includes(name)) return;
  throw new ConfigError(
    `${caller}: the score term is trained through second derivatives, which "${name}" does not have everywhere; ` +
      "use silu, tanh, softplus or gelu.",
  );
}
