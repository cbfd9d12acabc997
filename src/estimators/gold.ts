/**
 * Ratio estimators that learn from gold: CARL, ROLR, ALICE and, with the score term, CASCAL, RASCAL and ALICES
 * (`losses/gold.ts` has the formulas and the papers). What comes out is a `RatioEstimator` for
 * `log p(x | theta) / p(x | thetaRef)`, so posteriors and samplers take it as they take any other.
 *
 * The score term compares the gradient of the network with the joint score, so training needs the second derivative
 * `d/dw d/dtheta log r`, which the engine takes exactly; the activation must have one.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { type Matrix, row, stackRows, takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { GoldDataset } from "../dataset/gold.js";
import { fitStandardiser } from "../dataset/standardise.js";
import { type GoldMethod, goldLosses, ratioTerm, scoreTerm } from "../losses/gold.js";
import { requireSmooth } from "../nets/activations.js";
import { type Embedding, embeddingRecord } from "../nets/embedding.js";
import { type MorphingOptions, morphingNetwork } from "../nets/morphing.js";
import { type RatioNetworkSpec, ratioNetwork } from "../nets/ratio-network.js";
import { pairNetwork, type Structure, structures, takesPairs } from "../nets/structure.js";
import type { Objective, Tables } from "../train/objective.js";
import { cacheBlocks, defaultRatioNetwork, fitTransforms, isHeavyTailed } from "./aalr.js";
import { assembleGold, type GoldTransforms } from "./gold-record.js";
import { checkGold, goldTargets, isOnePoint, leadingColumns } from "./gold-targets.js";
import type { RatioEstimator } from "./ratio.js";
import { toStandardised } from "./ratio-evaluator.js";

/** Options of `rolr`, `alice` and `carl`. */
export interface GoldOptions {
  /** Default two residual blocks with SiLU, five hidden layers of 128 units; four blocks from 300,000 simulations on. */
  readonly network?: RatioNetworkSpec;
  /** A network that turns data rows into features, trained along. Default none. */
  readonly embedding?: Embedding;
  /**
   * How the network depends on the two points. Default `"reference"` where all rows have one `thetaRef`, else
   * `"antisymmetric"`; `"morphing"` where the simulator is a polynomial in theta.
   */
  readonly structure?: Structure;
  /** The polynomial of `structure: "morphing"`. Default quadratic, `{}`. */
  readonly morphing?: MorphingOptions;
  /**
   * The point that the estimator's log ratios are taken to, where `thetaRef` varies between rows. Default: the mean of
   * the training rows' `thetaRef`.
   */
  readonly thetaRef?: readonly number[];
}

/** Options of `cascal`, `rascal` and `alices`. */
export interface GoldScoreOptions extends GoldOptions {
  /**
   * Weight of the score term, in standardised parameters (so it does not depend on their units). Default 0.5;
   * `"auto"` is the ratio of both terms' losses at `log r = 0` on the training rows.
   */
  readonly alpha?: number | "auto";
}

const optionNames: OptionNames<GoldOptions> = {
  network: true,
  embedding: true,
  structure: true,
  morphing: true,
  thetaRef: true,
};

/**
 * CARL: the likelihood ratio trick, from labels alone. The baseline that gold is measured against.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} for an impossible network or structure.
 * @throws {ShapeError} if the table is empty, ragged or of one label.
 * @example
 * const estimator = await train(carl(simulations), { seed: "hello" });
 */
export const carl = (simulations: GoldDataset, options: GoldOptions = {}): Objective<RatioEstimator> =>
  withoutScore("carl", simulations, options);

/**
 * ROLR: regression of the joint ratio where `y = 1` and of its inverse where `y = 0`. Joint log ratios beyond +-10 are
 * clipped and counted.
 *
 * @throws as `carl`, and {RangeError} if a joint log ratio is not a number.
 */
export const rolr = (simulations: GoldDataset, options: GoldOptions = {}): Objective<RatioEstimator> =>
  withoutScore("rolr", simulations, options);

/**
 * ALICE: cross-entropy with the label that the joint ratio gives, between 0 and 1, in the place of the drawn one.
 *
 * @throws as `rolr`.
 */
export const alice = (simulations: GoldDataset, options: GoldOptions = {}): Objective<RatioEstimator> =>
  withoutScore("alice", simulations, options);

/**
 * CASCAL: CARL and the score term.
 *
 * @throws as `carl`; {RangeError} if a score that is used is not finite; {ConfigError} if `alpha` is not positive or the
 *   activation is relu, elu or selu.
 */
export const cascal = (simulations: GoldDataset, options: GoldScoreOptions = {}): Objective<RatioEstimator> =>
  withScore("cascal", simulations, options);

