/**
 * A table with gold as a loss sees it: targets in standardised units, a weight for each row, and a count of the targets
 * that explode. Such targets are data, kept with the estimator: they tell when a method cannot work on a simulator.
 *
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, row } from "../core/matrix.js";
import type { GoldDataset } from "../dataset/gold.js";
import type { Standardiser } from "../dataset/standardise.js";
import { type GoldLoss, ratioLimit, ratioTarget } from "../losses/gold.js";
import { rowLength } from "../simulator.js";

/** What is unusual about the targets of the training rows; plain JSON. */
export interface TargetCounts {
  readonly rows: number;
  /** Rows whose path is impossible at one of the points: an infinite joint log ratio. */
  readonly infinite: number;
  /** Rows with `|log r(x,z)|` above 10, the infinite ones among them; ROLR and RASCAL clip these targets. */
  readonly beyondLimit: number;
  /** Rows of the score term with a component above 50 standardised units. They are not clipped. */
  readonly largeScores: number;
  /** Share of the loss of `r = 1` that the largest 0.1 % of the rows (at least one) carry. */
  readonly topShare: number;
}

/** Targets of all rows. */
export interface GoldTargets {
  /** `[N, 4 + D]`: target of the ratio term, label, weight of either term, then the target of the slope. */
  readonly table: Float32Array;
  readonly width: number;
  /** Weight of the score term, a number also where it was `"auto"`; 0 without a score term. */
  readonly alpha: number;
  readonly counts: TargetCounts;
}

/** Scores beyond this many standardised units are counted. */
const largeScore = 50;

/** Columns before the score. */
export const leadingColumns = 4;

/**
 * Checks a table with gold.
 *
 * @throws {ShapeError} if it is empty, ragged, or holds one label only.
 * @throws {RangeError} if a label is not 0 or 1, or gold that the loss needs is not a number.
 */
export function checkGold(caller: string, simulations: GoldDataset, loss: GoldLoss, bothVary: boolean): void {
  const { theta, thetaRef, y, x, jointLogRatio, jointScore, jointScoreRef, names, xShape } = simulations;
  const n = theta.rows;
  const d = names.length;
  if (n === 0) throw new ShapeError(`${caller}: expected a table of simulations with gold, got no rows.`);
  const shapes: readonly (readonly [string, number, number, number, number])[] = [
    ["theta", theta.rows, theta.cols, n, d],
    ["thetaRef", thetaRef.rows, thetaRef.cols, n, d],
    ["y", y.length, 1, n, 1],
    ["x", x.rows, x.cols, n, rowLength(xShape, caller)],
    ...(loss.ratio === "carl" ? [] : [["jointLogRatio", jointLogRatio.length, 1, n, 1] as const]),
    ...(loss.score ? [["jointScore", jointScore.rows, jointScore.cols, n, d] as const] : []),
    ...(loss.score && bothVary && jointScoreRef
      ? [["jointScoreRef", jointScoreRef.rows, jointScoreRef.cols, n, d] as const]
      : []),
  ];
  for (const [name, rows, cols, wantedRows, wantedCols] of shapes) {
    if (rows !== wantedRows || cols !== wantedCols) {
      throw new ShapeError(
        `${caller}: expected ${name} of shape [${wantedRows}, ${wantedCols}], as theta and the names have it, got [${rows}, ${cols}].`,
      );
    }
  }
  const counts = [0, 0];
  for (let i = 0; i < n; i++) {
    if (y[i] > 1) throw new RangeError(`${caller}: y must be 0 or 1, got ${y[i]} in row ${i}.`);
    counts[y[i]]++;
    if (loss.ratio !== "carl" && Number.isNaN(jointLogRatio[i])) {
      throw new RangeError(`${caller}: jointLogRatio is NaN in row ${i}; expected a number or an infinity.`);
    }
    const score = loss.score ? scoreOf(simulations, i, bothVary) : undefined;
    const at = score?.findIndex((value) => !Number.isFinite(value)) ?? -1;
    if (score && at >= 0) {
      throw new RangeError(
        `${caller}: the joint score is ${score[at]} in row ${i}, column ${at} (${names[at]}); expected finite numbers ` +
          "at the point that the row was simulated at.",
      );
    }
  }
  if (counts[0] === 0 || counts[1] === 0) {
    throw new ShapeError(
      `${caller}: expected rows of both labels, got ${counts[0]} with y = 0 and ${counts[1]} with y = 1.`,
    );
  }
}

/** The joint score at the point that row `i` was simulated at, or none: then the row has no score term. */
function scoreOf(
  { y, jointScore, jointScoreRef }: GoldDataset,
  i: number,
  bothVary: boolean,
): Float64Array | undefined {
  if (y[i] === 0) return row(jointScore, i);
  return bothVary && jointScoreRef ? row(jointScoreRef, i) : undefined;
}

/**
 * The targets of all rows, with standardisation, weights and counts from the rows in `training`.
 *
 * Weights make either label count for half of the training rows. Scores are `t_z = scale t_theta`, those of rows with
 * `y = 1` with the sign of `d log r / d theta1 = -t`.
 *
 * @param alpha - weight of the score term; `"auto"` is the ratio of both terms' losses at `log r = 0`.
 */
