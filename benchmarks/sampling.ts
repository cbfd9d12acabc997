/**
 * How the posterior of a trained ratio is sampled in benchmarks: one way for every problem.
 *
 * @module
 */
import { drawsMatrix } from "../samplers/draws.js";
import { metropolis } from "../samplers/metropolis.js";
import { sample } from "../samplers/sample.js";
import { summary } from "../samplers/summary.js";
import type { LogDensity } from "../src/core/contracts.js";
import { fromRows, type Matrix, takeRows } from "../src/core/matrix.js";
import type { RatioEstimator } from "../src/estimators/ratio.js";
import { posterior } from "../src/posterior.js";
import { cpuClock } from "./cpu-clock.js";
import type { Sampled } from "./method.js";

/**
 * How the 10,000 draws that are compared are made, for every problem: many short Metropolis chains whose global
 * proposals make draws nearly independent; a classifier would find draws that repeat or cluster.
 */
export const sampling = { chains: 500, warmup: 10, draws: 20, thin: 10 } as const;

/** What a method is asked for. */
interface Drawing {
  /** Rows wanted. */
  readonly draws: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/** Draws from the posterior of a ratio. */
export async function sampleRatio(
  estimator: RatioEstimator,
  observed: Float64Array,
  drawing: Drawing,
): Promise<Sampled> {
  return sampleTarget(posterior(estimator, { observed: fromRows([observed]) }), drawing);
}

/** Draws from any density; for other numbers than 10,000 there are more or fewer chains. */
export async function sampleTarget(
  target: LogDensity<false>,
  { draws, seed, signal }: Drawing,
): Promise<Sampled> {
  const clock = cpuClock();
  const chains = Math.ceil(draws / sampling.draws);
  const made = await sample(metropolis(target), { ...sampling, chains, seed, signal });
  const cpuSeconds = clock(); // R-hat and ESS are left out
  const { rows } = summary(made);
  return {
    draws: evenlySpaced(drawsMatrix(made), draws),
    sampling: {
      draws: made.chains * made.draws,
      rhat: Math.max(...rows.map(({ rhat }) => rhat)),
      essBulk: Math.min(...rows.map(({ essBulk }) => essBulk)),
    },
    cpuSeconds,
  };
}

/** `n` rows spread evenly over all of them. */
export function evenlySpaced(rows: Matrix, n: number): Matrix {
  if (n >= rows.rows) return rows;
  return takeRows(
    rows,
    Float64Array.from({ length: n }, (_, i) => Math.floor((i * rows.rows) / n)),
  );
}
