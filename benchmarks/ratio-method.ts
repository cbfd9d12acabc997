/**
 * What a method that learns a likelihood ratio from gold is to the benchmark: something that gets a budget of simulations
 * of a problem that gives gold, and then says `log p(x | theta) / p(x | thetaRef)` anywhere. It is judged by its distance
 * from the exact log ratio; there is no posterior and no observation.
 *
 * @module
 */
import { type Matrix, repeatRow } from "../src/core/matrix.js";
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

/** Name of the one score of a learned ratio. */
const scoreName = "logRatioMse";

/**
 * Scores a learned ratio: `sum_i w_i (log r_learned(x_i, theta_i) - log r(x_i, theta_i))^2` over the test rows of the
 * problem, nats squared.
 *
 * @param names - scores that were asked for; other than `logRatioMse` there is none.
 * @throws {RangeError} if the problem has nothing to compare with, or a learned log ratio is not finite.
 */
export async function scoreRatio(
  names: readonly string[],
  { name, logRatio, thetaRef, comparison }: GoldProblem,
  learned: Pick<LearnedRatio, "logRatio">,
): Promise<Scores> {
  if (!names.includes(scoreName)) return {};
  if (comparison === undefined || logRatio === undefined) {
    throw new RangeError(`scoreRatio: ${name} has no exact log ratio and rows to compare at.`);
  }
  const { theta, x, weights } = await comparison.test();
  const exact = logRatio(theta, repeatRow(thetaRef, x.rows), x);
  const found = await learned.logRatio(theta, x);
  let mse = 0;
  weights.forEach((weight, i) => {
    mse += weight * (found[i] - exact[i]) ** 2;
  });
  if (!Number.isFinite(mse)) {
    throw new RangeError(`scoreRatio: ${scoreName} must be a finite number, got ${mse}.`);
  }
  return { [scoreName]: mse };
}
