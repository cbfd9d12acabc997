/**
 * Calibration of a ratio: a learned `log r` is a score that orders data; how the two samples are distributed over that
 * score tells the ratio which belongs to it, whatever the score's own scale,
 *
 *     r_cal(l) = p(l | theta0) / p(l | theta1),   s_cal = 1 / (1 + r_cal).
 *
 * Each calibrator estimates the two densities, or their ratio, from rows that training has not seen. What it finds is a
 * function of one number, held as plain JSON.
 *
 * @see Cranmer, Pavez and Louppe (2015), https://arxiv.org/abs/1506.02169, section 3
 * @module
 */
import { ConfigError, ShapeError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { countAtMost } from "../core/quantile.js";
import { sigmoid } from "../core/special.js";
import { isotonicBlocks } from "./isotonic.js";
import { type ExpectationScale, expectationLine, kdeKnots, sigmoidLine } from "./smooth-maps.js";

/**
 * `"histogram"`: bins of `s`; `"isotonic"` and `"interpolated-isotonic"`: the nearest non-decreasing function, in steps or
 * as a line through the middles of its steps; `"kde"`: kernel density estimates of `log r`; `"sigmoid"` (Platt): a line in
 * `log r`; `"expectation"`: a factor that makes `E_theta1[r] = 1`.
 */
export type CalibrationMethod =
  | "histogram"
  | "isotonic"
  | "interpolated-isotonic"
  | "kde"
  | "sigmoid"
  | "expectation";

export const calibrationMethods: readonly CalibrationMethod[] = [
  "histogram",
  "isotonic",
  "interpolated-isotonic",
  "kde",
  "sigmoid",
  "expectation",
];

/** From a log ratio to its calibrated value, nats; plain JSON. */
export type CalibrationMap =
  /** `values[b]` where `b` edges lie at or below the log ratio; one more value than edges. */
  | { readonly kind: "steps"; readonly edges: readonly number[]; readonly values: readonly number[] }
  /** Straight between knots, flat outside. */
  | { readonly kind: "knots"; readonly at: readonly number[]; readonly values: readonly number[] }
  /** `slope l + offset`. */
  | { readonly kind: "line"; readonly slope: number; readonly offset: number };

/** Log ratios with the weight that each row has in either sample. */
export interface ScoredSample {
  /** `[N]`, nats. */
  readonly logRatio: Float64Array;
  /** Weights as rows of `p(x | theta0)`, `[N]`; of labelled rows 1 where `y = 0` and 0 elsewhere. */
  readonly numerator: Float64Array;
  /** Weights as rows of `p(x | theta1)`, `[N]`. */
  readonly denominator: Float64Array;
}

/** Options of the calibrators. */
export interface CalibrationOptions {
  /** Default `"isotonic"`. */
  readonly method?: CalibrationMethod;
  /** Bins of `"histogram"`. Default `"auto"`: `10 + floor(n^(1/3))` for `n` rows. */
  readonly bins?: number | "auto";
}

export const calibrationOptionNames: OptionNames<CalibrationOptions> = { method: true, bins: true };

/** A fitted calibration; plain JSON. */
export interface FittedCalibration {
  readonly method: CalibrationMethod;
  readonly map: CalibrationMap;
  /** Rows that it was fitted to. */
  readonly rows: number;
  /**
   * Share of those rows in bins of a histogram, or blocks of an isotonic fit, where one of the samples has no rows. Their
   * ratio would be infinite or zero; half a row stands for the rows that are missing.
   */
  readonly saturated: number;
  /** Of `"expectation"`: the mean that was divided by, and its errors. */
  readonly expectation?: ExpectationScale;
}

/** Rows that either sample must have. */
export const fewestRows = 20;

/**
 * Fits a calibration map. Both samples count alike, whatever the sums of their weights.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ShapeError} if lengths differ, or either sample has fewer than 20 rows.
 * @throws {RangeError} if a log ratio is not finite, or a weight is negative or not finite.
 * @throws {ConfigError} if the method is unknown, or `bins` is not a whole number of at least 2.
 */
export function fitCalibration(sample: ScoredSample, options: CalibrationOptions = {}): FittedCalibration {
  checkOptions("fitCalibration", options, calibrationOptionNames);
  const { method = "isotonic", bins = "auto" } = options;
  if (!calibrationMethods.includes(method)) {
    throw new ConfigError(
      `fitCalibration: method must be ${calibrationMethods.join(", ")}, got ${JSON.stringify(method)}.`,
    );
  }
  if (bins !== "auto" && !(Number.isSafeInteger(bins) && bins >= 2)) {
    throw new ConfigError(
      `fitCalibration: bins must be a whole number of at least 2 or "auto", got ${bins}.`,
    );
  }
  const sorted = normalised(sample);
  const rows = sorted.logRatio.length;
  if (method === "expectation") {
    const { map, scale } = expectationLine(sorted);
    return { method, map, rows, saturated: 0, expectation: scale };
  }
  if (method === "sigmoid") return { method, map: sigmoidLine(sorted), rows, saturated: 0 };
  if (method === "kde") return { method, map: kdeKnots(sorted), rows, saturated: 0 };
  const { map, oneSided } =
    method === "histogram"
      ? histogramSteps(sorted, bins === "auto" ? 10 + Math.floor(Math.cbrt(rows)) : bins)
      : isotonicMap(sorted, method === "isotonic");
  return { method, map, rows, saturated: oneSided / rows };
}

/** Calibrates log ratios, `[N] -> [N]`, nats; `NaN` stays `NaN`. */
export function applyCalibration(map: CalibrationMap, logRatio: ArrayLike<number>): Float64Array {
  const calibrate = calibrationFunction(map);
  return Float64Array.from(logRatio, (value) => (Number.isNaN(value) ? value : calibrate(value)));
}

/**
 * Slope of a map at log ratios, `[N] -> [N]`: that of the line or of the line between two knots, and 0 where a map is flat
 * beyond its knots. At a knot it is that of the line above.
 *
 * @throws {ConfigError} if the map goes in steps.
 */
export function calibrationSlope(map: CalibrationMap, logRatio: ArrayLike<number>): Float64Array {
  if (map.kind === "steps") throw new ConfigError("calibrationSlope: a function in steps has no slope.");
  if (map.kind === "line") return new Float64Array(logRatio.length).fill(map.slope);
  const { at, values } = map;
  return Float64Array.from(logRatio, (l) => {
    const k = countAtMost(at, l);
    return k === 0 || k === at.length ? 0 : (values[k] - values[k - 1]) / (at[k] - at[k - 1]);
  });
}

function calibrationFunction(map: CalibrationMap): (logRatio: number) => number {
  if (map.kind === "line") return (l) => map.slope * l + map.offset;
  if (map.kind === "steps") return (l) => map.values[countAtMost(map.edges, l)];
  const { at, values } = map;
  return (l) => {
    const k = countAtMost(at, l);
    if (k === 0) return values[0];
    if (k === at.length) return values[k - 1];
    const share = (l - at[k - 1]) / (at[k] - at[k - 1]);
    return values[k - 1] + share * (values[k] - values[k - 1]);
  };
}

/** Checks a sample, sorts it by log ratio and gives either side weights that sum to one. */
function normalised({ logRatio, numerator, denominator }: ScoredSample): ScoredSample {
  const n = logRatio.length;
  if (numerator.length !== n || denominator.length !== n) {
    throw new ShapeError(
      `fitCalibration: expected as many weights as log ratios (${n}), got ${numerator.length} and ${denominator.length}.`,
    );
  }
  const at = logRatio.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    throw new RangeError(
      `fitCalibration: log ratios must be finite, got ${logRatio[at]} in row ${at}. Calibrate an estimator whose ratios are.`,
    );
  }
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((i, j) => logRatio[i] - logRatio[j]);
  const [top, bottom] = [numerator, denominator].map((weights, side) => {
    const bad = weights.findIndex((value) => !(value >= 0 && value < Infinity));
    if (bad >= 0) {
      throw new RangeError(
        `fitCalibration: weights must be finite and >= 0, got ${weights[bad]} in row ${bad}.`,
      );
    }
    const rows = weights.filter((value) => value > 0).length;
    if (rows < fewestRows) {
      throw new ShapeError(
        `fitCalibration: expected at least ${fewestRows} rows of theta${side}, got ${rows}. Simulate more.`,
      );
    }
    const total = weights.reduce((sum, value) => sum + value, 0);
    return Float64Array.from(order, (i) => weights[i] / total);
  });
  return { logRatio: Float64Array.from(order, (i) => logRatio[i]), numerator: top, denominator: bottom };
}

