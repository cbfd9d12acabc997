import { describe, expect, it } from "vitest";
import { tarp } from "../../src/calibration/tarp.js";
import { type Matrix, matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";

const pairs = 400;
const numDraws = 100;

/** Posteriors N(m, 1) of two parameters with m ~ N(0, 3): the truth is one more draw; `width` and `shift` spoil the draws. */
function joint(width: number, shift = 0, correlation = 0): { truth: Matrix; draws: Matrix } {
  const rng = stream(key("tarp"));
  const truth = matrix(pairs, 2);
  const draws = matrix(pairs * numDraws, 2);
  const sine = Math.sqrt(1 - correlation ** 2);
  for (let i = 0; i < pairs; i++) {
    const m = [3 * rng.normal(), 3 * rng.normal()];
    const z = [rng.normal(), rng.normal()];
    truth.data.set([m[0] + z[0], 1000 * (m[1] + correlation * z[0] + sine * z[1])], 2 * i);
    for (let s = 0; s < numDraws; s++) {
      draws.data.set(
        [m[0] + shift + width * rng.normal(), 1000 * (m[1] + width * rng.normal())],
        2 * (i * numDraws + s),
      );
    }
  }
  return { truth, draws };
}

describe("TARP", () => {
  it("accepts an accurate posterior, whatever the units", () => {
    const { truth, draws } = joint(1);
    const { coverage, levels, pValue, excess } = tarp(truth, draws, { seed: 1 });
    expect(pValue).toBeGreaterThan(0.01);
    const band = 4 * Math.sqrt(0.25 / pairs); // of a share of 400 pairs
    for (const [k, level] of levels.entries()) expect(Math.abs(coverage[k] - level)).toBeLessThan(band);
    expect(Math.abs(excess)).toBeLessThan(4 * Math.sqrt(1 / 48 / pairs)); // Var |u - 1/2| = 1/48
  });

  it("says overconfident, too wide and shifted apart from accurate", () => {
    const narrow = joint(0.5);
    const wide = joint(2);
    const shifted = joint(1, 1.5);
    const results = [narrow, wide, shifted].map(({ truth, draws }) => tarp(truth, draws, { seed: 1 }));
    for (const { pValue } of results) expect(pValue).toBeLessThan(1e-3);
    expect(results[0].excess).toBeGreaterThan(0.03);
    expect(results[1].excess).toBeLessThan(-0.03);
  });

  it("sees a missing correlation that no marginal shows", () => {
    const { truth, draws } = joint(1, 0, 0.95);
    expect(tarp(truth, draws, { seed: 1 }).pValue).toBeLessThan(0.01);
  });

  it("covers levels from 0 to 1 even where all shares are equal", () => {
    const truth = matrix(50, 1, new Float64Array(50).fill(10));
    truth.data[0] = 9;
    const draws = matrix(
      500,
      1,
      Float64Array.from({ length: 500 }, (_, i) => (i % 7) - 3),
    );
    const { levels } = tarp(truth, draws, { references: matrix(50, 1) });
    expect([levels[0], levels[levels.length - 1]]).toEqual([0, 1]);
  });

  it("refuses shapes that do not fit and values that are not finite", () => {
    expect(() => tarp(matrix(3, 2), matrix(7, 2))).toThrow(/whole number of rows for each of 3 pairs/);
    expect(() => tarp(matrix(0, 2), matrix(0, 2))).toThrow(/0 pairs/);
    expect(() => tarp(matrix(3, 2), matrix(6, 2), { references: matrix(2, 2) })).toThrow(
      /one reference point per pair/,
    );
    const draws = matrix(6, 2);
    draws.data[5] = Number.NaN;
    expect(() => tarp(matrix(3, 2), draws)).toThrow(/draws holds NaN in row 2/);
  });
});
