/**
 * Effective sample size: how many independent draws would estimate as well as these.
 * Chains are matrices `[chains, draws]` of one quantity. Numbers are those of ArviZ 0.23.4.
 *
 * @see Vehtari et al. (2021), https://doi.org/10.1214/20-BA1221
 * @see Geyer (1992), https://doi.org/10.1214/ss/1177011137
 * @module
 */
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { quantile } from "../../src/core/quantile.js";
import { autocovariance } from "./autocovariance.js";
import { fold, indicator, isUsable, mean, rankNormalise, splitChains, variance } from "./ranks.js";

/**
 * ESS for the centre of the distribution: of rank-normalised split chains.
 *
 * @param x - `[chains, draws]`.
 * @returns effective draws out of `chains * draws`, possibly more for antithetic chains; `NaN` for fewer
 *   than four draws per half or values that are not finite.
 */
export function essBulk(x: Matrix): number {
  return x.data.every(Number.isFinite) ? geyer(rankNormalise(splitChains(x))) : Number.NaN;
}

/** ESS for the tails: the smaller one of the 5 % and the 95 % quantile. */
export function essTail(x: Matrix): number {
  return Math.min(essQuantile(x, 0.05), essQuantile(x, 0.95));
}

/** ESS for the mean: of the split chains as they are. */
export function essMean(x: Matrix): number {
  return geyer(splitChains(x));
}

/** ESS for the standard deviation: of `(x - mean)^2`. */
export function essSd(x: Matrix): number {
  const centre = mean(x.data);
  return geyer(splitChains({ ...x, data: x.data.map((value) => (value - centre) ** 2) }));
}

/** ESS for the quantile at probability `p`: of the indicator `x <= q_p`. */
export function essQuantile(x: Matrix, p: number): number {
  if (!x.data.every(Number.isFinite)) return Number.NaN;
  return geyer(splitChains(indicator(x, -Infinity, quantile(x.data, p))));
}

/** ESS for the probability between two quantiles: of the indicator `q_low <= x <= q_high`. */
export function essLocal(x: Matrix, low: number, high: number): number {
  if (!x.data.every(Number.isFinite)) return Number.NaN;
  return geyer(splitChains(indicator(x, quantile(x.data, low), quantile(x.data, high))));
}

/** ESS for the median absolute deviation: of the indicator that the distance to the median is below its median. */
export function essMad(x: Matrix): number {
  if (!x.data.every(Number.isFinite)) return Number.NaN;
  const distance = fold(x);
  return geyer(rankNormalise(splitChains(indicator(distance, -Infinity, quantile(distance.data, 0.5)))));
}

/** ESS of the chains as they are, neither split nor ranked. */
export function essIdentity(x: Matrix): number {
  return geyer(x);
}

/** `MN / tau` with `tau` summed over Geyer's initial monotone sequence of positive pairs. */
function geyer(x: Matrix): number {
  if (!isUsable(x, 4, 1)) return Number.NaN;
  const { rows: m, cols: n } = x;
  const draws = m * n;
  if (range(x.data) < 1e-15) return draws; // constant: ArviZ's convention
  const acov = new Float64Array(n);
  const means = matrix(1, m);
  for (let c = 0; c < m; c++) {
    const chain = row(x, c);
    means.data[c] = mean(chain);
    const own = autocovariance(chain);
    for (let t = 0; t < n; t++) acov[t] += own[t] / m;
  }
  const within = (acov[0] * n) / (n - 1);
  const total = (within * (n - 1)) / n + (m > 1 ? variance(means.data) : 0);
  const correlation = (t: number) => 1 - (within - acov[t]) / total;

  const rho = new Float64Array(n);
  let even = (rho[0] = 1);
  let odd = (rho[1] = correlation(1));
  let t = 1;
  while (t < n - 3 && even + odd > 0) {
    even = correlation(t + 1);
    odd = correlation(t + 2);
    if (even + odd >= 0) {
      rho[t + 1] = even;
      rho[t + 2] = odd;
    }
    t += 2;
  }
  const last = t - 2;
  if (even > 0) rho[last + 1] = even;
  for (t = 1; t <= last - 2; t += 2) {
    const previous = rho[t - 1] + rho[t];
    if (rho[t + 1] + rho[t + 2] > previous) rho[t + 1] = rho[t + 2] = previous / 2;
  }
  let tau = -1 + rho[last + 1];
  for (t = 0; t <= last; t++) tau += 2 * rho[t];
  return draws / Math.max(tau, 1 / Math.log10(draws));
}

function range(values: Float64Array): number {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high - low;
}
