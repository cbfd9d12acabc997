/**
 * AALR (LRT): the likelihood-ratio-trick variant that the AALR paper compares with. The classifier tells
 * `x ~ p(x | theta)` from `x ~ p(x | thetaRef)`, so its logit is `log p(x | theta) / p(x | thetaRef)`, a ratio to one
 * reference point instead of the evidence. Where data of `theta` and of `thetaRef` hardly overlap it fails, which
 * is what Table 2 of the paper shows (https://arxiv.org/abs/1903.04057).
 *
 * @module
 */
import { ConfigError, ShapeError } from "../core/errors.js";
import { takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { Dataset } from "../dataset/dataset.js";
import { isStored } from "../dataset/stored.js";
import { type Embedding, embeddingRecord } from "../nets/embedding.js";
import { type RatioNetworkSpec, ratioNetwork } from "../nets/ratio-network.js";
import type { Objective, Tables } from "../train/objective.js";
import {
  assemble,
  cacheBlocks,
  checkTable,
  defaultRatioNetwork,
  fitTransforms,
  isHeavyTailed,
  type RatioTransforms,
} from "./aalr.js";
import type { RatioEstimator } from "./ratio.js";
import { toStandardised } from "./ratio-evaluator.js";

/** Options of `aalrLrt`. */
export interface AalrLrtOptions {
  /** Simulations at the reference point: their `x` is used, as many rows as the table's or more. */
  readonly reference: Dataset;
  /** Default: the mean of the prior. */
  readonly thetaRef?: readonly number[];
  /** Default: that of `aalr`. */
  readonly network?: RatioNetworkSpec;
  readonly embedding?: Embedding;
}

const optionNames: OptionNames<AalrLrtOptions> = {
  reference: true,
  thetaRef: true,
  network: true,
  embedding: true,
};

/**
 * The AALR (LRT) objective, for `train`.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if there is neither `thetaRef` nor a prior with a mean, or the reference table was simulated elsewhere.
 * @throws {ShapeError} if the reference table is too short or of another width.
 */
export function aalrLrt(simulations: Dataset, options: AalrLrtOptions): Objective<RatioEstimator> {
  checkOptions("aalrLrt", options, optionNames);
  const { theta, x, names, xShape, prior } = simulations;
  const { reference, embedding } = options;
  if (isStored(simulations)) {
    throw new ConfigError(
      "aalrLrt: expected simulations in memory, got a folder that is read shard by shard. Read it whole with readDataset.",
    );
  }
  checkTable(theta, x, "aalrLrt");
  if (reference.x.rows < x.rows || reference.x.cols !== x.cols) {
    throw new ShapeError(
      `aalrLrt: expected at least ${x.rows} reference rows of ${x.cols} values, got ${reference.x.rows} of ${reference.x.cols}.`,
    );
  }
  const thetaRef = options.thetaRef ?? (prior && Array.from(prior.mean));
  if (!thetaRef || thetaRef.length !== names.length || !thetaRef.every(Number.isFinite)) {
    throw new ConfigError(
      `aalrLrt: thetaRef must be ${names.length} finite numbers (${names.join(", ")}), got ${thetaRef ? `(${thetaRef.join(", ")})` : "none, and there is no prior to take the mean of"}.`,
    );
  }
  const { theta: at } = reference;
  const elsewhere = at.data.findIndex((value, i) => {
    const wanted = thetaRef[i % at.cols];
    return !(Math.abs(value - wanted) <= 1e-6 * Math.max(1, Math.abs(wanted))); // float32 tables round
  });
  if (elsewhere >= 0) {
    throw new ConfigError(
      `aalrLrt: expected a reference table simulated at thetaRef = (${thetaRef.join(", ")}), got ${names[elsewhere % at.cols]} = ` +
        `${at.data[elsewhere]} in row ${Math.floor(elsewhere / at.cols)}. Simulate it there, or pass that point as thetaRef.`,
    );
  }
  const spec = options.network ?? defaultRatioNetwork(theta.rows);
  const network = ratioNetwork(spec, theta.cols, x.cols, embedding);
  return {
    method: "aalr-lrt",
    n: theta.rows,
    spec: { network: spec, thetaRef, embedding: embeddingRecord(embedding) },
    parameters: network.parameters,
    initialise: (key) => network.initialise(key),

    tables(training): Tables {
      const transforms: RatioTransforms = fitTransforms(
        takeRows(theta, training),
        takeRows(x, training),
        isHeavyTailed(prior),
      );
      const shape = [x.rows, x.cols];
      const xReference = { ...reference.x, rows: x.rows, data: reference.x.data.subarray(0, x.data.length) };
      return {
        specs: { theta: { shape: [theta.rows, theta.cols] }, x: { shape }, reference: { shape } },
        values: {
          theta: toStandardised(theta, transforms.theta),
          x: toStandardised(x, transforms.x),
          reference: toStandardised(xReference, transforms.x),
        },
        transforms,
      };
    },

    batch: {
      theta: { table: "theta", index: "rows" },
      x: { table: "x", index: "rows" },
      reference: { table: "reference", index: "rows" },
    },
    indices: (rows) => ({ rows }),
    blocks: (rows) => cacheBlocks(rows, 1, spec),
    draw(rows, _pool, _rng, into) {
      into.rows.set(rows);
    },

    loss(tf, parameters, batch) {
      const [rows, dim] = batch.theta.shape;
      const logit = (data: typeof batch.x) =>
        network.apply(tf, parameters, tf.reshape(batch.theta, [rows, 1, dim]), data);
      return tf.add(
        tf.mean(tf.softplus(tf.neg(logit(batch.x)))),
        tf.mean(tf.softplus(logit(batch.reference))),
      );
    },

    estimator: (members) =>
      assemble(members, simulations, {
        method: "aalr-lrt",
        names,
        xShape,
        network: spec,
        loss: { contrasts: 1, gamma: 1, balance: 0 },
        reference: { thetaRef },
        prior,
        embedding,
      }),
  };
}
