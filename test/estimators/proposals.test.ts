/** Posteriors learned from rows that another proposal than the prior has drawn. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { normal } from "../../src/core/distributions/normal.js";
import { fromRows, matrix, row } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import type { Dataset } from "../../src/dataset/dataset.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { apt } from "../../src/estimators/apt.js";
import { loadPosteriorEstimator, saveEstimator } from "../../src/estimators/file.js";
import { npe } from "../../src/estimators/npe.js";
import type { PosteriorEstimator } from "../../src/estimators/posterior.js";
import { importanceWeights, snpeB } from "../../src/estimators/snpe-b.js";
import { independent } from "../../src/prior/independent.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { uniform } from "../../src/prior/uniform.js";
import type { Objective } from "../../src/train/objective.js";
import { train } from "../../src/train/train.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("auto");
});

/** theta ~ N(0, 1) and x ~ N(theta, 1): the posterior of x is N(x / 2, 1 / 2). Rows come from N(1.5, 1.2^2). */
const prior = normalPrior(["a"], [0], [[1]]);
const proposal = independent({ a: normal(1.5, 1.2) });
const n = 3000;
const theta = proposal.sample(n, key("theta"));
const rng = stream(key("x"));
const x = matrix(
  n,
  1,
  theta.data.map((value) => value + rng.normal()),
);
const rows: Dataset = { theta, x, names: ["a"], xShape: [1], prior, dropped: 0, source: {} };
const logProposal = proposal.logProb(theta);
const density = { kind: "mixtureDensity", components: 1, hidden: [16] };
const observed = 1;

async function moments(estimator: PosteriorEstimator) {
  const draws = await estimator.sample(fromRows([[observed]]), 4000, key(1));
  const mean = draws.data.reduce((a, b) => a + b, 0) / draws.rows;
  const variance = draws.data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.rows;
  return { mean, variance };
}

const learn = (objective: Objective<PosteriorEstimator>) =>
  train(objective, { engine, epochs: 15, seed: 1, card: false });

describe("the posterior from rows of another proposal", () => {
  it("is that of the proposal where nothing corrects it", async () => {
    await using estimator = await learn(npe(rows, { density }));
    const { mean } = await moments(estimator);
    // precision 1 / 1.44 + 1, mean (1.5 / 1.44 + 1) / 1.694 = 1.2
    expect(Math.abs(mean - 1.205)).toBeLessThan(0.15);
  });

  it.each([
    ["atoms", () => apt(rows, { density, atoms: 8 })],
    ["importance weights", () => snpeB(rows, { density, logProposal })],
  ])("is that of the prior by %s", async (_, objective) => {
    await using estimator = await learn(objective());
    const { mean, variance } = await moments(estimator);
    expect(Math.abs(mean - observed / 2)).toBeLessThan(0.15); // from 3,000 rows; uncorrected it is off by 0.7
    expect(Math.abs(variance - 0.5)).toBeLessThan(0.12);
    expect(estimator.header.card).toBeUndefined();
  });

  it("is written to a file and read back", async () => {
    const few = {
      ...rows,
      theta: matrix(200, 1, theta.data.slice(0, 200)),
      x: matrix(200, 1, x.data.slice(0, 200)),
    };
    const options = { density, atoms: 4, priorRows: 50 };
    await using estimator = await train(apt(few, options), { engine, epochs: 2, seed: 1 });
    const folder = await mkdtemp(join(tmpdir(), "galton-"));
    try {
      const path = join(folder, "apt.safetensors");
      await saveEstimator(estimator, path);
      await using loaded = await loadPosteriorEstimator(path, { engine });
      expect(loaded.header.method).toBe("apt");
      const at = [fromRows([[0.3]]), fromRows([[1]])] as const;
      expect(await loaded.logProb(...at)).toEqual(await estimator.logProb(...at));
    } finally {
      await rm(folder, { recursive: true });
    }
    const portable = apt(few, options).portable!;
    const { aptFromPortable } = await import("../../src/estimators/apt.js");
    expect(aptFromPortable(portable.input as never).spec).toEqual(apt(few, options).spec);
  });
});

