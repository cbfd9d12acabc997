/**
 * Densities `p(value | context)` given by a network: what normalising flows, mixture density networks and tables of
 * probabilities have in common. A likelihood estimator has `value = x` and `context = theta`, a posterior estimator
 * the other way round.
 *
 * @module
 */
import type { Key } from "../core/random.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "../engine/types.js";

/** JSON description of a conditional density; `kind` names the constructor. */
export interface DensitySpec {
  readonly kind: string;
  readonly [option: string]: unknown;
}

/** A conditional density. Values and contexts come standardised. */
export interface ConditionalDensity {
  readonly spec: DensitySpec;
  /** Columns of a value, `V`, and of a context, `C`. */
  readonly valueDim: number;
  readonly contextDim: number;
  readonly parameters: readonly ParameterSpec[];
  /** Packed initial parameters, `[P]`. */
  initialise(key: Key): Float32Array;
  /** `value: [B, V]` and `context: [B, C]` to `log p(value | context)`, `[B]`, nats; differentiable twice in both. */
  logProb(tf: Tf, parameters: Tensors, value: Tensor, context: Tensor): Tensor;
  /**
   * The values that there are, where they are counted and not measured: `logProb` is then the logarithm of a
   * probability, and values come as they are, not standardised. Left out where values are continuous.
   */
  readonly values?: readonly number[];
  /** Distribution of each column of the noise from which `sample` makes values. */
  readonly noise: readonly ("normal" | "uniform")[];
  /** `noise: [B, noise.length]` and `context: [B, C]` to values, `[B, V]`. */
  sample(tf: Tf, parameters: Tensors, noise: Tensor, context: Tensor): Tensor;
  /** `value: [B, V]` and `context: [B, C]` to the noise that `sample` makes those values from, `[B, V]`. Flows only. */
  noiseOf?(tf: Tf, parameters: Tensors, value: Tensor, context: Tensor): Tensor;
}
