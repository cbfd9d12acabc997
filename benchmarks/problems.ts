/**
 * The registry of problems with known answers, by name. A problem is loaded when it is asked for. To add one,
 * write its file and a line here; a user's package can bring its own without (`./my-problem.js#problem`).
 *
 * @module
 */
import type { Problem } from "./problem.js";
import { find, type Registry } from "./registry.js";

/** Loaders by name. */
export const problems: Readonly<Record<string, () => Promise<Problem>>> = {
  asymmetries: async () => (await import("./problems/asymmetries/problem.js")).problem,
  bernoulli_glm: async () => (await import("./problems/bernoulli-glm.js")).bernoulliGlm,
  bernoulli_glm_raw: async () => (await import("./problems/bernoulli-glm.js")).bernoulliGlmRaw,
  gaussian_linear: async () => (await import("./problems/gaussian-linear.js")).gaussianLinear,
  gaussian_linear_uniform: async () => (await import("./problems/gaussian-linear.js")).gaussianLinearUniform,
  gaussian_mixture: async () => (await import("./problems/gaussian-mixture.js")).problem,
  lotka_volterra: async () => (await import("./problems/lotka-volterra-ode.js")).problem,
  sir: async () => (await import("./problems/sir.js")).problem,
  slcp: async () => (await import("./problems/slcp.js")).problem,
  slcp_aalr: async () => (await import("./problems/slcp-aalr.js")).problem,
  slcp_distractors: async () => (await import("./problems/slcp-distractors.js")).problem,
  two_moons: async () => (await import("./problems/two-moons.js")).problem,
};

/** The problems as plans name them. */
export const problemRegistry: Registry<Problem> = {
  kind: "problem",
  entries: problems,
  flaw(value) {
    const { simulator, observations, observation, exactPosterior, trueParameters } =
      value as Partial<Problem>;
    if (typeof simulator?.simulate !== "function") return "it has no simulator";
    if (!Array.isArray(observations) || observations.length === 0) return "it has no list of observations";
    const missing = Object.entries({ observation, trueParameters, exactPosterior }).find(
      ([, member]) => typeof member !== "function",
    );
    return missing && `it has no function ${missing[0]}`;
  },
};

/**
 * Loads a problem.
 *
 * @param name - a word of the registry, or `./module.js#export` or `package#export`.
 * @param folder - where relative paths begin. Default: the working folder.
 * @throws {ConfigError} if there is none; the message lists the known ones.
 * @example
 * const slcp = await findProblem("slcp");
 * const draws = slcp.exactPosterior(slcp.observation(1), 10_000, key("truth"));
 */
export async function findProblem(name: string, folder?: string): Promise<Problem> {
  return (await find(problemRegistry, name, folder)).item;
}
