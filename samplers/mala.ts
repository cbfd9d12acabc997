/**
 * The Metropolis-adjusted Langevin algorithm: one step along the gradient, plus noise,
 *
 *     u' = u + eps^2 / 2 M^-1 g(u) + eps L z,   z ~ N(0, I),   L L' = M^-1,
 *
 * accepted with its Hastings correction. That is a leapfrog trajectory of one step, with the same probability of
 * acceptance, so the kernel is that of `hmc` with `numSteps: 1`: preconditioned by the inverse mass of all chains, its
 * step size adapted by dual averaging to the acceptance that is best for one step, and jittered by 10 %.
 *
 * @see Roberts and Tweedie (1996), https://doi.org/10.2307/3318418
 * @see Roberts and Rosenthal (1998), https://doi.org/10.1111/1467-9868.00123 (acceptance 0.574)
 * @see Neal (2011), https://arxiv.org/abs/1206.1901, section 5.2 (one leapfrog step is a Langevin step)
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { type HmcState, hmc } from "./hmc.js";
import { checkHamiltonian, type HamiltonianOptions, type HmcTuning } from "./hmc-options.js";
import type { Sampler } from "./kernel.js";
import { checkGradient } from "./target.js";

/** Options of `mala`: those of `hmc` but for its trajectory. */
export interface MalaOptions extends HamiltonianOptions {
  /** Mean acceptance probability over chains that the step size aims at. Default 0.574. */
  readonly targetAcceptance?: number;
  /** Step size where warm-up starts, in units of the metric. Default `1.65 D^(-1/6)`, the best on an isotropic normal. */
  readonly stepSize?: number;
}

const optionNames: OptionNames<MalaOptions> = {
  targetAcceptance: true,
  metric: true,
  stepSize: true,
  inverseMass: true,
};

/**
 * Builds a Langevin sampler for `sample`: one gradient per draw, which suits gradients that are dear or rough over long ways.
 *
 * @param target - must have a `gradient`.
 * @throws {TypeError} if the target is no log density or has no gradient, or there is no such option.
 * @throws {RangeError} for an option out of range.
 * @example
 * const draws = await sample(mala(target), { chains: 100, warmup: 200, draws: 200, thin: 5, seed: "hello" });
 */
export function mala(target: LogDensity, options: MalaOptions = {}): Sampler<HmcState, HmcTuning> {
  checkGradient("mala", target);
  checkOptions("mala", options, optionNames);
  checkHamiltonian("mala", options, target.dim);
  const { targetAcceptance = 0.574, stepSize = 1.65 * target.dim ** (-1 / 6), ...metric } = options;
  const used = { targetAcceptance, stepSize, ...metric };
  return { ...hmc(target, { ...used, numSteps: 1 }), name: "mala", options: used };
}
