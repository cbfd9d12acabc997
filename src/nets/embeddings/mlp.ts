/**
 * Plain layers from a flat row to fewer features.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../core/options.js";
import { type Activation, activation } from "../activations.js";
import { dense, denseParameters } from "../dense.js";
import type { Embedding } from "../embedding.js";
import { builtEmbedding, checkCounts, prefix } from "./parts.js";

/** Options of `mlpEmbedding`. */
export interface MlpEmbeddingOptions {
  /** Values of a row, `L`. */
  readonly inputs: number;
  /** Widths of the hidden layers. Default `[64, 64]`. */
  readonly hidden?: readonly number[];
  /** Default 16. */
  readonly features?: number;
  /** Default `"silu"`. */
  readonly activation?: Activation;
}

const optionNames: OptionNames<MlpEmbeddingOptions> = {
  inputs: true,
  hidden: true,
  features: true,
  activation: true,
};

/**
 * An embedding of rows without structure, `[B, L] -> [B, features]`.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if a count is not a positive whole number, or the activation is unknown.
 * @example
 * const estimator = await train(aalr(simulations, { embedding: mlpEmbedding({ inputs: 100 }) }), { seed: "hello" });
 */
export function mlpEmbedding(options: MlpEmbeddingOptions): Embedding {
  checkOptions("mlpEmbedding", options, optionNames);
  const { inputs, hidden = [64, 64], features = 16, activation: name = "silu" } = options;
  checkCounts("mlpEmbedding", { inputs, hidden, features });
  const act = activation(name);
  const widths = [inputs, ...hidden, features];
  const layer = (i: number) => `${prefix}layer${i}`;
  const parameters = widths.slice(1).flatMap((width, i) => denseParameters(layer(i), widths[i], width));
  const spec = { kind: "mlp", inputs, hidden, features, activation: name };
  return builtEmbedding(spec, features, parameters, (tf, tensors, x) => {
    let h = x;
    for (let i = 0; i < widths.length - 1; i++) h = dense(tf, tensors, layer(i), i > 0 ? act(tf, h) : h);
    return h;
  });
}
