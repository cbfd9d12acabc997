/**
 * The pieces of a normalising flow: invertible maps between values and noise, conditioned on a context.
 *
 * @see Rezende and Mohamed (2015), https://arxiv.org/abs/1505.05770
 * @module
 */
import type { Key } from "../core/random.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "../engine/types.js";

/** What a map makes of values. */
export interface Transformed {
  /** `[B, V]`. */
  readonly noise: Tensor;
  /**
   * `[B, n]` or `[n]`, any n: summed over the last axis this is `log |det d noise / d value|`, nats. Terms are summed
   * once for a whole flow. Left out where it is zero.
   */
  readonly logDet?: Tensor;
}

/** An invertible map. Its parameters have names that begin with its own. */
export interface Transform {
  readonly parameters: readonly ParameterSpec[];
  /** Packed initial parameters, `[P]`. */
  initialise(key: Key): Float32Array;
  /** `value: [B, V]` and `context: [B, C]` to noise: the direction that densities need. */
  forward(tf: Tf, parameters: Tensors, value: Tensor, context: Tensor): Transformed;
  /** `noise: [B, V]` and `context: [B, C]` to values, `[B, V]`: the direction that samples need. */
  inverse(tf: Tf, parameters: Tensors, noise: Tensor, context: Tensor): Tensor;
}

/** Monotone maps of single columns, whose shapes a network (the conditioner) gives. */
export interface ColumnMap {
  /** The column, 0-based, that each output of the conditioner shapes, for `count` columns. */
  columns(count: number): readonly number[];
  /** How many of those, the last, are shifts. Default none. */
  readonly shifts?: (count: number) => number;
  /** `value: [B, n]` and `raw: [B, columns(n).length]` to noise and the logarithm of its slope, each `[B, n]`. */
  forward(tf: Tf, value: Tensor, raw: Tensor): Required<Transformed>;
  /** `noise: [B, n]` to values, `[B, n]`. */
  inverse(tf: Tf, noise: Tensor, raw: Tensor): Tensor;
}
