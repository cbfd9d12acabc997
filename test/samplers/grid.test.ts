import { describe, expect, it } from "vitest";
import { grid } from "../../samplers/grid.js";
import { logDensity } from "../../samplers/target.js";
import { lowerBounded } from "../../src/core/bijection.js";
import { gamma } from "../../src/core/distributions/gamma.js";
import { normal } from "../../src/core/distributions/normal.js";
import { column, fromRows } from "../../src/core/matrix.js";
import { independent } from "../../src/prior/independent.js";
import { uniform } from "../../src/prior/uniform.js";

const [rho, sd] = [0.6, 0.8];
const prior = uniform({ a: [-6, 6], b: [-6, 6] });
/** A correlated normal, five times a density, in a box that it fits. */
const target = logDensity({
  names: ["a", "b"],
  support: prior.support,
  start: prior,
  logProb: ([a, b]) =>
    Math.log(5) -
    (a * a - 2 * rho * a * (b / sd) + (b / sd) ** 2) / (2 * (1 - rho ** 2)) -
    Math.log(2 * Math.PI * sd * Math.sqrt(1 - rho ** 2)),
});

describe("grid", () => {
  it("integrates, and knows marginals, moments and the density", async () => {
    const found = await grid(target);
    expect(found.grid.cells).toEqual([200, 200]);
    expect(found.grid.box).toEqual([
      [-6, 6],
      [-6, 6],
    ]);
    expect(found.logIntegral).toBeCloseTo(Math.log(5), 6);
    expect(found.moments("a").mean).toBeCloseTo(0, 6);
    expect(found.moments("b").sd).toBeCloseTo(sd, 3);
    const b = found.marginal("b");
    expect(b.reduce((sum, value) => sum + value, 0) * (12 / 200)).toBeCloseTo(1, 10);
    const [inside, outside] = await found.logProb(
      fromRows([
        [0.3, -0.2],
        [7, 0],
      ]),
    );
    expect(inside).toBeCloseTo((await target.logProb(fromRows([[0.3, -0.2]])))[0] - Math.log(5), 6);
    expect(outside).toBe(-Infinity);
    expect(found.warnings).toEqual([]);
  });

  it("draws from the density itself, however coarse the cells", async () => {
    const found = await grid(target, { cells: [8, 8] });
    const draws = await found.sample(4000, { seed: 1 });
    expect((await found.sample(4000, { seed: 1 })).data).toEqual(draws.data);
    const values = [column(draws, 0), column(draws, 1)];
    const average = (f: (i: number) => number) =>
      Array.from({ length: 4000 }, (_, i) => f(i)).reduce((sum, value) => sum + value, 0) / 4000;
    expect(Math.abs(average((i) => values[0][i]))).toBeLessThan(4 / Math.sqrt(4000));
    expect(Math.abs(average((i) => values[1][i] ** 2) / sd ** 2 - 1)).toBeLessThan(4 * Math.sqrt(2 / 4000));
    expect(Math.abs(average((i) => values[0][i] * values[1][i]) - rho * sd)).toBeLessThan(0.08);
  });

  it("takes bounds from the support, from draws of the start, or by name", async () => {
    const start = independent({ a: normal(1, 2) });
    const one = logDensity({ names: ["a"], start, logProb: ([a]) => -0.5 * (a - 1) ** 2 });
    const [[low, high]] = (await grid(one)).grid.box;
    expect(low).toBeLessThan(-4);
    expect(high).toBeGreaterThan(6);
    const half = logDensity({ names: ["s"], support: lowerBounded(0), logProb: ([s]) => -s });
    await expect(grid(half)).rejects.toThrow(
      "grid: s has no bounds and the target no start to draw from; pass bounds: { s: [low, high] }.",
    );
    expect((await grid(half, { bounds: { s: [0, 40] } })).logIntegral).toBeCloseTo(0, 3);
  });

  it("begins at the edge of a support that has one, and never looks beyond it", async () => {
    const start = independent({ s: gamma(2, 1) });
    const { support } = start;
    const half = logDensity({ names: ["s"], support, start, logProb: ([s]) => -s });
    const found = await grid(half);
    expect(found.grid.box[0][0]).toBe(0);
    expect(found.grid.box[0][1]).toBeGreaterThan(8);
    expect(found.warnings).toEqual([]);
    const wide = await grid(half, { bounds: { s: [-5, 30] } });
    expect(wide.grid.box).toEqual([[0, 30]]);
    expect(wide.logIntegral).toBeCloseTo(0, 3);
    await expect(grid(half, { bounds: { s: [-5, -1] } })).rejects.toThrow(
      "grid: bounds of s, [-5, -1], lie outside its support, which is from 0 to ",
    );
  });

  it("tells within which cell the density is not to be drawn from", async () => {
    const start = uniform({ a: [0, 1] });
    const { support } = start;
    for (const [value, what] of [
      [Number.NaN, "not a number"],
      [Infinity, "infinite"],
    ] as const) {
      const logProb = ([a]: Float64Array) => (Math.abs(((a * 4) % 1) - 0.5) < 1e-9 ? 0 : value);
      const found = await grid(logDensity({ names: ["a"], support, start, logProb }), { cells: 4 });
      await expect(found.sample(10)).rejects.toThrow(`grid: the log density is ${what} at a 0.`);
    }
  });

  it("lets an abort come while it runs, though the target never waits", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 0);
    const slow: typeof target = {
      ...target,
      async logProb({ rows }) {
        for (const begin = performance.now(); performance.now() - begin < 110; );
        return new Float64Array(rows);
      },
    };
    await expect(grid(slow, { signal: stop.signal })).rejects.toThrow(/abort/);
  });

  it("warns where the box cuts the density off, but not at an edge of the support", async () => {
    const half = logDensity({ names: ["s"], support: lowerBounded(0), logProb: ([s]) => -s });
    const found = await grid(half, { bounds: { s: [0, 0.5] } });
    expect(found.warnings).toHaveLength(1);
    expect(found.warnings[0]).toMatch(
      /At s = 0\.5000 the density is still 61 % of its highest: the box cuts it off/,
    );
  });

  it("shows progress, stops when aborted, and refuses what cannot be", async () => {
    const seen: number[] = [];
    await grid(target, { onProgress: ({ done }) => seen.push(done) });
    expect(seen).toEqual([20_000, 40_000]);
    await expect(grid(target, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
    const refused = (options: object) => expect(grid(target, options)).rejects;
    await refused({ bounds: { c: [0, 1] } }).toThrow(/bounds are given for "c", but the parameters are a, b/);
    await refused({ bounds: { a: [1, 1] } }).toThrow("bounds of a must be finite and rise, got [1, 1]");
    await refused({ cells: 1 }).toThrow("cells must be a whole number of at least 2, or 2 of them, got 1");
    await refused({ cells: 1e6 }).toThrow("at most 10000000 cells, got 1000000 x 1000000 = 1000000000000");
    await refused({ cells: [4] }).toThrow(/or 2 of them, got \[4\]/);
    const four = logDensity({ names: ["a", "b", "c", "d"], logProb: () => 0 });
    await expect(grid(four)).rejects.toThrow(/expected one to three parameters, got 4 \(a, b, c, d\)/);
    const nowhere = logDensity({ names: ["a"], start: uniform({ a: [0, 1] }), logProb: () => -Infinity });
    await expect(grid(nowhere)).rejects.toThrow(/must be positive and finite somewhere on the grid/);
    const broken = logDensity({ names: ["a"], start: uniform({ a: [0, 1] }), logProb: () => Number.NaN });
    await expect(grid(broken)).rejects.toThrow(/the log density is not a number at a /);
    const found = await grid(target, { cells: 10 });
    expect(() => found.marginal("c")).toThrow('grid: there is no parameter "c"; there are a, b.');
    await expect(found.sample(0)).rejects.toThrow("n must be a positive whole number, got 0");
  });
});
