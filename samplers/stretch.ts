/**
 * The affine-invariant ensemble sampler, as emcee runs it: a walker at `u` is stretched from another one at `c`,
 *
 *     u' = c + s (u - c),   s = ((a - 1) r + 1)^2 / a,   r ~ U(0, 1),
 *
 * and accepted with probability `min(1, s^(D - 1) p(u') / p(u))`. No linear map of the parameters changes how it samples:
 * scales and correlations need no tuning. Acceptance falls with the number of parameters; above twenty or so, and
 * for separated modes, choose another.
 *
 * @see Goodman and Weare (2010), https://doi.org/10.2140/camcos.2010.5.65, eqs. 7 to 10
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { type EnsembleMove, type EnsembleOptions, ensemble, type WalkerState } from "./ensemble.js";
import type { Sampler } from "./kernel.js";

/** Options of `stretch`. */
export interface StretchOptions extends EnsembleOptions {
  /** The longest stretch, `a`; the shortest is `1 / a`. Default 2. */
  readonly longest?: number;
}

const optionNames: OptionNames<StretchOptions> = { ensembles: true, longest: true };

/**
 * Builds a stretch-move sampler for `sample`; its chains are the walkers of all ensembles.
 *
 * @throws {TypeError} if the target is no log density, or there is no such option.
 * @throws {RangeError} if `ensembles` is not a positive integer or `longest` not above 1.
 * @example
 * const draws = await sample(stretch(target), { chains: 128, warmup: 500, draws: 200, thin: 10, seed: "hello" });
 */
export function stretch(target: LogDensity, options: StretchOptions = {}): Sampler<WalkerState, null> {
  checkOptions("stretch", options, optionNames);
  const { ensembles, longest = 2 } = options;
  if (!(longest > 1 && longest < Infinity)) {
    throw new RangeError(`stretch: longest must be a number above 1, got ${longest}.`);
  }
  return ensemble("stretch", target, stretchMove(longest), { ensembles, longest });
}

/** The move with its factor `s^(D - 1)`. */
export function stretchMove(longest: number): EnsembleMove {
  return (u, others, rng, out) => {
    const other = others[rng.integer(others.length)];
    const s = ((longest - 1) * rng.uniform() + 1) ** 2 / longest;
    for (let i = 0; i < u.length; i++) out[i] = other[i] + s * (u[i] - other[i]);
    return (u.length - 1) * Math.log(s);
  };
}