export function goldTargets(
  simulations: GoldDataset,
  loss: GoldLoss,
  options: {
    readonly training: Int32Array;
    readonly standardiser: Standardiser;
    readonly alpha: number | "auto";
    readonly bothVary: boolean;
  },
): GoldTargets {
  const { theta, y, jointLogRatio } = simulations;
  const { training, standardiser, bothVary } = options;
  const d = theta.cols;
  const width = leadingColumns + (loss.score ? d : 0);
  const table = new Float32Array(theta.rows * width);
  const numRef = training.reduce((sum, i) => sum + y[i], 0);
  const weights = [training.length - numRef, numRef].map((count) => training.length / (2 * count || 1));
  for (let i = 0; i < theta.rows; i++) {
    const at = i * width;
    const score = loss.score ? scoreOf(simulations, i, bothVary) : undefined;
    const target = ratioTarget(loss.ratio, loss.ratio === "carl" ? 0 : jointLogRatio[i], y[i]);
    table.set([target, y[i], weights[y[i]], score ? weights[y[i]] : 0], at);
    const sign = y[i] === 1 ? -1 : 1;
    score?.forEach((value, j) => {
      table[at + leadingColumns + j] = sign * value * standardiser.scale[j];
    });
  }
  const zero = lossesAtZero(table, width, loss, training);
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const scoreMean = mean(zero.score);
  // a score that is zero everywhere needs no weight
  const auto = scoreMean > 0 ? mean(zero.ratio) / scoreMean : 1;
  const alpha = !loss.score ? 0 : options.alpha === "auto" ? auto : options.alpha;
  for (let i = 0; i < theta.rows; i++) table[i * width + 3] *= alpha;
  return { table, width, alpha, counts: countTargets(simulations, table, width, training, zero, alpha) };
}

interface LossesAtZero {
  readonly ratio: Float64Array;
  readonly score: Float64Array;
}

/** Both terms of each training row for the predictor `log r = 0`, weighted. */
function lossesAtZero(
  table: Float32Array,
  width: number,
  loss: GoldLoss,
  training: Int32Array,
): LossesAtZero {
  const ratio = new Float64Array(training.length);
  const score = new Float64Array(training.length);
  training.forEach((i, k) => {
    const values = table.subarray(i * width, (i + 1) * width);
    const [target, , weight, scoreWeight] = values;
    ratio[k] = weight * (loss.ratio === "rolr" ? (target - 1) ** 2 : Math.LN2);
    score[k] = scoreWeight * values.subarray(leadingColumns).reduce((sum, t) => sum + t * t, 0);
  });
  return { ratio, score };
}

function countTargets(
  { jointLogRatio }: GoldDataset,
  table: Float32Array,
  width: number,
  training: Int32Array,
  zero: LossesAtZero,
  alpha: number,
): TargetCounts {
  let infinite = 0;
  let beyondLimit = 0;
  let largeScores = 0;
  for (const i of training) {
    if (Math.abs(jointLogRatio[i]) === Infinity) infinite++;
    if (Math.abs(jointLogRatio[i]) > ratioLimit) beyondLimit++;
    const scores = table.subarray(i * width + leadingColumns, (i + 1) * width);
    if (scores.some((value) => Math.abs(value) > largeScore)) largeScores++;
  }
  const losses = zero.ratio.map((value, k) => value + alpha * zero.score[k]).sort();
  const total = losses.reduce((sum, value) => sum + value, 0);
  const top = losses.subarray(-Math.max(1, Math.ceil(losses.length / 1000)));
  const topShare = total > 0 ? top.reduce((sum, value) => sum + value, 0) / total : 0;
  return { rows: training.length, infinite, beyondLimit, largeScores, topShare };
}

/** Whether all rows of `points` are the same. */
export function isOnePoint({ data, cols }: Matrix): boolean {
  return data.every((value, i) => value === data[i % cols]);
}

/** What to tell of the targets, one sentence each; none where all is well. */
export function targetWarnings(loss: GoldLoss, counts: TargetCounts): string[] {
  const warnings: string[] = [];
  const percent = (value: number) => `${(100 * value).toPrecision(2)} %`;
  if (loss.ratio === "rolr" && counts.topShare > 0.2) {
    warnings.push(
      `The top 0.1 % of the training rows carry ${percent(counts.topShare)} of the loss: the joint ratios have heavy tails, and ` +
        "squared errors of ratios follow a few rows. ALICE and ALICES do not.",
    );
  }
  if (loss.ratio === "rolr" && counts.beyondLimit > 0) {
    warnings.push(
      `${counts.beyondLimit} of ${counts.rows} joint log ratios lie beyond +-${ratioLimit} and were clipped to it.`,
    );
  }
  if (counts.largeScores > 0) {
    warnings.push(
      `${counts.largeScores} of ${counts.rows} joint scores exceed ${largeScore} per standard deviation of theta: they may dominate the score term.`,
    );
  }
  return warnings;
}
