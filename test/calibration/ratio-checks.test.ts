import { describe, expect, it } from "vitest";
import { criticTest } from "../../src/calibration/critic.js";
import { expectationsAt, observableCheck, referenceSpread } from "../../src/calibration/ratio-checks.js";
import { fromRows, type Matrix, matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import { expectationWarnings, ratioExpectations } from "../../src/estimators/gold-checks.js";
import { rocAucWithError } from "../../src/metrics/auc-error.js";
import { exactLogRatio } from "../estimators/gold-toy.js";

/** `x ~ N(theta, 2)`, as the toy has it. */
function simulate(theta: number, n: number, seed: number): Matrix {
  const rng = stream(key(seed));
  return matrix(
    n,
    1,
    Float64Array.from({ length: n }, () => rng.normal(theta, Math.SQRT2)),
  );
}
/** The exact ratio to 0, or its power. */
const ratio = (power: number) => ({
  logRatio: async (theta: Matrix, x: Matrix) =>
    x.data.map((value, i) => power * exactLogRatio(value, theta.data[i], 0)),
});

describe("expectations on a grid", () => {
  const x = simulate(0, 5000, 1);
  const grid = fromRows([[0.25], [0.5], [1], [1.5]]);

  it("are one for an exact ratio, with standard errors that the tail allows", async () => {
    for (const { z, paretoK, largestShare } of await expectationsAt(ratio(1), x, grid)) {
      expect(Math.abs(z)).toBeLessThan(4);
      expect(paretoK).toBeLessThan(0.7); // log-normal weights
      expect(largestShare).toBeLessThan(0.05);
    }
  });

  it("flag a ratio to a power", async () => {
    const checks = await expectationsAt(ratio(1.5), x, grid);
    // E r^p = exp(p (p - 1) theta^2 / 4): 1.21 at theta = 1
    expect(checks[2].z).toBeGreaterThan(4);
    expect(checks[2].mean).toBeCloseTo(Math.exp((1.5 * 0.5) / 4), 1);
  });

  it("show a tail that no mean can be trusted with", () => {
    // weights u^(-1): Pareto with index k = 1
    const rng = stream(key(2));
    const logs = Float64Array.from({ length: 4000 }, () => -Math.log(rng.uniform()) - 1);
    const y = new Uint8Array(4000).fill(1);
    const expectations = ratioExpectations(logs, y);
    expect(expectations.ratio!.paretoK).toBeGreaterThan(0.7);
    expect(expectationWarnings(expectations).join()).toMatch(
      /over held-out rows of theta1 hangs on its largest values/,
    );
    expect(ratioExpectations(logs.subarray(0, 20), y.subarray(0, 20)).ratio!.paretoK).toBeNull();
  });

  it("hold for observables, too", async () => {
    const atOne = simulate(1, 5000, 3);
    const theta = matrix(5000, 1, new Float64Array(5000).fill(1));
    const check = async (power: number) =>
      observableCheck(atOne.data, { f: x.data, logRatio: await ratio(power).logRatio(theta, x) });
    expect(Math.abs((await check(1)).z)).toBeLessThan(4);
    expect((await check(1.5)).z).toBeGreaterThan(4);
  });

  it("need data", async () => {
    await expect(expectationsAt(ratio(1), simulate(0, 1, 1), grid)).rejects.toThrow(/got 4 and 1/);
    const one = new Float64Array(1);
    expect(() => observableCheck(one, { f: one, logRatio: one })).toThrow(/at least two rows/);
    const nan = Float64Array.of(Number.NaN, 1);
    expect(() => observableCheck(nan, { f: x.data, logRatio: x.data })).toThrow(/got NaN/);
  });
});

describe("ratios to different reference points", () => {
  const grid = fromRows(Array.from({ length: 21 }, (_, k) => [k / 10 - 1]));
  const x = simulate(0.3, 50, 4);
  const to = (reference: number, power: number) => ({
    observe: (data: Matrix) => ({
      logRatio: async (theta: Matrix) =>
        theta.data.map((t) => data.data.reduce((sum, v) => sum + power * exactLogRatio(v, t, reference), 0)),
    }),
  });

  it("say the same if they are exact, and differ if not", async () => {
    const exact = await referenceSpread([to(0, 1), to(1, 1), to(-3, 1)], x, grid);
    expect(exact.largest).toBeLessThan(1e-9);
    expect(new Set(exact.best).size).toBe(1);
    const wrong = await referenceSpread([to(0, 1), to(1, 1.3)], x, grid);
    expect(wrong.largest).toBeGreaterThan(1);
    await expect(referenceSpread([to(0, 1)], x, grid)).rejects.toThrow(
      /two ratios and two points, got 1 and 21/,
    );
  });
});

describe("the critic", () => {
  const [first, second] = [simulate(1, 300, 5), simulate(0, 300, 6)];
  const power = (p: number, x: Matrix) => x.data.map((value) => p * exactLogRatio(value, 1, 0));
  const options = { hidden: [8], permutations: 100, seed: 1 };

  it("cannot tell samples under the exact ratio, nor times a factor", async () => {
    const exact = await criticTest(first, second, (x) => power(1, x), options);
    expect(Math.abs(exact.auc - 0.5)).toBeLessThan(4 * exact.standardError);
    expect(exact.pValue).toBeGreaterThan(0.01);
    expect(exact.standardError).toBeLessThan(0.06);
    expect(exact.effectiveRows).toBeLessThan(300);
    const factor = await criticTest(first, second, (x) => power(1, x).map((l) => l + 3), options);
    expect(factor.auc).toBeCloseTo(exact.auc, 3); // weights are relative; sums round
  });

  it("tells them under no ratio, and gives the same numbers for the same seed", async () => {
    const none = await criticTest(first, second, (x) => power(0, x), options);
    expect(none.auc).toBeGreaterThan(0.5 + 4 * none.standardError);
    expect(none.pValue).toBe(1 / 101);
    expect(none.effectiveRows).toBeCloseTo(300, 9);
    expect(await criticTest(first, second, (x) => power(0, x), options)).toEqual(none);
  });

  it("tells them under a ratio that goes too far, which weighs the second sample beyond the first", async () => {
    const bold = await criticTest(first, second, (x) => power(2.5, x), options);
    expect(bold.auc).toBeGreaterThan(0.5 + 2 * bold.standardError); // a critic of the unweighted sample has it below 1/2
    expect(bold.pValue).toBeLessThan(0.05);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      "few rows",
      () => criticTest(simulate(1, 20, 1), second, (x) => power(1, x)),
      /at least 50 rows, got 20/,
    ],
    [
      "NaN",
      () => criticTest(first, second, (x) => power(Number.NaN, x)),
      /finite log ratios, got NaN in row 0/,
    ],
    ["few values", () => criticTest(first, second, () => first.data), /expected 600 log ratios, got 300/],
    [
      "an unknown option",
      () => criticTest(first, second, (x) => power(1, x), { sed: 1 } as object),
      /did you mean seed/,
    ],
    ["no permutations", () => criticTest(first, second, (x) => power(1, x), { permutations: 0 }), /got 0/],
  ])("refuses %s", async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });
});

