/**
 * Probabilities of a few values, such as the slots of a Galton board: a network of the context with one output per value,
 *
 *     p(value = v_k | context) = exp(h_k(context)) / sum_j exp(h_j(context))
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244, whose Galton board has such a head
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Tensor, Tensors, Tf } from "../engine/types.js";
import { dense, denseParameters, fanInsOf, initialiseUniform } from "../nets/dense.js";
import { type TrunkSpec, trunk } from "../nets/trunk.js";
import type { ConditionalDensity } from "./density.js";

/** Options of `categoricalDensity`. */
export interface CategoricalDensityOptions {
  /** The values that there are, all different. */
  readonly values: readonly number[];
  /** Default one hidden layer of 32 units with SiLU. */
  readonly network?: TrunkSpec;
}

const optionNames: OptionNames<CategoricalDensityOptions> = { values: true, network: true };

const defaultNetwork: TrunkSpec = { kind: "mlp", hidden: [32], activation: "silu" };

/**
 * Builds the probabilities of one column of values.
 *
 * @param valueDim - 1.
 * @param contextDim - columns of a context.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if there are fewer than two values, two are equal or one is not finite, a value has several
 *   columns, or the network is impossible.
 * @example
 * const density = categoricalDensity({ values: [0, 1, 2, 3] }, 1, 2);
 */
export function categoricalDensity(
  options: CategoricalDensityOptions,
  valueDim: number,
  contextDim: number,
): ConditionalDensity {
  checkOptions("categoricalDensity", options, optionNames);
  const { values, network = defaultNetwork } = options;
  if (!Array.isArray(values) || values.length < 2 || new Set(values).size < values.length) {
    throw new ConfigError(
      `categoricalDensity: values must be at least two different numbers, got ${JSON.stringify(values)}.`,
    );
  }
  // the graph holds them as float32
  const bad = values.find((value) => !(Math.fround(value) === value));
  if (bad !== undefined) {
    throw new ConfigError(
      `categoricalDensity: values must be finite numbers that float32 holds exactly, such as whole numbers, got ${bad}.`,
    );
  }
  if (valueDim !== 1) {
    throw new ConfigError(
      `categoricalDensity: a value must have one column, got ${valueDim}; for several use a flow, or number their combinations.`,
    );
  }
  const body = trunk(network, values.length, "categoricalDensity");
  const parameters = [...denseParameters("in", contextDim, body.first), ...body.parameters];
  const logits = (tf: Tf, tensors: Tensors, context: Tensor) =>
    body.apply(tf, tensors, dense(tf, tensors, "in", context));
  const row = (tf: Tf) => tf.tensor2d([[...values]]);
  return {
    spec: { kind: "categoricalDensity", values: [...values], network },
    valueDim,
    contextDim,
    parameters,
    values: [...values],
    initialise: (key) => initialiseUniform(parameters, fanInsOf(parameters, {}), key),
    logProb(tf, tensors, value, context) {
      const heights = logits(tf, tensors, context);
      const isIt = tf.cast(tf.equal(value, row(tf)), "float32"); // [B, K]
      return tf.sub(tf.sum(tf.mul(heights, isIt), 1), tf.logSumExp(heights, 1));
    },
    noise: ["uniform"],
    sample(tf, tensors, noise, context) {
      const upTo = tf.cumsum(tf.softmax(logits(tf, tensors, context)), 1);
      // the last value takes what rounding leaves
      const passed = tf.cast(tf.less(tf.slice(upTo, [0, 0], [-1, values.length - 1]), noise), "float32");
      const steps = values.slice(1).map((value, k) => [value - values[k]]);
      return tf.add(tf.matMul(passed as never, tf.tensor2d(steps)), values[0]);
    },
  };
}
