/**
 * What approximate Bayesian computation (ABC) compares: summaries of data, and how far apart they are.
 *
 * Without a `DataSummary` the data are their own. Summaries have scales of their own, so a distance adds up their
 * squares in units of their spread under the prior: `sqrt(sum_j ((s_j - o_j) / scale_j)^2)`, where `scale_j` is the
 * median absolute deviation (MAD) of summary `j` over simulations from the prior, times 1.4826, which makes it the
 * standard deviation of a normal. Heavy tails, which simulators have, leave it alone.
 *
 * @see Beaumont, Zhang and Balding (2002), https://doi.org/10.1093/genetics/162.4.2025
 * @see Prangle (2017), Adapting the ABC distance function, https://doi.org/10.1214/16-BA1002 (the MAD)
 * @module
 */
import { column, type Matrix } from "../core/matrix.js";
import { quantile } from "../core/quantile.js";

/** Summaries of data rows, `[N, L] -> [N, S]`; row `i` must depend on row `i` alone. */
export type DataSummary = (x: Matrix) => Matrix;

/** Distance of simulated summaries to observed ones, both `[S]` (the data, `[L]`, without a summary); `NaN` rejects. */
export type Distance = (x: ArrayLike<number>, observed: ArrayLike<number>) => number;

/** `"euclidean"`, on the summaries as they are; `"scaled"`, in units of their spread under the prior; or the user's own. */
export type DistanceChoice = "euclidean" | "scaled" | Distance;

/** Simulations from the prior behind the scales of a distance. */
export const scalePilot = 1000;

/** A MAD times this is the standard deviation of a normal: `1 / normalQuantile(0.75)`. */
const madToSd = 1.482602218505602;

/** `sqrt(sum_j (x_j - observed_j)^2)`. */
export function euclidean(x: ArrayLike<number>, observed: ArrayLike<number>): number {
  let sum = 0;
  for (let j = 0; j < x.length; j++) sum += (x[j] - observed[j]) ** 2;
  return Math.sqrt(sum);
}

/** The Euclidean distance with summary `j` in units of `scales[j]`. */
export function scaledEuclidean(scales: ArrayLike<number>): Distance {
  return (x, observed) => {
    let sum = 0;
    for (let j = 0; j < x.length; j++) sum += ((x[j] - observed[j]) / scales[j]) ** 2;
    return Math.sqrt(sum);
  };
}

/**
 * Spread of each summary, `[S]`: the MAD times 1.4826; the standard deviation where more than half of the values are
 * equal, as of counts; one where all are.
 *
 * @param summaries - of simulations from the prior, `[N, S]`, finite.
 */
export function summaryScales(summaries: Matrix): Float64Array {
  return Float64Array.from({ length: summaries.cols }, (_, j) => {
    const values = column(summaries, j);
    if (values.length === 0) return 1;
    const median = quantile(values, 0.5);
    const mad =
      madToSd *
      quantile(
        values.map((value) => Math.abs(value - median)),
        0.5,
      );
    if (mad > 0) return mad;
    const meanSquare = values.reduce((sum, value) => sum + (value - median) ** 2, 0) / values.length;
    return Math.sqrt(meanSquare) || 1;
  });
}
