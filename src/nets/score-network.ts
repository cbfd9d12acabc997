/**
 * Networks `x -> t`, the regressors of score estimation.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { foldIn, type Key } from "../core/random.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "../engine/types.js";
import { dense, denseParameters, fanInsOf, initialiseUniform } from "./dense.js";
import type { Embedding } from "./embedding.js";
import { type TrunkSpec, trunk } from "./trunk.js";

/** A network of data alone. */
export interface ScoreNetwork {
  readonly parameters: readonly ParameterSpec[];
  /** Packed initial parameters, `[P]`. */
  initialise(key: Key): Float32Array;
  /** `[B, L]` (standardised) to `[B, D]`, in standard deviations of the joint score. */
  apply(tf: Tf, parameters: Tensors, x: Tensor): Tensor;
}

/**
 * Builds the network of a spec.
 *
 * @param outputs - components of the score.
 * @throws {ConfigError} if a width or count is not a positive integer, or an embedding uses a name of the network.
 */
export function scoreNetwork(
  spec: TrunkSpec,
  xDim: number,
  outputs: number,
  embedding?: Embedding,
): ScoreNetwork {
  const body = trunk(spec, outputs, "scoreNetwork");
  const own = [...denseParameters("in", embedding?.features ?? xDim, body.first), ...body.parameters];
  const taken = embedding?.parameters.find(({ name }) => own.some((known) => known.name === name));
  if (taken) {
    throw new ConfigError(
      `scoreNetwork: the embedding has a parameter "${taken.name}", and so has the score network. Put a prefix before the embedding's names.`,
    );
  }
  return {
    parameters: [...own, ...(embedding?.parameters ?? [])],
    initialise(key) {
      const head = initialiseUniform(own, fanInsOf(own, {}), foldIn(key, "head"));
      return Float32Array.from([...head, ...(embedding?.initialise(foldIn(key, "embedding")) ?? [])]);
    },
    apply(tf, parameters, x) {
      const data = embedding ? embedding.apply(tf, parameters, x) : x;
      return body.apply(tf, parameters, dense(tf, parameters, "in", data));
    },
  };
}
