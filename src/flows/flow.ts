/**
 * Normalising flows: a chain of invertible maps from values to standard normal noise,
 *
 *     log p(value | context) = log N(noise; 0, I) + sum over maps of log |det d noise / d value|.
 *
 * @see Papamakarios et al. (2021), https://arxiv.org/abs/1912.02762
 * @module
 */
import { foldIn } from "../core/random.js";
import type { Tensor, Tf } from "../engine/types.js";
import type { ConditionalDensity, DensitySpec } from "./density.js";
import type { Transform } from "./transform.js";

/** The density of a chain of maps, from values to noise in their order. */
export function flow(
  spec: DensitySpec,
  valueDim: number,
  contextDim: number,
  transforms: readonly Transform[],
): ConditionalDensity {
  return {
    spec,
    valueDim,
    contextDim,
    parameters: transforms.flatMap(({ parameters }) => parameters),
    initialise(key) {
      const parts = transforms.map((transform, i) => transform.initialise(foldIn(key, i)));
      const packed = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
      let offset = 0;
      for (const part of parts) {
        packed.set(part, offset);
        offset += part.length;
      }
      return packed;
    },
    logProb(tf, parameters, value, context) {
      const terms: Tensor[] = [];
      const noise = transforms.reduce((at, transform) => {
        const { noise, logDet } = transform.forward(tf, parameters, at, context);
        if (logDet) terms.push(logDet);
        return noise;
      }, value);
      const normal = tf.mul(tf.square(noise), -0.5);
      return tf.sub(rowSums(tf, [normal, ...terms]), (valueDim / 2) * Math.log(2 * Math.PI));
    },
    noise: Array<"normal">(valueDim).fill("normal"),
    sample: (tf, parameters, noise, context) =>
      transforms.reduceRight((at, transform) => transform.inverse(tf, parameters, at, context), noise),
    noiseOf: (tf, parameters, value, context) =>
      transforms.reduce((at, transform) => transform.forward(tf, parameters, at, context).noise, value),
  };
}

/** The sum of all terms over their last axis, `[B]`; those of one shape are added first, which costs fewer sums. */
function rowSums(tf: Tf, terms: readonly Tensor[]): Tensor {
  const byShape = new Map<string, Tensor>();
  for (const term of terms) {
    const same = byShape.get(`${term.shape}`);
    byShape.set(`${term.shape}`, same ? tf.add(same, term) : term);
  }
  return [...byShape.values()].map((term) => tf.sum(term, -1) as Tensor).reduce((a, b) => tf.add(a, b));
}
