/**
 * The critic: can a classifier tell `x ~ p(x | theta0)` from `x ~ p(x | theta1)` weighted by a learned ratio? With the exact
 * ratio the weighted sample has the distribution of the first, and no classifier can.
 *
 * Five classifiers each learn from four fifths of the rows, the weighted rows resampled with probability proportional to
 * their weight, until its loss settles or for 200 epochs, and score the last fifth, where the area under the ROC curve takes the weights themselves. What areas chance
 * gives is known without assumptions: if the ratio is exact, a row `x` belongs to either sample with odds
 *
 *     P(x is of theta0) / P(x is of theta1) = n0 r(x) / n1,
 *
 * so labels drawn by these odds, at the scores as they stand, make as many areas as one likes.
 *
 * Weights are divided by their mean, so a factor of the ratio goes unnoticed here; `E_theta1[r] = 1` sees it.
 *
 * @see Cranmer, Pavez and Louppe (2015), https://arxiv.org/abs/1506.02169, section 4.3
 * @see Berrett et al. (2020), https://doi.org/10.1111/rssb.12340, on permutations with known odds
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, stackRows, takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { countAtMost } from "../core/quantile.js";
import { foldIn, type Key, key as keyOf } from "../core/random.js";
import { stream } from "../core/rng.js";
import { logSumExp, sigmoid } from "../core/special.js";
import { applyStandardiser, fitStandardiser } from "../dataset/standardise.js";
import { openEngine } from "../engine/open.js";
import type { Engine, EngineName } from "../engine/types.js";
import { rocAucWithError } from "../metrics/auc-error.js";
import { trainClassifiers } from "../metrics/classifier.js";
import { foldsStandardError, mean } from "../metrics/cross-validation.js";
import { checkSamples } from "../metrics/mmd.js";
import { rocAuc } from "../metrics/roc-auc.js";

/** Options of `criticTest`. */
export interface CriticOptions {
  /** Default 1. */
  readonly seed?: string | number;
  /** Widths of the classifier's hidden layers. Default `[50, 50]`. */
  readonly hidden?: readonly number[];
  /** Labels drawn for the p-value. Default 200. */
  readonly permutations?: number;
  /** Default `"auto"`. */
  readonly engine?: EngineName | "auto" | Engine;
  readonly signal?: AbortSignal;
}

const optionNames: OptionNames<CriticOptions> = {
  seed: true,
  hidden: true,
  permutations: true,
  engine: true,
  signal: true,
};

/** What the critic says. */
export interface CriticTest {
  /** Mean weighted area over the folds; 0.5 where the ratio is exact. */
  readonly auc: number;
  /** Of `auc`, over new rows. */
  readonly standardError: number;
  /** Share of areas by chance that are as large, `(1 + #) / (1 + permutations)`: small where the ratio is wrong. */
  readonly pValue: number;
  /** Area of each fold, `[5]`. */
  readonly perFold: Float64Array;
  /** Effective number of weighted rows, `(sum r)^2 / sum r^2`: with few of them the critic sees little. */
  readonly effectiveRows: number;
}

const folds = 5;
/** Rows that either sample must have, so that every fold sees both. */
const fewestRows = 50;

/** Standardised rows of both samples with their weights, the first sample's first. */
interface Pool {
  readonly rows: Matrix;
  readonly labels: Uint8Array;
  /** `r / mean r` of every row, `[N]`, in the logarithm: of rows of the first sample, too. */
  readonly logWeights: Float64Array;
}

/**
 * Tests a ratio. It trains classifiers, so it is not run on its own.
 *
 * @param numerator - `x ~ p(x | theta0)`, `[N, L]`, at least 50 rows that the ratio was not trained on.
 * @param denominator - `x ~ p(x | theta1)`, `[M, L]`, likewise.
 * @param logRatio - `log r(x | theta0, theta1)` of rows `[N, L] -> [N]`, nats, finite.
 * @throws {TypeError} if there is no such option.
 * @throws {ShapeError} if the samples differ in width, have too few rows, or `logRatio` gives another number of values.
 * @throws {RangeError} if a value is not finite or `permutations` is not a positive whole number.
 * @example
 * const critic = await criticTest(atTheta.x, atReference.x, (x) => estimator.logRatio(repeatRow(theta, x.rows), x));
 * console.log(critic.auc, critic.standardError, critic.pValue);
 */
