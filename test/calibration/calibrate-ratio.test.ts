import { describe, expect, it } from "vitest";
import { calibrateByGold, calibrateRatio } from "../../src/calibration/calibrate-ratio.js";
import { calibratedRatio, type RatioFunction } from "../../src/calibration/calibrated-ratio.js";
import {
  applyCalibration,
  type CalibrationMethod,
  calibrationMethods,
  fitCalibration,
} from "../../src/calibration/calibration-map.js";
import {
  type CalibrationSet,
  calibrationSet,
  referenceSet,
  splitForCalibration,
} from "../../src/calibration/calibration-set.js";
import { isotonicBlocks } from "../../src/calibration/isotonic.js";
import { fromRows, matrix, repeatRow } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import type { GoldDataset } from "../../src/dataset/gold.js";
import { alices } from "../../src/estimators/gold.js";
import { exactLogRatio, goldTable } from "../estimators/gold-toy.js";

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

describe("isotonic regression", () => {
  /** The closed form: `f_i = max_{a <= i} min_{b >= i} mean(y_a .. y_b)`. */
  const bruteForce = (y: number[], w: number[]) =>
    y.map((_, i) => {
      const means = (a: number) =>
        y.slice(i).map((_, k) => {
          const at = y.map((_, j) => j).slice(a, i + k + 1);
          return at.reduce((s, j) => s + w[j] * y[j], 0) / at.reduce((s, j) => s + w[j], 0);
        });
      return Math.max(...Array.from({ length: i + 1 }, (_, a) => Math.min(...means(a))));
    });

  it("by pooling is the maximum of minima of means", () => {
    const rng = stream(key("pav"));
    for (let repeat = 0; repeat < 20; repeat++) {
      const y = Array.from({ length: 12 }, () => Math.round(4 * rng.uniform()) + rng.uniform());
      const w = y.map(() => 0.1 + rng.uniform());
      const fit = isotonicBlocks(y, w).flatMap(({ from, to, value }) => Array(to - from).fill(value));
      bruteForce(y, w).forEach((value, i) => {
        expect(fit[i]).toBeCloseTo(value, 12);
      });
    }
  });

  it("takes time in proportion to its rows, also where all of them violate", () => {
    const n = 200_000;
    const blocks = isotonicBlocks(Float64Array.from({ length: n }, (_, i) => -i));
    expect(blocks).toHaveLength(1);
    expect(blocks[0].value).toBeCloseTo(-(n - 1) / 2, 3);
  });

  it("averages ties of the score, whatever their order", () => {
    const sample = (numerator: number[]) => ({
      logRatio: Float64Array.from(numerator, (_, i) => (i < 40 ? 0 : 1)),
      numerator: Float64Array.from(numerator),
      denominator: Float64Array.from(numerator, (v) => 1 - v),
    });
    // a third of the rows at 0 are the numerator's, two thirds at 1
    const first = Array.from({ length: 80 }, (_, i) => (i < 40 ? Number(i < 10) : Number(i < 70)));
    const second = [...first.slice(0, 40).reverse(), ...first.slice(40).reverse()];
    const maps = [first, second].map((numerator) => fitCalibration(sample(numerator)).map);
    expect(maps[0]).toEqual(maps[1]);
    expect(Array.from(applyCalibration(maps[0], [0, 1]))).toEqual([
      expect.closeTo(Math.log(1 / 3), 12),
      expect.closeTo(Math.log(3), 12),
    ]);
  });

  it.each<[string, number[], number[] | undefined, RegExp]>([
    ["no rows", [], undefined, /got 0 values/],
    ["NaN", [0, Number.NaN], undefined, /got NaN with weight 1 in row 1/],
    ["a weight of 0", [0, 1], [1, 0], /got 1 with weight 0/],
    ["other weights", [0, 1], [1], /got 2 values and 1 weights/],
  ])("refuses %s", (_, y, w, message) => {
    expect(() => isotonicBlocks(y, w)).toThrow(message);
  });
});

/** `x ~ N(1, 2)` where `y = 0`, `N(0, 2)` where `y = 1`, all with `theta = 1`. */
function atOne(n: number, seed: number) {
  const rng = stream(key(seed));
  const y = Uint8Array.from({ length: n }, (_, i) => i % 2);
  const x = matrix(
    n,
    1,
    Float64Array.from(y, (label) => rng.normal(1 - label, Math.SQRT2)),
  );
  return { theta: repeatRow([1], n), thetaRef: repeatRow([0], n), y, x };
}

