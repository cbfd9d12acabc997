/**
 * Simulations for calibration, as types of their own: only the functions here make them, and each sees to it that no row
 * was trained on. A training table where a `CalibrationSet` is asked for does not compile, nor does the reverse.
 *
 * @module
 */
import { ConfigError, ShapeError } from "../core/errors.js";
import { type Matrix, row, takeRows } from "../core/matrix.js";
import { key as keyOf } from "../core/random.js";
import type { GoldDataset } from "../dataset/gold.js";
import { splitRows } from "../dataset/split.js";

declare const disjoint: unique symbol;

/** Pairs of points with data from one of them: a `GoldDataset` with or without its gold. */
export type LabelledSimulations = Pick<GoldDataset, "theta" | "thetaRef" | "y" | "x">;

/** Labelled simulations that share no row with the training table. */
export interface CalibrationSet extends LabelledSimulations {
  readonly [disjoint]: "calibration";
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

/**
 * Splits one table at random: a part to train on, and a part that calibrates what was trained.
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
  { fraction = 0.2, seed = 0 }: { readonly fraction?: number; readonly seed?: string | number } = {},
): { readonly training: GoldDataset; readonly calibration: CalibrationSet } {
  checkTable("splitForCalibration", simulations);
  if (!(fraction > 0 && fraction < 1)) {
    throw new RangeError(`splitForCalibration: fraction must be in (0, 1), got ${fraction}.`);
  }
  const parts = splitRows(simulations.theta.rows, { validation: 0, test: fraction }, keyOf(seed));
  return {
    training: takeGoldRows(simulations, parts.train),
    calibration: branded(takeGoldRows(simulations, parts.test)) as CalibrationSet,
  };
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

function checkWidths(caller: string, a: LabelledSimulations, b: LabelledSimulations): void {
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
