/**
 * Highest-density intervals and the energy diagnostic.
 *
 * @see Hyndman (1996), https://doi.org/10.1080/00031305.1996.10474359
 * @see Betancourt (2016), https://arxiv.org/abs/1604.00695 (E-BFMI)
 * @module
 */
import type { Matrix } from "../../src/core/matrix.js";
import { row } from "../../src/core/matrix.js";
import { mean, variance } from "./ranks.js";

/**
 * Finds the narrowest interval that holds a share `probability` of the values. For a density with several
 * modes it is still one interval.
 *
 * @param probability - strictly between 0 and 1.
 * @returns `[low, high]`; `NaN` twice if a value is not finite.
 * @throws {RangeError} if `probability` is not between 0 and 1.
 */
export function hdi(values: ArrayLike<number>, probability = 0.94): [low: number, high: number] {
  if (!(probability > 0 && probability < 1)) {
    throw new RangeError(`hdi: probability must be between 0 and 1, got ${probability}.`);
  }
  const sorted = Float64Array.from(values).sort();
  const span = Math.floor(probability * sorted.length);
  let best: [number, number] = [Number.NaN, Number.NaN];
  if (!sorted.every(Number.isFinite)) return best;
  for (let i = 0; i + span < sorted.length; i++) {
    if (!(sorted[i + span] - sorted[i] >= best[1] - best[0])) best = [sorted[i], sorted[i + span]];
  }
  return best;
}

/**
 * Estimates the Bayesian fraction of missing information of each chain,
 * `mean((E_t - E_{t-1})^2) / var(E)`. Below 0.3 the momentum resampling explores the energies too slowly.
 *
 * @param energy - Hamiltonian per draw, `[chains, draws]`.
 * @returns `[chains]`.
 */
export function bfmi(energy: Matrix): Float64Array {
  return Float64Array.from({ length: energy.rows }, (_, c) => {
    const chain = row(energy, c);
    const steps = chain.subarray(1).map((value, t) => (value - chain[t]) ** 2);
    return mean(steps) / variance(chain);
  });
}
