import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { column, fromRows } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { aalr } from "../../src/estimators/aalr.js";
import { npe } from "../../src/estimators/npe.js";
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
    expect(rounds[1].proposal).toBe("prior");
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

  it("draw from the posterior where the prior hardly ever hits its region, and again from a folder", async () => {
    const narrow = 1e-3;
    let calls = 0;
    const precise = defineSimulator({
      prior: uniform({ a: [-5, 5], b: [-5, 5], c: [-5, 5], d: [-5, 5] }),
      xShape: [4],
      run({ a, b, c, d }, rng) {
        calls++;
        return [a, b, c, d].map((value) => value + narrow * rng.normal());
      },
    });
    const observed = [1, -2, 0, 2];
    const folder = await mkdtemp(join(tmpdir(), "galton-"));
    const go = () =>
      truncatedRounds(precise, {
        observed,
        simulations: [200, 200, 200],
        objective: (data) => npe(data, { density: { kind: "mixtureDensity", components: 1, hidden: [16] } }),
        train: { engine, epochs: 60, batchSize: 10, learningRate: 5e-3 },
        draws: 1000,
        left: 0.2,
        seed: 1,
        folder,
      });
    try {
      await using whole = await go();
      expect(calls).toBe(600); // the budget, and not one more
      const last = whole.rounds[2];
      expect(last.proposal).toBe("posterior");
      expect(last.acceptance).toBeLessThan(1e-3);
      expect(last.tries).toBeLessThan(0.1 / last.acceptance);
      expect(whole.simulations.theta.rows).toBe(600);
      await using again = await go();
      expect(calls).toBe(600);
      expect(again.rounds).toEqual(whole.rounds);
      expect(again.simulations.theta).toEqual(whole.simulations.theta);

      // draws of wider noise, by their weights, are those of the posterior itself: (sum w) / n is 1, and moments agree
      const n = 4000;
      const { theta, logWeights } = await whole.estimator.sampleWide(observed, n, key(1), 1.5);
      const weights = logWeights.map(Math.exp);
      const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
      expect(Math.abs(sum(weights) / n - 1)).toBeLessThan(4 * Math.sqrt(1.09 / n)); // (s / sqrt(2 - 1 / s^2))^4 - 1
      const plain = column(await whole.estimator.sample(fromRows([observed]), n, key(2)), 0);
      const wide = column(theta, 0);
      const mean = sum(plain) / n;
      const variance = sum(plain.map((value) => (value - mean) ** 2)) / n;
      const weighted = sum(weights.map((w, i) => w * (wide[i] - mean) ** 2)) / sum(weights);
      expect(Math.abs(weighted / variance - 1)).toBeLessThan(0.15); // 4 errors of sqrt(2 / n) each, and the weights' share
      expect(sum(wide.map((value) => (value - mean) ** 2)) / n).toBeGreaterThan(1.8 * variance); // 1.5^2
    } finally {
      await rm(folder, { recursive: true });
    }
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
