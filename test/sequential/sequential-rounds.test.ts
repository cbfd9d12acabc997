import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { fromRows } from "../../src/core/matrix.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { uniform } from "../../src/prior/uniform.js";
import type { SequentialMethod } from "../../src/sequential/methods.js";
import { type SequentialRoundsOptions, sequentialRounds } from "../../src/sequential/sequential-rounds.js";
import { defineSimulator } from "../../src/simulator.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("auto");
});

/**
 * The posterior of x = 3 is N(1.5, 1 / 2). The second round draws from it, and under that as a prior the posterior would be
 * N(2, 1 / 3): what does not allow for the proposal ends near there.
 */
let calls = 0;
const simulator = defineSimulator({
  prior: normalPrior(["a"], [0], [[1]]),
  xShape: [1],
  run({ a }, rng) {
    calls++;
    return [a + rng.normal()];
  },
});
const observed = [3];
const density = { kind: "mixtureDensity", components: 1, hidden: [16] };
const network = { kind: "mlp", hidden: [24, 24], activation: "silu" } as const;
const each: readonly {
  [M in SequentialMethod]: Pick<SequentialRoundsOptions<M>, "method" | "options">;
}[SequentialMethod][] = [
  { method: "apt", options: { density, atoms: 8 } },
  { method: "apt", options: { form: "mixture", density } },
  { method: "snpe-b", options: { density } },
  { method: "snpe-a", options: { components: 1, hidden: [16] } },
  { method: "snl", options: { density } },
  { method: "snre", options: { network } },
];

function moments(values: Float64Array) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
}

