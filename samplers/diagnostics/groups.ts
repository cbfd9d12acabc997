/**
 * Effective sample size where chains of a group are not independent: walkers of an ensemble, particles of an island.
 * What is independent is the group, so its mean over the chains is what must be followed in time:
 *
 *     ESS = Var(f) / Var(mean of f),   Var(mean of f) from the autocorrelation of the means of the groups.
 *
 * Taking the chains for independent ones would promise too much.
 *
 * @see Goodman and Weare (2010), https://doi.org/10.2140/camcos.2010.5.65, section 3
 * @module
 */
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { quantile } from "../../src/core/quantile.js";
import { essMean } from "./ess.js";
import { indicator, rankNormalise, variance } from "./ranks.js";

/** The effective sample sizes of one quantity, and the standard error of its mean. */
export interface GroupedEss {
  readonly bulk: number;
  readonly tail: number;
  readonly mcse: number;
}

/**
 * Computes them.
 *
 * @param x - `[chains, draws]`; chains of one group are neighbours.
 * @param groups - their number, a divisor of `chains`.
 * @returns `NaN` for fewer than eight draws, or values that are not finite.
 */
export function groupedEss(x: Matrix, groups: number): GroupedEss {
  if (!x.data.every(Number.isFinite)) return { bulk: Number.NaN, tail: Number.NaN, mcse: Number.NaN };
  const ess = (f: Matrix) => {
    const means = groupMeans(f, groups);
    return essMean(means) * (variance(f.data) / variance(means.data));
  };
  const tail = (p: number) => ess(indicator(x, -Infinity, quantile(x.data, p)));
  return {
    bulk: ess(rankNormalise(x)),
    tail: Math.min(tail(0.05), tail(0.95)),
    mcse: Math.sqrt(variance(x.data) / ess(x)),
  };
}

/** Means over the chains of each group, `[groups, draws]`. */
function groupMeans(x: Matrix, groups: number): Matrix {
  const out = matrix(groups, x.cols);
  const perGroup = x.rows / groups;
  for (let c = 0; c < x.rows; c++) {
    const sums = row(out, Math.floor(c / perGroup));
    row(x, c).forEach((value, t) => {
      sums[t] += value / perGroup;
    });
  }
  return out;
}
