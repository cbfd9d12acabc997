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
import type { LogDensity, Prior, PriorSpec } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { cholesky, inverseFromCholesky } from "../core/linalg.js";
import { fromRows, type Matrix, sliceRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Key } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import { applyTailMaps } from "../dataset/tail-maps.js";
import { unpack } from "../engine/packing.js";
import type { Engine } from "../engine/types.js";
import { npe } from "../estimators/npe.js";
import type { PosteriorEstimator } from "../estimators/posterior.js";
import { toStandardised } from "../estimators/ratio-evaluator.js";
import { type MixtureDensityOptions, mixtureDensity } from "../flows/mixture-density.js";
import type { Simulator } from "../simulator.js";
import { drawsOf, type Gaussian, type GaussianMixture, logProbOf, quotient } from "./gaussian-mixture.js";
import { keptDraws, type Proposed, type RoundsMethod } from "./rounds.js";

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

  const draw = (mixture: GaussianMixture, n: number, key: Key, signal?: AbortSignal): Promise<Proposed> =>
    keptDraws(caller, n, key, {
      draw: (count, own) => drawsOf(mixture, count, own),
      keep: (theta) =>
        [...prior.logProb(theta).entries()].flatMap(([i, log]) => (log > -Infinity ? [i] : [])),
      mostTries: 10_000,
      remedy: `of "snpe-a" lie inside the prior. Use more simulations per round, or method "apt", which cannot leave it.`,
      signal,
    });

  return {
    options: { ...densityOf(rounds - 1).spec, improper: whenImproper },

    async propose(_, n, key) {
      if (!proposal) return { theta: prior.sample(n, key), acceptance: 1 };
      return draw({ logWeights: Float64Array.of(0), components: [proposal] }, n, key, context.signal);
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

    posterior() {
      const mixture = found as GaussianMixture; // the last round has been learned
      return {
        target: {
          dim: prior.dim,
          names: prior.names,
          support: prior.support,
          normalised: false,
          start: prior,
          async logProb(theta) {
            const logPrior = prior.logProb(theta);
            return logProbOf(mixture, theta).map((log, i) => (logPrior[i] === -Infinity ? -Infinity : log));
          },
        },
        sample: async (n, key, signal) => (await draw(mixture, n, key, signal)).theta,
      };
    },
  };
}

/** The mixture that a network gives at one observation, on the scale of `theta`. */
async function mixtureAt(
  { header, weights }: PosteriorEstimator,
  observed: ArrayLike<number>,
  engine: Engine,
): Promise<GaussianMixture> {
  const { density: spec, transforms, names } = header;
  const { kind: _, ...options } = spec;
  const dim = names.length;
  const density = mixtureDensity(options, dim, observed.length);
  const compiled = await engine.compile(
    (tf, { packed, context }) => {
      const { logWeights, means, factors } = density.components(
        tf,
        unpack(tf, packed, density.parameters),
        context,
      );
      return { logWeights, means, factors };
    },
    { packed: { shape: [weights[0].length] }, context: { shape: [1, observed.length] } },
    { constants: { packed: weights[0] } },
  );
  try {
    const context = toStandardised(applyTailMaps(fromRows([observed]), transforms.tails), transforms.x);
    const { logWeights, means, factors } = await compiled.run({ context });
    const { center, scale } = transforms.u;
    const components = Array.from(logWeights, (_, k): Gaussian => {
      const factor = (i: number, j: number) => factors[(k * dim + i) * dim + j];
      const precision = new Float64Array(dim * dim);
      for (let i = 0; i < dim; i++) {
        for (let j = 0; j < dim; j++) {
          let sum = 0;
          for (let l = 0; l < dim; l++) sum += factor(l, i) * factor(l, j);
          precision[i * dim + j] = sum / scale[i] / scale[j];
        }
      }
      return {
        mean: Float64Array.from(center, (value, j) => value + scale[j] * means[k * dim + j]),
        precision,
      };
    });
    return { logWeights: Float64Array.from(logWeights), components };
  } finally {
    await compiled.dispose();
  }
}

/**
 * A prior as a normal distribution: its own, with zeros where it is flat.
 *
 * @throws {ConfigError} if it is neither.
 */
export function priorGaussian(prior: Prior, caller: string): Gaussian {
  const dim = prior.dim;
  const mean = new Float64Array(dim);
  const precision = new Float64Array(dim * dim);
  let at = 0;
  const blocks = (spec: PriorSpec): void => {
    if (spec.kind === "joined") for (const block of spec.blocks as PriorSpec[]) blocks(block);
    else if (spec.kind === "uniform") at += (spec.names as string[]).length;
    else if (spec.kind === "normal") {
      const own = spec.mean as number[];
      const covariance = Float64Array.from((spec.covariance as number[][]).flat());
      const inverse = inverseFromCholesky(cholesky(covariance, own.length), own.length);
      for (const [i, value] of own.entries()) {
        mean[at + i] = value;
        for (let j = 0; j < own.length; j++) precision[(at + i) * dim + at + j] = inverse[i * own.length + j];
      }
      at += own.length;
    } else if (spec.kind === "independent") {
      for (const piece of spec.pieces as PriorSpec[]) {
        if (piece.kind === "normal") {
          mean[at] = piece.mean as number;
          precision[at * dim + at] = 1 / (piece.sd as number) ** 2;
        } else if (piece.kind !== "uniform") throw neither(piece.kind);
        at++;
      }
    } else throw neither(spec.kind);
  };
  const neither = (kind: string) =>
    new ConfigError(
      `${caller}: "snpe-a" divides normal distributions by each other, so the prior must be normal or uniform; ` +
        `${prior.names[at]} has "${kind}". Use method "apt".`,
    );
  blocks(prior.spec);
  return { mean, precision };
}
