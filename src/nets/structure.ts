/**
 * How a network stands for `log r(x | theta0, theta1)`: one point against a fixed reference, or both points as inputs.
 *
 *     reference         h(theta0, x)                                    theta1 is one point
 *     antisymmetric     f(theta0, theta1, x) - f(theta1, theta0, x)
 *     ratio-of-ratios   h(theta0, x) - h(theta1, x)
 *     morphing          a polynomial in theta0 with coefficients of x   theta1 is one point (`morphing.ts`)
 *
 * The middle two are exactly antisymmetric, and zero where both points are one.
 *
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, section III
 * @module
 */
import type { Tensor, Tensors, Tf } from "../engine/types.js";
import type { Embedding } from "./embedding.js";
import { type RatioNetwork, type RatioNetworkSpec, ratioNetwork } from "./ratio-network.js";

export type Structure = "reference" | "antisymmetric" | "ratio-of-ratios" | "morphing";

export const structures: readonly Structure[] = ["reference", "antisymmetric", "ratio-of-ratios", "morphing"];

/** A structure whose network takes both points. */
export type PairStructure = Exclude<Structure, "reference" | "morphing">;

/** Whether a structure's network takes both points. */
export function takesPairs(structure: Structure): structure is PairStructure {
  return structure === "antisymmetric" || structure === "ratio-of-ratios";
}

/**
 * A network over pairs of points, as one over twice as many parameters: `[theta0 | theta1]`.
 *
 * @param thetaDim - columns of one point.
 * @throws {ConfigError} as `ratioNetwork`.
 */
export function pairNetwork(
  structure: PairStructure,
  spec: RatioNetworkSpec,
  thetaDim: number,
  xDim: number,
  embedding?: Embedding,
): RatioNetwork {
  const inputs = structure === "antisymmetric" ? 2 * thetaDim : thetaDim;
  const base = ratioNetwork(spec, inputs, xDim, embedding);
  return {
    ...base,
    apply(tf, parameters, theta, x) {
      const [b, a] = theta.shape;
      const part = (from: number) => tf.slice(theta, [0, 0, from], [b, a, thetaDim]);
      const [theta0, theta1] = [part(0), part(thetaDim)];
      const candidates =
        structure === "antisymmetric" ? [theta, tf.concat([theta1, theta0], 2)] : [theta0, theta1];
      const both = base.apply(tf, parameters, tf.concat(candidates, 1), x); // [b, 2 a]: x is embedded once
      return tf.sub(tf.slice(both, [0, 0], [b, a]), tf.slice(both, [0, a], [b, a]));
    },
  };
}

/** A network over pairs with its second point fixed. */
export function atReference(pairs: RatioNetwork, thetaRef: readonly number[]): RatioNetwork {
  return {
    ...pairs,
    apply(tf: Tf, parameters: Tensors, theta: Tensor, x: Tensor): Tensor {
      // zero plus the reference has the rows of theta whatever their number: an exported graph serves any
      const reference = tf.add(tf.sub(theta, theta), tf.tensor1d([...thetaRef]));
      return pairs.apply(tf, parameters, tf.concat([theta, reference], 2), x);
    },
  };
}
