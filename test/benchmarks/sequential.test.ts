/** Sequential methods in the benchmark: the budget goes to one observation, once. */
import { describe, expect, it } from "vitest";
import { findMethod } from "../../benchmarks/methods.js";
import { fromRows } from "../../src/core/matrix.js";
import { defineSimulator } from "../../src/simulator.js";
import { problem as plain } from "./own.js";

let calls = 0;
const { simulator } = plain;
const problem = {
  ...plain,
  simulator: defineSimulator({
    name: simulator.name,
    prior: simulator.prior,
    xShape: [1],
    run({ theta }, rng) {
      calls++;
      return theta + rng.normal();
    },
  }),
};

describe("a method that works in rounds", () => {
  it("spends its budget on an observation once", async () => {
    calls = 0;
    const method = await findMethod("snpe-a");
    const task = { problem, simulations: 303, seed: 1, training: { epochs: 2 } };
    await using prepared = await method.prepare(task);
    expect(calls).toBe(0);
    expect(prepared.trainCpuSeconds).toBe(0);
    const observed = problem.observation(1);
    const { draws, cpuSeconds } = await prepared.sample(observed, { draws: 30, seed: 1 });
    expect([draws.rows, calls]).toEqual([30, 303]);
    expect(cpuSeconds).toBeUndefined(); // so that all rounds count as the cost of sampling
    const log = await prepared.logDensity?.(fromRows([[0], [1]]), observed);
    expect(log?.every(Number.isFinite)).toBe(true);
    expect(prepared.coverage).toBeUndefined();
    const again = await prepared.sample(observed, { draws: 30, seed: 1 });
    expect(again.draws.data).toEqual(draws.data);
    expect(calls).toBe(303);
    await prepared.sample(problem.observation(2), { draws: 30, seed: 1 });
    expect(calls).toBe(606);
  });

  it.each([
    ["apt", "logProb"],
    ["apt-mixture", "logDensity"],
    ["snpe-b", "logProb"],
    ["snl", "logDensity"],
    ["snre", "logDensity"],
    ["tsnpe", "logDensity"],
  ])("is found by its name, and knows its density up to what it says: %s", async (name, density) => {
    const method = await findMethod(name);
    await using prepared = await method.prepare({ problem, simulations: 100, seed: 1 });
    expect(method.name).toBe(name);
    expect(Object.keys(prepared).filter((key) => /^log/.test(key))).toEqual([density]);
  });
});
