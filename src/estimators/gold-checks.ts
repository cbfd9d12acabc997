/**
 * What an exact ratio and an exact score must satisfy, on rows that training did not see:
 * `E_theta1[r] = 1`, `E_theta0[1 / r] = 1`, `E_ref[t] = 0`. Each mean comes with its standard error.
 *
 * @module
 */
import { psis } from "../../samplers/diagnostics/psis.js";
import { type Matrix, row } from "../core/matrix.js";

/** A mean, what it should be measured in, and how far it may be off by chance; plain JSON. */
export interface MeanCheck {
  readonly mean: number;
  readonly standardError: number;
  /** Standard errors between the mean and what an exact estimator has. */
  readonly z: number;
  readonly rows: number;
}

/** A check of a mean ratio. */
export interface RatioCheck extends MeanCheck {
  /** The largest weight's share of the sum: near one, the mean tells nothing. */
  readonly largestShare: number;
  /**
   * Tail index of the weights: above 0.7 neither the mean nor its standard error is to be trusted. `null` where there are too
   * few weights to fit a tail to (fewer than 25).
   */
  readonly paretoK: number | null;
}

/** Checks of a ratio; each is left out where there are fewer than two rows of its label. */
export interface RatioExpectations {
  /** `E_theta1[r] = 1`, over held-out rows with `y = 1`. */
  readonly ratio?: RatioCheck;
  /** `E_theta0[1 / r] = 1`, over held-out rows with `y = 0`. */
  readonly inverse?: RatioCheck;
}

/**
 * Checks log ratios `log r(x_i | theta0_i, theta1_i)` of held-out rows.
 *
 * @param logRatio - `[N]`, nats.
 * @param y - `[N]`: 0 where `x_i` comes from `theta0_i`, 1 where from `theta1_i`.
 */
export function ratioExpectations(logRatio: Float64Array, y: ArrayLike<number>): RatioExpectations {
  const ratio = weightCheck(logRatio.filter((_, i) => y[i] === 1));
  const inverse = weightCheck(logRatio.filter((_, i) => y[i] === 0).map((value) => -value));
  return { ...(ratio && { ratio }), ...(inverse && { inverse }) };
}

/**
 * The mean of `exp(logs)`, whose expectation should be one.
 *
 * @param logs - `[N]`, nats.
 * @returns nothing for fewer than two.
 */
export function weightCheck(logs: Float64Array): RatioCheck | undefined {
  if (logs.length < 2) return undefined;
  const weights = logs.map(Math.exp);
  const check = meanCheck(weights, 1);
  return {
    ...check,
    largestShare: weights.reduce((a, b) => Math.max(a, b), 0) / (check.mean * weights.length),
    paretoK: tailIndex(logs),
  };
}

/** Equal weights have no tail, and ratios that are not finite no index. */
function tailIndex(logs: Float64Array): number | null {
  if (logs.length < 25 || !logs.every(Number.isFinite)) return null;
  const { k } = psis(logs);
  return Number.isFinite(k) ? k : null;
}

/** The mean of values whose expectation is `expected`; a spread of zero gives `z = 0` where it is met. */
function meanCheck(values: Float64Array, expected: number): MeanCheck {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value / n, 0);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const standardError = Math.sqrt(squares / (n - 1) / n);
  const off = mean - expected;
  return { mean, standardError, z: off === 0 ? 0 : off / standardError, rows: n };
}

/** `E_ref[t] = 0` for each parameter, from scores `[N, D]` at the reference point. */
export function scoreExpectations(score: Matrix): MeanCheck[] {
  if (score.rows < 2) return [];
  return Array.from({ length: score.cols }, (_, j) =>
    meanCheck(
      Float64Array.from({ length: score.rows }, (_, i) => row(score, i)[j]),
      0,
    ),
  );
}

/** Means that are off by more than chance explains, one sentence each. */
export function expectationWarnings({ ratio, inverse }: RatioExpectations): string[] {
  const sentence = (what: string, from: string, check: RatioCheck | undefined) =>
    check && Math.abs(check.z) > 4 && Math.abs(check.mean - 1) > 0.1
      ? [
          `The mean of ${what} over held-out rows of ${from} is ${check.mean.toPrecision(3)} +- ${check.standardError.toPrecision(1)} ` +
            "instead of 1: the ratio is not exact there.",
        ]
      : [];
  const tail = (what: string, from: string, check: RatioCheck | undefined) =>
    check && (check.paretoK ?? 0) > 0.7
      ? [
          `The mean of ${what} over held-out rows of ${from} hangs on its largest values (Pareto k ${check.paretoK?.toPrecision(2)}, ` +
            "above 0.7): it says little of the ratio.",
        ]
      : [];
  return [sentence, tail].flatMap((warn) => [
    ...warn("r", "theta1", ratio),
    ...warn("1 / r", "theta0", inverse),
  ]);
}
