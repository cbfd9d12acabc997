/**
 * Calibrators with a smooth map: kernel density estimates, Platt's sigmoid, and the rescaling by an expectation.
 * They get samples that are sorted by log ratio, with weights that sum to one on either side.
 *
 * @module
 */
import { logSumExp, sigmoid, softplus } from "../core/special.js";
import type { CalibrationMap, ScoredSample } from "./calibration-map.js";

/** Points at which density estimates are kept. */
const knots = 200;

/**
 * Gaussian kernel density estimates of `log r` in either sample, on 200 points between the smallest and the largest, as the
 * logarithm of their ratio. Both have one bandwidth, the larger of Silverman's two, `0.9 min(sd, IQR / 1.34) n^(-1/5)`: kernels
 * of different widths would make a ratio of their own in the tails. Where a sample has less than half a row, half a row
 * stands there: the tail of a kernel is no estimate.
 *
 * @throws {RangeError} if all log ratios are equal.
 * @see Silverman (1986), Density Estimation for Statistics and Data Analysis, equation 3.31
 */
export function kdeKnots({ logRatio, numerator, denominator }: ScoredSample): CalibrationMap {
  const [low, high] = [logRatio[0], logRatio[logRatio.length - 1]];
  if (low === high) {
    throw new RangeError(
      `fitCalibration: all log ratios are ${low}; a density estimate needs different ones. Use method: "isotonic".`,
    );
  }
  const width = Math.max(bandwidth(logRatio, numerator), bandwidth(logRatio, denominator));
  const scale = width > 0 ? width : (high - low) / knots; // more than half the rows may be equal
  const logDensity = (weights: Float64Array) => {
    const halfRow = Math.log(weights.reduce((sum, weight) => sum + weight * weight, 0) / 2);
    return (at: number) => {
      const terms: number[] = [];
      weights.forEach((weight, i) => {
        if (weight > 0) terms.push(Math.log(weight) - ((logRatio[i] - at) / scale) ** 2 / 2);
      });
      return Math.max(halfRow, logSumExp(terms));
    };
  };
  const [top, bottom] = [logDensity(numerator), logDensity(denominator)];
  const at = Array.from({ length: knots }, (_, k) => low + ((high - low) * k) / (knots - 1));
  return {
    kind: "knots",
    at,
    values: at.map((l) => top(l) - bottom(l)),
  };
}

/** Silverman's rule for weighted rows in ascending order; the number of rows is the effective one. */
function bandwidth(values: Float64Array, weights: Float64Array): number {
  const mean = values.reduce((sum, value, i) => sum + weights[i] * value, 0);
  const sd = Math.sqrt(values.reduce((sum, value, i) => sum + weights[i] * (value - mean) ** 2, 0));
  const rows = 1 / weights.reduce((sum, weight) => sum + weight * weight, 0);
  // quartiles of rows repeated by their weights
  const spread = weightedQuantile(values, weights, 0.75) - weightedQuantile(values, weights, 0.25);
  return 0.9 * (spread > 0 ? Math.min(sd, spread / 1.34) : sd) * rows ** -0.2;
}

function weightedQuantile(sorted: Float64Array, weights: Float64Array, p: number): number {
  let sum = 0;
  for (let i = 0; i < sorted.length; i++) {
    sum += weights[i];
    if (sum >= p) return sorted[i];
  }
  return sorted[sorted.length - 1]; // rounding kept the sum below p
}

/**
 * Platt's sigmoid: `log r_cal = slope l + offset` by logistic regression on smoothed labels, so that also samples that do
 * not overlap have a finite slope. Newton's method with halved steps.
 *
 * @see Platt (1999), Probabilistic outputs for support vector machines
 * @see Lin, Lin and Weng (2007), https://doi.org/10.1007/s10994-007-5018-6
 */
export function sigmoidLine({ logRatio, numerator, denominator }: ScoredSample): CalibrationMap {
  const effective = (weights: Float64Array) => 1 / weights.reduce((sum, w) => sum + w * w, 0);
  const [high, low] = [effective(numerator), effective(denominator)];
  const tops = 1 - 1 / (high + 2); // Platt's targets, (n + 1) / (n + 2) and 1 / (n + 2)
  const bottoms = 1 / (low + 2);
  const loss = (slope: number, offset: number) =>
    logRatio.reduce((sum, l, i) => {
      const u = slope * l + offset;
      const weight = numerator[i] + denominator[i];
      const target = numerator[i] * tops + denominator[i] * bottoms;
      return sum + weight * softplus(u) - target * u;
    }, 0);
  let [slope, offset] = [1, 0];
  let best = loss(slope, offset);
  for (let iteration = 0; iteration < 100; iteration++) {
    let [ga, gb, haa, hab, hbb] = [0, 0, 1e-12, 0, 1e-12];
    logRatio.forEach((l, i) => {
      const p = sigmoid(slope * l + offset);
      const weight = numerator[i] + denominator[i];
      const off = weight * p - numerator[i] * tops - denominator[i] * bottoms;
      const curvature = weight * p * (1 - p);
      ga += off * l;
      gb += off;
      haa += curvature * l * l;
      hab += curvature * l;
      hbb += curvature;
    });
    const det = haa * hbb - hab * hab;
    if (Math.hypot(ga, gb) < 1e-10 || !(det > 0)) break;
    const [da, db] = [(hab * gb - hbb * ga) / det, (hab * ga - haa * gb) / det];
    let step = 1;
    let next = loss(slope + da, offset + db);
    while (!(next < best) && step > 1e-10) {
      step /= 2;
      next = loss(slope + step * da, offset + step * db);
    }
    if (!(next < best)) break;
    [slope, offset, best] = [slope + step * da, offset + step * db, next];
  }
  return { kind: "line", slope, offset };
}

/** What `"expectation"` divided by; plain JSON. */
export interface ExpectationScale {
  /** `E_theta1[r]` before. */
  readonly mean: number;
  /** Relative standard error of that mean, so of the calibrated ratio, from the spread of its terms. */
  readonly standardError: number;
  /**
   * The same from the identity `Var_theta1 r = E_theta0[r] - 1` of exact ratios, with the mean over the numerator's rows:
   * far more stable where the tail is heavy. `NaN` where that mean is below 1, which exact ratios do not have.
   */
  readonly identityError: number;
}

/**
 * `r <- r / E_theta1[r]`.
 *
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, section III
 */
export function expectationLine({ logRatio, numerator, denominator }: ScoredSample): {
  readonly map: CalibrationMap;
  readonly scale: ExpectationScale;
} {
  const logMean = (weights: Float64Array) =>
    logSumExp(logRatio.map((l, i) => (weights[i] > 0 ? Math.log(weights[i]) + l : -Infinity)));
  const logScale = logMean(denominator);
  const variance = logRatio.reduce(
    (sum, l, i) => sum + denominator[i] ** 2 * (Math.exp(l - logScale) - 1) ** 2,
    0,
  );
  const inverseRows = denominator.reduce((sum, weight) => sum + weight * weight, 0);
  return {
    map: { kind: "line", slope: 1, offset: 0 - logScale },
    scale: {
      mean: Math.exp(logScale),
      standardError: Math.sqrt(variance / (1 - inverseRows)), // n - 1 instead of n
      identityError: Math.sqrt(Math.expm1(logMean(numerator) - logScale) * inverseRows),
    },
  };
}
