/**
 * The gate of a fitted flow: the weights `p / q` at fresh draws of it, their tail index, and whether to warn.
 *
 * A tail index above the limit says that larger weights than those seen go on to matter. It says nothing of their size: weights
 * that differ by 1e-6 may have the tail of a Cauchy density. So it is held against what the tail can change. With weights of
 * mean one and variance `c^2 = N / ESS - 1`,
 *
 * - what was seen moves the mean of no function by more than `c` of its standard deviations (Cauchy-Schwarz), 0.1 where
 *   the ESS is 99 % of the draws;
 * - the largest excess among N weights is `c sqrt(N)` at most. Beyond it, where one draw in N lies, a generalised Pareto tail of index
 *   `k < 1` has a mean excess of that over `1 - k`: the mass that no draw has seen is `c / sqrt(N) / (1 - k)` at most.
 *
 * Where these are 0.1 and 0.01 at most, the index does not warn. `importance` has no such exception: its integral comes with a
 * standard error of `c / sqrt(N)`, which that mass may exceed.
 *
 * @see Yao, Vehtari, Simpson and Gelman (2018), https://arxiv.org/abs/1802.02538
 * @see Vehtari et al. (2024), https://arxiv.org/abs/1507.02646
 * @module
 */
import { psis } from "../../samplers/diagnostics/psis.js";
import { logSumExp } from "../core/special.js";

/** What the weights of fresh draws say of a flow. */
export interface Gate {
  readonly elbo: { readonly value: number; readonly standardError: number };
  readonly paretoK: number;
  readonly ess: number;
  readonly warnings: readonly string[];
  /** Log of the mean weight, nats. */
  readonly logIntegral: number;
}

/** ESS, in parts of the draws, and unseen mass at which a heavy tail is harmless. */
const evenShare = 0.99;
const unseenMass = 0.01;

/** @param logRatios - `log p - log q` at draws from `q`, `[N]`, nats. */
export function gate(logRatios: Float64Array): Gate {
  const draws = logRatios.length;
  const mean = logRatios.reduce((a, b) => a + b, 0) / draws;
  const squares = logRatios.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const elbo = { value: mean, standardError: Math.sqrt(squares / (draws - 1) / draws) };
  const usable = logRatios.map((value) => (Number.isFinite(value) ? value : -Infinity));
  const zeros = usable.reduce((count, value) => count + Number(value === -Infinity), 0);
  const warnings: string[] = [];
  if (zeros > 0) {
    warnings.push(
      `At ${zeros} of ${draws} draws the target is zero, or it or the flow is no number: the flow reaches where the target does not.`,
    );
  }
  if (zeros === draws) return { elbo, paretoK: Infinity, ess: 0, warnings, logIntegral: -Infinity };
  const total = logSumExp(usable);
  const ess = 1 / usable.reduce((sum, value) => sum + Math.exp(2 * (value - total)), 0);
  const { k: paretoK } = psis(usable);
  const limit = Math.min(0.7, 1 - 1 / Math.log10(draws));
  if (!(paretoK <= limit) && !isHarmless(paretoK, ess, draws)) {
    warnings.push(
      `The flow misses some of where the target has mass (Pareto k = ${paretoK.toPrecision(2)}, above ${limit.toPrecision(2)}; ` +
        `its ${draws} draws are worth ${ess.toFixed(0)}): do not trust weights of its draws. Try objective: "iwelbo" or another ` +
        "density, or take the target by sample(hmc(target)).",
    );
  }
  return { elbo, paretoK, ess, warnings, logIntegral: total - Math.log(draws) };
}

/** Whether weights vary so little that a tail of index `k` cannot matter. */
function isHarmless(k: number, ess: number, draws: number): boolean {
  const excess = Math.sqrt(Math.max(0, 1 / ess - 1 / draws)); // c / sqrt(N)
  return ess >= evenShare * draws && k < 1 && excess / (1 - k) <= unseenMass;
}
