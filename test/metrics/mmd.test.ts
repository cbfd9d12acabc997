import { expect, it } from "vitest";
import { fromRows, matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { medianDistance, mmd } from "../../src/metrics/mmd.js";
import { describeWithReference } from "../reference.js";
import { readGolden } from "./two-sample.js";

describeWithReference("mmd against scikit-learn's pairwise distances", "golden/two_sample.json", (path) => {
  const { cases } = readGolden(path);
  it.each(cases)("gives the golden MMD^2 and bandwidths of $name", (golden) => {
    const reference = mmd(golden.reference, golden.other);
    const pooled = mmd(golden.reference, golden.other, { bandwidth: "pooled" });
    expect(Math.abs(reference.bandwidth - golden.medianDistanceReference)).toBeLessThan(1e-9);
    expect(Math.abs(pooled.bandwidth - golden.medianDistancePooled)).toBeLessThan(1e-9);
    expect(Math.abs(reference.squared - golden.mmd2UnbiasedReferenceBandwidth)).toBeLessThan(1e-9);
    expect(Math.abs(pooled.squared - golden.mmd2UnbiasedPooledBandwidth)).toBeLessThan(1e-9);
  });
});

const normals = (rows: number, cols: number, seed: number, shift = 0) =>
  matrix(rows, cols, stream(key(seed)).normals(rows * cols, shift));

it("gives the closed form between two normals that differ by a shift", () => {
  // E k(x, y) = (h^2 / (h^2 + 2))^(1/2) exp(-shift^2 / (2 (h^2 + 2))) for unit normals in one dimension
  const n = 2000;
  const shift = 1;
  const { squared, bandwidth: h } = mmd(normals(n, 1, 1), normals(n, 1, 2, shift));
  const peak = Math.sqrt(h ** 2 / (h ** 2 + 2));
  const exact = 2 * peak * (1 - Math.exp(-(shift ** 2) / (2 * (h ** 2 + 2))));
  // sd of the estimate: below 4 sqrt(var E[k | x] / n), and kernel means vary by less than 0.35
  expect(Math.abs(squared - exact)).toBeLessThan((4 * 4 * 0.35) / Math.sqrt(n));
});

it("is zero within error for equal distributions, and its root is never NaN", () => {
  const { squared, mmd: root } = mmd(normals(1000, 3, 3), normals(1000, 3, 4));
  expect(Math.abs(squared)).toBeLessThan(5 / 1000); // the null law has scale 1 / n
  expect(root).toBe(Math.sqrt(Math.max(0, squared)));
});

it("finds the same median through the bracket as by sorting all distances", () => {
  const sample = normals(1600, 2, 5); // 1.28 million pairs: above the size where the bracket is used
  const all = new Float64Array((1600 * 1599) / 2);
  let count = 0;
  for (let i = 0; i < 1600; i++) {
    for (let j = i + 1; j < 1600; j++) {
      all[count++] = Math.hypot(
        sample.data[2 * i] - sample.data[2 * j],
        sample.data[2 * i + 1] - sample.data[2 * j + 1],
      );
    }
  }
  all.sort();
  const middle = (all[count / 2 - 1] + all[count / 2]) / 2;
  expect(medianDistance(sample)).toBeCloseTo(middle, 12);
});

it("gives what a plain float64 loop gives, far from the origin, for sizes that fill no tile", () => {
  const [n, m, d] = [700, 1025, 3];
  const a = normals(n, d, 20, 1e6);
  const b = normals(m, d, 21, 1e6 + 0.3);
  const { squared, bandwidth } = mmd(a, b);
  const mean = (u: typeof a, v: typeof a) => {
    let sum = 0;
    for (let i = 0; i < u.rows; i++) {
      for (let j = 0; j < v.rows; j++) {
        let square = 0;
        for (let c = 0; c < d; c++) square += (u.data[i * d + c] - v.data[j * d + c]) ** 2;
        if (u !== v || i !== j) sum += Math.exp(-square / (2 * bandwidth ** 2));
      }
    }
    return sum / (u.rows * (u === v ? v.rows - 1 : v.rows));
  };
  // each mean is rounded at 1e-16 per term; 1e5 terms of random sign would add up to 3e-14
  expect(Math.abs(squared - (mean(a, a) + mean(b, b) - 2 * mean(a, b)))).toBeLessThan(1e-13);
});

it.each([
  ["that differ", 0.5, 0.75, 1.25],
  ["that are equal", 0, 0.9, 2],
])("has the standard error that repetition shows, for distributions %s", (_, shift, least, most) => {
  const repeats = Array.from({ length: 100 }, (_, i) =>
    mmd(normals(100, 2, 100 + 2 * i), normals(150, 2, 101 + 2 * i, shift)),
  );
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const values = repeats.map(({ squared }) => squared);
  const spread = Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
  // the spread of 100 repeats is known to 7 %; for equal distributions the error is an upper one
  const ratio = Math.sqrt(mean(repeats.map((r) => r.squaredStandardError ** 2))) / spread;
  expect(ratio).toBeGreaterThan(least);
  expect(ratio).toBeLessThan(most);
});

it("has no standard error for three rows, and a positive one for equal samples' root", () => {
  expect(mmd(normals(3, 1, 1), normals(9, 1, 2)).squaredStandardError).toBeNaN();
  expect(mmd(normals(500, 1, 1), normals(500, 1, 2)).standardError).toBeGreaterThan(0);
});

it("falls back to all distances where most are equal", () => {
  const rows = Array.from({ length: 1500 }, (_, i) => [i % 2]);
  expect(medianDistance(fromRows(rows))).toBe(1); // 750^2 of the 1,124,250 pairs differ: just more than half
});

it("refuses what cannot be compared, by name", () => {
  expect(() => mmd(normals(5, 2, 1), normals(5, 3, 1))).toThrow(
    /mmd: reference has 2 columns but other has 3/,
  );
  expect(() => mmd(normals(1, 2, 1), normals(5, 2, 1))).toThrow(/reference must have at least 2 rows, got 1/);
  expect(() => mmd(normals(5, 1, 1), fromRows([[1], [Number.NaN]]))).toThrow(
    /other must be finite, but row 1/,
  );
  expect(() => mmd(matrix(0, 2), normals(5, 2, 1))).toThrow(/reference must have at least 2 rows, got 0/);
  expect(() => mmd(fromRows([[1e200], [-1e200], [0]]), normals(5, 1, 1))).toThrow(/is Infinity/);
  expect(() => mmd(matrix(5, 0), matrix(5, 0))).toThrow(/at least one column/);
  expect(() => mmd(fromRows([[1], [1], [1]]), normals(5, 1, 1))).toThrow(/median distance .* is 0/);
});
