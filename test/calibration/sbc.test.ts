import { describe, expect, it } from "vitest";
import { sbcRanks, sbcTest } from "../../src/calibration/sbc.js";
import { chiSquaredTest, ecdfEnvelope, ksUniform } from "../../src/calibration/uniformity.js";
import { matrix } from "../../src/core/matrix.js";
import { foldIn, key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";

/** Ranks of theta ~ Normal(0, 1) given x ~ Normal(theta, 1), among draws of Normal(x / 2 + shift, width^2 / 2). */
function ranksOf({ width = 1, shift = 0, n = 600, numDraws = 63, seed = 1 } = {}) {
  const rng = stream(key(seed));
  const truth = matrix(n, 1);
  const draws = matrix(n * numDraws, 1);
  for (let i = 0; i < n; i++) {
    truth.data[i] = rng.normal();
    const mean = rng.normal(truth.data[i], 1) / 2 + shift;
    for (let s = 0; s < numDraws; s++) draws.data[i * numDraws + s] = rng.normal(mean, width * Math.SQRT1_2);
  }
  return sbcRanks(truth, draws);
}

describe("simulation-based calibration of a conjugate normal posterior", () => {
  it("finds it calibrated", () => {
    const { parameters, pValue } = sbcTest(ranksOf());
    expect(pValue).toBeGreaterThan(1e-3);
    expect(parameters[0].chiSquared.pValue).toBeGreaterThan(1e-3);
    expect(parameters[0].insideEnvelope).toBe(true);
  });

  it.each([
    ["too narrow", { width: 0.6 }],
    ["too wide", { width: 1.7 }],
    ["shifted", { shift: 0.3 }],
  ])("finds one that is %s", (_, error) => {
    const { parameters, pValue } = sbcTest(ranksOf(error));
    expect(pValue).toBeLessThan(1e-3);
    expect(parameters[0].chiSquared.pValue).toBeLessThan(1e-3);
    expect(parameters[0].insideEnvelope).toBe(false);
  });

  it("gives ranks whose mean tells the direction of a shift", () => {
    const { ranks, numDraws } = ranksOf({ shift: 0.3 });
    const mean = ranks.data.reduce((a, b) => a + b, 0) / ranks.rows;
    expect(mean).toBeLessThan(numDraws / 2); // draws too high: the truth ranks low
  });
});

it("refuses what it cannot test", () => {
  expect(() => sbcTest({ ranks: matrix(0, 1), numDraws: 9 })).toThrow(/at least one pair, got none/);
  expect(() => sbcTest({ ranks: matrix(50, 1), numDraws: 9 }, { bins: 11 })).toThrow(/from 1 to 10, got 11/);
});

it("counts smaller draws, and breaks ties over all ranks that they allow", () => {
  const { ranks } = sbcRanks(
    matrix(1, 2, Float64Array.of(0.5, 9)),
    matrix(3, 2, Float64Array.of(0, 1, 1, 2, 2, 3)),
  );
  expect(Array.from(ranks.data)).toEqual([1, 3]);
  const tied = sbcRanks(matrix(4000, 1), matrix(4000 * 3, 1));
  for (const rank of [0, 1, 2, 3]) {
    const share = tied.ranks.data.filter((value) => value === rank).length / 4000;
    expect(Math.abs(share - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / 4000));
  }
});

it("gives the tail of the chi-squared and Kolmogorov laws", () => {
  expect(chiSquaredTest([1, 3], [2, 2]).pValue).toBeCloseTo(0.31731, 5); // one sd, one degree of freedom
  // sqrt(n) D = 1.3581 is the 5 % point for many values
  const n = 100_000;
  const offset = 1.3581 / Math.sqrt(n);
  const shifted = Float64Array.from({ length: n }, (_, i) => Math.min(1, (i + 0.5) / n + offset));
  expect(ksUniform(shifted).pValue).toBeCloseTo(0.05, 2);
});

it("keeps uniform samples inside the envelope as often as it says", () => {
  const n = 200;
  const points = Array.from({ length: 20 }, (_, k) => (k + 1) / 21);
  const { lower, upper } = ecdfEnvelope(n, points, key("envelope"));
  const tries = 1000;
  let inside = 0;
  for (let t = 0; t < tries; t++) {
    const rng = stream(foldIn(key("samples"), t));
    const values = Array.from({ length: n }, () => rng.uniform());
    inside += points.every((p, k) => {
      const share = values.filter((value) => value <= p).length / n;
      return share >= lower[k] && share <= upper[k];
    })
      ? 1
      : 0;
  }
  // 0.95 within 4 binomial errors of both simulations; counts are whole, so the envelope errs outwards
  expect(inside / tries).toBeGreaterThan(0.95 - 4 * Math.sqrt((0.95 * 0.05 * 1.5) / tries));
  expect(inside / tries).toBeLessThan(0.99);
});

it("refuses draws that do not fit the pairs", () => {
  expect(() => sbcRanks(matrix(2, 1), matrix(5, 1))).toThrow(
    /sbcRanks: expected draws of 1 columns .* got \[5, 1\]/,
  );
});
