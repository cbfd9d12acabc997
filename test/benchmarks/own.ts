/** A problem and methods of a user's own, as a package would export them. */
import type { Method } from "../../benchmarks/method.js";
import type { Problem } from "../../benchmarks/problem.js";
import { observationList } from "../../benchmarks/problem.js";
import { matrix } from "../../src/core/matrix.js";
import { stream } from "../../src/core/rng.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { defineSimulator } from "../../src/simulator.js";

/** `theta ~ N(0, 1)`, `x ~ N(theta, 1)`: the posterior is `N(x / 2, 1 / 2)`. */
export const problem: Problem = {
  name: "one_gaussian",
  title: "The mean of a Gaussian from one point",
  source: "textbooks",
  simulator: defineSimulator({
    name: "one_gaussian",
    prior: normalPrior(["theta"], [0], [[1]]),
    xShape: [1],
    run: ({ theta }, rng) => theta + rng.normal(),
  }),
  ...observationList("one_gaussian", [{ x: [0.8], theta: [0.5] }, { x: [-3] }]),
  logLikelihood: (theta, x) =>
    theta.data.map((value) => -0.5 * (Math.log(2 * Math.PI) + (x[0] - value) ** 2)),
  logEvidence: (x) => -0.5 * Math.log(4 * Math.PI) - x[0] ** 2 / 4,
  exactPosterior: (x, n, key) => matrix(n, 1, stream(key).normals(n, x[0] / 2, Math.SQRT1_2)),
};

const direct = (name: string, mean: (observed: number) => number): Method => ({
  name,
  title: name,
  async prepare() {
    return {
      engine: "none",
      trainCpuSeconds: 0,
      async sample([observed], { draws, seed }) {
        const values = stream([0, seed]).normals(draws, mean(observed), Math.SQRT1_2);
        return { draws: matrix(draws, 1, values), sampling: { draws } };
      },
      async [Symbol.asyncDispose]() {},
    };
  },
});

/** Always half a standard deviation too high. */
export const biased = direct("biased", (x) => x / 2 + Math.SQRT1_2 / 2);

/** Fails where the observation is negative. */
export const fragile = direct("fragile", (x) => {
  if (x < 0) throw new RangeError("fragile: expected a positive observation.");
  return x / 2;
});

/** Fails before it starts, until the environment says otherwise. */
export const unlucky: Method = {
  ...direct("unlucky", (x) => x / 2),
  prepare(task) {
    if (process.env.GALTON_TEST_LUCK !== "good") throw new Error("the moon was wrong");
    return direct("unlucky", (x) => x / 2).prepare(task);
  },
};

/** Has the name of a problem that comes with galton. */
export const impostor: Problem = { ...problem, name: "slcp" };

/** Would leave the folder of the results. */
export const climber: Problem = { ...problem, name: "../../climber" };

/** Lacks everything. */
export const empty = { name: "empty" };
