/**
 * Embedding networks: what stands in front of a ratio, score, likelihood or posterior network to turn images, time
 * series or sets into features. There are some here (`mlpEmbedding`, `convolutionEmbedding`, `setEmbedding`,
 * `gruEmbedding`); any TensorFlow.js function will do, and so will a tfjs-layers model (`layersEmbedding`).
 *
 * @module
 */
import type { Key } from "../core/random.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "../engine/types.js";

/** JSON description of an embedding; `kind` names the constructor. */
export interface EmbeddingSpec {
  readonly kind: string;
  readonly [option: string]: unknown;
}

/** What the header of an estimator says of its embedding: none, the user's own, or one that can be made again. */
export type EmbeddingRecord = boolean | EmbeddingSpec;

/** The record of an embedding. */
export function embeddingRecord(embedding: Embedding | undefined): EmbeddingRecord {
  return embedding?.spec ?? embedding !== undefined;
}

/** A trainable map from data rows to features. */
export interface Embedding {
  /** Width of the output. */
  readonly features: number;
  /** Names must not collide with those of the network behind; prefix them. */
  readonly parameters: readonly ParameterSpec[];
  /** Packed initial parameters. */
  initialise(key: Key): Float32Array;
  /** `[B, L] -> [B, features]`; reshape rows to the declared `xShape` inside. */
  apply(tf: Tf, parameters: Tensors, x: Tensor): Tensor;
  /** From what `embeddingFromSpec` makes an equal one; left out where it is the user's own. */
  readonly spec?: EmbeddingSpec;
}
