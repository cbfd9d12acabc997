import { describe, expect, it } from "vitest";
import { essBulk } from "../../samplers/diagnostics/ess.js";
import { chainValues } from "../../samplers/draws.js";
import { sample } from "../../samplers/sample.js";
import { type SliceOptions, slice } from "../../samplers/slice.js";
import { summary } from "../../samplers/summary.js";
import { logDensity } from "../../samplers/target.js";
import { between } from "../../src/core/bijection.js";
import { fromRows, matrix } from "../../src/core/matrix.js";
import { departures, funnel, skewed } from "./stationarity.js";
import { normalStart, normalTarget } from "./targets.js";

const ridge = normalTarget(
  [1, -2],
  [
    [1, 0.99],
    [0.99, 1],
  ],
  normalStart(2),
);

describe("slice sampling", () => {
  it.each([
    ["a skewed density", skewed, 32],
    ["a skewed density, with hardly any steps out", skewed, 1],
    ["Neal's funnel", funnel, 32],
    ["Neal's funnel, with hardly any steps out", funnel, 1],
  ])("leaves exact draws of %s exact", async (_, exact, maxExpansions) => {
    const inverseMass = Float64Array.of(0.3, 0.1, 0.1, 0.2); // narrow and askew: steps out matter
    for (const statistic of await departures(
      (target) => slice(target, { maxExpansions, inverseMass }),
      exact,
    )) {
      expect(statistic).toBeLessThan(1.95); // exceeded once in 1000 times
    }
  });

  it("takes about five evaluations per coordinate, and mixes along a ridge", async () => {
    const options = { chains: 20, warmup: 100, draws: 100, seed: 1 };
    const draws = await sample(slice(ridge), options);
    const perCoordinate = draws.stats.numEvaluations.reduce((a, b) => a + b, 0) / (20 * 100 * 2);
    expect(perCoordinate).toBeLessThan(5.3);
    expect(perCoordinate).toBeGreaterThan(3); // two ends and a point, at least
    const ess = essBulk(chainValues(draws, "x1"));
    expect(ess).toBeGreaterThan(1000);
    const along = await sample(slice(ridge, { metric: "diagonal" }), options);
    expect(essBulk(chainValues(along, "x1"))).toBeLessThan(ess / 5);
    const [row] = summary(draws).rows;
    expect(Math.abs(row.mean - 1)).toBeLessThan(4 * row.mcse);
  });

  it("asks for nothing but the points it counts", async () => {
    const draws = await sample(slice(ridge), {
      chains: 5,
      warmup: 0,
      draws: 40,
      initial: matrix(5, 2),
      seed: 1,
    });
    const { rows } = draws.run.evaluations as { rows: number };
    expect(rows).toBe(draws.stats.numEvaluations.reduce((a, b) => a + b, 0) + 5); // and the starts
  });

  it("finds the widths of a target ten thousand times narrower than it began with", async () => {
    const narrow = normalTarget([0], [[1e-8]]);
    const draws = await sample(slice(narrow), {
      chains: 10,
      warmup: 100,
      draws: 100,
      initial: fromRows(Array.from({ length: 10 }, (_, c) => [c / 10])),
      seed: 2,
    });
    const [row] = summary(draws).rows;
    expect(row.sd).toBeCloseTo(1e-4, 5);
    expect(Math.abs(row.mean)).toBeLessThan(4 * row.mcse);
    expect(draws.stats.numEvaluations.reduce((a, b) => a + b, 0) / 1000).toBeLessThan(6);
  });

  it("goes on where the density is constant, fails or is zero", async () => {
    const settings = { chains: 10, warmup: 50, draws: 100, seed: 1 };
    const flat = logDensity({ names: ["x"], support: between(0, 1), logProb: () => 0 });
    const half = matrix(10, 1, new Float64Array(10).fill(0.5));
    const [row] = summary(await sample(slice(flat), { ...settings, initial: half })).rows;
    expect(Math.abs(row.mean - 0.5)).toBeLessThan(4 * row.mcse);
    expect(row.sd).toBeCloseTo(Math.sqrt(1 / 12), 1);

    const improper = logDensity({ names: ["x"], logProb: () => 0 });
    const walk = await sample(slice(improper), { ...settings, initial: half });
    expect(Math.max(...walk.stats.numEvaluations)).toBeLessThanOrEqual(33); // 32 steps out, and every point is inside

    const cliff = logDensity({
      names: ["x"],
      logProb: ([x]) => (x > 1 ? Number.NaN : x < -1 ? -Infinity : 0),
    });
    const { values } = await sample(slice(cliff), { ...settings, initial: half });
    expect(values.every((value) => value >= -1 && value <= 1)).toBe(true);
  });

  it("draws once with one chain", async () => {
    const draws = await sample(slice(ridge), { chains: 1, warmup: 1, draws: 1, initial: matrix(1, 2) });
    expect(draws.values.every(Number.isFinite)).toBe(true);
  });

  it.each([
    [{ maxExpansions: 0 }, /slice: maxExpansions must be a positive integer, got 0/],
    [{ metric: "round" as "dense" }, /slice: metric must be "diagonal" or "dense"/],
    [{ inverseMass: Float64Array.of(1, 2, 3) }, /slice: inverseMass must hold 2 or 4 numbers, got 3/],
    [{ widths: 1 } as SliceOptions, /slice: there is no option "widths"/],
  ])("refuses %o", (options, message) => {
    expect(() => slice(ridge, options)).toThrow(message);
  });
});
