/**
 * NPE: a conditional density `q(theta | x)` trained on simulations from the prior. The mean of `-log q(theta | x)` over
 * `theta ~ p(theta), x ~ p(x | theta)` is least where `q` is the posterior, for every `x` at once.
 *
 * @see Papamakarios and Murray (2016), https://arxiv.org/abs/1605.06376, proposition 1
 * @see Greenberg, Nonnenmacher and Macke (2019), https://arxiv.org/abs/1905.07488
 * @module
 */
import { cloudRecord } from "../calibration/cloud.js";
import { identity } from "../core/bijection.js";
import type { PriorSpec } from "../core/contracts.js";
import { ShapeError } from "../core/errors.js";
import { row, takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import { fitStandardiser } from "../dataset/standardise.js";
import { applyTailMaps, fitTailMaps } from "../dataset/tail-maps.js";
import type { DensitySpec } from "../flows/density.js";
import { conditionalDensity } from "../flows/from-spec.js";
import { type Embedding, embeddingRecord } from "../nets/embedding.js";
import { posteriorCard } from "../posterior-card.js";
import { priorFromSpec } from "../prior/from-spec.js";
import { fewestPairs } from "../report-card.js";
import { rowLength } from "../simulator.js";
import type { Objective, Tables } from "../train/objective.js";
import { posteriorDefaults } from "../train/options.js";
import { checkTable } from "./aalr.js";
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
}

const optionNames: OptionNames<NpeOptions> = { density: true, embedding: true };

/** The family unless the user says otherwise. */
export const defaultPosteriorDensity: DensitySpec = { kind: "nsf" };

/**
 * The NPE objective on a table of simulations, for `train`. The density is learned in unconstrained space, so no mass
 * leaks out of the prior.
 *
 * Its report card draws from the posterior itself, so `card.priorDraws` of `train` says nothing here.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} for an impossible density.
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
  const { density: spec = defaultPosteriorDensity, embedding } = options;
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
    spec: { density: density.spec, embedding: embeddingRecord(embedding) },
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
      return {
        specs: { u: { shape: [u.rows, u.cols] }, x: { shape: [x.rows, x.cols] } },
        values: { u: toStandardised(u, transforms.u), x: toStandardised(mapped, transforms.x) },
        transforms,
      };
    },

    batch: { u: { table: "u", index: "rows" }, x: { table: "x", index: "rows" } },
    indices: (rows) => ({ rows }),
    draw(rows, _pool, _rng, into) {
      into.rows.set(rows);
    },
    loss(tf, parameters, batch) {
      const context = embedding ? embedding.apply(tf, parameters, batch.x) : batch.x;
      return tf.neg(tf.mean(density.logProb(tf, parameters, batch.u, context)));
    },

    async estimator({ weights, transforms, logs, heldOut, card, engine }) {
      const header: PosteriorHeader = {
        method: "npe",
        names,
        xShape,
        density: density.spec,
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
          options: { density: spec },
        },
      },
    }),
  };
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
