/**
 * Draws of a flow with all that goes with them, in one graph.
 *
 * @module
 */
import { parameterCount, unpack } from "../engine/packing.js";
import type { Compiled, Engine, Tensor, Tf } from "../engine/types.js";
import type { ConditionalDensity } from "../flows/density.js";

/** The columns of a context that flows ask for and this one does not need: a zero. */
export const contextDim = 1;

export const contextOf = (tf: Tf, rows: number): Tensor => tf.zeros([rows, contextDim]);

/** What the graph gives, and the noise that it was given, row-major. */
export type Drawn = Readonly<Record<"value" | "logProb" | "score" | "rebuilt" | "noise", Float32Array>>;

/** Error of noise made from a draw made from noise, from which on float32 does not carry the flow at that draw. */
const lossy = 0.01;

/** Whether the flow can be turned back at draw `i`, so that its log density there is one. */
export function isCarried({ rebuilt, noise, logProb }: Drawn, i: number): boolean {
  const dim = noise.length / logProb.length;
  for (let at = i * dim; at < (i + 1) * dim; at++) {
    if (!(Math.abs(rebuilt[at] - noise[at]) < lossy)) return false;
  }
  return true;
}

/** Draws of the flow from noise, their log density and its slope along them, and the noise made from them again. */
export function drawingGraph(engine: Engine, density: ConditionalDensity, rows: number): Promise<Compiled> {
  return engine.compile(
    (tf, { weights, noise }) => {
      const parameters = unpack(tf, weights, density.parameters);
      const context = contextOf(tf, rows);
      const value = density.sample(tf, parameters, noise, context);
      const logProb = (at: Tensor) => density.logProb(tf, parameters, at, context);
      const score = tf.grad((at: Tensor) => tf.sum(logProb(at)))(value);
      return {
        value,
        logProb: logProb(value),
        score,
        rebuilt: density.noiseOf!(tf, parameters, value, context),
      };
    },
    {
      weights: { shape: [parameterCount(density.parameters)] },
      noise: { shape: [rows, density.noise.length] },
    },
  );
}
