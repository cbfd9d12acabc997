/**
 * What a plan may name: problems with observations and methods that give their posteriors, and problems that give gold and
 * methods that learn a ratio from it.
 *
 * @module
 */
import type { GoldProblem } from "./gold-problem.js";
import { goldProblemRegistry } from "./gold-problems.js";
import type { Method } from "./method.js";
import { methodRegistry, ratioMethods } from "./methods.js";
import type { Problem } from "./problem.js";
import { problemRegistry } from "./problems.js";
import type { RatioMethod } from "./ratio-method.js";
import type { Registry } from "./registry.js";

/** Whether a problem asks for a ratio. */
export const givesGold = (problem: Problem | GoldProblem): problem is GoldProblem => "thetaRef" in problem;

/** Whether a method learns a ratio. */
export const learnsRatio = (method: Method | RatioMethod): method is RatioMethod => "learn" in method;

/** All problems. */
export const plannedProblems: Registry<Problem | GoldProblem> = {
  kind: "problem",
  entries: { ...problemRegistry.entries, ...goldProblemRegistry.entries },
  flaw: (value) => ("thetaRef" in value ? goldProblemRegistry : problemRegistry).flaw(value),
};

/** All methods. */
export const plannedMethods: Registry<Method | RatioMethod> = {
  kind: "method",
  entries: { ...methodRegistry.entries, ...ratioMethods },
  flaw: (value) =>
    typeof (value as Partial<RatioMethod>).learn === "function" ? undefined : methodRegistry.flaw(value),
};

/** Observations of a problem by number; a ratio is judged as a whole, which is number 1. */
export function observationsOf(problem: Problem | GoldProblem): readonly number[] {
  return givesGold(problem) ? [1] : problem.observations;
}

/** Why a method cannot be run on a problem, as a sentence; `undefined` if it can. */
export function misfit(problem: Problem | GoldProblem, method: Method | RatioMethod): string | undefined {
  if (!givesGold(problem)) {
    return learnsRatio(method)
      ? `${method.name} learns a ratio from gold, which ${problem.name} does not give; expected a problem such as galton_board.`
      : undefined;
  }
  if (!learnsRatio(method)) {
    return `${method.name} gives posteriors, but ${problem.name} compares ratios learned from gold; expected a method such as ${Object.keys(ratioMethods).join(", ")}.`;
  }
  if (problem.comparison && (problem.logRatio || problem.comparison.estimatedBy)) return undefined;
  return `${problem.name} has no exact log ratio to compare ${method.name} with; galton_board and eft have one.`;
}
