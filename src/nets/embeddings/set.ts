/**
 * Networks of sets: the features of independent observations do not depend on their order. Each element goes through the
 * same layers, their mean through others.
 *
 * @see Zaheer et al. (2017), Deep Sets, https://arxiv.org/abs/1703.06114, theorem 2
 * @module
 */
import { ConfigError } from "../../core/errors.js";
import { checkOptions, type OptionNames } from "../../core/options.js";
import { type Activation, activation } from "../activations.js";
import { dense, denseParameters } from "../dense.js";
import type { Embedding } from "../embedding.js";
import { builtEmbedding, checkCounts, prefix } from "./parts.js";

/** Options of `setEmbedding`. */
export interface SetEmbeddingOptions {
  /** Shape of a row: `[elements, values of each]`. */
  readonly shape: readonly number[];
  /** Widths of the hidden layers of an element; the last one is what is averaged. Default `[64, 64]`. */
  readonly element?: readonly number[];
  /** Widths of the hidden layers behind the mean. Default `[64]`. */
  readonly hidden?: readonly number[];
  /** Default 16. */
  readonly features?: number;
  /** Default `"silu"`. */
  readonly activation?: Activation;
}

const optionNames: OptionNames<SetEmbeddingOptions> = {
  shape: true,
  element: true,
  hidden: true,
  features: true,
  activation: true,
};

/**
 * An embedding that is invariant under permutations of a row's elements, `[B, M * L] -> [B, features]`.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if `shape` has not two axes, a count is not a positive whole number, or the activation is unknown.
 * @example
 * const embedding = setEmbedding({ shape: [20, 2] }); // twenty observations of two values each
 */
export function setEmbedding(options: SetEmbeddingOptions): Embedding {
  const caller = "setEmbedding";
  checkOptions(caller, options, optionNames);
  const { shape, element = [64, 64], hidden = [64], features = 16, activation: name = "silu" } = options;
  if (shape.length !== 2) {
    throw new ConfigError(`${caller}: shape must be [elements, values of each], got [${shape}].`);
  }
  checkCounts(caller, { shape, element, hidden, features });
  const [count, values] = shape;
  const act = activation(name);
  const inner = [values, ...element];
  const outer = [element[element.length - 1], ...hidden, features];
  const each = (i: number) => `${prefix}element${i}`;
  const all = (i: number) => `${prefix}set${i}`;
  const parameters = [
    ...element.flatMap((width, i) => denseParameters(each(i), inner[i], width)),
    ...outer.slice(1).flatMap((width, i) => denseParameters(all(i), outer[i], width)),
  ];
  const spec = { kind: "set", shape, element, hidden, features, activation: name };
  return builtEmbedding(spec, features, parameters, (tf, tensors, x) => {
    let h = tf.reshape(x, [-1, values]);
    for (let i = 0; i < element.length; i++) h = act(tf, dense(tf, tensors, each(i), h)) as typeof h;
    h = tf.mean(tf.reshape(h, [-1, count, outer[0]]), 1);
    for (let i = 0; i + 1 < outer.length; i++) {
      h = dense(tf, tensors, all(i), i > 0 ? act(tf, h) : h) as typeof h;
    }
    return h;
  });
}
