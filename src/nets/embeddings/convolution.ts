/**
 * Convolutions for images and time series: each layer halves the grid (stride 2, edges padded with zeros), and a last
 * dense layer makes the features.
 *
 * @see LeCun et al. (1998), https://doi.org/10.1109/5.726791
 * @module
 */
import { ConfigError } from "../../core/errors.js";
import { checkOptions, type OptionNames } from "../../core/options.js";
import type { ParameterSpec, Tensor, Tf } from "../../engine/types.js";
import { type Activation, activation } from "../activations.js";
import { dense, denseParameters } from "../dense.js";
import type { Embedding } from "../embedding.js";
import { builtEmbedding, checkCounts, prefix } from "./parts.js";

/** Options of `convolutionEmbedding`. */
export interface ConvolutionEmbeddingOptions {
  /** Shape of a row: `[height, width, channels]` of an image, `[length, channels]` of a series. */
  readonly shape: readonly number[];
  /** Channels of each layer. Default `[16, 32, 32]`. */
  readonly channels?: readonly number[];
  /** Side of the filters. Default 5. */
  readonly kernel?: number;
  /** Default 32. */
  readonly features?: number;
  /** Default `"silu"`. */
  readonly activation?: Activation;
}

const optionNames: OptionNames<ConvolutionEmbeddingOptions> = {
  shape: true,
  channels: true,
  kernel: true,
  features: true,
  activation: true,
};

/**
 * An embedding of images, `[B, height * width * channels] -> [B, features]`, or of series; rows are row-major, channels
 * last.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if `shape` has neither two nor three axes, a count is not a positive whole number, or the
 *   activation is unknown.
 * @example
 * const embedding = convolutionEmbedding({ shape: [32, 32, 1] });
 */
export function convolutionEmbedding(options: ConvolutionEmbeddingOptions): Embedding {
  const caller = "convolutionEmbedding";
  checkOptions(caller, options, optionNames);
  const { shape, channels = [16, 32, 32], kernel = 5, features = 32, activation: name = "silu" } = options;
  if (shape.length !== 2 && shape.length !== 3) {
    throw new ConfigError(
      `${caller}: shape must be [height, width, channels] of an image or [length, channels] of a series, got [${shape}].`,
    );
  }
  checkCounts(caller, { shape, channels, kernel, features });
  const act = activation(name);
  // a series is an image of height one
  const [height, width, first] = shape.length === 3 ? shape : [1, ...shape];
  const rows = shape.length === 3 ? kernel : 1;
  const depths = [first, ...channels];
  const layer = (i: number) => `${prefix}convolution${i}`;
  const parameters: ParameterSpec[] = [];
  const fanIns: Record<string, number> = {};
  channels.forEach((depth, i) => {
    parameters.push(
      { name: `${layer(i)}.weight`, shape: [rows, kernel, depths[i], depth] },
      { name: `${layer(i)}.bias`, shape: [depth] },
    );
    for (const part of ["weight", "bias"]) fanIns[`${layer(i)}.${part}`] = rows * kernel * depths[i];
  });
  const halved = (side: number) => channels.reduce((left) => Math.ceil(left / 2), side);
  const flat = halved(height) * halved(width) * depths[channels.length];
  parameters.push(...denseParameters(`${prefix}out`, flat, features));
  const spec = { kind: "convolution", shape, channels, kernel, features, activation: name };
  const apply = (tf: Tf, tensors: Parameters<Embedding["apply"]>[1], x: Tensor) => {
    let h = tf.reshape(x, [-1, height, width, first]);
    channels.forEach((_, i) => {
      const filter = tensors[`${layer(i)}.weight`];
      h = tf.conv2d(h as never, filter as never, [Math.min(2, rows), 2], "same");
      h = act(tf, tf.add(h, tensors[`${layer(i)}.bias`])) as typeof h;
    });
    return dense(tf, tensors, `${prefix}out`, tf.reshape(h, [-1, flat]));
  };
  return builtEmbedding(spec, features, parameters, apply, fanIns);
}
