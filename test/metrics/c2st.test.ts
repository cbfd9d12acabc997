import { beforeAll, describe, expect, it } from "vitest";
import { matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { c2st } from "../../src/metrics/c2st.js";
import { trainClassifiers } from "../../src/metrics/classifier.js";
import { classifierAuc } from "../../src/metrics/classifier-auc.js";
import { describeWithReference } from "../reference.js";
import { readGolden } from "./two-sample.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});

const normals = (rows: number, cols: number, seed: number, shift = 0) =>
  matrix(rows, cols, stream(key(seed)).normals(rows * cols, shift));
const distance = (a: Float64Array, b: Float64Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
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

it("trains on folds that differ in size", async () => {
  // 2 x 127 rows: folds train on 203 or 204
  const result = await c2st(normals(127, 1, 8), normals(127, 1, 9, 20), { engine });
  expect(result.accuracy).toBe(1);
  expect(result.epochs).toHaveLength(5);
});

describe("trainClassifiers", () => {
  const x = normals(500, 3, 12);
  const labels = Array.from({ length: 500 }, (_, i) => Number(x.data[3 * i] > 0.3 * Math.sin(i)));
  const sets = [250, 250, 300].map((count, i) => ({
    seen: Int32Array.from({ length: count }, (_, k) => (k + 100 * i) % 500),
    key: key(20 + i),
  }));
  const options = { hidden: [8, 6], maxEpochs: 8 };

  it.each([false, true])("gives what each would alone, early stopping %s", async (earlyStopping) => {
    const settings = { ...options, earlyStopping };
    const together = await trainClassifiers(engine, x, labels, sets, settings);
    for (const [i, set] of sets.entries()) {
      const [alone] = await trainClassifiers(engine, x, labels, [set], settings);
      expect(together[i].epochs).toBe(alone.epochs);
      expect(distance(together[i].logits(x), alone.logits(x))).toBeLessThan(1e-4); // float32 rounding, 16 steps of it
    }
  });

  it("gives the same on every engine", async () => {
    const [first] = await trainClassifiers(engine, x, labels, sets, options);
    for (const name of ["wasm", "tfjs"] as const) {
      const [other] = await trainClassifiers(await openEngine(name), x, labels, sets, options);
      expect(distance(other.logits(x), first.logits(x))).toBeLessThan(1e-4);
    }
  });

  it("goes on with the others when one has ended", async () => {
    // constant labels are learnt at once, coin tosses are not
    const coins = labels.map((_, i) => (i < 250 ? 1 : (i * 7) % 3 === 0 ? 1 : 0));
    const pair = [0, 250].map((from, i) => ({
      seen: Int32Array.from({ length: 250 }, (_, k) => from + k),
      key: key(30 + i),
    }));
    const settings = { hidden: [8], earlyStopping: true };
    const together = await trainClassifiers(engine, x, coins, pair, settings);
    expect(together[0].epochs).not.toBe(together[1].epochs);
    for (const [i, set] of pair.entries()) {
      const [alone] = await trainClassifiers(engine, x, coins, [set], settings);
      expect(together[i].epochs).toBe(alone.epochs);
      expect(distance(together[i].logits(x), alone.logits(x))).toBeLessThan(1e-3); // more steps of rounding
    }
  });
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