/** A map, and how many rows lie where one of the samples has none. */
interface Piecewise {
  readonly map: CalibrationMap;
  readonly oneSided: number;
}

/** `log a / b`; half a row, `[1 / 2 n0, 1 / 2 n1]`, stands for the sample that has none, 0 for neither. */
function heldLog(a: number, b: number, [half0, half1]: readonly number[]): number {
  return a === 0 && b === 0 ? 0 : Math.log((a || half0) / (b || half1));
}

/** Half a row of either sample, by the effective number of rows where weights differ. */
const halfRows = ({ numerator, denominator }: ScoredSample) =>
  [numerator, denominator].map((weights) => weights.reduce((sum, w) => sum + w * w, 0) / 2);

/**
 * Bins of `s = 1 / (1 + r)`, equally wide between the smallest and largest, less and plus 0.1. Where no row lies, in a bin
 * or beyond them all, `s_cal` is 0.5: nothing is known.
 */
function histogramSteps(sample: ScoredSample, bins: number): Piecewise {
  const { logRatio, numerator, denominator } = sample;
  const half = halfRows(sample);
  const s = logRatio.map((value) => sigmoid(-value)); // descending
  const [low, high] = [s[s.length - 1] - 0.1, s[0] + 0.1];
  const width = (high - low) / bins;
  const [tops, bottoms, counts] = Array.from({ length: 3 }, () => new Float64Array(bins));
  s.forEach((value, i) => {
    // bins are counted from large s to small, as log ratios ascend
    const bin = Math.min(bins - 1, Math.floor((high - value) / width));
    tops[bin] += numerator[i];
    bottoms[bin] += denominator[i];
    counts[bin]++;
  });
  const values = Array.from(tops, (top, b) => heldLog(top, bottoms[b], half));
  const oneSided = counts.reduce((sum, count, b) => sum + (tops[b] * bottoms[b] === 0 ? count : 0), 0);
  // edges of s outside (0, 1) are no log ratios: what lies beyond cannot occur
  const all = Array.from({ length: bins + 1 }, (_, k) => high - k * width);
  const inside = all.flatMap((edge, k) => (edge > 0 && edge < 1 ? [k] : []));
  const first = inside[0] ?? 0;
  const edges = inside.map((k) => Math.log((1 - all[k]) / all[k]));
  const steps = [first - 1, ...inside].map((b) => values[b] ?? 0);
  return { map: { kind: "steps", edges, values: steps }, oneSided };
}

