/**
 * SNPE-A: rounds whose proposals are normal distributions, so that the proposal can be divided out of a mixture density
 * network after its training.
 *
 * A network trained on rows of the proposal learns `q(theta | x)`, proportional to the posterior times `proposal / prior`;
 * at the observation it is a mixture of normal distributions, and `q * prior / proposal` is one, too (`gaussian-mixture.ts`).
 * Only rows of one proposal can be corrected so: every network learns from the rows of its own round alone. Intermediate rounds
 * fit one component, which is the next proposal; the last fits a mixture.
 *
 * The algebra holds where the prior is normal or flat, so everything here happens on the scale of `theta`, not in
 * unconstrained space, where a uniform prior is not flat. Proposals are cut at the walls of a uniform prior, by rejection; a
 * factor that the quotient need not know. The posterior is cut there as well, and has no normalised density.
 *
 * @see Papamakarios and Murray (2016), https://arxiv.org/abs/1605.06376, algorithms 1 and 2
 * @module
 */
import type { LogDensity } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { type Matrix, sliceRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Key } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import type { Engine } from "../engine/types.js";
import { npe } from "../estimators/npe.js";
import type { PosteriorEstimator } from "../estimators/posterior.js";
import { type MixtureDensityOptions, mixtureDensity } from "../flows/mixture-density.js";
import type { Simulator } from "../simulator.js";
import { cutMixture } from "./cut-mixture.js";
import { type Gaussian, type GaussianMixture, quotient } from "./gaussian-mixture.js";
import { mixtureAt } from "./mixture-at.js";
import { priorGaussian } from "./prior-gaussian.js";
import type { RoundsMethod } from "./rounds.js";

/** Options of SNPE-A; those of the network in the last round, `components` ten by default. */
export interface SnpeAOptions extends MixtureDensityOptions {
  /**
   * What to do where a component is no distribution once the proposal is divided out, because the network made it wider than
   * the proposal: `"error"` stops; `"keep"` goes on with the proposal that is there (whose rows of both rounds then train
   * together), and in the last round leaves such components out, counted in the record. Default `"error"`.
   */
  readonly improper?: "error" | "keep";
}

const optionNames: OptionNames<SnpeAOptions> = {
  components: true,
  hidden: true,
  activation: true,
  improper: true,
};

/** The rounds, and the posterior that they end with. */
export interface SnpeARounds extends RoundsMethod<PosteriorEstimator> {
  /** The corrected posterior of the last round. */
  posterior(): {
    readonly target: LogDensity<false>;
    sample(n: number, key: Key, signal?: AbortSignal): Promise<Matrix>;
  };
}

/**
 * @param rounds - how many there will be.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if the prior is neither normal nor flat, or an option is impossible.
 */
export function snpeARounds(
  simulator: Simulator,
  options: SnpeAOptions,
  context: {
    readonly caller: string;
    readonly observed: ArrayLike<number>;
    readonly rounds: number;
    readonly engine: Engine;
    readonly ensemble: number;
    readonly signal?: AbortSignal;
  },
): SnpeARounds {
  const { caller, observed, rounds, engine } = context;
  checkOptions(`${caller}: options of "snpe-a"`, options, optionNames);
  const { improper: whenImproper = "error", ...network } = options;
  if (whenImproper !== "error" && whenImproper !== "keep") {
    throw new ConfigError(
      `${caller}: improper must be "error" or "keep", got ${JSON.stringify(whenImproper)}.`,
    );
  }
  if (context.ensemble > 1) {
    throw new ConfigError(
      `${caller}: "snpe-a" divides by the one component of a network; train it with ensemble: 1, got ${context.ensemble}.`,
    );
  }
  const { prior } = simulator;
  const gaussianPrior = priorGaussian(prior, caller);
  const isLast = (round: number) => round + 1 === rounds;
  const densityOf = (round: number) =>
    mixtureDensity(
      { ...network, ...(!isLast(round) && { components: 1 }) },
      prior.dim,
      simulator.xShape.reduce((a, b) => a * b, 1),
    );
  densityOf(rounds - 1); // impossible sizes are told before any simulation
  let proposal: Gaussian | undefined; // the prior, at first
  let since = 0; // the round whose proposal it is
  let found: GaussianMixture | undefined;

  const cut = (mixture: GaussianMixture) => cutMixture(mixture, prior, { caller, method: `"snpe-a"` });

  return {
    options: { ...densityOf(rounds - 1).spec, improper: whenImproper },

    async propose(_, n, key) {
      if (!proposal) return { theta: prior.sample(n, key), acceptance: 1 };
      return cut({ logWeights: Float64Array.of(0), components: [proposal] }).draw(n, key, context.signal);
    },

    async training(round, all, ends) {
      const first = since === 0 ? 0 : ends[since - 1];
      const { prior: _, ...rows } = all; // without a prior, npe stays on the scale of theta
      const used: Dataset = {
        ...rows,
        theta: sliceRows(all.theta, first, all.theta.rows),
        x: sliceRows(all.x, first, all.x.rows),
      };
      return { objective: npe(used, { density: densityOf(round).spec }), trainedOn: used.theta.rows };
    },

    async learned(round, estimator) {
      const learned = await mixtureAt(estimator, observed, engine);
      const { mixture, improper } = proposal
        ? quotient(learned, { proposal, prior: gaussianPrior })
        : { mixture: learned, improper: [] };
      const count = improper.length;
      if (count > 0 && (whenImproper === "error" || (isLast(round) && mixture.components.length === 0))) {
        throw new ConfigError(
          `${caller}: after round ${round + 1}, ${count} of ${learned.components.length} components of "snpe-a" are no distributions ` +
            "once the proposal is divided out: their precision is not positive definite, the network made them wider than the proposal. " +
            `Use more simulations in a round, fewer rounds or fewer components, method "apt", ` +
            `${whenImproper === "error" ? 'or improper: "keep" to go on without them' : "or a longer training"}.`,
        );
      }
      if (isLast(round)) found = mixture;
      else if (count === 0) {
        proposal = mixture.components[0];
        since = round + 1;
      }
      return { improper: count };
    },

    posterior: () => cut(found as GaussianMixture), // the last round has been learned
  };
}