it("the error of a weighted area is that of the unweighted one for equal weights, and right on average", () => {
  const rng = stream(key(8));
  const labels = Array.from({ length: 80 }, (_, i) => i % 2);
  const draw = () => {
    const scores = labels.map((label) => rng.normal(label));
    // scores of class 1, weighted back to class 0: the area is 1/2 on average
    const weights = scores.map((s, i) => (labels[i] === 1 ? Math.exp(0.5 - s) : 1));
    return { scores, weights };
  };
  const { scores } = draw();
  const plain = rocAucWithError(scores, labels);
  const equal = rocAucWithError(
    scores,
    labels,
    labels.map(() => 3),
  );
  expect(equal.auc).toBeCloseTo(plain.auc, 12);
  expect(equal.standardError).toBeCloseTo(plain.standardError, 12);
  const runs = Array.from({ length: 1000 }, () => {
    const { scores: s, weights } = draw();
    return rocAucWithError(s, labels, weights);
  });
  const errors = runs.reduce((sum, { standardError }) => sum + standardError ** 2, 0) / 1000;
  const mean = runs.reduce((sum, { auc }) => sum + auc, 0) / 1000;
  const scatter = runs.reduce((sum, { auc }) => sum + (auc - mean) ** 2, 0) / 999;
  // delta-method errors of 40 rows with log-normal weights come out low by a tenth or so
  expect(errors / scatter).toBeGreaterThan(0.75);
  expect(errors / scatter).toBeLessThan(1.15);
});
