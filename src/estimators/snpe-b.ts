/**
 * Posterior estimation on simulations that came from other proposals than the prior, by importance weights: SNPE-B.
 *
 *     loss = -mean_i w_i log q(theta_i | x_i),    w_i = p(theta_i) / ptilde(theta_i)
 *
 * with `ptilde` the density that the rows of the table were drawn from, all proposals together, each counted by its share of
 * the rows. Weights are normalised to a mean of one over the rows that are trained on. Where a share `s` of the rows came from
 * the prior, no weight is above `1 / s`: a mixture that holds the prior cannot blow up, single proposals can.
 *
 * @see Lueckmann, Goncalves, Bassetto, Oecal, Nonnenmacher and Macke (2017), https://arxiv.org/abs/1711.01861, equation 3
 * @module
 */
import { ConfigError, ShapeError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Dataset } from "../dataset/dataset.js";
import type { Objective } from "../train/objective.js";
import type { PosteriorEstimator } from "./posterior.js";
import {
  type DensityOptions,
  type PosteriorLoss,
  type PosteriorPortable,
  portableSimulations,
  posteriorObjective,
} from "./posterior-objective.js";

/** Options of `snpeB`. */
export interface SnpeBOptions extends DensityOptions {
  /** `log ptilde(theta_i)` of each row, `[N]`, nats, up to a constant. */
  readonly logProposal: ArrayLike<number>;
}

const optionNames: OptionNames<SnpeBOptions> = { density: true, embedding: true, logProposal: true };

/** Weights of rows, and how many rows of equal weight would be as good. */
export interface ImportanceWeights {
  /** `[N]`, with a mean of one. */
  readonly weights: Float64Array;
  /** `(sum w)^2 / sum w^2`, between 1 and N. */
  readonly effectiveRows: number;
}

/**
 * Self-normalised importance weights, `exp(logPrior - logProposal)` over their mean.
 *
 * @param logPrior - `[N]`, nats.
 * @param logProposal - `[N]`, nats; either may lack a constant.
 * @throws {ShapeError} if the lengths differ.
 * @throws {RangeError} if a log density is not a number, or no row has any weight.
 */
export function importanceWeights(
  logPrior: ArrayLike<number>,
  logProposal: ArrayLike<number>,
): ImportanceWeights {
  if (logPrior.length !== logProposal.length) {
    throw new ShapeError(
      `importanceWeights: logPrior has ${logPrior.length} rows but logProposal ${logProposal.length}.`,
    );
  }
  const logs = Float64Array.from(logPrior, (value, i) => value - logProposal[i]);
  const bad = logs.findIndex((value) => Number.isNaN(value) || value === Infinity);
  if (bad >= 0) {
    throw new RangeError(
      `importanceWeights: row ${bad} has log p = ${logPrior[bad]} and log ptilde = ${logProposal[bad]}; expected finite numbers ` +
        "for every row that the proposals can have drawn.",
    );
  }
  const top = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  if (top === -Infinity) throw new RangeError("importanceWeights: no row lies inside the prior.");
  const raw = logs.map((value) => Math.exp(value - top));
  const sum = raw.reduce((a, b) => a + b, 0);
  const squares = raw.reduce((a, b) => a + b * b, 0);
  return {
    weights: raw.map((weight) => (weight * raw.length) / sum),
    effectiveRows: (sum * sum) / squares,
  };
}

/**
 * The SNPE-B objective on a table of simulations, for `train`. `simulations.prior` is the prior of the posterior that is to
 * be learned. What comes out is a posterior estimator as `npe` gives it, without a report card.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if there is no prior, or for an impossible density.
 * @throws {ShapeError} if the table is empty or ragged, or `logProposal` has another length.
 * @throws {RangeError} if a row lies outside the prior or its edge, or has no finite `logProposal`.
 * @example
 * const estimator = await train(snpeB(simulations, { logProposal }), { seed: "hello" });
 */
export function snpeB(simulations: Dataset, options: SnpeBOptions): Objective<PosteriorEstimator> {
  checkOptions("snpeB", options, optionNames);
  const { prior, theta } = simulations;
  if (!prior) {
    throw new ConfigError(
      "snpeB: the simulations came without a prior, so the posterior is of nothing. Give the table its prior.",
    );
  }
  const logPrior = prior.logProb(theta);
  const logProposal = Float64Array.from(options.logProposal ?? []);
  const { weights } = importanceWeights(logPrior, logProposal);
  const loss: PosteriorLoss = {
    columns(training) {
      const mean = training.reduce((sum, i) => sum + weights[i], 0) / training.length;
      return { weight: Float32Array.from(weights, (weight) => weight / mean) };
    },
    batch: { weight: { table: "weight", index: "rows" } },
    indices: (rows) => ({ rows }),
    draw(rows, _pool, _rng, into) {
      into.rows.set(rows);
    },
    loss(tf, logProb, { u, context, weight }) {
      return tf.neg(tf.mean(tf.mul(tf.reshape(weight, [u.shape[0]]), logProb(u, context))));
    },
  };
  return posteriorObjective("snpe-b", simulations, options, loss, {
    module: import.meta.url,
    export: "snpeBFromPortable",
    input: (data): SnpeBPortable => ({ ...data, options: { density: options.density, logProposal } }),
  });
}

type SnpeBPortable = PosteriorPortable & { readonly options: SnpeBOptions };

/** Rebuilds the objective in a worker thread. */
export function snpeBFromPortable({ options, ...data }: SnpeBPortable): Objective<PosteriorEstimator> {
  return snpeB(portableSimulations(data), options);
}
