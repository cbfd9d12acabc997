/**
 * NPE: a conditional density `q(theta | x)` trained on simulations from the prior. The mean of `-log q(theta | x)` over
 * `theta ~ p(theta), x ~ p(x | theta)` is least where `q` is the posterior, for every `x` at once.
 *
 * A density over the prior is a ratio, `r = q(theta | x) / p(theta)`, and so a classifier of joint pairs against independent
 * ones. With `balance` this classifier is held balanced,
 *
 *     -log q(theta | x) + lambda (<sigma(log r)>_joint + <sigma(log r)>_marginal - 1)^2,
 *
 * which the exact posterior is, and which keeps a posterior from few simulations from being overconfident on average.
 *
 * @see Papamakarios and Murray (2016), https://arxiv.org/abs/1605.06376, proposition 1
 * @see Greenberg, Nonnenmacher and Macke (2019), https://arxiv.org/abs/1905.07488
 * @see Delaunoy, Miller, Forre, Weniger and Louppe (2023), https://arxiv.org/abs/2304.10978, section 3 (balanced NPE)
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Dataset } from "../dataset/dataset.js";
import type { Tensor } from "../engine/types.js";
import { imbalance, lowest } from "../losses/nre.js";
import type { Objective } from "../train/objective.js";
import { drawContrasts } from "./aalr.js";
import type { PosteriorEstimator } from "./posterior.js";
import {
  type DensityOptions,
  type PosteriorLoss,
  type PosteriorPortable,
  portableSimulations,
  posteriorObjective,
  unconstrainedLogPrior,
} from "./posterior-objective.js";

/** Options of `npe`. */
export interface NpeOptions extends DensityOptions {
  /** Weight of the balance penalty, which makes posteriors conservative. Default 0, no penalty; 100 is usual. */
  readonly balance?: number;
}

const optionNames: OptionNames<NpeOptions> = { density: true, embedding: true, balance: true };

/**
 * The NPE objective on a table of simulations, for `train`. The density is learned in unconstrained space, so no mass
 * leaks out of the prior.
 *
 * Its report card draws from the posterior itself, so `card.priorDraws` of `train` says nothing here.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} for an impossible density or balance, or a balance without a prior.
 * @throws {ShapeError} if the table is empty or ragged.
 * @throws {RangeError} if a row of `theta` lies outside the prior or on its edge.
 * @example
 * const estimator = await train(npe(simulations), { seed: "hello" });
 * const draws = await estimator.sample(fromRows([observed]), 10_000, key("hello")); // [10000, D], no chain
 */
export function npe(simulations: Dataset, options: NpeOptions = {}): Objective<PosteriorEstimator> {
  checkOptions("npe", options, optionNames);
  const { density, balance = 0 } = options;
  if (!(balance >= 0 && balance < Infinity)) {
    throw new ConfigError(`npe: balance must be a non-negative number, got ${balance}.`);
  }
  const loss = balance > 0 ? balanced(simulations, balance) : plain;
  return posteriorObjective("npe", simulations, options, loss, {
    module: import.meta.url,
    export: "npeFromPortable",
    input: (data) => ({ ...data, options: { density, balance } }),
  });
}

const plain: PosteriorLoss = {
  batch: {},
  indices: (rows) => ({ rows }),
  draw(rows, _pool, _rng, into) {
    into.rows.set(rows);
  },
  loss: (tf, logProb, { u, context }) => tf.neg(tf.mean(logProb(u, context))),
};

/** One contrast per row: its data beside the parameters of another. */
function balanced(simulations: Dataset, balance: number): PosteriorLoss {
  if (!simulations.prior) {
    throw new ConfigError(
      "npe: balance compares the posterior with the prior, but the simulations came without one. Leave balance out, or pass simulations with their prior.",
    );
  }
  return {
    spec: { balance },
    header: { balance },
    columns(_training, { scale }) {
      const logScale = scale.reduce((sum, value) => sum + Math.log(value), 0);
      return {
        logPrior: Float32Array.from(unconstrainedLogPrior("npe", simulations), (log) => log + logScale),
      };
    },
    batch: {
      logPrior: { table: "logPrior", index: "rows" },
      contrast: { table: "u", index: "contrasts" },
      contrastLogPrior: { table: "logPrior", index: "contrasts" },
    },
    indices: (rows) => ({ rows, contrasts: rows }),
    draw(rows, pool, rng, into) {
      into.rows.set(rows);
      drawContrasts(rows, pool, 1, (n) => rng.integer(n), into.contrasts);
    },
    loss(tf, logProb, { u, context, logPrior, contrast, contrastLogPrior }) {
      const joint = logProb(u, context);
      const overPrior = (log: Tensor, prior: Tensor) =>
        tf.maximum(tf.sub(log, tf.reshape(prior, log.shape)), lowest);
      const marginal = overPrior(logProb(contrast, context), contrastLogPrior);
      const penalty = imbalance(tf, overPrior(joint, logPrior), marginal);
      return tf.sub(tf.mul(penalty, balance), tf.mean(joint));
    },
  };
}

/** Rebuilds the objective in a worker thread. */
export function npeFromPortable({
  options,
  ...data
}: PosteriorPortable & { readonly options: NpeOptions }): Objective<PosteriorEstimator> {
  return npe(portableSimulations(data), options);
}