/**
 * The isotonic fit of `p0 / (p0 + p1)` to log ratios, tied rows pooled first. In steps, each of which lies in the middle
 * between the rows of two blocks; or with a knot in the middle of each block.
 */
function isotonicMap(sample: ScoredSample, inSteps: boolean): Piecewise {
  const ties: { score: number; rows: number; top: number; weight: number }[] = [];
  sample.logRatio.forEach((score, i) => {
    const [top, bottom] = [sample.numerator[i], sample.denominator[i]];
    if (top + bottom === 0) return; // a row of neither sample
    if (ties.at(-1)?.score !== score) ties.push({ score, rows: 0, top: 0, weight: 0 });
    const tie = ties[ties.length - 1];
    tie.rows++;
    tie.top += top;
    tie.weight += top + bottom;
  });
  const weights = ties.map(({ weight }) => weight);
  const half = halfRows(sample);
  const blocks = isotonicBlocks(
    ties.map(({ top, weight }) => top / weight),
    weights,
  ).map(({ from, to }) => {
    const own = ties.slice(from, to);
    const [top, weight, rows] = (["top", "weight", "rows"] as const).map((name) =>
      own.reduce((sum, tie) => sum + tie[name], 0),
    );
    const bottom = own.every((tie) => tie.top === tie.weight) ? 0 : weight - top;
    const value = heldLog(top, bottom, half);
    return { low: own[0].score, high: own[own.length - 1].score, value, held: top * bottom === 0 ? rows : 0 };
  });
  const values = blocks.map(({ value }) => value);
  // half a row may be more than a neighbour has of it
  const last = values.length - 1;
  if (last > 0 && blocks[0].held > 0) values[0] = Math.min(values[0], values[1]);
  if (last > 0 && blocks[last].held > 0) values[last] = Math.max(values[last], values[last - 1]);
  const map: CalibrationMap = inSteps
    ? { kind: "steps", edges: blocks.slice(1).map(({ low }, b) => (blocks[b].high + low) / 2), values }
    : { kind: "knots", at: blocks.map(({ low, high }) => (low + high) / 2), values };
  return { map, oneSided: blocks.reduce((sum, { held }) => sum + held, 0) };
}
