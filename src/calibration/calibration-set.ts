/**
 * Simulations for calibration, as types of their own: only the functions here make them, and each sees to it that no row
 * was trained on. A training table where a `CalibrationSet` is asked for does not compile, nor does the reverse.
 *
 * @module
 */
import { ConfigError, ShapeError } from "../core/errors.js";
import { type Matrix, row, stackRows, takeRows } from "../core/matrix.js";
import { checkOptions } from "../core/options.js";
import { foldIn, key as keyOf, stream } from "../core/random.js";
import type { Dataset } from "../dataset/dataset.js";
import type { GoldDataset } from "../dataset/gold.js";
import { splitRows } from "../dataset/split.js";

declare const disjoint: unique symbol;

/** Pairs of points with data from one of them: a `GoldDataset` with or without its gold. */
export type LabelledSimulations = Pick<GoldDataset, "theta" | "thetaRef" | "y" | "x">;

/** Labelled simulations that share no row with the training table. */
export interface CalibrationSet extends LabelledSimulations {
  readonly [disjoint]: "calibration";
}

/** Joint draws of prior and simulator, `theta: [N, D]` and `x: [N, L]`; a `Dataset` is one. */
export type JointPairs = Pick<Dataset, "theta" | "x">;

/** Joint pairs (`y = 0`) and independent pairs (`y = 1`) made of simulations that share no row with the training table. */
export interface EvidenceSet extends Pick<LabelledSimulations, "theta" | "y" | "x"> {
  readonly [disjoint]: "evidence";
}

/** Simulations at one reference point, whose latent paths are known well enough to weight them to other points. */
export interface ReferenceSimulations {
  /** `[D]`. */
  readonly thetaRef: ArrayLike<number>;
  /** `x ~ p(x | thetaRef)`, `[N, L]`. */
  readonly x: Matrix;
  /** `log r(x, z | theta, thetaRef)` of each row at its own latent `z`, `[N]`, nats; `-Infinity` where `theta` excludes it. */
  jointLogRatio(theta: Float64Array): Float64Array;
}

/** Reference simulations that share no data row with the training table. */
export interface ReferenceSet extends ReferenceSimulations {
  readonly [disjoint]: "reference";
}

/** The table that the estimator was trained on. */
export interface TrainedOn {
  readonly training: LabelledSimulations;
}

/**
 * Takes simulations for calibration, once it is sure that they are others than those of `training`.
 *
 * Two tables share a row where points, label and data agree to the last bit. Rows that occur several times in one table
 * say nothing: where data are discrete, equal rows come about by chance.
 *
 * @throws {ShapeError} if the table is empty, ragged or of another width than `training`.
 * @throws {ConfigError} if it shares rows with `training`.
 * @example
 * const held = calibrationSet(others, { training: simulations }); // others: simulated with another seed
 */
export function calibrationSet(simulations: LabelledSimulations, { training }: TrainedOn): CalibrationSet {
  checkTable("calibrationSet", simulations);
  checkTable("calibrationSet: training", training);
  checkWidths("calibrationSet", simulations, training);
  const columns = ({ theta, thetaRef, x }: LabelledSimulations) => [theta, thetaRef, x];
  refuseShared("calibrationSet", columns(simulations), columns(training));
  return branded(simulations) as CalibrationSet;
}

/**
 * Takes reference simulations for calibration by gold, once it is sure that their data are others than those of `training`.
 *
 * @throws as `calibrationSet`.
 */
export function referenceSet(simulations: ReferenceSimulations, { training }: TrainedOn): ReferenceSet {
  const { thetaRef, x, jointLogRatio } = simulations;
  if (x.rows === 0) throw new ShapeError("referenceSet: expected simulations, got no rows.");
  checkTable("referenceSet: training", training);
  if (x.cols !== training.x.cols || thetaRef.length !== training.theta.cols) {
    throw new ShapeError(
      `referenceSet: expected ${training.theta.cols} parameters and data of ${training.x.cols} values, as in training, ` +
        `got ${thetaRef.length} and ${x.cols}.`,
    );
  }
  refuseShared("referenceSet", [x], [training.x]);
  const set: ReferenceSimulations = {
    thetaRef,
    x,
    jointLogRatio: (theta) => jointLogRatio.call(simulations, theta),
  };
  return set as ReferenceSet;
}

