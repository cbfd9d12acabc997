/**
 * Monte Carlo standard errors: how far an estimate from these draws may be from the one of infinitely many.
 * Chains are matrices `[chains, draws]` of one quantity. Numbers are those of ArviZ 0.23.4.
 *
 * @see Vehtari et al. (2021), https://doi.org/10.1214/20-BA1221
 * @module
 */
import { betaQuantileLogit } from "../../src/core/incomplete-functions.js";
import type { Matrix } from "../../src/core/matrix.js";
import { sigmoid } from "../../src/core/special.js";

import { essMean, essQuantile, essSd } from "./ess.js";
import { mean, variance } from "./ranks.js";

/** Standard error of the mean: `sd / sqrt(ESS)`, in units of `x`. */
export function mcseMean(x: Matrix): number {
  return Math.sqrt(variance(x.data) / essMean(x));
}

/** Standard error of the standard deviation, from the ESS of `(x - mean)^2`; `NaN` for a constant. */
export function mcseSd(x: Matrix): number {
  const ess = essSd(x);
  const centre = mean(x.data);
  const squares = x.data.map((value) => (value - centre) ** 2);
  const second = mean(squares);
  const fourth = mean(squares.map((value) => value * value));
  return Math.sqrt((fourth - second * second) / ess / second / 4);
}

/**
 * Standard error of the quantile at probability `p`: half the distance between the order statistics at the
 * 16 % and the 84 % points of the beta distribution of the quantile's probability.
 */
export function mcseQuantile(x: Matrix, p: number): number {
  const ess = essQuantile(x, p);
  if (Number.isNaN(ess)) return ess;
  const sorted = x.data.slice().sort();
  const size = sorted.length;
  const bound = (probability: number) =>
    sigmoid(
      betaQuantileLogit(ess * p + 1, ess * (1 - p) + 1, Math.log(probability), Math.log1p(-probability)),
    );
  const low = sorted[Math.floor(Math.max(bound(0.1586553) * size - 1, 0))];
  const high = sorted[Math.ceil(Math.min(bound(0.8413447) * size - 1, size - 1))];
  return (high - low) / 2;
}
