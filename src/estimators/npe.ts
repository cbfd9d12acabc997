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
 * With `calibration` the ranks of true parameters among draws from their posteriors are held uniform instead
 * (`src/losses/calibration.ts`). Draws come from a fixed pool of noise through the density, and gradients go through them;
 * that of the weights of a mixture does not pass the choice of a component.
 *
 * @see Papamakarios and Murray (2016), https://arxiv.org/abs/1605.06376, proposition 1
 * @see Greenberg, Nonnenmacher and Macke (2019), https://arxiv.org/abs/1905.07488
 * @see Delaunoy, Miller, Forre, Weniger and Louppe (2023), https://arxiv.org/abs/2304.10978, section 3 (balanced NPE)
 * @see Falkiewicz et al. (2023), https://arxiv.org/abs/2310.13402 (calibrated NPE)
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { key, stream } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import type { Tensor } from "../engine/types.js";
import type { ConditionalDensity } from "../flows/density.js";
import { type CalibrationTerm, checkedTerm, miscalibration } from "../losses/calibration.js";
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
  /** A term that holds the posterior calibrated, on average over data. Default none. */
  readonly calibration?: CalibrationTerm;
}

const optionNames: OptionNames<NpeOptions> = {
  density: true,
  embedding: true,
  balance: true,
  calibration: true,
};

/**
 * The NPE objective on a table of simulations, for `train`. The density is learned in unconstrained space, so no mass
 * leaks out of the prior.
 *
 * Its report card draws from the posterior itself, so `card.priorDraws` of `train` says nothing here.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} for an impossible density, balance or calibration, both at once, or a balance without a prior.
 * @throws {ShapeError} if the table is empty or ragged.
 * @throws {RangeError} if a row of `theta` lies outside the prior or on its edge.
 * @example
 * const estimator = await train(npe(simulations), { seed: "hello" });
 * const draws = await estimator.sample(fromRows([observed]), 10_000, key("hello")); // [10000, D], no chain
 */
export function npe(simulations: Dataset, options: NpeOptions = {}): Objective<PosteriorEstimator> {
  checkOptions("npe", options, optionNames);
  const { density, balance = 0, calibration } = options;
  if (!(balance >= 0 && balance < Infinity)) {
    throw new ConfigError(`npe: balance must be a non-negative number, got ${balance}.`);
  }
  if (balance > 0 && calibration) {
    throw new ConfigError(
      "npe: balance and calibration are two remedies for one fault; leave one of them out.",
    );
  }
  const penalised = () => (balance > 0 ? balanced(simulations, balance) : plain);
  const loss = calibration ? calibrated(checkedTerm("npe", calibration)) : penalised();
  return posteriorObjective("npe", simulations, options, loss, {
    module: import.meta.url,
    export: "npeFromPortable",
    input: (data) => ({ ...data, options: { density, balance, ...(calibration && { calibration }) } }),
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

/** Rows of noise that draws are made from. */
const poolSize = 4096;

/** For each row some draws from its posterior, made from rows of a table of noise. */
function calibrated(calibration: Required<CalibrationTerm>): PosteriorLoss {
  const { weight, draws } = calibration;
  return {
    spec: { calibration },
    header: { calibration },
    tables: (_scaling, density) => ({ noise: noisePool(density) }),
    batch: { noise: { table: "noise", index: "draws" } },
    indices: (rows) => ({ rows, draws: rows * draws }),
    draw(rows, _pool, rng, into) {
      into.rows.set(rows);
      for (let i = 0; i < into.draws.length; i++) into.draws[i] = rng.integer(poolSize);
    },
    loss(tf, logProb, { u, context, noise }, { density, parameters }) {
      const [rows, columns] = context.shape;
      const contexts = tf.reshape(tf.tile(tf.reshape(context, [rows, 1, columns]), [1, draws, 1]), [
        rows * draws,
        columns,
      ]);
      const made = density.sample(tf, parameters, noise, contexts);
      const truth = logProb(u, context);
      const others = tf.reshape(logProb(made, contexts), [rows, draws]);
      return tf.sub(tf.mul(miscalibration(tf, truth, others, calibration), weight), tf.mean(truth));
    },
  };
}

function noisePool({ noise }: ConditionalDensity) {
  const rng = stream(key("noise of calibrated posteriors"));
  const values = new Float64Array(poolSize * noise.length);
  for (let i = 0; i < values.length; i++) {
    values[i] = noise[i % noise.length] === "normal" ? rng.normal() : rng.uniform();
  }
  return { values, shape: [poolSize, noise.length] };
}

/** Rebuilds the objective in a worker thread. */
export function npeFromPortable({
  options,
  ...data
}: PosteriorPortable & { readonly options: NpeOptions }): Objective<PosteriorEstimator> {
  return npe(portableSimulations(data), options);
}