/** The exact ratio to a power, and times a factor. */
const wrong = (power: number, shift: number): RatioFunction => ({
  header: { reference: { thetaRef: [0] } },
  logRatio: async (theta, x) =>
    x.data.map((value, i) => power * exactLogRatio(value, theta.data[i], 0) + shift),
});
const training = atOne(100, 1);
const set = calibrationSet(atOne(6000, 2), { training });
const test = atOne(2000, 3);
const exact = test.x.data.map((value) => exactLogRatio(value, 1, 0));
const mse = (values: Float64Array) => mean(values.map((value, i) => (value - exact[i]) ** 2));

describe("calibration", () => {
  // 3,000 rows a sample; the variance of log r is 0.5; a few hundred rows in the tails make most of the error
  const repaired: [CalibrationMethod, number, number, number][] = [
    ["histogram", 2, 0.5, 0.05], // 28 bins of s within 1.2
    ["isotonic", 2, 0.5, 0.1],
    ["interpolated-isotonic", 2, 0.5, 0.1],
    ["kde", 2, 0.5, 0.05],
    ["sigmoid", 2, 0.5, 0.005], // exact family: two numbers from 6,000 rows
    ["expectation", 1, 0.5, 0.005],
  ];
  it.each(repaired)("by %s repairs r^%s e^%s", async (method, power, shift, tolerance) => {
    const ratio = wrong(power, shift);
    const calibrated = await calibrateRatio(ratio, set, { method });
    expect(mse(await ratio.logRatio(test.theta, test.x))).toBeGreaterThan(0.2);
    expect(mse(await calibrated.logRatio(test.theta, test.x))).toBeLessThan(tolerance);
  });

  it("by histogram counts both samples in 10 + floor(cbrt n) bins of s, and knows nothing of empty ones", () => {
    const n = 1000;
    const sample = {
      logRatio: Float64Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 2 : -2)),
      numerator: Float64Array.from({ length: n }, (_, i) => Number(i % 4 === 0 || i % 8 === 1)),
      denominator: Float64Array.from({ length: n }, (_, i) => Number(!(i % 4 === 0 || i % 8 === 1))),
    };
    const { map } = fitCalibration(sample, { method: "histogram" });
    // of the numerator 250 of 375 at 2, of the denominator 250 of 625
    const [high, low, between] = applyCalibration(map, [2, -2, 0]);
    expect(high).toBeCloseTo(Math.log(250 / 375 / (250 / 625)), 12);
    expect(low).toBeCloseTo(Math.log(125 / 375 / (375 / 625)), 12);
    expect(between).toBe(0);
    const edges = map.kind === "steps" ? map.edges : [];
    const s = edges.map((edge) => 1 / (1 + Math.exp(edge)));
    const width = (s[0] - s[s.length - 1]) / (s.length - 1);
    const reach = (1 - Math.exp(-2)) / (1 + Math.exp(-2)) + 0.2; // sigma(2) - sigma(-2), padded on both sides
    expect(width).toBeCloseTo(reach / 20, 12);
  });

  it("by expectation makes the mean ratio one, with the error that an exact ratio has", async () => {
    const { record } = await calibrateRatio(wrong(1, 0.5), set, { method: "expectation" });
    const { mean, standardError, identityError } = record.maps[0].expectation!;
    // Var r = e^(1/2) - 1 for unit distance in units of the standard deviation sqrt 2
    const error = Math.sqrt(Math.expm1(0.5) / 3000);
    expect(Math.abs(mean / Math.exp(0.5) - 1)).toBeLessThan(4 * error);
    for (const value of [standardError, identityError]) {
      expect(Math.abs(value / error - 1)).toBeLessThan(0.15);
    }
  });

  it("takes half a row for what a sample has none of, and says for how many", () => {
    const sample = {
      logRatio: Float64Array.from({ length: 100 }, (_, i) => i / 10),
      numerator: Float64Array.from({ length: 100 }, (_, i) => Number(i >= 50)),
      denominator: Float64Array.from({ length: 100 }, (_, i) => Number(i < 50)),
    };
    const { map, saturated } = fitCalibration(sample);
    expect(saturated).toBe(1);
    expect(Array.from(applyCalibration(map, [-3, 30]))).toEqual([
      expect.closeTo(-Math.log(100), 12),
      expect.closeTo(Math.log(100), 12),
    ]);
    // Platt's targets keep the slope finite
    expect(fitCalibration(sample, { method: "sigmoid" }).map).toMatchObject({
      slope: expect.closeTo(2, -1),
    });
  });

  it.each(calibrationMethods)("by %s survives JSON, and observations add", async (method) => {
    const ratio = wrong(0.5, 0);
    const calibrated = await calibrateRatio(ratio, set, { method });
    const again = calibratedRatio(ratio, JSON.parse(JSON.stringify(calibrated.record)));
    const values = await calibrated.logRatio(test.theta, test.x);
    expect(await again.logRatio(test.theta, test.x)).toEqual(values);
    const sum = await again.observe(test.x).logRatio(fromRows([[1]]));
    expect(sum[0]).toBeCloseTo(mean(values) * values.length, 6);
  });

  it("at each point mends what differs from point to point", async () => {
    const points = [-1, 1];
    const rng = stream(key(5));
    const n = 6000;
    const y = Uint8Array.from({ length: n }, (_, i) => i % 2);
    const theta = matrix(
      n,
      1,
      Float64Array.from(y, (_, i) => points[(i >> 1) % 2]),
    );
    const x = matrix(
      n,
      1,
      theta.data.map((value, i) => rng.normal(y[i] === 0 ? value : 0, Math.SQRT2)),
    );
    const own = calibrationSet({ theta, thetaRef: repeatRow([0], n), y, x }, { training });
    const ratio: RatioFunction = {
      logRatio: async (at, data) =>
        data.data.map((v, i) => exactLogRatio(v, at.data[i], 0) * (at.data[i] > 0 ? 2 : 0.5)),
    };
    const calibrated = await calibrateRatio(ratio, own, { perTheta: true, method: "sigmoid" });
    expect(calibrated.record.maps.map((map) => map.theta)).toEqual([[-1], [1]]);
    expect(mse(await calibrated.logRatio(test.theta, test.x))).toBeLessThan(0.01);
    await expect(calibrated.logRatio(fromRows([[0.5]]), fromRows([[0]]))).rejects.toThrow(
      /no calibration at theta = \(0.5\); .* at 2 points only/,
    );
  });

  it("by gold needs simulations of the reference point only", async () => {
    const rng = stream(key(6));
    const z = Float64Array.from({ length: 10_000 }, () => rng.normal());
    const held = referenceSet(
      {
        thetaRef: [0],
        x: matrix(
          z.length,
          1,
          z.map((value) => rng.normal(value)),
        ),
        jointLogRatio: ([theta]) => z.map((value) => theta * value - theta ** 2 / 2),
      },
      { training },
    );
    const calibrated = await calibrateByGold(wrong(2, 0.5), held, fromRows([[1], [-0.5]]));
    expect(mse(await calibrated.logRatio(test.theta, test.x))).toBeLessThan(0.02);
    const zeros = matrix(2000, 1, new Float64Array(2000).fill(-0.5));
    const other = await calibrated.logRatio(zeros, test.x);
    expect(mean(other.map((v, i) => (v - exactLogRatio(test.x.data[i], -0.5, 0)) ** 2))).toBeLessThan(0.02);
    const nan = { ...held, jointLogRatio: () => z.map(() => Number.NaN) };
    await expect(calibrateByGold(wrong(1, 0), nan, fromRows([[1]]))).rejects.toThrow(/got NaN in row 0/);
  });
});

