/**
 * Means over observations and seeds with honest standard errors.
 *
 * Results are crossed: all observations of a seed share one training, all seeds of an observation share its
 * difficulty. So the variance of the mean is taken by two-way clustering, `V_observations + V_seeds - V_results`, where each
 * term is the variance that the mean would have were its clusters independent. With a single seed, or a
 * single observation, it is the ordinary `sd^2 / n`, and it is never taken to be less than one of its terms.
 *
 * @see Cameron, Gelbach and Miller (2011), https://doi.org/10.1198/jbes.2010.07136, equation 2.11
 * @module
 */
import type { Measured } from "../../src/report/table.js";

/** A number measured in one job. */
export interface JobValue {
  readonly observation: number;
  readonly seed: number;
  readonly value: number;
}

/** Mean and standard error of `values`; the error of one value, and both of none, are `NaN`. */
export function crossedMean(values: readonly JobValue[]): Measured {
  const n = values.length;
  const mean = average(values.map(({ value }) => value));
  const clustered = (cluster: (value: JobValue) => number | string): number => {
    const sums = new Map<number | string, number>();
    for (const each of values) {
      const name = cluster(each);
      sums.set(name, (sums.get(name) ?? 0) + each.value - mean);
    }
    const clusters = sums.size;
    if (clusters < 2) return 0;
    const squares = [...sums.values()].reduce((total, sum) => total + sum * sum, 0);
    return ((clusters / (clusters - 1)) * squares) / (n * n);
  };
  const independent = clustered(({ observation, seed }) => `${observation} ${seed}`);
  const byObservation = clustered(({ observation }) => observation);
  const bySeed = clustered(({ seed }) => seed);
  const crossed = byObservation + bySeed - independent;
  const error = Math.sqrt(Math.max(independent, byObservation, bySeed, crossed));
  // equal values differ from their mean by rounding, which is no error
  return { value: mean, error: n < 2 ? NaN : error > 1e-12 * Math.abs(mean) ? error : 0 };
}

/** Mean of `values`; `NaN` of none. */
export function average(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
