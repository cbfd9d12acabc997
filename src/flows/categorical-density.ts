/**
 * Probabilities of a few values, such as the slots of a Galton board or the spikes of a neuron: a network with one output
 * per value and column,
 *
 *     p(value_j = v_k | value_<j, context) = exp(h_jk) / sum_l exp(h_jl),
 *
 * of the context alone for one column; several go one after the other, by a masked network of the columns before and the
 * context, with direct connections (logistic regression, plus what the network adds).
 *
 * @see Germain et al. (2015), https://arxiv.org/abs/1502.03509 (MADE)
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244, whose Galton board has such a head
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Tensor, Tensors, Tf } from "../engine/types.js";
import { dense, denseParameters, fanInsOf, initialiseUniform } from "../nets/dense.js";
import { type TrunkSpec, trunk } from "../nets/trunk.js";
import { made } from "./conditioner.js";
import type { ConditionalDensity } from "./density.js";
import { checkDims } from "./stack.js";

/** Options of `categoricalDensity`. */
export interface CategoricalDensityOptions {
  /** The values that there are, all different. */
  readonly values: readonly number[];
  /** For one column. Default one hidden layer of 32 units with SiLU. */
  readonly network?: TrunkSpec;
  /** Units of a hidden layer, for several columns. Default 50. */
  readonly width?: number;
  /** Masked layers behind the first, for several columns. Default 1. */
  readonly blocks?: number;
}

const optionNames: OptionNames<CategoricalDensityOptions> = {
  values: true,
  network: true,
  width: true,
  blocks: true,
};

const defaultNetwork: TrunkSpec = { kind: "mlp", hidden: [32], activation: "silu" };

/**
 * Builds the probabilities of values.
 *
 * @param valueDim - columns of a value, V.
 * @param contextDim - columns of a context.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if there are fewer than two values, two are equal or one is not finite, or the network is impossible
 *   or that of another number of columns.
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
  if (valueDim > 1) return severalColumns(options, valueDim, contextDim);
  if (options.width !== undefined || options.blocks !== undefined) {
    throw new ConfigError(
      "categoricalDensity: width and blocks are of several columns; the values here have one, use network.",
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
    sample: (tf, tensors, noise, context) => pick(tf, values, logits(tf, tensors, context), noise),
  };
}

/** One column after the other. */
function severalColumns(
  { values, network, width = 50, blocks = 1 }: CategoricalDensityOptions,
  count: number,
  contextDim: number,
): ConditionalDensity {
  checkDims("categoricalDensity", count, contextDim);
  if (network !== undefined || [width, blocks].some((size) => !Number.isInteger(size) || size < 1)) {
    throw new ConfigError(
      `categoricalDensity: several columns take a positive whole width and blocks and no network, got ${width}, ${blocks}` +
        `${network === undefined ? "" : " and a network"}.`,
    );
  }
  const kinds = values.length;
  const columns = Array.from({ length: count * kinds }, (_, i) => Math.floor(i / kinds));
  const size = { width, blocks, activation: "silu", direct: true } as const;
  const body = made("columns", { count, contextDim }, columns, size, columns.length);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  /** `[B, V K]`, of values that are brought to between -1 and 1. */
  const logits = (tf: Tf, tensors: Tensors, value: Tensor, context: Tensor) =>
    body.apply(tf, tensors, tf.mul(tf.sub(value, (low + high) / 2), 2 / (high - low)), context);
  return {
    spec: { kind: "categoricalDensity", values: [...values], width, blocks },
    valueDim: count,
    contextDim,
    parameters: body.parameters,
    values: [...values],
    initialise: body.initialise,
    logProb(tf, tensors, value, context) {
      const rows = value.shape[0];
      const heights = tf.reshape(logits(tf, tensors, value, context), [rows * count, kinds]);
      const isIt = tf.equal(tf.reshape(value, [rows * count, 1]), tf.tensor2d([[...values]]));
      const chosen = tf.sum(tf.mul(heights, tf.cast(isIt, "float32")), 1);
      return tf.sum(tf.reshape(tf.sub(chosen, tf.logSumExp(heights, 1)), [rows, count]), 1);
    },
    noise: Array<"uniform">(count).fill("uniform"),
    sample(tf, tensors, noise, context) {
      const rows = noise.shape[0];
      const drawn: Tensor[] = [];
      for (let j = 0; j < count; j++) {
        // columns that are still to come count for nothing
        const rest = tf.slice(noise, [0, j], [rows, count - j]);
        const heights = logits(tf, tensors, tf.concat([...drawn, rest], 1), context);
        const own = tf.slice(heights, [0, j * kinds], [rows, kinds]);
        drawn.push(pick(tf, values, own, tf.slice(noise, [0, j], [rows, 1])));
      }
      return tf.concat(drawn, 1);
    },
  };
}

/** The value that each uniform number `[B, 1]` stands for, by logits `[B, K]`. */
function pick(tf: Tf, values: readonly number[], logits: Tensor, noise: Tensor): Tensor {
  const upTo = tf.cumsum(tf.softmax(logits), 1);
  // the last value takes what rounding leaves
  const passed = tf.cast(tf.less(tf.slice(upTo, [0, 0], [-1, values.length - 1]), noise), "float32");
  const steps = values.slice(1).map((value, k) => [value - values[k]]);
  return tf.add(tf.matMul(passed as never, tf.tensor2d(steps)), values[0]);
}
