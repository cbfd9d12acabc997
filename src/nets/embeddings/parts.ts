/**
 * What the embedding networks share: the check of their counts, and the packing of their layers.
 *
 * @module
 */
import { ConfigError } from "../../core/errors.js";
import type { ParameterSpec } from "../../engine/types.js";
import { fanInsOf, initialiseUniform } from "../dense.js";
import type { Embedding, EmbeddingSpec } from "../embedding.js";

/** Before every name, so that none collides with the network behind. */
export const prefix = "embedding.";

/** @throws {ConfigError} naming the first count that is not a positive whole number. */
export function checkCounts(
  caller: string,
  counts: Readonly<Record<string, number | readonly number[]>>,
): void {
  for (const [name, given] of Object.entries(counts)) {
    const values = typeof given === "number" ? [given] : given;
    if (values.length > 0 && values.every((value) => Number.isInteger(value) && value > 0)) continue;
    throw new ConfigError(
      `${caller}: ${name} must be ${typeof given === "number" ? "a positive whole number" : "positive whole numbers"}, ` +
        `got ${JSON.stringify(given)}.`,
    );
  }
}

/**
 * @param fanIns - inputs of the parameters whose first axis is not that number.
 */
export function builtEmbedding(
  spec: EmbeddingSpec,
  features: number,
  parameters: readonly ParameterSpec[],
  apply: Embedding["apply"],
  fanIns: Readonly<Record<string, number>> = {},
): Embedding {
  return {
    spec,
    features,
    parameters,
    initialise: (key) => initialiseUniform(parameters, fanInsOf(parameters, fanIns), key),
    apply,
  };
}
