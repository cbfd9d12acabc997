/**
 * R-hat: do the chains agree? 1 means that the spread between chains is what the spread within them
 * predicts; above 1.01 they have not mixed. Chains are matrices `[chains, draws]` of one quantity.
 *
 * Numbers are those of ArviZ 0.23.4.
 *
 * @see Vehtari et al. (2021), https://doi.org/10.1214/20-BA1221
 * @see Margossian et al. (2024), https://doi.org/10.1214/24-BA1453 (nested R-hat)
 * @module
 */
import { type Matrix, row } from "../../src/core/matrix.js";
import { fold, isUsable, mean, rankNormalise, splitChains, variance } from "./ranks.js";

/** Which form of R-hat: `rank` (default) is the maximum of the rank-normalised split forms `z` and `folded`. */
export type RhatMethod = "rank" | "split" | "folded" | "z" | "identity";

/**
 * Computes R-hat of one quantity.
 *
 * @param x - `[chains, draws]`.
 * @returns about 1 for chains that agree; `NaN` for fewer than two chains, fewer than four draws, or
 *   values that are not finite.
 * @example
 * rhat(chainValues(draws, "mu")) < 1.01;
 */
export function rhat(x: Matrix, method: RhatMethod = "rank"): number {
  if (!isUsable(x, 4, 2)) return Number.NaN;
  switch (method) {
    case "identity":
      return potentialScaleReduction(x);
    case "split":
      return potentialScaleReduction(splitChains(x));
    case "z":
      return potentialScaleReduction(rankNormalise(splitChains(x)));
    case "folded":
      return potentialScaleReduction(rankNormalise(fold(splitChains(x))));
    case "rank": {
      const halves = splitChains(x);
      return Math.max(
        potentialScaleReduction(rankNormalise(halves)),
        potentialScaleReduction(rankNormalise(fold(halves))),
      );
    }
  }
}

/**
 * Computes nested R-hat, for many chains too short for a variance of their own: chains are gathered
 * into superchains, and the spread between superchains is compared with the spread within them. One draw
 * per chain is enough.
 *
 * Its square lies above 1 by about the number of superchains over the effective sample size: with eight of them,
 * 1.01 asks for an effective sample size of 400 or more.
 *
 * @param x - `[chains, draws]`; chains of one superchain are neighbours. Chains that do not fill a last
 *   superchain are left out.
 * @param superchains - number of superchains, at least 2. Default 8.
 * @returns about 1 for superchains that agree; `NaN` where there are fewer than two chains in a superchain.
 */
export function nestedRhat(x: Matrix, superchains = 8): number {
  const perSuperchain = Math.floor(x.rows / superchains);
  if (!(superchains >= 2 && perSuperchain >= 2 && isUsable(x, 1, 4))) return Number.NaN;
  const means = new Float64Array(superchains);
  let within = 0;
  for (let k = 0; k < superchains; k++) {
    const chainMeans = new Float64Array(perSuperchain);
    for (let m = 0; m < perSuperchain; m++) {
      const chain = row(x, k * perSuperchain + m);
      chainMeans[m] = mean(chain);
      if (chain.length > 1) within += variance(chain) / perSuperchain / superchains;
    }
    within += variance(chainMeans) / superchains;
    means[k] = mean(chainMeans);
  }
  return Math.sqrt(1 + variance(means) / within);
}

/** `sqrt((B / W + N - 1) / N)` with `B = N var(chain means)` and `W` the mean variance of the chains. */
function potentialScaleReduction(x: Matrix): number {
  const n = x.cols;
  const means = new Float64Array(x.rows);
  let within = 0;
  for (let c = 0; c < x.rows; c++) {
    const chain = row(x, c);
    means[c] = mean(chain);
    within += variance(chain) / x.rows;
  }
  return Math.sqrt((variance(means) * n) / within / n + (n - 1) / n);
}
