/**
 * Posterior estimation on simulations that came from other proposals than the prior: APT, also called SNPE-C, in its
 * atomic form.
 *
 * Whatever the parameters of the rows were drawn from, among K atoms (the row's own parameters and K - 1 of other rows)
 * the data `x` came from the first with probability
 *
 *     q(theta_0 | x) / p(theta_0)  /  sum_k q(theta_k | x) / p(theta_k)
 *
 * where `q` is the posterior under the prior `p`. The loss is the surprise of that, and on rows that the prior itself drew
 * the plain `-log q(theta_0 | x)` of NPE besides (the combined loss): atoms compare `q` at points where proposals have been,
 * and leave free how much of its mass lies elsewhere, which rows from the prior settle.
 *
 * `q` is a density over unconstrained parameters `u`, `theta = T(u)`, and `p` is the prior in the same coordinates,
 * `log p(u) = log p(theta) + log |det dT/du|`; the two standardisations cancel between atoms. So no mass can leak out of the
 * prior, and `q(theta | x) / p(theta)` is the same in either coordinates.
 *
 * @see Greenberg, Nonnenmacher and Macke (2019), https://arxiv.org/abs/1905.07488, equations 2 to 5 and appendix A
 * @module
 */
import { ConfigError, TrainingError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Rng } from "../core/rng.js";
import type { Dataset } from "../dataset/dataset.js";
import type { Tensor, Tf } from "../engine/types.js";
import type { Objective } from "../train/objective.js";
import type { PosteriorEstimator } from "./posterior.js";
import {
  type DensityOptions,
  type PosteriorLoss,
  type PosteriorPortable,
  portableSimulations,
  posteriorObjective,
  unconstrainedLogPrior,
} from "./posterior-objective.js";

/** Options of `apt`. */
export interface AptOptions extends DensityOptions {
  /** Parameters that are compared for each row, its own among them, K. Default 10. */
  readonly atoms?: number;
  /** How many rows at the head of the table the prior has drawn; the plain loss is added on them. Default 0. */
  readonly priorRows?: number;
}

const optionNames: OptionNames<AptOptions> = { density: true, embedding: true, atoms: true, priorRows: true };

/**
 * The APT objective on a table of simulations, for `train`. `simulations.prior` is the prior of the posterior that is to be
 * learned; the rows may come from any proposals inside it. What comes out is a posterior estimator as `npe` gives it, without
 * a report card: held-out rows of proposals say nothing of calibration under the prior.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if there is no prior, `atoms` is not a whole number of at least 2, `priorRows` is not one of at most
 *   the rows that there are, or for an impossible density.
 * @throws {ShapeError} if the table is empty or ragged.
 * @throws {RangeError} if a row of `theta` lies outside the prior or on its edge.
 * @example
 * const estimator = await train(apt(simulations, { priorRows: 1000 }), { seed: "hello" });
 */
export function apt(simulations: Dataset, options: AptOptions = {}): Objective<PosteriorEstimator> {
  checkOptions("apt", options, optionNames);
  const { atoms = 10, priorRows = 0 } = options;
  const n = simulations.theta.rows;
  if (!(Number.isSafeInteger(atoms) && atoms >= 2)) {
    throw new ConfigError(`apt: atoms must be a whole number of at least 2, got ${atoms}.`);
  }
  if (!(Number.isSafeInteger(priorRows) && priorRows >= 0 && priorRows <= n)) {
    throw new ConfigError(`apt: priorRows must be a whole number from 0 to the ${n} rows, got ${priorRows}.`);
  }
  const logPrior = Float32Array.from(unconstrainedLogPrior("apt", simulations));
  const fromPrior = Float32Array.from({ length: n }, (_, i) => Number(i < priorRows));
  const others = atoms - 1;
  const loss: PosteriorLoss = {
    spec: { atoms, priorRows },
    columns: () => ({ logPrior, ...(priorRows > 0 && { fromPrior }) }),
    batch: {
      logPrior: { table: "logPrior", index: "rows" },
      otherU: { table: "u", index: "others" },
      otherLogPrior: { table: "logPrior", index: "others" },
      ...(priorRows > 0 && { fromPrior: { table: "fromPrior", index: "rows" } }),
    },
    indices: (rows) => ({ rows, others: rows * others }),
    draw(rows, pool, rng, into) {
      into.rows.set(rows);
      drawOthers(rows, pool, others, rng, into.others);
    },
    loss(tf, logProb, { u, context, logPrior: ownLogPrior, otherU, otherLogPrior, fromPrior: mask }) {
      const rows = u.shape[0];
      const candidates = flattened(tf, u, otherU, atoms);
      const contexts = repeated(tf, context, atoms);
      const logs = tf.reshape(logProb(candidates, contexts), [rows, atoms]);
      const priors = tf.reshape(flattened(tf, ownLogPrior, otherLogPrior, atoms), [rows, atoms]);
      const against = tf.sub(logs, priors);
      const first = (table: Tensor) => tf.reshape(tf.slice(table, [0, 0], [rows, 1]), [rows]);
      const atomic = tf.sub(tf.logSumExp(against, 1), first(against));
      if (!mask) return tf.mean(atomic);
      return tf.mean(tf.sub(atomic, tf.mul(tf.reshape(mask, [rows]), first(logs))));
    },
  };
  return posteriorObjective("apt", simulations, options, loss, {
    module: import.meta.url,
    export: "aptFromPortable",
    input: (data): AptPortable => ({ ...data, options: { density: options.density, atoms, priorRows } }),
  });
}

type AptPortable = PosteriorPortable & { readonly options: AptOptions };

/** Rebuilds the objective in a worker thread. */
export function aptFromPortable({ options, ...data }: AptPortable): Objective<PosteriorEstimator> {
  return apt(portableSimulations(data), options);
}

/** For each row, `k` rows of `pool`, no two of them the same and none the row itself. */
function drawOthers(rows: Int32Array, pool: Int32Array, k: number, rng: Rng, out: Int32Array): void {
  if (pool.length <= k) {
    throw new TrainingError(
      `apt: ${k + 1} atoms need as many rows to draw from, there are ${pool.length} to train on or to validate. ` +
        "Use more simulations or fewer atoms, or a larger validationFraction.",
    );
  }
  const taken = new Set<number>();
  for (const [i, own] of rows.entries()) {
    taken.clear();
    taken.add(own);
    while (taken.size <= k) taken.add(pool[rng.integer(pool.length)]);
    taken.delete(own);
    out.set([...taken], i * k);
  }
}

/** `[B, C]` of the rows and `[B (K - 1), C]` of their others to `[B K, C]`, each row's own first. */
function flattened(tf: Tf, own: Tensor, others: Tensor, k: number): Tensor {
  const [rows, cols] = own.shape;
  const parts = [tf.reshape(own, [rows, 1, cols]), tf.reshape(others, [rows, k - 1, cols])];
  return tf.reshape(tf.concat(parts, 1), [rows * k, cols]);
}

/** `[B, C]` to `[B K, C]`, each row K times. */
function repeated(tf: Tf, table: Tensor, k: number): Tensor {
  const [rows, cols] = table.shape;
  return tf.reshape(tf.tile(tf.reshape(table, [rows, 1, cols]), [1, k, 1]), [rows * k, cols]);
}
