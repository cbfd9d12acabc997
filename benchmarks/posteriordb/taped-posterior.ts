/**
 * Posteriors of posteriordb from their log densities in unconstrained space.
 *
 * @module
 */
import { logDensity } from "../../samplers/target.js";
import { matrix } from "../../src/core/matrix.js";
import type { ReferencePosterior } from "./reference-posterior.js";
import { type Node, Tape } from "./tape.js";

/** A posterior from its log density on a tape; `u` has no bounds, and the Jacobian is in the density. */
export function taped(
  dim: number,
  logProb: (tape: Tape, u: Node[]) => Node,
  derive: (u: Float64Array) => Record<string, number>,
): ReferencePosterior {
  const tape = new Tape();
  return byRow(
    dim,
    (u, gradient) => {
      const result = logProb(tape, tape.start(u));
      if (gradient) tape.gradient(result, gradient);
      return tape.at(result);
    },
    derive,
  );
}

/** A posterior from its log density and gradient, row by row. */
export function byRow(
  dim: number,
  evaluate: (u: Float64Array, gradient?: Float64Array) => number,
  derive: ReferencePosterior["derive"],
): ReferencePosterior {
  const target = logDensity({
    names: Array.from({ length: dim }, (_, i) => `u${i + 1}`),
    logProbBatch: ({ rows, data }) =>
      Float64Array.from({ length: rows }, (_, i) => evaluate(data.subarray(i * dim, (i + 1) * dim))),
    gradientBatch({ rows, data }) {
      const gradient = matrix(rows, dim);
      const logProb = new Float64Array(rows);
      for (let i = 0; i < rows; i++) {
        const range = [i * dim, (i + 1) * dim] as const;
        logProb[i] = evaluate(data.subarray(...range), gradient.data.subarray(...range));
      }
      return { logProb, gradient };
    },
  });
  return { target, derive };
}

/** Values under their names. */
export const named = (names: readonly string[], values: ArrayLike<number>) =>
  Object.fromEntries(names.map((name, i) => [name, values[i]]));