/**
 * RASCAL: ROLR and the score term.
 *
 * @throws as `rolr` and `cascal`.
 */
export const rascal = (simulations: GoldDataset, options: GoldScoreOptions = {}): Objective<RatioEstimator> =>
  withScore("rascal", simulations, options);

/**
 * ALICES: ALICE and the score term; the method to begin with.
 *
 * @throws as `alice` and `cascal`.
 * @example
 * const estimator = await train(alices(simulations, { alpha: "auto" }), { seed: "hello" });
 * console.log(estimator.header.gold);
 */
export const alices = (simulations: GoldDataset, options: GoldScoreOptions = {}): Objective<RatioEstimator> =>
  withScore("alices", simulations, options);

function withoutScore(method: GoldMethod, simulations: GoldDataset, options: GoldOptions) {
  checkOptions(method, options, optionNames);
  return build(method, simulations, options, isHeavyTailed(simulations.proposal));
}

function withScore(method: GoldMethod, simulations: GoldDataset, options: GoldScoreOptions) {
  checkOptions<GoldScoreOptions>(method, options, { ...optionNames, alpha: true });
  const { alpha = 0.5 } = options;
  if (alpha !== "auto" && !(alpha > 0 && alpha < Infinity)) {
    throw new ConfigError(`${method}: alpha must be a positive number or "auto", got ${alpha}.`);
  }
  return build(method, simulations, options, isHeavyTailed(simulations.proposal));
}

/** @param robustTheta - whether parameters are standardised robustly. */
function build(
  method: GoldMethod,
  simulations: GoldDataset,
  options: GoldScoreOptions,
  robustTheta: boolean,
): Objective<RatioEstimator> {
  const loss = goldLosses[method];
  const { theta, thetaRef, x } = simulations;
  const { embedding, alpha = 0.5 } = options;
  const spec = options.network ?? defaultRatioNetwork(theta.rows);
  if (loss.score) requireSmooth(spec.activation, method);
  const structure = options.structure ?? (isOnePoint(thetaRef) ? "reference" : "antisymmetric");
  const bothVary = takesPairs(structure);
  checkGold(method, simulations, loss, bothVary);
  checkStructure(method, simulations, structure, options);
  const dim = theta.cols;
  const morphing = structure === "morphing" ? morphingOf(simulations, options, spec, robustTheta) : undefined;
  const network =
    morphing?.network ??
    (takesPairs(structure)
      ? pairNetwork(structure, spec, dim, x.cols, embedding)
      : ratioNetwork(spec, dim, x.cols, embedding));

  return {
    method,
    n: theta.rows,
    spec: {
      network: spec,
      structure,
      ...(morphing && { morphing: morphing.options }),
      ...(loss.score && { alpha }),
      thetaRef: options.thetaRef,
      embedding: embeddingRecord(embedding),
    },
    parameters: network.parameters,
    initialise: (key) => network.initialise(key),

    tables(training): Tables {
      const reference = takeRows(thetaRef, training);
      const own = takeRows(theta, training);
      const { theta: fitted, x: xStandardiser } = fitTransforms(
        bothVary ? stackRows([own, reference]) : own,
        takeRows(x, training),
        robustTheta,
      );
      const standardiser = morphing?.standardiser ?? fitted;
      const targets = goldTargets(simulations, loss, { training, standardiser, alpha, bothVary });
      const transforms: GoldTransforms = {
        theta: standardiser,
        x: xStandardiser,
        alpha: targets.alpha,
        targets: targets.counts,
        thetaRef: options.thetaRef ?? meanRow(reference),
      };
      const pointShape = [theta.rows, dim];
      return {
        specs: {
          theta: { shape: pointShape },
          ...(bothVary && { thetaRef: { shape: pointShape } }),
          x: { shape: [x.rows, x.cols] },
          gold: { shape: [x.rows, targets.width] },
        },
        values: {
          theta: toStandardised(theta, standardiser),
          ...(bothVary && { thetaRef: toStandardised(thetaRef, standardiser) }),
          x: toStandardised(x, xStandardiser),
          gold: targets.table,
        },
        transforms,
      };
    },

    batch: Object.fromEntries(
      ["theta", ...(bothVary ? ["thetaRef"] : []), "x", "gold"].map((table) => [
        table,
        { table, index: "rows" },
      ]),
    ),
    indices: (rows) => ({ rows }),
    blocks: (rows) => cacheBlocks(rows, bothVary ? 2 : 1, spec),
    draw(rows, _pool, _rng, into) {
      into.rows.set(rows);
    },

    loss(tf, parameters, batch) {
      const [rows] = batch.gold.shape;
      const gold = (from: number, width = 1) => tf.slice(batch.gold, [0, from], [rows, width]);
      const at = bothVary ? tf.concat([batch.theta, batch.thetaRef], 1) : batch.theta;
      const logRatio = (point: typeof at) =>
        network.apply(tf, parameters, tf.reshape(point, [rows, 1, at.shape[1] as number]), batch.x);
      const [target, y, weight, scoreWeight] = [0, 1, 2, 3].map((column) => gold(column));
      const ratio = ratioTerm(tf, loss.ratio, { logRatio: logRatio(at), target, y });
      const ratioLoss = tf.mean(tf.mul(weight, ratio));
      if (!loss.score) return ratioLoss;
      const slopes = tf.grad((point: typeof at) => tf.sum(logRatio(point)))(at);
      const part = (from: number) => tf.slice(slopes, [0, from], [rows, dim]);
      // the slope with respect to the point that the row was simulated at
      const slope = bothVary ? tf.add(part(0), tf.mul(y, tf.sub(part(dim), part(0)))) : slopes;
      const score = tf.reshape(scoreTerm(tf, slope, gold(leadingColumns, dim)), [rows, 1]);
      return tf.add(ratioLoss, tf.mean(tf.mul(scoreWeight, score)));
    },

    estimator: (members) =>
      assembleGold(members, simulations, { method, network: spec, structure, embedding, morphing }),
    ...(!embedding && {
      portable: {
        module: import.meta.url,
        export: "goldFromPortable",
        input: portableInput(method, simulations, { ...options, network: spec, structure }, robustTheta),
      },
    }),
  };
}

