/**
 * The registry of problems with known answers, by name. A problem is loaded when it is asked for.
 *
 * @module
 */
import type { Problem } from "./problem.js";

/** Loaders by name. */
export const problems: Readonly<Record<string, () => Promise<Problem>>> = {
  asymmetries: async () => (await import("./problems/asymmetries/problem.js")).problem,
  gaussian_linear: async () => (await import("./problems/gaussian-linear.js")).gaussianLinear,
  gaussian_linear_uniform: async () => (await import("./problems/gaussian-linear.js")).gaussianLinearUniform,
  gaussian_mixture: async () => (await import("./problems/gaussian-mixture.js")).problem,
  slcp: async () => (await import("./problems/slcp.js")).problem,
  slcp_aalr: async () => (await import("./problems/slcp-aalr.js")).problem,
  two_moons: async () => (await import("./problems/two-moons.js")).problem,
};

/**
 * Loads a problem.
 *
 * @throws {RangeError} if the name is unknown; the message lists the known ones.
 * @example
 * const slcp = await findProblem("slcp");
 * const draws = slcp.exactPosterior(slcp.observation(1), 10_000, key("truth"));
 */
export async function findProblem(name: string): Promise<Problem> {
  if (!Object.hasOwn(problems, name)) {
    throw new RangeError(`findProblem: expected one of ${Object.keys(problems).join(", ")}, got "${name}".`);
  }
  return problems[name]();
}
