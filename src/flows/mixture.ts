/**
 * Ensembles of conditional densities: mixtures with equal weights.
 *
 * @module
 */
import { type Matrix, matrix, row, takeRows } from "../core/matrix.js";
import { foldIn, type Key, stream } from "../core/random.js";
import type { ConditionalDensity } from "./density.js";
import type { DensityEvaluator } from "./evaluator.js";

/**
 * Draws from a mixture of members with equal weights, standardised, `[N, V]`. Row `i` depends on `foldIn(key, i)` and its
 * context alone.
 *
 * @param context - standardised contexts, `[N, C]`, or one row for all `n`.
 */
export async function sampleMixture(
  density: ConditionalDensity,
  members: readonly DensityEvaluator[],
  context: Matrix,
  n: number,
  key: Key,
): Promise<Matrix> {
  return (await sampleWideMixture(density, members, context, n, key, 1)).values;
}

/** Draws made from wider noise, and what undoes it. */
export interface WideDraws {
  /** Standardised, `[N, V]`. */
  readonly values: Matrix;
  /** `log N(noise; 0, 1) / N(noise; 0, widen^2)` of each row, `[N]`: weights by its exponential make them draws of the mixture. */
  readonly logWeights: Float64Array;
}

/** The same with noise that is `widen` times as wide, which reaches further into the tails. */
export async function sampleWideMixture(
  { noise, valueDim }: ConditionalDensity,
  members: readonly DensityEvaluator[],
  context: Matrix,
  n: number,
  key: Key,
  widen: number,
): Promise<WideDraws> {
  const logWeights = new Float64Array(n);
  const table = matrix(n, noise.length);
  const owner = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    const rng = stream(foldIn(key, i));
    noise.forEach((kind, j) => {
      const value = kind === "normal" ? rng.normal() : rng.uniform();
      row(table, i)[j] = kind === "normal" ? widen * value : value;
      if (kind === "normal") logWeights[i] += Math.log(widen) + 0.5 * value ** 2 * (1 - widen ** 2);
    });
    if (members.length > 1) owner[i] = rng.integer(members.length);
  }
  const out = matrix(n, valueDim);
  for (const [e, member] of members.entries()) {
    const mine = Array.from(owner.keys()).filter((i) => owner[i] === e);
    if (mine.length === 0) continue;
    const own = context.rows === n ? takeRows(context, mine) : context;
    const values = await member.sample({
      value: Float32Array.from(takeRows(table, mine).data),
      context: Float32Array.from(own.data),
    });
    mine.forEach((i, k) => {
      row(out, i).set(values.subarray(k * valueDim, (k + 1) * valueDim));
    });
  }
  return { values: out, logWeights };
}

/** `log mean_e exp(logs_e[i])`: the mixture's logarithm from those of its members. */
export function logMixture(logs: readonly (Float32Array | Float64Array)[], i: number): number {
  if (logs.length === 1) return logs[0][i];
  let top = -Infinity;
  for (const log of logs) top = Math.max(top, log[i]);
  if (top === -Infinity) return top;
  let sum = 0;
  for (const log of logs) sum += Math.exp(log[i] - top);
  return top + Math.log(sum / logs.length);
}
