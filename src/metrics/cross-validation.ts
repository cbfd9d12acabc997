/**
 * What the classifier two-sample tests share: z-score with the reference's mean and standard deviation, label
 * the reference 0 and the other sample 1, and score each row with a network that has not seen it, in five
 * shuffled folds.
 *
 * @module
 */
import { type Matrix, matrix, sliceRows, stackRows, takeRows } from "../core/matrix.js";
import { foldIn, key as keyOf } from "../core/random.js";
import { stream } from "../core/rng.js";
import { openEngine } from "../engine/open.js";
import type { Engine, EngineName } from "../engine/types.js";
import { type ClassifierOptions, trainClassifiers } from "./classifier.js";
import { checkSamples } from "./mmd.js";

const folds = 5;
/** Rows that each sample must have, so that every fold sees both. */
const fewestRows = 50;
/** Draws of each sample that the quick test looks at. */
const quickDraws = 1000;

/** Options of `c2st` and `classifierAuc`. */
export interface TwoSampleOptions {
  /** Default 1. */
  readonly seed?: string | number;
  /** Look at 1,000 random draws of each sample only, and say so. Default `false`. */
  readonly quick?: boolean;
  /** Which engine, or an open one. Default `"auto"`: the fastest present. */
  readonly engine?: EngineName | "auto" | Engine;
  readonly signal?: AbortSignal;
}

/** What both tests report. */
export interface TwoSampleResult {
  /** `"quick"` looked at 1,000 draws each: noisier, and less able to see small differences. */
  readonly definition: "full" | "quick";
  /** Score of each fold, `[5]`. */
  readonly perFold: Float64Array;
  /** Rows of each sample that were looked at. */
  readonly draws: readonly [number, number];
  /** Epochs that each fold trained for. */
  readonly epochs: readonly number[];
}

/** Log odds and labels of the rows of one fold. */
export interface FoldScore {
  readonly logits: Float64Array;
  readonly labels: number[];
}

/** Trains one classifier per fold on the other four and scores the fold with it. */
export async function crossValidate(
  caller: string,
  reference: Matrix,
  other: Matrix,
  { seed = 1, quick = false, engine: asked = "auto", signal }: TwoSampleOptions,
  network: ClassifierOptions,
): Promise<Omit<TwoSampleResult, "perFold"> & { readonly scores: readonly FoldScore[] }> {
  checkSamples(caller, reference, other, fewestRows);
  const key = foldIn(keyOf(seed), caller);
  const [a, b] = [reference, other].map((sample, i) => {
    if (!quick || sample.rows <= quickDraws) return sample;
    const order = stream(foldIn(foldIn(key, "subsample"), i)).permutation(sample.rows);
    return takeRows(sample, order.subarray(0, quickDraws));
  });
  const rows = standardise(stackRows([a, b]), a.rows);
  const order = stream(foldIn(key, "folds")).permutation(rows.rows);
  const labels = Array.from({ length: rows.rows }, (_, i) => (i < a.rows ? 0 : 1));

  const engine = typeof asked === "object" ? asked : await openEngine(asked);
  const parts = Array.from({ length: folds }, (_, fold) => {
    const from = Math.floor((fold * rows.rows) / folds);
    const to = Math.floor(((fold + 1) * rows.rows) / folds);
    return { seen: [...order.subarray(0, from), ...order.subarray(to)], unseen: order.subarray(from, to) };
  });
  const classifiers = await trainClassifiers(
    engine,
    rows,
    labels,
    parts.map(({ seen }, fold) => ({ seen, key: foldIn(key, fold) })),
    { ...network, signal },
  );
  const scores = parts.map(({ unseen }, fold) => ({
    logits: classifiers[fold].logits(takeRows(rows, unseen)),
    labels: Array.from(unseen, (i) => labels[i]),
  }));
  const epochs = classifiers.map((classifier) => classifier.epochs);
  return { definition: quick ? "quick" : "full", draws: [a.rows, b.rows], epochs, scores };
}

/** Subtracts the mean of the first `count` rows and divides by their standard deviation (1 where it is 0). */
function standardise(rows: Matrix, count: number): Matrix {
  const { data, cols } = sliceRows(rows, 0, count);
  const out = matrix(rows.rows, cols);
  for (let c = 0; c < cols; c++) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += data[i * cols + c];
    const centre = sum / count;
    let squares = 0;
    for (let i = 0; i < count; i++) squares += (data[i * cols + c] - centre) ** 2;
    const scale = Math.sqrt(squares / (count - 1)) || 1;
    for (let i = 0; i < rows.rows; i++) out.data[i * cols + c] = (rows.data[i * cols + c] - centre) / scale;
  }
  return out;
}

/** The plain mean. */
export const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * The error of a mean over folds: the larger of what the rows' own errors add up to and of the spread of the folds, which
 * also sees how training scatters but is known from five values only.
 *
 * @param rowErrors - standard error of each fold's score over new rows, `[5]`.
 */
export function foldsStandardError(perFold: Float64Array, rowErrors: readonly number[]): number {
  const count = perFold.length;
  const centre = mean(perFold);
  const spread = perFold.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (count - 1) / count;
  const rows = rowErrors.reduce((sum, error) => sum + error * error, 0) / count ** 2;
  return Math.sqrt(Math.max(spread, rows));
}
