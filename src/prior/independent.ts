/**
 * Priors of independent parameters with any named one-dimensional distributions, whole or cut.
 *
 * @module
 */
import type { ContinuousDistribution, ScalarDistribution } from "../core/distributions/distribution.js";
import { truncated } from "../core/distributions/truncated.js";
import { checkNames } from "./names.js";
import { type IndependentPrior, productPrior } from "./product.js";
import type { Bounds } from "./uniform.js";

/**
 * Prior of independent parameters with any continuous distributions.
 *
 * @param pieces - a distribution per parameter; the order of the keys is the order of the columns.
 * @throws {RangeError} if there is no parameter or a name cannot be a column name.
 * @throws {TypeError} if a piece is not a continuous distribution of one number.
 * @example
 * const prior = independent({ mu: normal(0, 1), sigma: gamma(2, 1), f: truncated(normal(0.5, 0.1), 0, 1) });
 */
export function independent<Name extends string>(
  pieces: Readonly<Record<Name, ContinuousDistribution>>,
): IndependentPrior<Name> {
  const names = checkNames("independent", Object.keys(pieces) as Name[]);
  const list = names.map((name) => {
    const piece: ScalarDistribution | undefined = pieces[name];
    if (piece?.isDiscrete !== false) {
      throw new TypeError(
        `independent: "${name}" must be a continuous distribution such as normal(0, 1), ` +
          `got ${piece?.spec ? `the distribution "${piece.spec.kind}"` : JSON.stringify(piece)}.`,
      );
    }
    return pieces[name];
  });
  return productPrior(names, list, { kind: "independent", names, pieces: list.map((piece) => piece.spec) });
}

/**
 * A prior of independent parameters, cut to a smaller box and renormalised.
 *
 * @param bounds - `[low, high]` for the parameters to cut; ends may be infinite.
 * @throws {RangeError} if a name is unknown, `low < high` fails or no mass is left.
 * @example
 * const prior = truncatedPrior(independent({ mu: normal(0, 1), nu: normal(0, 1) }), { mu: [0, Infinity] });
 */
export function truncatedPrior<Name extends string>(
  prior: IndependentPrior<Name>,
  bounds: Readonly<Partial<Record<NoInfer<Name>, Bounds>>>,
): IndependentPrior<Name> {
  for (const name of Object.keys(bounds)) {
    if (!(prior.names as readonly string[]).includes(name)) {
      throw new RangeError(`truncatedPrior: "${name}" must be one of ${prior.names.join(", ")}.`);
    }
  }
  const cut = prior.names.map((name, j) => {
    const piece = prior.pieces[j];
    const ends = Object.hasOwn(bounds, name) ? bounds[name] : undefined;
    return [name, ends ? truncated(piece, ...ends) : piece] as const;
  });
  return independent(Object.fromEntries(cut) as Record<Name, ContinuousDistribution>);
}