describe("rounds from the current posterior", () => {
  it.each(each)("reach the posterior of the prior by $method, within the budget", async (which) => {
    calls = 0;
    const told: number[] = [];
    await using result = await sequentialRounds(simulator, {
      ...which,
      observed,
      simulations: [500, 700],
      train: { engine, epochs: 60, batchSize: 50 },
      seed: 1,
      onProgress: ({ round }) => told.push(round),
    } as SequentialRoundsOptions);
    expect(calls).toBe(1200);
    expect(told).toEqual([1, 2]);
    const { rounds, simulations, target } = result;
    expect(simulations.theta.rows).toBe(1200);
    expect(rounds.map(({ simulated }) => simulated)).toEqual([500, 700]);
    expect(rounds[1].trainedOn).toBe(which.method === "snpe-a" ? 700 : 1200);
    // the second round came from near the posterior, not from the prior
    expect(moments(simulations.theta.data.slice(500)).mean).toBeGreaterThan(1);
    if (which.method === "snpe-b") {
      expect(rounds[0].effectiveRows).toBeUndefined();
      expect(rounds[1].effectiveRows).toBeGreaterThan(300);
      expect(rounds[1].effectiveRows).toBeLessThan(1150);
    }
    const draws = await result.sample(2000, { seed: 2 });
    const { mean, variance } = moments(draws.data);
    expect(Math.abs(mean - 1.5)).toBeLessThan(0.25); // from 1,200 simulations; uncorrected it is off by 0.4
    expect(Math.abs(variance - 0.5)).toBeLessThan(0.2);
    expect((await result.sample(2000, { seed: 2 })).data).toEqual(draws.data);
    // the target is the density of the draws, up to a constant
    const [low, middle, high] = await target.logProb(fromRows([[mean - 0.7], [mean], [mean + 0.7]]));
    for (const side of [low, high]) expect(Math.abs(middle - side - 0.49)).toBeLessThan(0.3);
  });

  it.each([
    ["apt", "apt", { density, atoms: 4 }],
    ["apt by mixtures", "apt", { density, form: "mixture" }],
    ["snpe-a", "snpe-a", { hidden: [16], components: 2, improper: "keep" }],
  ] as const)("of %s go on from a folder, bit for bit", async (_, method, network) => {
    const folder = await mkdtemp(join(tmpdir(), "galton-"));
    const controller = new AbortController();
    const options = {
      observed,
      simulations: [100, 80, 60],
      method,
      options: network,
      train: { engine, epochs: 4 },
      seed: 2,
    } as SequentialRoundsOptions<"apt" | "snpe-a">;
    const bytes = async (more: object) => {
      await using run = await sequentialRounds(simulator, { ...options, ...more });
      return { draws: (await run.sample(20)).data, weights: run.estimator.weights, rounds: run.rounds };
    };
    try {
      const whole = await bytes({});
      const stop = { folder, signal: controller.signal, onProgress: () => controller.abort() };
      await expect(bytes(stop)).rejects.toThrow(/abort/i);
      calls = 0;
      expect(await bytes({ folder })).toEqual(whole);
      expect(calls).toBe(140);
      await expect(
        bytes({ folder, options: { ...options.options, hidden: [8], density: undefined } }),
      ).rejects.toThrow(method === "apt" ? /hidden/ : /method was .*\[16\]/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("of SNPE-A stay inside a uniform prior, and tell how often they left it", async () => {
    const box = defineSimulator({
      prior: uniform({ a: [0, 4] }),
      xShape: [1],
      run: ({ a }, rng) => [a + 0.5 * rng.normal()],
    });
    await using result = await sequentialRounds(box, {
      observed: [0.2],
      simulations: [400, 400],
      method: "snpe-a",
      options: { components: 2, hidden: [16] },
      train: { engine, epochs: 15 },
      seed: 1,
    });
    expect(result.rounds[1].acceptance).toBeLessThan(0.98);
    expect(result.simulations.theta.data.every((a) => a > 0 && a < 4)).toBe(true);
    const draws = await result.sample(500);
    expect(draws.data.every((a) => a > 0 && a < 4)).toBe(true);
    expect((await result.target.logProb(fromRows([[-0.1], [1]])))[0]).toBe(-Infinity);
  });

  it("of SNPE-A read the mixture of their network off as it is, through the map of skewed data", async () => {
    const skewed = defineSimulator({
      prior: normalPrior(["a"], [0], [[4]]),
      xShape: [1],
      run: ({ a }, rng) => [Math.exp(a + rng.normal())],
    });
    await using result = await sequentialRounds(skewed, {
      observed: [5],
      simulations: [300],
      method: "snpe-a",
      options: { components: 3, hidden: [8] },
      train: { engine, epochs: 3 },
    });
    const { estimator, target } = result;
    expect(estimator.header.transforms.tails).toBeDefined();
    const theta = fromRows([[-1], [0.5], [2]]);
    const x = fromRows([[5], [5], [5]]);
    const own = await estimator.logProb(theta, x);
    const found = await target.logProb(theta);
    for (const i of [0, 1, 2]) expect(Math.abs(found[i] - own[i])).toBeLessThan(1e-4); // float32 inside
  });

  it("of SNPE-A stop, or go on, where a component is no distribution", async () => {
    const vague = defineSimulator({
      prior: uniform({ a: [-10, 10] }),
      xShape: [1],
      run: ({ a }, rng) => [a + 2 * rng.normal()],
    });
    const options = {
      observed: [0],
      simulations: [300, 40], // ten components from 40 rows: some are wider than the proposal
      method: "snpe-a",
      train: { engine, epochs: 15, batchSize: 20 },
      seed: 1,
    } as const;
    await expect(sequentialRounds(vague, options)).rejects.toThrow(
      /after round 2, \d of 10 components of "snpe-a" are no distributions .* method "apt".* improper: "keep"/,
    );
    await using result = await sequentialRounds(vague, { ...options, options: { improper: "keep" } });
    expect(result.rounds[0].improper).toBe(0);
    expect(result.rounds[1].improper).toBeGreaterThan(0);
    expect((await result.sample(100)).data.every(Number.isFinite)).toBe(true);
  });

  it.each([
    [{ method: "snpe-d" }, /method must be one of apt, snpe-b, snpe-a, snl, snre, got "snpe-d"/],
    [{ simulations: [100, -1] }, /sequentialRounds: simulations must hold .* got -1/],
    [{ observed: [1, 2] }, /one row of 1 numbers/],
    [{ options: { atom: 3 } }, /options of "apt": there is no option "atom"; did you mean atoms/],
    [{ options: { atoms: 1 } }, /atoms must be a whole number of at least 2/],
    [{ options: { form: "mixed" } }, /form must be "atomic" or "mixture", got "mixed"/],
    [
      { options: { form: "mixture", atoms: 4 } },
      /atoms is of APT by atoms; with form: "mixture" leave it out/,
    ],
    [{ options: { form: "mixture", density: { kind: "nsf" } } }, /of the kind "mixtureDensity", got "nsf"/],
    [{ options: { priorRows: 3 } }, /there is no option "priorRows"/],
    [{ method: "snl", options: { density: { kind: "pancake" } } }, /pancake/],
    [{ method: "snpe-a", options: { improper: "skip" } }, /improper must be "error" or "keep", got "skip"/],
    [{ method: "snpe-a", train: { ensemble: 2 } }, /ensemble: 1, got 2/],
    [{ method: "snre", options: { fresh: simulator } }, /leave fresh out/],
    [{ round: 3 }, /there is no option "round"/],
  ])("refuse %o before anything is simulated", async (wrong, message) => {
    calls = 0;
    const options = { observed, simulations: [100], method: "apt", ...wrong };
    await expect(sequentialRounds(simulator, options as never)).rejects.toThrow(message);
    expect(calls).toBe(0);
  });
});