/** Options of `evidenceSet`. */
export interface EvidenceOptions {
  /** The table that the estimator was trained on; a folder is read by `readDataset`. */
  readonly training: JointPairs;
  /** Independent pairs made of each row. Default 1. */
  readonly contrasts?: number;
  /** Default 0. */
  readonly seed?: string | number;
}

/**
 * Makes calibration data of ratios to the evidence, `p(x | theta) / p(x)`, from joint draws that were not trained on. Every row
 * is a joint pair; its `x` with the `theta` of other rows, chosen at random, are independent pairs.
 *
 * @throws {ShapeError} if the table is empty, ragged or of another width than `training`.
 * @throws {ConfigError} if it shares rows with `training`.
 * @throws {RangeError} if `contrasts` is not a positive integer below the number of rows.
 * @example
 * const held = evidenceSet(await simulate(simulator, { n: 2000, seed: "other" }), { training: simulations });
 * const calibrated = await calibrateRatio(estimator, held, { method: "sigmoid" });
 */
export function evidenceSet(simulations: JointPairs, options: EvidenceOptions): EvidenceSet {
  checkOptions<EvidenceOptions>("evidenceSet", options, { training: true, contrasts: true, seed: true });
  const { training, contrasts = 1, seed = 0 } = options;
  checkPairs("evidenceSet", simulations);
  checkPairs("evidenceSet: training", training);
  checkWidths("evidenceSet", simulations, training);
  refuseShared("evidenceSet", [simulations.theta, simulations.x], [training.theta, training.x]);
  return evidencePairs("evidenceSet", simulations, contrasts, seed);
}

/**
 * Splits one table at random: a part to train on, and a part that calibrates what was trained. A table with gold gives a
 * `CalibrationSet`, one without an `EvidenceSet`.
 *
 * @param options.fraction - share of the rows for calibration. Default 0.2.
 * @param options.seed - Default 0.
 * @throws {ShapeError} if the table is empty or ragged.
 * @throws {RangeError} if the share is not in (0, 1) or no row is left for training.
 * @example
 * const { training, calibration } = splitForCalibration(simulations, { seed: "hello" });
 * const estimator = await train(alices(training), { seed: "hello" });
 * const calibrated = await calibrateRatio(estimator, calibration);
 */
export function splitForCalibration(
  simulations: GoldDataset,
  options?: SplitOptions,
): { readonly training: GoldDataset; readonly calibration: CalibrationSet };
export function splitForCalibration(
  simulations: Dataset,
  options?: SplitOptions,
): { readonly training: Dataset; readonly calibration: EvidenceSet };
export function splitForCalibration(
  simulations: GoldDataset | Dataset,
  { fraction = 0.2, seed = 0 }: SplitOptions = {},
): { readonly training: GoldDataset | Dataset; readonly calibration: CalibrationSet | EvidenceSet } {
  const hasGold = "y" in simulations;
  if (hasGold) checkTable("splitForCalibration", simulations);
  else checkPairs("splitForCalibration", simulations);
  if (!(fraction > 0 && fraction < 1)) {
    throw new RangeError(`splitForCalibration: fraction must be in (0, 1), got ${fraction}.`);
  }
  const parts = splitRows(simulations.theta.rows, { validation: 0, test: fraction }, keyOf(seed));
  if (!hasGold) {
    const { theta, x } = simulations;
    const take = (rows: Int32Array) => ({ theta: takeRows(theta, rows), x: takeRows(x, rows) });
    return {
      training: { ...simulations, ...take(parts.train) },
      calibration: evidencePairs("splitForCalibration", take(parts.test), 1, seed),
    };
  }
  return {
    training: takeGoldRows(simulations, parts.train),
    calibration: branded(takeGoldRows(simulations, parts.test)) as CalibrationSet,
  };
}

/** Options of `splitForCalibration`. */
interface SplitOptions {
  readonly fraction?: number;
  readonly seed?: string | number;
}

