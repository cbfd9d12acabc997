/**
 * Tests of uniformity, for credibilities, ranks and p-values.
 *
 * @module
 */
import { logGamma } from "../core/gamma-functions.js";
import { logGammaQ } from "../core/incomplete-functions.js";
import type { Key } from "../core/random.js";
import { stream } from "../core/rng.js";

/** A test statistic and the probability of one as large by chance. */
export interface TestResult {
  readonly statistic: number;
  readonly pValue: number;
}

/**
 * Kolmogorov-Smirnov test of values in [0, 1] against the uniform law: the largest distance between their
 * distribution function and the diagonal, with Stephens's approximation of its p-value (good from 5 values on).
 *
 * @param sorted - ascending.
 * @see Stephens (1970), https://doi.org/10.1111/j.2517-6161.1970.tb00821.x
 */
export function ksUniform(sorted: ArrayLike<number>): TestResult {
  const n = sorted.length;
  let statistic = 0;
  for (let i = 0; i < n; i++) {
    statistic = Math.max(statistic, (i + 1) / n - sorted[i], sorted[i] - i / n);
  }
  const root = Math.sqrt(n);
  const lambda = (root + 0.12 + 0.11 / root) * statistic;
  let tail = 0;
  for (let j = 1; j <= 100; j++) tail += 2 * (j % 2 === 1 ? 1 : -1) * Math.exp(-2 * (j * lambda) ** 2);
  return { statistic, pValue: lambda < 0.2 ? 1 : Math.min(1, Math.max(0, tail)) }; // the series needs lambda > 0.2
}

/** Pearson's chi-squared test of counts against expected counts. */
export function chiSquaredTest(counts: ArrayLike<number>, expected: ArrayLike<number>): TestResult {
  let statistic = 0;
  for (let b = 0; b < counts.length; b++) statistic += (counts[b] - expected[b]) ** 2 / expected[b];
  const freedom = counts.length - 1;
  return { statistic, pValue: freedom === 0 ? 1 : Math.exp(logGammaQ(freedom / 2, statistic / 2)) };
}

/** Where the distribution function of `n` uniform ranks stays, at all points at once. */
export interface EcdfEnvelope {
  /** Probability that a calibrated rank is at or below the point, `[K]`. */
  readonly points: Float64Array;
  /** Bounds of the share of ranks at or below each point, `[K]`. */
  readonly lower: Float64Array;
  readonly upper: Float64Array;
}

/**
 * Simultaneous envelope of an empirical distribution function: with probability `level` the function of `n`
 * uniform values stays inside at every point. The pointwise binomial bounds are widened together until
 * simulated uniform samples stay inside as often as asked.
 *
 * @param n - number of values.
 * @param points - where the function is looked at, in (0, 1].
 * @param options.level - Default 0.95.
 * @param options.simulations - Default 2000.
 * @see Sailynoja, Burkner and Vehtari (2022), https://doi.org/10.1007/s11222-022-10090-6, section 2.2
 */
export function ecdfEnvelope(
  n: number,
  points: ArrayLike<number>,
  key: Key,
  { level = 0.95, simulations = 2000 }: { readonly level?: number; readonly simulations?: number } = {},
): EcdfEnvelope {
  const tables = Array.from(points, (p) => binomialCdf(n, p));
  const rng = stream(key);
  const smallest = new Float64Array(simulations);
  for (let s = 0; s < simulations; s++) {
    const values = Float64Array.from({ length: n }, () => rng.uniform()).sort();
    let least = 1;
    for (let k = 0, count = 0; k < points.length; k++) {
      while (count < n && values[count] <= points[k]) count++;
      const below = tables[k][count];
      const above = 1 - (count === 0 ? 0 : tables[k][count - 1]);
      least = Math.min(least, 2 * below, 2 * above);
    }
    smallest[s] = least;
  }
  smallest.sort();
  const pointwise = smallest[Math.floor((1 - level) * simulations)];
  const quantile = (table: Float64Array, p: number) => {
    const at = table.findIndex((value) => value >= p);
    return (at < 0 ? n : at) / n;
  };
  return {
    points: Float64Array.from(points),
    lower: Float64Array.from(tables, (table) => quantile(table, pointwise / 2)),
    upper: Float64Array.from(tables, (table) => quantile(table, 1 - pointwise / 2)),
  };
}

/** `P(X <= k)` for `k = 0 ... n`. */
function binomialCdf(n: number, p: number): Float64Array {
  if (p >= 1) return Float64Array.from({ length: n + 1 }, (_, k) => (k === n ? 1 : 0));
  const logChoose = (k: number) => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
  let sum = 0;
  return Float64Array.from({ length: n + 1 }, (_, k) => {
    sum += Math.exp(logChoose(k) + k * Math.log(p) + (n - k) * Math.log1p(-p));
    return Math.min(1, sum);
  });
}
