/**
 * The bootstrap: a statistic is computed again on samples drawn with replacement from the units it was computed on;
 * how it scatters is how it would scatter over new data.
 *
 * @see Efron and Tibshirani (1993), An Introduction to the Bootstrap, https://doi.org/10.1201/9780429246593
 * @module
 */
import { foldIn, key as keyOf } from "../core/random.js";
import { stream } from "../core/rng.js";

/** What `bootstrap` reports. */
export interface Bootstrap {
  /** The statistic of the units themselves. */
  readonly value: number;
  /** Standard deviation over the replicates. */
  readonly standardError: number;
  /** Percentile interval. */
  readonly interval: readonly [lower: number, upper: number];
  /** Statistics of the resamples, ascending. */
  readonly replicates: Float64Array;
}

/** Options of `bootstrap`. */
export interface BootstrapOptions {
  /** Default 1000. */
  readonly replicates?: number;
  /** Probability that the interval is to hold. Default 0.95. */
  readonly level?: number;
  /** Replicate `b` depends on the seed and `b` alone. Default 0. */
  readonly seed?: string | number;
}

/**
 * Standard error and percentile interval of a statistic of `n` exchangeable units, such as pairs or seeds. For a
 * statistic of two samples resample each: call with the statistic of one, or use the error that comes with it.
 *
 * @param statistic - of the units with these numbers; the array is reused, so do not keep it.
 * @param n - number of units, at least 2.
 * @throws {RangeError} if `n` or an option is out of its range, or the statistic is `NaN` on a sample.
 * @example
 * const mean = (units: Int32Array) => units.reduce((sum, i) => sum + scores[i], 0) / units.length;
 * const { value, standardError } = bootstrap(mean, scores.length, { seed: 1 });
 */
export function bootstrap(
  statistic: (units: Int32Array) => number,
  n: number,
  { replicates: count = 1000, level = 0.95, seed = 0 }: BootstrapOptions = {},
): Bootstrap {
  if (!(Number.isInteger(n) && n >= 2)) {
    throw new RangeError(`bootstrap: n must be a whole number >= 2, got ${n}.`);
  }
  if (!(Number.isInteger(count) && count >= 2)) {
    throw new RangeError(`bootstrap: replicates must be a whole number >= 2, got ${count}.`);
  }
  if (!(level > 0 && level < 1)) throw new RangeError(`bootstrap: level must lie in (0, 1), got ${level}.`);
  const evaluate = (units: Int32Array) => {
    const value = statistic(units);
    if (!Number.isNaN(value)) return value;
    throw new RangeError("bootstrap: the statistic must be a number, but it is NaN. Leave failed units out.");
  };
  const value = evaluate(Int32Array.from({ length: n }, (_, i) => i));
  const root = keyOf(seed);
  const units = new Int32Array(n);
  const replicates = Float64Array.from({ length: count }, (_, b) => {
    const rng = stream(foldIn(root, b));
    for (let i = 0; i < n; i++) units[i] = rng.integer(n);
    return evaluate(units);
  }).sort();
  const mean = replicates.reduce((sum, v) => sum + v, 0) / count;
  const squares = replicates.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return {
    value,
    standardError: Math.sqrt(squares / (count - 1)),
    interval: [quantile(replicates, (1 - level) / 2), quantile(replicates, (1 + level) / 2)],
    replicates,
  };
}

/** Linear between order statistics (Hyndman and Fan's type 7). */
function quantile(sorted: Float64Array, p: number): number {
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}
