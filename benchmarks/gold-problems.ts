/**
 * The registry of problems that give gold, by name. A problem is loaded when it is asked for. To add one, write its file
 * and a line here; a user's package can bring its own without (`./my-problem.js#problem`).
 *
 * @module
 */
import type { GoldProblem } from "./gold-problem.js";
import { find, type Registry } from "./registry.js";

/** Loaders by name. */
export const goldProblems: Readonly<Record<string, () => Promise<GoldProblem>>> = {
  branching: async () => (await import("./problems/branching.js")).problem,
  eft: async () => (await import("./problems/eft.js")).problem,
  eft_truth: async () => (await import("./problems/eft.js")).truthProblem,
  epidemiology: async () => (await import("./problems/epidemiology.js")).problem,
  galton_board: async () => (await import("./problems/galton-board.js")).problem,
  hidden_markov: async () => (await import("./problems/hidden-markov.js")).problem,
  lotka_volterra_jumps: async () => (await import("./problems/lotka-volterra.js")).problem,
  lotka_volterra_small: async () => (await import("./problems/lotka-volterra-small.js")).problem,
  lotka_volterra_zoom: async () => (await import("./problems/lotka-volterra-zoom.js")).problem,
  moving_mixture: async () => (await import("./problems/moving-mixture.js")).problem,
  pin_board: async () => (await import("./problems/pin-board.js")).problem,
  state_space: async () => (await import("./problems/state-space.js")).problem,
};

/** The problems as plans name them. */
export const goldProblemRegistry: Registry<GoldProblem> = {
  kind: "problem",
  entries: goldProblems,
  flaw(value) {
    const { simulator, thetaRef } = value as Partial<GoldProblem>;
    if (typeof simulator?.simulate !== "function") return "it has no simulator";
    if (!Array.isArray(thetaRef) || thetaRef.length !== simulator.parameters.length) {
      return `its thetaRef must be a list of ${simulator.parameters.length} numbers`;
    }
    return undefined;
  },
};

/**
 * Loads a problem that gives gold.
 *
 * @param name - a word of the registry, or `./module.js#export` or `package#export`.
 * @param folder - where relative paths begin. Default: the working folder.
 * @throws {ConfigError} if there is none; the message lists the known ones.
 * @example
 * const { simulator, thetaRef } = await findGoldProblem("galton_board");
 * const simulations = await simulateGold(simulator, { n: 10_000, thetaRef, seed: 1 });
 */
export async function findGoldProblem(name: string, folder?: string): Promise<GoldProblem> {
  return (await find(goldProblemRegistry, name, folder)).item;
}