export async function criticTest(
  numerator: Matrix,
  denominator: Matrix,
  logRatio: (x: Matrix) => Float64Array | Promise<Float64Array>,
  options: CriticOptions = {},
): Promise<CriticTest> {
  checkOptions("criticTest", options, optionNames);
  const { seed = 1, hidden = [50, 50], permutations = 200, engine: asked = "auto", signal } = options;
  if (!Number.isSafeInteger(permutations) || permutations < 1) {
    throw new RangeError(`criticTest: permutations must be a positive whole number, got ${permutations}.`);
  }
  checkSamples("criticTest", numerator, denominator, fewestRows);
  const both = stackRows([numerator, denominator]);
  const logs = await logRatio(both);
  const bad = logs.findIndex((value) => !Number.isFinite(value));
  if (logs.length !== both.rows || bad >= 0) {
    const got = bad >= 0 ? `${logs[bad]} in row ${bad}` : `${logs.length} values`;
    throw bad >= 0
      ? new RangeError(`criticTest: expected finite log ratios, got ${got}.`)
      : new ShapeError(`criticTest: expected ${both.rows} log ratios, got ${got}.`);
  }
  const key = foldIn(keyOf(seed), "critic");
  const n = numerator.rows;
  const logMean = logSumExp(logs.subarray(n)) - Math.log(denominator.rows);
  const pool: Pool = {
    rows: applyStandardiser(both, fitStandardiser(both)),
    labels: Uint8Array.from({ length: both.rows }, (_, i) => (i < n ? 0 : 1)),
    logWeights: logs.map((value) => value - logMean),
  };
  const engine = typeof asked === "object" ? asked : await openEngine(asked);
  const order = stream(foldIn(key, "folds")).permutation(both.rows);
  const cut = (fold: number) => Math.floor((fold * both.rows) / folds);
  const parts = Array.from({ length: folds }, (_, fold) => ({
    seen: [...order.subarray(0, cut(fold)), ...order.subarray(cut(fold + 1))],
    unseen: order.subarray(cut(fold), cut(fold + 1)),
  }));
  const classifiers = await trainClassifiers(
    engine,
    pool.rows,
    pool.labels,
    parts.map(({ seen }, fold) => ({
      seen: resampled(seen, pool, foldIn(foldIn(key, "resample"), fold)),
      key: foldIn(key, fold),
    })),
    { hidden, maxEpochs: 200, signal },
  );
  const scored = parts.map(({ unseen }, fold) => ({
    rows: unseen,
    scores: classifiers[fold].logits(takeRows(pool.rows, unseen)),
  }));
  const areas = (labels: Uint8Array) =>
    scored.map(({ rows, scores }) => {
      const own = Array.from(rows, (i) => labels[i]);
      return rocAucWithError(scores, own, weightsOf(rows, own, pool.logWeights));
    });
  const curves = areas(pool.labels);
  const perFold = Float64Array.from(curves, ({ auc }) => auc);
  const auc = mean(perFold);
  const rng = stream(foldIn(key, "labels"));
  let asLarge = 0;
  for (let p = 0; p < permutations; p++) {
    const labels = drawLabels(pool, n, rng);
    const by = scored.map(({ rows, scores }) => {
      const own = Array.from(rows, (i) => labels[i]);
      // a fold that drew one label only tells nothing
      if (own.every((label) => label === own[0])) return 0.5;
      return rocAuc(scores, own, weightsOf(rows, own, pool.logWeights));
    });
    if (by.reduce((sum, value) => sum + value, 0) / folds >= auc) asLarge++;
  }
  return {
    auc,
    standardError: foldsStandardError(
      perFold,
      curves.map(({ standardError }) => standardError),
    ),
    pValue: (1 + asLarge) / (1 + permutations),
    perFold,
    effectiveRows: effective(pool.logWeights.subarray(n)),
  };
}

/** As many rows as were given: those of the first sample, and of the second a draw with replacement by weight. */
function resampled(seen: readonly number[], { labels, logWeights }: Pool, key: Key): number[] {
  const first = seen.filter((i) => labels[i] === 0);
  const second = seen.filter((i) => labels[i] === 1);
  const rng = stream(key);
  const cumulative = new Float64Array(second.length);
  second.reduce((sum, i, k) => {
    cumulative[k] = sum + Math.exp(logWeights[i]);
    return cumulative[k];
  }, 0);
  const total = cumulative[cumulative.length - 1];
  return [
    ...first,
    ...second.map(() => {
      const at = countAtMost(cumulative, rng.uniform() * total);
      return second[Math.min(at, second.length - 1)]; // rounding may leave the last one over
    }),
  ];
}

/** 1 for rows of the first sample, `r / mean r` for those of the second. */
function weightsOf(rows: Int32Array, labels: readonly number[], logWeights: Float64Array): Float64Array {
  return Float64Array.from(rows, (i, k) => (labels[k] === 1 ? Math.exp(logWeights[i]) : 1));
}

/** Labels as they would fall if the ratio were exact. */
function drawLabels({ logWeights }: Pool, n: number, rng: { uniform(): number }): Uint8Array {
  const logOdds = Math.log(n / (logWeights.length - n));
  return Uint8Array.from(logWeights, (log) => (rng.uniform() < sigmoid(log + logOdds) ? 0 : 1));
}

function effective(logWeights: Float64Array): number {
  const sum = logWeights.reduce((total, log) => total + Math.exp(log), 0);
  const squares = logWeights.reduce((total, log) => total + Math.exp(2 * log), 0);
  return sum ** 2 / squares;
}
