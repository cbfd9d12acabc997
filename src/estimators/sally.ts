/**
 * SALLY: regression of the joint score at a reference point. The mean square of `t(x, z | ref) - t(x)` over
 * `x, z ~ p(x, z | ref)` is least at the conditional mean, which is the score `t(x | ref)` of the intractable likelihood.
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244, section III
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { ScoreDataset } from "../dataset/gold.js";
import { fitStandardiser, type Standardiser } from "../dataset/standardise.js";
import { scoreTerm } from "../losses/gold.js";
import { type Embedding, embeddingRecord } from "../nets/embedding.js";
import { scoreNetwork } from "../nets/score-network.js";
import type { TrunkSpec } from "../nets/trunk.js";
import { rowLength } from "../simulator.js";
import { trainingWarnings } from "../train/log.js";
import type { Objective, Tables } from "../train/objective.js";
import { cacheBlocks, defaultRatioNetwork } from "./aalr.js";
import { scoreExpectations } from "./gold-checks.js";
import { toStandardised } from "./ratio-evaluator.js";
import { type ScoreEstimator, type ScoreHeader, scoreEstimator } from "./score.js";

/** Options of `sally`. */
export interface SallyOptions {
  /** Default two residual blocks with SiLU, five hidden layers of 128 units; four blocks from 300,000 simulations on. */
  readonly network?: TrunkSpec;
  /** A network that turns data rows into features, trained along. Default none. */
  readonly embedding?: Embedding;
}

const optionNames: OptionNames<SallyOptions> = { network: true, embedding: true };

/** What the objective leaves beside the weights. */
type ScoreTransforms = ScoreHeader["transforms"] & { readonly largeScores: number };

/** Joint scores beyond this many root mean squares are counted. */
const large = 50;

/**
 * The SALLY objective, for `train`. Each component is learned in units of its own root mean square, so the units of the
 * parameters do not matter.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} for an impossible network.
 * @throws {ShapeError} if the table is empty or ragged.
 * @throws {RangeError} if a joint score is not finite.
 * @example
 * const estimator = await train(sally(scoreSimulations), { seed: "hello" });
 * const t = await estimator.score(x); // [N, D]
 */
export function sally(simulations: ScoreDataset, options: SallyOptions = {}): Objective<ScoreEstimator> {
  checkOptions("sally", options, optionNames);
  checkScores(simulations);
  const { thetaRef, x, jointScore, names, xShape } = simulations;
  const { embedding } = options;
  const spec = options.network ?? defaultRatioNetwork(x.rows);
  const network = scoreNetwork(spec, x.cols, names.length, embedding);
  return {
    method: "sally",
    n: x.rows,
    spec: { network: spec, thetaRef: Array.from(thetaRef), embedding: embeddingRecord(embedding) },
    parameters: network.parameters,
    initialise: (key) => network.initialise(key),

    tables(training): Tables {
      const xStandardiser = fitStandardiser(takeRows(x, training));
      const score = rootMeanSquares(simulations, training);
      const scaling: Standardiser = { center: score.map(() => 0), scale: score, constantColumns: [] };
      const values = toStandardised(jointScore, scaling);
      const d = names.length;
      const largeScores = training.filter((i) =>
        values.subarray(i * d, (i + 1) * d).some((value) => Math.abs(value) > large),
      ).length;
      const transforms: ScoreTransforms = { x: xStandardiser, score, largeScores };
      return {
        specs: { x: { shape: [x.rows, x.cols] }, score: { shape: [x.rows, d] } },
        values: { x: toStandardised(x, xStandardiser), score: values },
        transforms,
      };
    },

    batch: { x: { table: "x", index: "rows" }, score: { table: "score", index: "rows" } },
    indices: (rows) => ({ rows }),
    blocks: (rows) => cacheBlocks(rows, 1, spec),
    draw(rows, _pool, _rng, into) {
      into.rows.set(rows);
    },
    loss: (tf, parameters, batch) =>
      tf.mean(scoreTerm(tf, network.apply(tf, parameters, batch.x), batch.score)),

    async estimator({ weights, transforms, logs, heldOut, engine }) {
      const { largeScores, ...rest } = transforms as ScoreTransforms;
      const header: ScoreHeader = {
        method: "sally",
        names,
        xShape,
        network: spec,
        thetaRef: Array.from(thetaRef),
        transforms: rest,
        largeScores,
        logs,
        expectations: [],
        warnings: [],
        embedding: embeddingRecord(embedding),
      };
      const estimator = scoreEstimator(header, weights, { engine, ...(embedding && { embedding }) });
      try {
        const expectations = scoreExpectations(await estimator.score(takeRows(x, heldOut)));
        const warnings = [...trainingWarnings(logs), ...warningsOf(names, expectations, largeScores)];
        return { ...estimator, header: { ...header, expectations, warnings } };
      } catch (error) {
        await estimator.dispose();
        throw error;
      }
    },
    ...(!embedding && {
      portable: {
        module: import.meta.url,
        export: "sallyFromPortable",
        input: { simulations: { ...simulations, source: {} }, options: { network: spec } },
      },
    }),
  };
}

/** Rebuilds the objective in a worker thread. */
export function sallyFromPortable(input: {
  readonly simulations: ScoreDataset;
  readonly options: SallyOptions;
}): Objective<ScoreEstimator> {
  return sally(input.simulations, input.options);
}

function checkScores({ thetaRef, x, jointScore, names, xShape }: ScoreDataset): void {
  const d = names.length;
  if (x.rows === 0) throw new ShapeError("sally: expected a table of simulations with scores, got no rows.");
  if (jointScore.rows !== x.rows || jointScore.cols !== d || thetaRef.length !== d) {
    throw new ShapeError(
      `sally: expected jointScore of shape [${x.rows}, ${d}] and thetaRef of [${d}] (${names.join(", ")}), ` +
        `got [${jointScore.rows}, ${jointScore.cols}] and [${thetaRef.length}].`,
    );
  }
  const xDim = rowLength(xShape, "sally");
  if (x.cols !== xDim) {
    throw new ShapeError(`sally: x has ${x.cols} columns but xShape [${xShape}] has ${xDim}.`);
  }
  const at = jointScore.data.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    throw new RangeError(
      `sally: the joint score is ${jointScore.data[at]} in row ${Math.floor(at / d)}, column ${at % d} (${names[at % d]}); expected finite numbers.`,
    );
  }
}

/** Root mean square of each component; 1 where it is zero everywhere. */
function rootMeanSquares({ jointScore: { data, cols } }: ScoreDataset, training: Int32Array): number[] {
  return Array.from({ length: cols }, (_, j) => {
    let sum = 0;
    for (const i of training) sum += data[i * cols + j] ** 2 / training.length;
    return Math.sqrt(sum) || 1;
  });
}

function warningsOf(
  names: readonly string[],
  expectations: ScoreHeader["expectations"],
  largeScores: number,
): string[] {
  const off = expectations.flatMap(({ mean, standardError, z }, j) =>
    Math.abs(z) > 4
      ? [
          `The mean score of ${names[j]} over held-out rows is ${mean.toPrecision(3)} +- ${standardError.toPrecision(1)} instead of 0: ` +
            "simulations that were tried again until they succeeded do that, and so does too little training.",
        ]
      : [],
  );
  const many =
    largeScores > 0
      ? [`${largeScores} joint scores exceed ${large} root mean squares: they dominate the regression.`]
      : [];
  return [...off, ...many];
}
