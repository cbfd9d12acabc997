import { beforeAll, expect, it } from "vitest";
import { matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { c2st } from "../../src/metrics/c2st.js";
import { classifierAuc } from "../../src/metrics/classifier-auc.js";
import { describeWithReference } from "../reference.js";
import { readGolden } from "./two-sample.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});

const normals = (rows: number, cols: number, seed: number, shift = 0) =>
  matrix(rows, cols, stream(key(seed)).normals(rows * cols, shift));
const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describeWithReference("c2st against scikit-learn in two dimensions", "golden/two_sample.json", (path) => {
  const cases = readGolden(path).cases.filter(({ reference }) => reference.cols === 2);
  it.each(cases)("gives accuracy and area of $name within the seeds' scatter", async (golden) => {
    const result = await c2st(golden.reference, golden.other, { engine });
    // scikit-learn's own seeds scatter by 0.007 in accuracy; the area of a fold by as much again
    expect(Math.abs(result.accuracy - average(golden.c2stAccuracySeeds123))).toBeLessThan(0.02);
    expect(Math.abs(result.auc - average(golden.c2stAucSeeds123))).toBeLessThan(0.025);
    expect(result.definition).toBe("full");
  });
});

it("reaches the accuracy of the best classifier for two shifted normals", async () => {
  // The best accuracy for unit normals a distance 1 apart is Phi(1/2) = 0.6915; 2,000 rows err by 0.0103.
  const result = await c2st(normals(1000, 1, 1), normals(1000, 1, 2, 1), { engine, seed: 3 });
  expect(Math.abs(result.accuracy - 0.6915)).toBeLessThan(4 * 0.0103);
  expect(result.perFold).toHaveLength(5);
  // never below the binomial error; the spread of five folds may exceed it, twice at most but once in 1,000
  expect(result.standardError).toBeGreaterThan(0.95 * 0.0103);
  expect(result.standardError).toBeLessThan(2.2 * 0.0103);
  expect(result.aucStandardError).toBeGreaterThan(0.005);
});

it("says that it is quick, and looks at 1,000 draws each", async () => {
  const result = await c2st(normals(3000, 1, 4), normals(2500, 1, 5), { engine, quick: true });
  expect(result.definition).toBe("quick");
  expect(result.draws).toEqual([1000, 1000]);
  expect(Math.abs(result.accuracy - 0.5)).toBeLessThan(4 * 0.0112); // binomial error of 2,000 coin tosses
});

it("gives equal bytes for equal seeds", async () => {
  const run = () => c2st(normals(60, 2, 6), normals(60, 2, 7, 0.5), { engine, seed: "again" });
  expect(await run()).toEqual(await run());
});

it("trains in batches that do not divide the rows", async () => {
  // 2 x 130 rows: folds train on 208 rows, a batch of 200 and one of 8
  const { accuracy } = await c2st(normals(130, 1, 8), normals(130, 1, 9, 20), { engine });
  expect(accuracy).toBe(1); // 20 standard deviations apart
});

it("measures the area that a shift of one standard deviation has", async () => {
  // AUC = Phi(1 / sqrt 2) = 0.7602; its binomial error is below sqrt(0.76 * 0.24 / 1000) = 0.0135
  const { auc, standardError } = await classifierAuc(normals(1000, 1, 10), normals(1000, 1, 11, 1), {
    engine,
  });
  expect(Math.abs(auc - 0.7602)).toBeLessThan(4 * 0.0135);
  expect(standardError).toBeGreaterThan(0.008); // DeLong's, 0.0105 here, is the least of it
  expect(standardError).toBeLessThan(0.03);
});

it("refuses samples of different width or too few rows", async () => {
  await expect(c2st(normals(60, 2, 1), normals(60, 3, 1), { engine })).rejects.toThrow(/c2st: .* 2 columns/);
  await expect(classifierAuc(normals(60, 2, 1), normals(9, 2, 1), { engine })).rejects.toThrow(
    /classifierAuc: other must have at least 50 rows, got 9/,
  );
});