describe("calibration data", () => {
  const table = goldTable(200, 1);

  it("that were trained on are refused, by the compiler and when the program runs", async () => {
    const ratio = wrong(1, 0);
    // @ts-expect-error a training table is not a CalibrationSet
    const misuse = () => calibrateRatio(ratio, table);
    // @ts-expect-error nor is a copy without gold
    const copy = (): CalibrationSet => ({
      theta: table.theta,
      thetaRef: table.thetaRef,
      y: table.y,
      x: table.x,
    });
    // @ts-expect-error and a CalibrationSet cannot be trained on
    const reverse = () => alices(set);
    expect([misuse, copy, reverse]).toHaveLength(3);
    expect(() => calibrationSet(table, { training: table })).toThrow(
      /200 of 200 rows are in the training table/,
    );
    const some = {
      theta: repeatRow([1], 100),
      thetaRef: repeatRow([0], 100),
      y: training.y,
      x: { ...set.x, data: set.x.data.slice(0, 100), rows: 100 },
    };
    some.x.data[3] = training.x.data[7];
    expect(() => calibrationSet(some, { training })).toThrow(/1 of 100 rows/);
    expect(() =>
      referenceSet(
        { thetaRef: [0], x: table.x, jointLogRatio: () => table.jointLogRatio },
        { training: table },
      ),
    ).toThrow(/200 of 200 rows/);
  });

  it("may agree with training rows by chance where data are discrete", () => {
    const discrete: GoldDataset = {
      ...table,
      theta: matrix(200, 1),
      x: matrix(200, 1, table.x.data.map(Math.round)),
    };
    const first = splitForCalibration(discrete, { fraction: 0.5 });
    expect(first.training.x.rows + first.calibration.x.rows).toBe(200);
  });

  it("come from a split of one table, with no row in both parts", () => {
    const { training, calibration } = splitForCalibration(table, { fraction: 0.25, seed: 3 });
    expect([training.x.rows, calibration.x.rows]).toEqual([150, 50]);
    expect(new Set([...training.x.data, ...calibration.x.data]).size).toBe(200);
    expect(training.jointLogRatio).toHaveLength(150);
    expect(() => calibrationSet(calibration, { training })).not.toThrow();
  });

  const broken = (change: object) => calibrationSet({ ...atOne(200, 9), ...change }, { training });
  it.each<[string, () => unknown, RegExp]>([
    ["no rows", () => broken({ theta: matrix(0, 1) }), /got no rows/],
    ["ragged rows", () => broken({ y: new Uint8Array(3) }), /expected 200 rows in thetaRef, y and x/],
    ["other data", () => broken({ x: matrix(200, 2) }), /data of 1 values, as in training, got 1 and 2/],
    [
      "a share of 1",
      () => splitForCalibration(table, { fraction: 1 }),
      /fraction must be in \(0, 1\), got 1/,
    ],
  ])("are refused: %s", (_, make, message) => {
    expect(make).toThrow(message);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      "one class",
      () => calibrateRatio(wrong(1, 0), broken({ y: new Uint8Array(200) })),
      /20 rows of theta1, got 0/,
    ],
    [
      "too few rows",
      () => calibrateRatio(wrong(1, 0), calibrationSet(atOne(30, 4), { training })),
      /rows of theta0, got 15/,
    ],
    ["NaN", () => calibrateRatio(wrong(Number.NaN, 0), set), /must be finite, got NaN in row 0/],
    [
      "a varying reference",
      () => calibrateRatio(wrong(1, 0), broken({ thetaRef: atOne(200, 8).x })),
      /thetaRef varies between rows.*it has no logRatioBetween/,
    ],
    [
      "another reference",
      () => calibrateRatio(wrong(1, 0), broken({ thetaRef: repeatRow([2], 200) })),
      /taken to \(0\) but the calibration's to \(2\)/,
    ],
    [
      "an unknown option",
      () => calibrateRatio(wrong(1, 0), set, { metod: "kde" } as object),
      /no option "metod"; did you mean method/,
    ],
    ["an unknown method", () => calibrateRatio(wrong(1, 0), set, { method: "beta" as "kde" }), /got "beta"/],
    ["one bin", () => calibrateRatio(wrong(1, 0), set, { bins: 1 }), /at least 2 or "auto", got 1/],
    ["equal ratios", () => calibrateRatio(wrong(0, 1), set, { method: "kde" }), /all log ratios are 1/],
  ])("and options are refused: %s", async (_, make, message) => {
    await expect((async () => make())()).rejects.toThrow(message);
  });

  it("and records of another version or reference are refused", async () => {
    const { record } = await calibrateRatio(wrong(1, 0), set, { method: "sigmoid" });
    expect(() => calibratedRatio(wrong(1, 0), { ...record, version: 2 as 1 })).toThrow(/got version 2/);
    expect(() => calibratedRatio(wrong(1, 0), { ...record, reference: { thetaRef: [3] } })).toThrow(
      /taken to \(0\)/,
    );
  });
});
