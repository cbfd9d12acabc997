/**
 * Gated recurrent units for time series. With `h_0 = 0`, at each time
 *
 *     r = sigmoid(W_r x + b_r + U_r h);  z = sigmoid(W_z x + b_z + U_z h);
 *     n = tanh(W_n x + b_n + r (U_n h + c));  h <- (1 - z) n + z h
 *
 * and the last `h` makes the features. The steps are unrolled into the graph: hundreds of them are slow to compile.
 *
 * @see Cho et al. (2014), https://arxiv.org/abs/1406.1078, equations 5 to 8, with the reset gate behind the product
 * @module
 */
import { ConfigError } from "../../core/errors.js";
import { checkOptions, type OptionNames } from "../../core/options.js";
import type { Tensor } from "../../engine/types.js";
import { dense, denseParameters } from "../dense.js";
import type { Embedding } from "../embedding.js";
import { builtEmbedding, checkCounts, prefix } from "./parts.js";

/** Options of `gruEmbedding`. */
export interface GruEmbeddingOptions {
  /** Shape of a row: `[times, values at each]`. */
  readonly shape: readonly number[];
  /** Width of the state. Default 32. */
  readonly units?: number;
  /** Default 16. */
  readonly features?: number;
}

const optionNames: OptionNames<GruEmbeddingOptions> = { shape: true, units: true, features: true };

/**
 * An embedding of time series, `[B, T * C] -> [B, features]`.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if `shape` has not two axes, or a count is not a positive whole number.
 * @example
 * const embedding = gruEmbedding({ shape: [20, 2] }); // twenty times, two values at each
 */
export function gruEmbedding(options: GruEmbeddingOptions): Embedding {
  const caller = "gruEmbedding";
  checkOptions(caller, options, optionNames);
  const { shape, units = 32, features = 16 } = options;
  if (shape.length !== 2) {
    throw new ConfigError(`${caller}: shape must be [times, values at each], got [${shape}].`);
  }
  checkCounts(caller, { shape, units, features });
  const [times, values] = shape;
  const [input, recurrent, candidate] = ["input", "recurrent", "candidate"].map((name) => prefix + name);
  const parameters = [
    ...denseParameters(input, values, 3 * units),
    { name: `${recurrent}.weight`, shape: [units, 3 * units] },
    { name: `${candidate}.bias`, shape: [units] },
    ...denseParameters(`${prefix}out`, units, features),
  ];
  // PyTorch's start: every weight within 1 / sqrt(units)
  const fanIns = Object.fromEntries(
    [`${input}.weight`, `${input}.bias`, `${candidate}.bias`].map((name) => [name, units]),
  );
  const spec = { kind: "gru", shape, units, features };
  const embed: Embedding["apply"] = (tf, tensors, x) => {
    const gates = tf.reshape(dense(tf, tensors, input, tf.reshape(x, [-1, values])), [-1, times, 3 * units]);
    const part = (t: Tensor, k: number) => tf.slice(t, [0, k * units], [-1, units]);
    let h: Tensor | undefined;
    for (let t = 0; t < times; t++) {
      const own = tf.reshape(tf.slice(gates, [0, t, 0], [-1, 1, 3 * units]), [-1, 3 * units]);
      const past = h && tf.matMul(h as never, tensors[`${recurrent}.weight`] as never);
      const gate = (k: number) => tf.sigmoid(past ? tf.add(part(own, k), part(past, k)) : part(own, k));
      const bias = tensors[`${candidate}.bias`];
      const echo = tf.mul(gate(0), past ? tf.add(part(past, 2), bias) : bias);
      const next = tf.tanh(tf.add(part(own, 2), echo));
      const keep = gate(1);
      const fresh = tf.mul(tf.sub(1, keep), next);
      h = h ? tf.add(fresh, tf.mul(keep, h)) : fresh;
    }
    return dense(tf, tensors, `${prefix}out`, h as Tensor);
  };
  return builtEmbedding(spec, features, parameters, embed, fanIns);
}
