/** A run of rounds that was stopped goes on from its folder, bit for bit. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readDataset } from "../../src/dataset/files.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { npe } from "../../src/estimators/npe.js";
import type { PosteriorEstimator } from "../../src/estimators/posterior.js";
import { uniform } from "../../src/prior/uniform.js";
import { type TruncatedRoundsOptions, truncatedRounds } from "../../src/sequential/truncated-rounds.js";
import { defineSimulator } from "../../src/simulator.js";

let engine: Engine;
let folder: string;
beforeAll(async () => {
  engine = await openEngine("auto");
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "galton-"));
});
afterEach(() => rm(folder, { recursive: true }));

let calls = 0;
const simulator = defineSimulator({
  prior: uniform({ a: [-5, 5] }),
  xShape: [1],
  run({ a }, rng) {
    calls++;
    return [a > 4.9 ? Number.NaN : a + rng.normal()];
  },
});
const density = { kind: "mixtureDensity", components: 1, hidden: [8] };
const options: TruncatedRoundsOptions<PosteriorEstimator> = {
  observed: [1],
  simulations: [100, 60],
  objective: (data) => npe(data, { density }),
  draws: 200,
  left: 0.05,
  invalid: "drop",
  seed: 3,
};

/** What a run leaves, as bytes. */
async function outcome(more: Partial<TruncatedRoundsOptions<PosteriorEstimator>> = {}) {
  await using run = await truncatedRounds(simulator, {
    ...options,
    train: { engine, epochs: 3 },
    ...more,
  });
  const { data } = await run.sample(50, { seed: 1 });
  return { data, weights: run.estimator.weights, rounds: run.rounds, theta: run.simulations.theta.data };
}

/** Stops a run in the middle of the training of round `round`, or after it. */
async function stopped(when: "training" | "after", round: number) {
  const controller = new AbortController();
  let epochs = 0;
  const slow: Engine = {
    ...engine,
    async train(...args: Parameters<Engine["train"]>) {
      const session = await engine.train(...args);
      return {
        ...session,
        run(...rest: Parameters<typeof session.run>) {
          if (when === "training" && ++epochs > 3 * (round - 1) + 1) controller.abort();
          return session.run(...rest);
        },
      };
    },
  };
  const run = truncatedRounds(simulator, {
    ...options,
    train: { engine: slow, epochs: 3 },
    folder,
    signal: controller.signal,
    onProgress: ({ round: done }) => {
      if (when === "after" && done === round) controller.abort();
    },
  });
  await expect(run).rejects.toThrow(/abort/i);
}

describe("rounds in a folder", () => {
  it.each([
    ["after the first round", "after", 1, 100],
    ["in the middle of the second training", "training", 2, 160],
  ] as const)("go on bit for bit when stopped %s", async (_, when, round, simulated) => {
    const whole = await outcome();
    calls = 0;
    await stopped(when, round);
    expect(calls).toBe(simulated);
    expect(await outcome({ folder })).toEqual(whole);
    expect(calls).toBe(160); // the budget, and not one more
    calls = 0;
    expect(await outcome({ folder })).toEqual(whole); // and again, from the folder alone
    expect(calls).toBe(0);
    const { theta, dropped } = await readDataset(join(folder, "round-1"));
    expect(theta.rows + dropped).toBe(100);
    expect((await readdir(join(folder, "round-2"))).sort()).toEqual([
      "manifest.json",
      "networks.safetensors",
      "shard-000000.arrow",
    ]);
  });

  it("are refused by the name of what differs", async () => {
    await stopped("after", 1);
    await expect(outcome({ folder, seed: 4 })).rejects.toThrow(/seed was "3" and is "4"/);
    await expect(outcome({ folder, simulations: [100, 70] })).rejects.toThrow(
      /simulations was \[100,60\] and is \[100,70\]/,
    );
    await expect(outcome({ folder, left: 0.1 })).rejects.toThrow(/method was .*0.05/);
    await expect(outcome({ folder, train: { engine, epochs: 4 } })).rejects.toThrow(/train was .*"epochs":3/);
    await expect(
      outcome({ folder, objective: (data) => npe(data, { density: { ...density, components: 2 } }) }),
    ).rejects.toThrow(/objective was .*"components":1/);
    await writeFile(join(folder, "rounds.json"), "{}");
    await expect(outcome({ folder })).rejects.toThrow(/expected "galton-rounds"/);
  });
});
