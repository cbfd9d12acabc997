/** A problem that gives gold and methods that learn a ratio, as a package would export them. */
import type { GoldProblem } from "../../benchmarks/gold-problem.js";
import type { RatioMethod } from "../../benchmarks/ratio-method.js";
import { fromRows } from "../../src/core/matrix.js";
import { defineSimulator } from "../../src/simulator.js";
import { problem as gaussian } from "./own.js";

const { prior } = gaussian.simulator;

/** `x ~ N(theta, 1)` against `theta = 0`: `log r = theta x - theta^2 / 2`. */
export const problem: GoldProblem = {
  name: "one_gaussian_gold",
  title: "The mean of a Gaussian against zero",
  source: "textbooks",
  simulator: defineSimulator({
    name: "one_gaussian_gold",
    prior,
    xShape: [1],
    run: ({ theta }, rng) => theta + rng.normal(),
  }),
  thetaRef: [0],
  logRatio: (theta0, theta1, x) =>
    x.data.map((value, i) => {
      const [a, b] = [theta0.data[i], theta1.data[i]];
      return (a - b) * value - (a * a - b * b) / 2;
    }),
  comparison: {
    denominators: "thetaRef",
    test: async () => ({
      theta: fromRows([[1], [2]]),
      x: fromRows([[1], [3]]),
      weights: Float64Array.of(0.25, 0.5),
    }),
  },
};

/** A problem whose truth is not known. */
export const unknown: GoldProblem = { ...problem, name: "unknown_gold", logRatio: undefined };

const constant = (name: string, value: number): RatioMethod => ({
  name,
  title: name,
  learn: async () => ({
    engine: "none",
    trainCpuSeconds: 0,
    logRatio: async (theta) => new Float64Array(theta.rows).fill(value),
    async [Symbol.asyncDispose]() {},
  }),
});

/** `r = 1`: the log ratios 0.5 and 4 of the test rows are its errors. */
export const ignorant = constant("ignorant", 0);

/** Says nothing that can be scored. */
export const undecided = constant("undecided", Number.NaN);

/** Fails before it starts. */
export const broken: RatioMethod = {
  ...ignorant,
  name: "broken",
  async learn() {
    throw new Error("the gold was lead");
  },
};