/** Joint pairs, then each `x` with the `theta` of the k-th next row in an order drawn at random: never with its own. */
function evidencePairs(
  caller: string,
  { theta, x }: JointPairs,
  contrasts: number,
  seed: string | number,
): EvidenceSet {
  const n = x.rows;
  if (!Number.isSafeInteger(contrasts) || contrasts < 1 || contrasts >= n) {
    throw new RangeError(
      `${caller}: contrasts must be a positive integer below the number of rows, ${n}, got ${contrasts}.`,
    );
  }
  const order = stream(foldIn(keyOf(seed), "contrasts")).permutation(n);
  const others = Array.from({ length: contrasts }, (_, k) => {
    const partner = new Int32Array(n);
    order.forEach((i, at) => {
      partner[i] = order[(at + k + 1) % n];
    });
    return takeRows(theta, partner);
  });
  const set: Pick<LabelledSimulations, "theta" | "y" | "x"> = {
    theta: stackRows([theta, ...others]),
    x: stackRows(Array.from({ length: contrasts + 1 }, () => x)),
    y: new Uint8Array(n * (contrasts + 1)).fill(1, n),
  };
  return set as EvidenceSet;
}

/** Without what only training needs. */
function branded({ theta, thetaRef, y, x }: LabelledSimulations): LabelledSimulations {
  return { theta, thetaRef, y, x };
}

function takeGoldRows(table: GoldDataset, rows: Int32Array): GoldDataset {
  const { theta, thetaRef, y, x, jointLogRatio, jointScore, jointScoreRef } = table;
  const pick = (values: Float64Array) => Float64Array.from(rows, (i) => values[i]);
  return {
    ...table,
    theta: takeRows(theta, rows),
    thetaRef: takeRows(thetaRef, rows),
    y: Uint8Array.from(rows, (i) => y[i]),
    x: takeRows(x, rows),
    jointLogRatio: pick(jointLogRatio),
    jointScore: takeRows(jointScore, rows),
    ...(jointScoreRef && { jointScoreRef: takeRows(jointScoreRef, rows) }),
  };
}

function checkTable(caller: string, { theta, thetaRef, y, x }: LabelledSimulations): void {
  const n = theta.rows;
  if (n === 0) throw new ShapeError(`${caller}: expected simulations, got no rows.`);
  if (thetaRef.rows !== n || thetaRef.cols !== theta.cols || y.length !== n || x.rows !== n) {
    throw new ShapeError(
      `${caller}: expected ${n} rows in thetaRef, y and x, as in theta, got ${thetaRef.rows}, ${y.length} and ${x.rows}.`,
    );
  }
}

function checkPairs(caller: string, { theta, x }: JointPairs): void {
  if (theta.rows > 0 && theta.rows === x.rows) return;
  throw new ShapeError(`${caller}: expected as many rows of theta as of x, got ${theta.rows} and ${x.rows}.`);
}

function checkWidths(caller: string, a: JointPairs, b: JointPairs): void {
  if (a.theta.cols !== b.theta.cols || a.x.cols !== b.x.cols) {
    throw new ShapeError(
      `${caller}: expected ${b.theta.cols} parameters and data of ${b.x.cols} values, as in training, got ${a.theta.cols} and ${a.x.cols}.`,
    );
  }
}

/** @throws {ConfigError} if a row that occurs once in either table occurs in both. */
function refuseShared(caller: string, own: readonly Matrix[], training: readonly Matrix[]): void {
  const theirs = rowCounts(training);
  let shared = 0;
  for (const [text, count] of rowCounts(own)) if (count === 1 && theirs.get(text) === 1) shared++;
  if (shared === 0) return;
  throw new ConfigError(
    `${caller}: ${shared} of ${own[0].rows} rows are in the training table, too; calibration needs rows that training has not ` +
      "seen. Simulate with another seed, or split the table with splitForCalibration before training.",
  );
}

/** How often each row occurs. */
function rowCounts(tables: readonly Matrix[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < tables[0].rows; i++) {
    const text = tables.map((table) => row(table, i).join()).join(";");
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}
