import { expect, it } from "vitest";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { rocAuc } from "../../src/metrics/roc-auc.js";
import { describeWithReference } from "../reference.js";
import { readGolden } from "./two-sample.js";

describeWithReference("rocAuc against scikit-learn", "golden/two_sample.json", (path) => {
  const { rocAuc: golden } = readGolden(path);
  it("gives the golden areas, with ties, with and without weights", () => {
    expect(Math.abs(rocAuc(golden.scores, golden.labels) - golden.auc)).toBeLessThan(1e-9);
    const weighted = rocAuc(golden.scores, golden.labels, golden.weights);
    expect(Math.abs(weighted - golden.weightedAuc)).toBeLessThan(1e-9);
  });
});

it("counts pairs, ties half", () => {
  expect(rocAuc([1, 2, 3, 4], [0, 0, 1, 1])).toBe(1);
  expect(rocAuc([4, 3, 2, 1], [0, 0, 1, 1])).toBe(0);
  expect(rocAuc([5, 5, 5], [0, 1, 1])).toBe(0.5);
  expect(rocAuc([1, 2, 2], [0, 0, 1])).toBe(0.75);
});

it("gives for weights what repeated rows give", () => {
  const rng = stream(key(7));
  const scores = Array.from({ length: 60 }, () => rng.integer(20));
  const labels = scores.map(() => rng.integer(2));
  const weights = scores.map(() => 1 + rng.integer(4));
  const repeat = (values: number[]) =>
    values.flatMap((value, i) => Array(weights[i]).fill(value) as number[]);
  expect(rocAuc(scores, labels, weights)).toBeCloseTo(rocAuc(repeat(scores), repeat(labels)), 14);
});

it("refuses bad input by name", () => {
  expect(() => rocAuc([1, 2], [0])).toThrow(/expected as many labels/);
  expect(() => rocAuc([Number.NaN, 2], [0, 1])).toThrow(/scores\[0\] is NaN/);
  expect(() => rocAuc([1, 2], [0, 2])).toThrow(/labels\[1\] is 2/);
  expect(() => rocAuc([1, 2], [1, 1])).toThrow(/both classes need weight, got 0 for class 0/);
  expect(() => rocAuc([1, 2], [0, 1], [1, -1])).toThrow(/weights\[1\] is -1/);
});
