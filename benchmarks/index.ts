/**
 * Problems whose posterior is known, methods by name, and the runner that compares them.
 *
 * @module
 */
export { type BenchOptions, type BenchRecord, bench } from "./bench.js";
export { findMethod, type Method, methods } from "./methods.js";
export type { Problem } from "./problem.js";
export { findProblem, problems } from "./problems.js";
export { referenceDraws } from "./reference-draws.js";
