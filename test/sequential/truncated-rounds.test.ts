import { beforeAll, describe, expect, it } from "vitest";
import { column } from "../../src/core/matrix.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { aalr } from "../../src/estimators/aalr.js";
import { uniform } from "../../src/prior/uniform.js";
import { truncatedRounds } from "../../src/sequential/truncated-rounds.js";
import { defineSimulator } from "../../src/simulator.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("auto");
});

const width = 0.5;
/** The posterior of one observation well inside the box is N(observed, width^2). */
const simulator = defineSimulator({
  prior: uniform({ a: [-5, 5], b: [-5, 5] }),
  xShape: [2],
  run: ({ a, b }, rng) => [a + width * rng.normal(), b + width * rng.normal()],
});
const observed = [1, -2];
const network = { kind: "mlp", hidden: [32, 32], activation: "silu" } as const;
const run = (simulations: number[]) =>
  truncatedRounds(simulator, {
    observed,
    simulations,
    objective: (data) => aalr(data, { network }),
    train: { engine, epochs: 60 },
    draws: 1000,
    left: 1e-3,
    seed: 1,
  });

describe("rounds of truncated proposals", () => {
  it("spend the budget where the posterior is, and find it", async () => {
    await using result = await run([500, 500]);
    const { rounds, simulations } = result;
    expect(rounds.map(({ simulated }) => simulated)).toEqual([500, 500]);
    expect(simulations.theta.rows).toBe(1000);
    expect(rounds[0].acceptance).toBe(1);
    expect(rounds[1].acceptance).toBeLessThan(0.8);
    expect(rounds[1].trainedOn).toBeGreaterThanOrEqual(500);
    expect(rounds[1].trainedOn).toBeLessThan(1000);
    const draws = await result.sample(1000, { seed: 2 });
    for (const j of [0, 1]) {
      const values = column(draws, j);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
      expect(Math.abs(mean - observed[j])).toBeLessThan(0.5 * width); // learned from 1,000 simulations
      expect(sd / width).toBeGreaterThan(0.6);
      expect(sd / width).toBeLessThan(1.6);
    }
    const outside = await result.target.logProb({ data: Float64Array.of(4.9, 4.9), rows: 1, cols: 2 });
    expect(outside[0]).toBe(-Infinity);
    expect(Array.from(await result.sample(50, { seed: 2 }).then(({ data }) => data.slice(0, 4)))).toEqual(
      Array.from((await result.sample(50, { seed: 2 })).data.slice(0, 4)),
    );
  });

  it("stop at a simulation that fails, or count it, before the budget is gone", async () => {
    const fragile = defineSimulator({
      prior: uniform({ a: [-5, 5], b: [-5, 5] }),
      xShape: [2],
      run: ({ a, b }) => (a > 4 ? [Number.NaN, b] : [a, b]),
    });
    const options = {
      observed,
      simulations: [200],
      objective: (data: Parameters<typeof aalr>[0]) => aalr(data, { network }),
      train: { engine, epochs: 1 },
      seed: 1,
    };
    await expect(truncatedRounds(fragile, options)).rejects.toThrow(
      /of 200 simulations .* gave no usable data/,
    );
    await using result = await truncatedRounds(fragile, { ...options, invalid: "drop" });
    const [{ simulated, failed, trainedOn }] = result.rounds;
    expect(failed).toBeGreaterThan(5); // a tenth of 200
    expect([simulated, trainedOn, result.simulations.dropped]).toEqual([200, 200 - failed, failed]);
    expect(result.estimator.header.card).toBeUndefined();
  });

  it.each([
    [{ simulations: [] }, /for each round, got no round/],
    [{ simulations: [100, 0] }, /positive whole number for each round, got 0/],
    [{ left: 1 }, /left must be in \(0, 1\), got 1/],
    [{ rounds: 3 }, /rounds/],
    [{ observed: [1] }, /one row of 2 numbers, as .* simulates them, got 1/],
    [{ observed: [1, Number.NaN] }, /observed holds NaN at 1/],
    [{ draws: 0 }, /draws must be a positive whole number, got 0/],
    [{ invalid: "skip" }, /invalid must be "error" or "drop"/],
  ])("refuse %o", async (wrong, message) => {
    const options = { observed, simulations: [100], objective: (data: never) => aalr(data), ...wrong };
    await expect(truncatedRounds(simulator, options as never)).rejects.toThrow(message);
  });
});
