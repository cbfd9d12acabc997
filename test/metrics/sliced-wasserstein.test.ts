import { expect, it } from "vitest";
import { fromRows, type Matrix, matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { slicedWasserstein } from "../../src/metrics/sliced-wasserstein.js";

const normals = (rows: number, cols: number, seed: number) =>
  matrix(rows, cols, stream(key(seed)).normals(rows * cols));
const shifted = (sample: Matrix, by: readonly number[]) =>
  matrix(
    sample.rows,
    sample.cols,
    sample.data.map((value, i) => value + by[i % sample.cols]),
  );

it("gives the size of a shift in one dimension, exactly", () => {
  const sample = normals(200, 1, 1);
  for (const order of [1, 2, 3]) {
    expect(slicedWasserstein(sample, shifted(sample, [-0.7]), { order }).distance).toBeCloseTo(0.7, 12);
  }
});

it("gives a shift's length divided by the square root of the dimension", () => {
  // E (u . s)^2 = |s|^2 / D over the sphere, here 25 / 3
  const sample = normals(300, 3, 2);
  const { distance, standardError } = slicedWasserstein(sample, shifted(sample, [3, 0, 4]), {
    projections: 2000,
  });
  expect(Math.abs(distance - 5 / Math.sqrt(3))).toBeLessThan(4 * standardError);
  expect(standardError).toBeLessThan(0.05);
});

it("weighs samples of different size by their mass, not by their rows", () => {
  // {0, 3} against {0, 1, 2}: quantile functions differ by 0, 1, 2 (half a third each), 1: see the thirds and halves
  const a = fromRows([[0], [3]]);
  const b = fromRows([[2], [0], [1]]);
  const byHand = (1 / 3) * 0 + (1 / 6) * 1 + (1 / 6) * 2 + (1 / 3) * 1;
  expect(slicedWasserstein(a, b, { order: 1 }).distance).toBeCloseTo(byHand, 14);
  const sample = normals(101, 4, 3);
  const twice = matrix(202, 4, Float64Array.from([...sample.data, ...sample.data]));
  expect(slicedWasserstein(sample, twice).distance).toBeLessThan(1e-12);
});

it("is symmetric, zero for equal samples, and equal for equal seeds", () => {
  const [a, b] = [normals(50, 2, 4), normals(70, 2, 5)];
  const there = slicedWasserstein(a, b, { seed: 7 });
  expect(slicedWasserstein(b, a, { seed: 7 }).distance).toBeCloseTo(there.distance, 14);
  expect(slicedWasserstein(a, b, { seed: 7 })).toEqual(there);
  expect(slicedWasserstein(a, b, { seed: 8 }).distance).not.toBe(there.distance);
  expect(slicedWasserstein(a, a)).toMatchObject({ distance: 0, standardError: 0 });
});

it("refuses bad input by name", () => {
  const a = normals(5, 2, 1);
  expect(() => slicedWasserstein(a, normals(5, 3, 1))).toThrow(/2 columns but other has 3/);
  expect(() => slicedWasserstein(a, matrix(0, 2))).toThrow(/other must have at least 1 rows, got 0/);
  expect(() => slicedWasserstein(a, fromRows([[1, Number.NaN]]))).toThrow(/other must be finite/);
  expect(() => slicedWasserstein(a, a, { projections: 0 })).toThrow(/projections must be/);
  expect(() => slicedWasserstein(a, a, { order: 0.5 })).toThrow(/order must be/);
  expect(slicedWasserstein(fromRows([[1, 1]]), fromRows([[1, 1]])).distance).toBe(0); // one row is enough
});
