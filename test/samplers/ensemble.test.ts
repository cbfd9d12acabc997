import { describe, expect, it } from "vitest";
import { groupedEss } from "../../samplers/diagnostics/groups.js";
import { differentialEvolution } from "../../samplers/differential-evolution.js";
import { chainValues, concatenate, drawsMatrix } from "../../samplers/draws.js";
import type { Sampler } from "../../samplers/kernel.js";
import { sample } from "../../samplers/sample.js";
import { stretch, stretchMove } from "../../samplers/stretch.js";
import { summary } from "../../samplers/summary.js";
import { logDensity } from "../../samplers/target.js";
import type { LogDensity } from "../../src/core/contracts.js";
import { fromRows, matrix } from "../../src/core/matrix.js";
import { foldIn, key, stream } from "../../src/core/random.js";
import { departures, type ExactTarget, funnel, skewed } from "./stationarity.js";
import { boxStart, normalStart, normalTarget } from "./targets.js";

const kinds: [string, (target: LogDensity) => Sampler, ExactTarget][] = [
  ["stretch moves", (target) => stretch(target), funnel],
  ["differential evolution", (target) => differentialEvolution(target), skewed],
  ["snooker moves", (target) => differentialEvolution(target, { snookerShare: 1 }), funnel],
];

it.each(kinds)("%s leave exact draws of a curved density exact", async (_, make, exact) => {
  for (const departure of await departures(make, exact)) expect(departure).toBeLessThan(1.95);
});

describe("the stretch move", () => {
  it("lies on the line through the other walker, with the density of stretches of its paper", () => {
    // g(s) proportional to 1 / sqrt(s) on [1 / a, a] (eq. 9), so sqrt(s) is uniform; the factor is s^(D - 1)
    const move = stretchMove(2);
    const out = new Float64Array(3);
    const u = Float64Array.of(1, 2, 3);
    const other = Float64Array.of(-1, 0.5, 3.5);
    let mean = 0;
    for (let i = 0; i < 2000; i++) {
      const logFactor = move(u, [other], stream(foldIn(key(1), i)), out);
      const s = (out[0] - other[0]) / (u[0] - other[0]);
      for (let j = 0; j < 3; j++) expect(out[j] - other[j]).toBeCloseTo(s * (u[j] - other[j]), 12);
      expect(logFactor).toBeCloseTo(2 * Math.log(s), 12);
      mean += Math.sqrt(s) / 2000;
    }
    const [low, high] = [Math.SQRT1_2, Math.SQRT2];
    expect(Math.abs(mean - (low + high) / 2)).toBeLessThan((4 * (high - low)) / Math.sqrt(12 * 2000));
  });

  it("samples a ridge as it samples a sphere", async () => {
    // started as the same ensemble in both coordinates, the draws are each other's image: affine invariance
    const scale = [1, 1000];
    const sphere = normalTarget([0, 0], [[1, 0], [0, 1]]); // biome-ignore format: a matrix
    const ridge = logDensity({
      names: sphere.names,
      logProb: ([x, y]) => -0.5 * x * x - 0.5 * (y / 1000 - 0.9 * x) ** 2,
    });
    const starts = Array.from({ length: 16 }, (_, c) => stream(foldIn(key(2), c)).normals(2));
    const images = starts.map(([x, y]) => [x, scale[1] * (y + 0.9 * x)]);
    const run = (target: LogDensity, initial: ArrayLike<number>[]) =>
      sample(stretch(target, { ensembles: 1 }), {
        chains: 16,
        warmup: 0,
        draws: 40,
        seed: 3,
        initial: fromRows(initial),
      });
    const [plain, stretched] = [await run(sphere, starts), await run(ridge, images)];
    const [x, y] = ["x1", "x2"].map((name) => chainValues(plain, name).data);
    chainValues(stretched, "x2").data.forEach((value, i) => {
      expect(value / scale[1]).toBeCloseTo(y[i] + 0.9 * x[i], 8);
    });
  });
});

describe("differential evolution", () => {
  it("jumps between separated modes, in proportion to their weights", async () => {
    const target = logDensity({
      names: ["x"],
      start: boxStart(1, -8, 8),
      logProb: ([x]) =>
        Math.log(0.3 * Math.exp(-2 * (x + 4) ** 2) + 0.7 * Math.exp(-2 * (x - 4) ** 2) + 1e-300),
    });
    const initial = matrix(
      40,
      1,
      Float64Array.from({ length: 40 }, (_, c) => (c % 2 ? 4 : -4) + c / 100),
    );
    const draws = await sample(differentialEvolution(target), {
      chains: 40,
      warmup: 100,
      draws: 300,
      seed: 1,
      initial,
    });
    const x = chainValues(draws, "x");
    const isRight = { ...x, data: x.data.map((value) => Number(value > 0)) };
    const share = isRight.data.reduce((a, b) => a + b, 0) / isRight.data.length;
    const { mcse } = groupedEss(isRight, 4);
    expect(mcse).toBeLessThan(0.05);
    expect(Math.abs(share - 0.7)).toBeLessThan(4 * mcse);
  });
});