/**
 * The network of a polynomial model. It is built before the training rows are known, so its parameters are standardised with
 * all rows: by their spread, around the reference point.
 */
function morphingOf(
  { theta, thetaRef, x }: GoldDataset,
  { morphing: options = {}, embedding }: GoldOptions,
  spec: RatioNetworkSpec,
  robust: boolean,
) {
  const standardiser = {
    ...fitStandardiser(theta, { robust }),
    center: Array.from(row(thetaRef, 0)),
  };
  const network = morphingNetwork(options, spec, {
    standardiser,
    xDim: x.cols,
    ...(embedding && { embedding }),
  });
  return { options, standardiser, network };
}

/** What a worker thread rebuilds the objective from; a prior holds functions and stays behind. */
interface GoldPortable {
  readonly method: GoldMethod;
  readonly simulations: GoldDataset;
  readonly options: GoldScoreOptions;
  readonly robustTheta: boolean;
}

function portableInput(
  method: GoldMethod,
  { proposal: _, ...table }: GoldDataset,
  options: GoldScoreOptions,
  robustTheta: boolean,
): GoldPortable {
  return { method, simulations: { ...table, source: {} }, options, robustTheta };
}

/** Rebuilds the objective in a worker thread. */
export function goldFromPortable(input: GoldPortable): Objective<RatioEstimator> {
  return build(input.method, input.simulations, input.options, input.robustTheta);
}

/** @throws {ConfigError} if the structure does not fit the table. */
function checkStructure(
  method: GoldMethod,
  { thetaRef, names }: GoldDataset,
  structure: Structure,
  { thetaRef: given, morphing }: GoldOptions,
): void {
  if (!structures.includes(structure)) {
    throw new ConfigError(
      `${method}: structure must be ${structures.join(", ")}, got ${JSON.stringify(structure)}.`,
    );
  }
  if (morphing && structure !== "morphing") {
    throw new ConfigError(
      `${method}: morphing belongs to structure "morphing", but the structure is "${structure}".`,
    );
  }
  if (!takesPairs(structure) && !isOnePoint(thetaRef)) {
    throw new ConfigError(
      `${method}: structure "${structure}" needs one thetaRef in all rows, but it varies. ` +
        'Use structure: "antisymmetric" or "ratio-of-ratios".',
    );
  }
  if (given && (given.length !== names.length || !given.every(Number.isFinite))) {
    throw new ConfigError(
      `${method}: thetaRef must be ${names.length} finite numbers (${names.join(", ")}), got (${given.join(", ")}).`,
    );
  }
  if (given && !takesPairs(structure) && given.some((value, j) => value !== thetaRef.data[j])) {
    throw new ConfigError(
      `${method}: the table's reference point is (${row(thetaRef, 0).join(", ")}), but thetaRef is (${given.join(", ")}). ` +
        "Leave thetaRef out, or simulate there.",
    );
  }
}

/** The mean of rows; exact where they are all the same. */
function meanRow(rows: Matrix): number[] {
  const first = Array.from(row(rows, 0));
  if (isOnePoint(rows)) return first;
  return first.map((_, j) => {
    let sum = 0;
    for (let i = 0; i < rows.rows; i++) sum += rows.data[i * rows.cols + j];
    return sum / rows.rows;
  });
}
