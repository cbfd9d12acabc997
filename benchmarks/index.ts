/**
 * Problems whose posterior is known, methods by name, and the runner that compares them.
 *
 * @module
 */
export type { GoldProblem, RatioComparison, RatioTest } from "./gold-problem.js";
export { findGoldProblem, goldProblems } from "./gold-problems.js";
export { type GroupInput, type JobOutcome, type KeptTable, runGroupJob, type Settings } from "./group.js";
export type { Method, MethodTask, Prepared, Sampled, TrainingOptions } from "./method.js";
export { findMethod, methods, ratioMethods } from "./methods.js";
export {
  type Comparison,
  type Plan,
  type PlannedJob,
  parsePlan,
  type ResolvedPlan,
  readPlan,
  resolvePlan,
} from "./plan.js";
export { type Observation, observationList, type Problem } from "./problem.js";
export { findProblem, problems } from "./problems.js";
export { type PublishedCurve, publishedCurves } from "./published.js";
export type { LearnedRatio, RatioMethod, RatioTask } from "./ratio-method.js";
export { flatRecord, type Job, type JobRecord, jobId } from "./record.js";
export { referenceDraws } from "./reference-draws.js";
export { benchmarkReport } from "./report/report.js";
export { readKeptDraws, readKeptMarginals, readResults } from "./results.js";
export { type RunPlanOptions, type RunSummary, runPlan } from "./runner.js";