describe("atoms", () => {
  it("are rows of the pool, each once, and never the row itself", () => {
    const { draw, indices } = apt(rows, { density, atoms: 5 });
    const own = Int32Array.of(3, 40, 41);
    const pool = Int32Array.of(3, 40, 41, 7, 8, 9);
    const counts = indices(3);
    expect(counts).toEqual({ rows: 3, others: 12 });
    const into = { rows: new Int32Array(3), others: new Int32Array(12) };
    draw(own, pool, stream(key(5)), into);
    expect(into.rows).toEqual(own);
    for (const i of [0, 1, 2]) {
      const four = [...into.others.subarray(4 * i, 4 * i + 4)];
      expect(new Set([...four, own[i]]).size).toBe(5);
      expect(four.every((k) => pool.includes(k))).toBe(true);
    }
    const again = { rows: new Int32Array(3), others: new Int32Array(12) };
    draw(own, pool, stream(key(5)), again);
    expect(again).toEqual(into);
    expect(() => draw(own, pool.subarray(0, 4), stream(key(5)), into)).toThrow(
      /5 atoms need as many rows to draw from, there are 4/,
    );
  });

  it("compare densities in unconstrained space, where the prior has its slope", () => {
    const box = uniform({ a: [-1, 1] });
    const inside = box.sample(50, key(2));
    const table = { ...rows, theta: inside, x: matrix(50, 1, new Float64Array(50)), prior: box };
    const objective = apt(table, { density });
    if (objective.streaming) throw new Error("it is in memory");
    const { values } = objective.tables(Int32Array.from(inside.data.keys()));
    for (let i = 0; i < 50; i++) {
      const [a] = row(inside, i);
      // theta = -1 + 2 s, so p(u) = s (1 - s): the logistic density
      expect(values.logPrior[i]).toBeCloseTo(Math.log(((1 + a) / 2) * ((1 - a) / 2)), 5);
    }
  });

  it.each([
    [{ atoms: 1 }, /atoms must be a whole number of at least 2, got 1/],
    [{ priorRows: n + 1 }, /priorRows must be a whole number from 0 to the 3000 rows, got 3001/],
    [{ atom: 3 }, /did you mean atoms/],
  ])("refuse %o", (options, message) => {
    expect(() => apt(rows, options as never)).toThrow(message);
  });

  it("need a prior", () => {
    const { prior: _, ...nameless } = rows;
    expect(() => apt(nameless)).toThrow(/apt: the simulations came without a prior/);
    expect(() => snpeB(nameless, { logProposal })).toThrow(/snpeB: the simulations came without a prior/);
  });
});

describe("importance weights", () => {
  it("are the ratio of densities, with a mean of one, and tell their effective number", () => {
    const { weights, effectiveRows } = importanceWeights([0, 0, Math.log(2)], [0, 0, 0]);
    expect([...weights]).toEqual([0.75, 0.75, 1.5]);
    expect(effectiveRows).toBeCloseTo(16 / 6, 12);
    expect(importanceWeights([-1e4, -1e4], [0, 0]).effectiveRows).toBeCloseTo(2, 12);
    expect(importanceWeights(prior.logProb(theta), logProposal).effectiveRows).toBeGreaterThan(500);
  });

  it("refuse rows without a density", () => {
    expect(() => importanceWeights([0], [0, 1])).toThrow(/1 rows but logProposal 2/);
    expect(() => importanceWeights([0, 0], [0, -Infinity])).toThrow(
      /row 1 has log p = 0 and log ptilde = -Infinity/,
    );
    expect(() => importanceWeights([-Infinity], [0])).toThrow(/no row lies inside the prior/);
    expect(() => snpeB(rows, { density, logProposal: [0] })).toThrow(/3000 rows but logProposal 1/);
  });
});
