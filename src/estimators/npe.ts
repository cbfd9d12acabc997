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
import { cloudRecord } from "../calibration/cloud.js";
import { identity } from "../core/bijection.js";
import type { Prior, PriorSpec } from "../core/contracts.js";
import { ConfigError, ShapeError } from "../core/errors.js";
import { type Matrix, row, takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import { fitStandardiser, type Standardiser } from "../dataset/standardise.js";
import { applyTailMaps, fitTailMaps } from "../dataset/tail-maps.js";
import type { Tensor } from "../engine/types.js";
import type { DensitySpec } from "../flows/density.js";
import { conditionalDensity } from "../flows/from-spec.js";
import { imbalance, lowest } from "../losses/nre.js";
import { type Embedding, embeddingRecord } from "../nets/embedding.js";
import { posteriorCard } from "../posterior-card.js";
import { priorFromSpec } from "../prior/from-spec.js";
import { fewestPairs } from "../report-card.js";
import { rowLength } from "../simulator.js";
import type { Objective, Tables } from "../train/objective.js";
import { posteriorDefaults } from "../train/options.js";
import { checkTable, drawContrasts } from "./aalr.js";
import {
  type PosteriorEstimator,
  type PosteriorHeader,
  posteriorEstimator,
  unconstrainedRows,
} from "./posterior.js";
import { toStandardised } from "./ratio-evaluator.js";

/** Options of `npe`. */
export interface NpeOptions {
  /** The family of the posterior. Default a neural spline flow. */
  readonly density?: DensitySpec;
  /** A network that turns data rows into features, trained along. Default none. */
  readonly embedding?: Embedding;
  /** Weight of the balance penalty, which makes posteriors conservative. Default 0, no penalty; 100 is usual. */
  readonly balance?: number;
}

const optionNames: OptionNames<NpeOptions> = { density: true, embedding: true, balance: true };

/** The family unless the user says otherwise. */
export const defaultPosteriorDensity: DensitySpec = { kind: "nsf" };

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
  const { theta, x, names, xShape, prior } = simulations;
  checkTable(theta, x, "npe");
  const { density: spec = defaultPosteriorDensity, embedding, balance = 0 } = options;
  checkBalance(balance, prior);
  const xDim = rowLength(xShape, "npe");
  if (x.cols !== xDim) {
    throw new ShapeError(`npe: x has ${x.cols} columns but xShape [${xShape}] has ${xDim}.`);
  }
  const density = conditionalDensity(spec, names.length, embedding?.features ?? xDim);
  const { u, finite } = unconstrainedRows(theta, prior?.support ?? identity(names.length));
  const outside = finite.indexOf(false);
  if (outside >= 0) {
    const at = names.map((name, j) => `${name} = ${row(theta, outside)[j]}`).join(", ");
    throw new RangeError(
      `npe: row ${outside} of theta (${at}) lies outside the prior or on its edge; expected parameters drawn from the prior.`,
    );
  }
  return {
    method: "npe",
    n: theta.rows,
    defaults: posteriorDefaults(theta.rows),
    spec: { density: density.spec, embedding: embeddingRecord(embedding), ...(balance > 0 && { balance }) },
    parameters: [...density.parameters, ...(embedding?.parameters ?? [])],
    initialise(key) {
      const head = density.initialise(foldIn(key, "density"));
      const tail = embedding?.initialise(foldIn(key, "embedding")) ?? new Float32Array(0);
      const packed = new Float32Array(head.length + tail.length);
      packed.set(head);
      packed.set(tail, head.length);
      return packed;
    },

    tables(training): Tables {
      const tails = embedding ? undefined : fitTailMaps(takeRows(x, training));
      const mapped = applyTailMaps(x, tails);
      const transforms: PosteriorHeader["transforms"] = {
        u: fitStandardiser(takeRows(u, training), { robust: false }),
        x: fitStandardiser(takeRows(mapped, training)),
        ...(tails && { tails }),
      };
      const logPrior = balance > 0 && prior ? logPriors(prior, theta, u, transforms.u) : undefined;
      return {
        specs: {
          u: { shape: [u.rows, u.cols] },
          x: { shape: [x.rows, x.cols] },
          ...(logPrior && { logPrior: { shape: [u.rows, 1] } }),
        },
        values: {
          u: toStandardised(u, transforms.u),
          x: toStandardised(mapped, transforms.x),
          ...(logPrior && { logPrior }),
        },
        transforms,
      };
    },

    batch: {
      u: { table: "u", index: "rows" },
      x: { table: "x", index: "rows" },
      ...(balance > 0 && {
        logPrior: { table: "logPrior", index: "rows" },
        contrast: { table: "u", index: "contrasts" },
        contrastLogPrior: { table: "logPrior", index: "contrasts" },
      }),
    },
    indices: (rows) => ({ rows, ...(balance > 0 && { contrasts: rows }) }),
    draw(rows, pool, rng, into) {
      into.rows.set(rows);
      if (balance > 0) drawContrasts(rows, pool, 1, (n) => rng.integer(n), into.contrasts);
    },
    loss(tf, parameters, batch) {
      const context = embedding ? embedding.apply(tf, parameters, batch.x) : batch.x;
      const joint = density.logProb(tf, parameters, batch.u, context);
      const surprise = tf.neg(tf.mean(joint));
      if (balance === 0) return surprise;
      const marginal = density.logProb(tf, parameters, batch.contrast, context);
      const over = (logProb: Tensor, logPrior: Tensor) =>
        tf.maximum(tf.sub(logProb, tf.reshape(logPrior, logProb.shape)), lowest);
      const excess = imbalance(tf, over(joint, batch.logPrior), over(marginal, batch.contrastLogPrior));
      return tf.add(surprise, tf.mul(balance, excess));
    },

    async estimator({ weights, transforms, logs, heldOut, card, engine }) {
      const header: PosteriorHeader = {
        method: "npe",
        names,
        xShape,
        density: density.spec,
        ...(balance > 0 && { balance }),
        transforms: transforms as PosteriorHeader["transforms"],
        logs,
        embedding: embeddingRecord(embedding),
        ...cloudRecord(x),
      };
      const estimator = posteriorEstimator(header, weights, {
        engine,
        density,
        ...(prior && { prior }),
        ...(embedding && { embedding }),
      });
      if (card === false || heldOut.length < fewestPairs) return estimator;
      try {
        const pairs = { theta: takeRows(theta, heldOut), x: takeRows(x, heldOut) };
        const { priorDraws: _, ...request } = card;
        return { ...estimator, header: { ...header, card: await posteriorCard(estimator, pairs, request) } };
      } catch (error) {
        await estimator.dispose();
        throw error;
      }
    },
    ...(!embedding && {
      portable: {
        module: import.meta.url,
        export: "npeFromPortable",
        input: {
          simulations: { theta, x, names, xShape, dropped: 0, source: {} },
          ...(prior && { prior: prior.spec }),
          options: { density: spec, balance },
        },
      },
    }),
  };
}

function checkBalance(balance: number, prior: Prior | undefined): void {
  if (!(balance >= 0 && balance < Infinity)) {
    throw new ConfigError(`npe: balance must be a non-negative number, got ${balance}.`);
  }
  if (balance > 0 && !prior) {
    throw new ConfigError(
      "npe: balance compares the posterior with the prior, but the simulations came without one. Leave balance out, or pass simulations with their prior.",
    );
  }
}

/** Log density of the prior at each row, per unit of standardised `u`. */
function logPriors(prior: Prior, theta: Matrix, u: Matrix, { scale }: Standardiser): Float32Array {
  const logScale = scale.reduce((sum, value) => sum + Math.log(value), 0);
  return Float32Array.from(
    prior.logProb(theta),
    (value, i) => value + prior.support.logDet(row(u, i)) + logScale,
  );
}

/** Rebuilds the objective in a worker thread. */
export function npeFromPortable({
  simulations,
  prior,
  options,
}: {
  readonly simulations: Dataset;
  readonly prior?: PriorSpec;
  readonly options: NpeOptions;
}): Objective<PosteriorEstimator> {
  return npe({ ...simulations, ...(prior && { prior: priorFromSpec(prior) }) }, options);
}
