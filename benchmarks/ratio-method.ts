/**
 * What a method that learns a likelihood ratio from gold is to the benchmark: something that gets a budget of simulations
 * of a problem that gives gold, and then says `log p(x | theta) / p(x | thetaRef)` anywhere. It is judged by its distance
 * from the exact log ratio; there is no posterior and no observation.
 *
 * @module
 */
import { type Matrix, matrix, repeatRow } from "../src/core/matrix.js";
import type { GoldProblem } from "./gold-problem.js";
import type { MethodTask, Prepared } from "./method.js";
import type { Scores } from "./record.js";

/** What such a method has to do its work with. */
export interface RatioTask extends Omit<MethodTask, "problem"> {
  readonly problem: GoldProblem;
}

/** A ratio that has been learned. */
export interface LearnedRatio extends Pick<Prepared, "engine" | "trainCpuSeconds">, AsyncDisposable {
  /** `log p(x_i | theta_i) / p(x_i | thetaRef)`, `thetaRef` the problem's: `[N, D]` and `[N, L]` to `[N]`, nats. */
  logRatio(theta: Matrix, x: Matrix): Promise<Float64Array>;
  /** `log p(x_i | theta_i)`, nats, where the method learns the likelihood itself. */
  logProb?(theta: Matrix, x: Matrix): Promise<Float64Array>;
  /** The score at the problem's `thetaRef`, `[N, L] -> [N, D]`. Default: central differences of `logRatio`. */
  score?(x: Matrix): Promise<Matrix>;
}

/** A method by name. */
export interface RatioMethod {
  /** Name in the registry, e.g. `alices`. */
  readonly name: string;
  /** What it is, and where it was published. */
  readonly title: string;
  /** Uses the simulations. */
  learn(task: RatioTask): Promise<LearnedRatio>;
}

/** Names of the scores of a learned ratio. */
const names = { ratio: "logRatioMse", density: "logProbMse", score: "scoreMse" } as const;

/** Of central differences of a learned log ratio, in standard deviations of the prior: networks have seven digits. */
const step = 0.02;

/**
 * Scores a learned ratio over the test rows of the problem:
 *
 * - `logRatioMse`: `sum_i w_i (log r_learned(x_i, theta_i) - log r(x_i, theta_i))^2`, nats squared;
 * - `logProbMse`: the same of `log p(x_i | theta_i)`, where the method learns one;
 * - `scoreMse`: `sum_i w_i |t_learned(x_i) - t(x_i)|^2 / sum_i w_i |t(x_i)|^2`, `t` the score at the problem's `thetaRef` in
 *   units of the prior's standard deviations: a share, 1 for a score of zero.
 *
 * @param wanted - scores that were asked for; others than these are passed over.
 * @throws {RangeError} if the problem has nothing to compare with, or what was learned is not finite.
 */
export async function scoreRatio(
  wanted: readonly string[],
  problem: GoldProblem,
  learned: Pick<LearnedRatio, "logRatio" | "logProb" | "score">,
): Promise<Scores> {
  const { name, logRatio, logProb, score, thetaRef, comparison, simulator } = problem;
  const scores: Record<string, number> = {};
  const asks = (each: string) => wanted.includes(each);
  if (!Object.values(names).some(asks)) return scores;
  const missing = (what: string) => new RangeError(`scoreRatio: ${name} has no ${what} to compare with.`);
  if (comparison === undefined) throw missing("rows");
  const test = await comparison.test();
  const { theta, x, weights } = test;
  const reference = repeatRow(thetaRef, x.rows);
  const mse = (found: Float64Array, truth: Float64Array) =>
    weights.reduce((sum, weight, i) => sum + weight * (found[i] - truth[i]) ** 2, 0);
  if (asks(names.ratio)) {
    const truth = logRatio?.(theta, reference, x) ?? test.logRatio;
    if (truth === undefined) throw missing("true log ratio");
    scores[names.ratio] = mse(await learned.logRatio(theta, x), truth);
  }
  if (asks(names.density) && learned.logProb) {
    const truth = logProb?.(theta, x) ?? test.logProb;
    if (truth === undefined) throw missing("true log p");
    scores[names.density] = mse(await learned.logProb(theta, x), truth);
  }
  if (asks(names.score)) {
    if (score === undefined) throw missing("exact score");
    const exact = score(reference, x);
    const found = await (learned.score?.(x) ?? slopes(learned, reference, x, simulator.prior.sd));
    let [off, all] = [0, 0];
    exact.data.forEach((t, k) => {
      const weight = weights[Math.floor(k / exact.cols)] * simulator.prior.sd[k % exact.cols] ** 2;
      off += weight * (found.data[k] - t) ** 2;
      all += weight * t ** 2;
    });
    scores[names.score] = off / all;
  }
  for (const [each, value] of Object.entries(scores)) {
    if (Number.isFinite(value)) continue;
    throw new RangeError(`scoreRatio: ${each} must be a finite number, got ${value}.`);
  }
  return scores;
}

/** The gradient of a learned log ratio with respect to `theta`, `[N, D]`. */
async function slopes(
  { logRatio }: Pick<LearnedRatio, "logRatio">,
  theta: Matrix,
  x: Matrix,
  sd: ArrayLike<number>,
): Promise<Matrix> {
  const { rows, cols } = theta;
  const out = matrix(rows, cols);
  for (let j = 0; j < cols; j++) {
    const at = (by: number) => {
      const moved = theta.data.map((value, k) => (k % cols === j ? value + by * step * sd[j] : value));
      return logRatio(matrix(rows, cols, moved), x);
    };
    const [a, b, c, d] = [await at(-2), await at(-1), await at(1), await at(2)];
    for (let i = 0; i < rows; i++) {
      out.data[i * cols + j] = (8 * (c[i] - b[i]) - (d[i] - a[i])) / (12 * step * sd[j]);
    }
  }
  return out;
}
