/**
 * The uniform prior over a box.
 *
 * @module
 */
import { uniformOn } from "../core/distributions/beta.js";
import { checkNames } from "./names.js";
import { type IndependentPrior, productPrior } from "./product.js";

/** Lower and upper end of a parameter. */
export type Bounds = readonly [low: number, high: number];

/**
 * Uniform prior over a box.
 *
 * @param bounds - per parameter `[low, high]`; the order of the keys is the order of the columns.
 * @throws {RangeError} if there is no parameter, a name cannot be a column name, or `low < high` fails.
 * @example
 * const prior = uniform({ mu: [-3, 3], sigma: [0.1, 2] });
 */
export function uniform<Name extends string>(bounds: Readonly<Record<Name, Bounds>>): IndependentPrior<Name> {
  const names = checkNames("uniform", Object.keys(bounds) as Name[]);
  const low = names.map((name) => bounds[name]?.[0]);
  const high = names.map((name) => bounds[name]?.[1]);
  names.forEach((name, j) => {
    if (!(low[j] < high[j] && Number.isFinite(high[j] - low[j]))) {
      throw new RangeError(
        `uniform: "${name}" must have low below high, both finite, got [${low[j]}, ${high[j]}].`,
      );
    }
  });
  const pieces = names.map((_, j) => uniformOn(low[j], high[j]));
  return productPrior(names, pieces, { kind: "uniform", names, low, high });
}
