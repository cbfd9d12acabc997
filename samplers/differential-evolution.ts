/**
 * Differential evolution Markov chains: a walker moves by the difference of two others, which has the scale and the
 * correlations of the target,
 *
 *     u' = u + g (c1 - c2),   g = 2.38 / sqrt(2 D) (1 + 1e-5 N(0, 1)),
 *
 * and sometimes by the whole difference, `g = 1`, which leads from mode to mode; a symmetric proposal. A share of
 * proposals are snooker moves, along the line through a third walker `c`,
 *
 *     u' = u + g e e'(c1 - c2),   e = (u - c) / |u - c|,   g ~ U(1.2, 2.2),
 *
 * whose Hastings factor is `(|u' - c| / |u - c|)^(D - 1)`. The others are of the half that rests.
 *
 * @see ter Braak (2006), https://doi.org/10.1007/s11222-006-8769-1, eq. 2
 * @see ter Braak and Vrugt (2008), https://doi.org/10.1007/s11222-008-9104-9, eqs. 4 and 5 (snooker)
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import type { Rng } from "../src/core/random.js";
import { type EnsembleMove, type EnsembleOptions, ensemble, pick, type WalkerState } from "./ensemble.js";
import type { Sampler } from "./kernel.js";

/** Options of `differentialEvolution`. */
export interface DifferentialEvolutionOptions extends EnsembleOptions {
  /** Share of moves along the line through a third walker. Default 0.1. */
  readonly snookerShare?: number;
  /** Share of the other moves that take the whole difference, from mode to mode. Default 0.1. */
  readonly jumpShare?: number;
}

const optionNames: OptionNames<DifferentialEvolutionOptions> = {
  ensembles: true,
  snookerShare: true,
  jumpShare: true,
};

/**
 * Builds a differential evolution sampler for `sample`; its chains are the walkers of all ensembles.
 *
 * @throws {TypeError} if the target is no log density, or there is no such option.
 * @throws {RangeError} if `ensembles` is not a positive integer, or a share not in [0, 1].
 * @example
 * const draws = await sample(differentialEvolution(target), { chains: 128, warmup: 500, draws: 200, thin: 10, seed: 1 });
 */
export function differentialEvolution(
  target: LogDensity,
  options: DifferentialEvolutionOptions = {},
): Sampler<WalkerState, null> {
  checkOptions("differentialEvolution", options, optionNames);
  const { ensembles, snookerShare = 0.1, jumpShare = 0.1 } = options;
  for (const [name, share] of Object.entries({ snookerShare, jumpShare })) {
    if (!(share >= 0 && share <= 1)) {
      throw new RangeError(`differentialEvolution: ${name} must be in [0, 1], got ${share}.`);
    }
  }
  const move: EnsembleMove = (u, others, rng, out) =>
    rng.uniform() < snookerShare
      ? snookerMove(u, others, rng, out)
      : differenceMove(u, others, rng, out, rng.uniform() < jumpShare);
  return ensemble("differentialEvolution", target, move, { ensembles, snookerShare, jumpShare });
}

function differenceMove(
  u: Float64Array,
  others: readonly Float64Array[],
  rng: Rng,
  out: Float64Array,
  isJump: boolean,
): number {
  const [c1, c2] = pick(others, 2, rng);
  const scale = (isJump ? 1 : 2.38 / Math.sqrt(2 * u.length)) * (1 + 1e-5 * rng.normal());
  for (let i = 0; i < u.length; i++) out[i] = u[i] + scale * (c1[i] - c2[i]);
  return 0;
}

function snookerMove(u: Float64Array, others: readonly Float64Array[], rng: Rng, out: Float64Array): number {
  const [c, c1, c2] = pick(others, 3, rng);
  let square = 0;
  let along = 0;
  for (let i = 0; i < u.length; i++) {
    square += (u[i] - c[i]) ** 2;
    along += (u[i] - c[i]) * (c1[i] - c2[i]);
  }
  // u' - c = (1 + stretch) (u - c)
  const stretch = square > 0 ? (rng.uniform(1.2, 2.2) * along) / square : 0;
  for (let i = 0; i < u.length; i++) out[i] = u[i] + stretch * (u[i] - c[i]);
  return (u.length - 1) * Math.log(Math.abs(1 + stretch));
}
