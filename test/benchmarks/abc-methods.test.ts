import { expect, it } from "vitest";
import type { MethodTask } from "../../benchmarks/method.js";
import { findMethod } from "../../benchmarks/methods.js";
import { findProblem } from "../../benchmarks/problems.js";
import { column } from "../../src/core/matrix.js";
import { counting } from "../abc/conjugate.js";

const problem = await findProblem("gaussian_linear");

it.each([
  ["smc-abc", 5000],
  ["abc-regression", 5000],
])("%s comes nearer to the posterior than the prior is, within its budget", async (name, simulations) => {
  const simulator = counting(problem.simulator);
  const method = await findMethod(name);
  expect(method.name).toBe(name);
  const task: MethodTask = { problem: { ...problem, simulator }, simulations, seed: 1 };
  await using prepared = await method.prepare(task);
  const options = { draws: 1000, seed: 1 };
  const observed = problem.observation(1);
  const { draws, sampling } = await prepared.sample(observed, options);
  expect(simulator.rows()).toBe(simulations);
  expect(sampling.draws).toBe(draws.rows);
  expect(draws.rows).toBeGreaterThanOrEqual(200);
  expect(await prepared.sample(observed, options)).toEqual({ draws, sampling });
  // the posterior is N(observed / 2, 0.05), the prior N(0, 0.1)
  const distance = (of: (j: number) => number) =>
    observed.reduce((sum, x, j) => sum + (of(j) - x / 2) ** 2, 0);
  const mean = (j: number) => column(draws, j).reduce((a, b) => a + b, 0) / draws.rows;
  expect(distance(mean)).toBeLessThan(0.5 * distance(() => 0));
});
