/**
 * What priors of independent parameters share: `p(theta) = prod_j p_j(theta_j)`, and a map to R^D that acts
 * on each parameter alone.
 *
 * @module
 */
import { stacked } from "../core/bijection.js";
import type { Prior, PriorSpec } from "../core/contracts.js";
import type { ContinuousDistribution } from "../core/distributions/distribution.js";
import { matrix } from "../core/matrix.js";
import { foldIn, stream } from "../core/random.js";
import { checkColumns } from "./names.js";

/** A prior of independent parameters; its pieces can be cut by `truncatedPrior`. */
export interface IndependentPrior<Name extends string = string> extends Prior<Name> {
  /** One distribution per parameter, in the order of `names`. */
  readonly pieces: readonly ContinuousDistribution[];
}

/** The prior with one piece per name; `spec` describes it. */
export function productPrior<Name extends string>(
  names: readonly Name[],
  pieces: readonly ContinuousDistribution[],
  spec: PriorSpec,
): IndependentPrior<Name> {
  const dim = names.length;
  return {
    names,
    dim,
    pieces,
    spec,
    support: stacked(pieces.map((piece) => piece.support)),
    mean: Float64Array.from(pieces, (piece) => piece.mean),
    sd: Float64Array.from(pieces, (piece) => Math.sqrt(piece.variance)),
    sample(n, key, from = 0) {
      const theta = matrix(n, dim);
      for (let i = 0; i < n; i++) {
        const rng = stream(foldIn(key, from + i));
        for (let j = 0; j < dim; j++) theta.data[i * dim + j] = pieces[j].sample(rng);
      }
      return theta;
    },
    logProb(theta) {
      checkColumns("logProb", theta, names);
      const out = new Float64Array(theta.rows);
      for (let i = 0; i < theta.rows; i++) {
        for (let j = 0; j < dim; j++) {
          out[i] += pieces[j].logProb(theta.data[i * dim + j]);
          if (out[i] === -Infinity) break; // no +Infinity at another parameter's edge may undo it
        }
      }
      return out;
    },
    gradient(theta) {
      checkColumns("gradient", theta, names);
      const out = matrix(theta.rows, dim);
      for (let i = 0; i < theta.rows; i++) {
        let isInside = true;
        for (let j = 0; j < dim && isInside; j++) {
          const value = theta.data[i * dim + j];
          isInside = !(value < pieces[j].low || value > pieces[j].high); // NaN stays, and gives NaN
        }
        if (!isInside) continue;
        for (let j = 0; j < dim; j++) out.data[i * dim + j] = pieces[j].gradient(theta.data[i * dim + j]);
      }
      return out;
    },
  };
}