describe("ensembles", () => {
  const target = normalTarget([0, 0], [[1, 0.9], [0.9, 1]], normalStart(2)); // biome-ignore format: a matrix

  it("promise what their means over walkers keep: errors of the mean in units of MCSE", async () => {
    const errors: number[] = [];
    for (let seed = 0; seed < 8; seed++) {
      const run = { chains: 24, warmup: 50, draws: 80, seed, candidates: 500 };
      const draws = await sample(stretch(target), run);
      errors.push(...summary(draws).rows.map(({ mean, mcse }) => mean / mcse));
    }
    // the two parameters are nearly one: eight squares of about 1, whose sum has the standard deviation 4
    const square = errors.reduce((sum, error) => sum + error * error, 0) / 2;
    expect(Math.abs(square - 8)).toBeLessThan(4 * 4);
  });

  it("are counted as groups, side by side, too, and compared by R-hat", async () => {
    const draws = await sample(stretch(target), {
      chains: 24,
      warmup: 50,
      draws: 200,
      seed: 1,
      candidates: 500,
    });
    expect(draws.groups).toBe(4);
    expect(concatenate([draws, draws]).groups).toBe(8);
    expect(() => concatenate([draws, { ...draws, groups: 2 }])).toThrow(/run 1 has groups of 12 chains/);
    expect(summary(draws).nested).toBe(true);
    // one ensemble that is elsewhere shows
    const moved = {
      ...draws,
      values: draws.values.map((value, i) => (i < draws.values.length / 4 ? value + 2 : value)),
    };
    expect(summary(moved).rows[0].rhat).toBeGreaterThan(1.1);
    const alone = await sample(stretch(target, { ensembles: 1 }), {
      chains: 8,
      warmup: 5,
      draws: 20,
      candidates: 500,
    });
    expect(summary(alone).warnings.join()).toMatch(/R-hat or ESS cannot be computed.* on each of 2 groups/);
  });

  it("are the same however many others there are", async () => {
    const starts = fromRows(Array.from({ length: 24 }, (_, c) => stream(foldIn(key(5), c)).normals(2)));
    const run = (ensembles: number) => {
      const chains = 8 * ensembles;
      const initial = { data: starts.data.slice(0, 2 * chains), rows: chains, cols: 2 };
      return sample(stretch(target, { ensembles }), { chains, warmup: 10, draws: 10, seed: 1, initial });
    };
    const [two, three] = [await run(2), await run(3)];
    expect(three.values.subarray(0, two.values.length)).toEqual(two.values);
  });

  it("move half by half: two calls of the target per draw, one row per walker", async () => {
    const draws = await sample(stretch(target), {
      chains: 24,
      warmup: 0,
      draws: 10,
      initial: fromRows(Array.from({ length: 24 }, (_, c) => stream(foldIn(key(6), c)).normals(2))),
    });
    expect(draws.run.evaluations).toMatchObject({ calls: 21, rows: 24 * 11 });
    expect(new Set(drawsMatrix(draws).data).size).toBeGreaterThan(100);
  });

  it.each([
    [() => stretch(target, { longest: 1 }), /stretch: longest must be a number above 1, got 1/],
    [() => stretch(target, { ensembles: 0.5 }), /stretch: ensembles must be a positive integer/],
    [() => stretch(target, { walkers: 3 } as object), /there is no option "walkers"/],
    [
      () => differentialEvolution(target, { jumpShare: -1 }),
      /differentialEvolution: jumpShare must be in \[0, 1\]/,
    ],
    [() => differentialEvolution({} as never), /differentialEvolution: target must be a log density/],
  ])("refuse what they cannot do: %s", (make, message) => {
    expect(make).toThrow(message);
  });

  it("refuse too few walkers, and walkers on a line", async () => {
    await expect(sample(stretch(target), { chains: 1 })).rejects.toThrow(
      /multiple of 4, the groups of stretch/,
    );
    await expect(sample(stretch(target), { chains: 8 })).rejects.toThrow(
      /expected 6 walkers or more.*chains: 24/,
    );
    const line = matrix(
      24,
      2,
      Float64Array.from({ length: 48 }, (_, i) => i >> 1),
    );
    await expect(sample(stretch(target), { chains: 24, initial: line })).rejects.toThrow(
      /6 walkers of an ensemble, 6 of them different, do not span the 2 parameters/,
    );
  });
});
