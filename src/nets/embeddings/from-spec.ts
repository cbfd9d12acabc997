/**
 * Embeddings from their JSON descriptions, so that an estimator's file brings its own.
 *
 * @module
 */
import { ConfigError } from "../../core/errors.js";
import type { Embedding, EmbeddingSpec } from "../embedding.js";
import { convolutionEmbedding } from "./convolution.js";
import { gruEmbedding } from "./gru.js";
import { mlpEmbedding } from "./mlp.js";
import { setEmbedding } from "./set.js";

const kinds: Readonly<Record<string, (options: never) => Embedding>> = {
  convolution: convolutionEmbedding,
  gru: gruEmbedding,
  mlp: mlpEmbedding,
  set: setEmbedding,
};

/**
 * Makes the embedding that a spec describes.
 *
 * @throws {ConfigError} if its kind is unknown, or as its constructor.
 * @throws {TypeError} if it has an unknown option.
 */
export function embeddingFromSpec({ kind, ...options }: EmbeddingSpec): Embedding {
  if (!Object.hasOwn(kinds, kind)) {
    throw new ConfigError(`embeddingFromSpec: kind is "${kind}"; expected ${Object.keys(kinds).join(", ")}.`);
  }
  return kinds[kind](options as never);
}
