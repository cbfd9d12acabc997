/**
 * Embedding networks: what a user puts in front of the ratio network to turn images, time series or sets
 * into features. Any TensorFlow.js function will do, and so will a tfjs-layers model.
 *
 * @module
 */
import type { Key } from "../core/random.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "../engine/types.js";

/** A trainable map from data rows to features. */
export interface Embedding {
  /** Width of the output. */
  readonly features: number;
  /** Names must not collide with those of the ratio network; prefix them. */
  readonly parameters: readonly ParameterSpec[];
  /** Packed initial parameters. */
  initialise(key: Key): Float32Array;
  /** `[B, L] -> [B, features]`; reshape rows to the declared `xShape` inside. */
  apply(tf: Tf, parameters: Tensors, x: Tensor): Tensor;
}
