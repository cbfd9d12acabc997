import { describe, expect, it } from "vitest";
import { hmc } from "../../samplers/hmc.js";
import { metropolis } from "../../samplers/metropolis.js";
import { sample } from "../../samplers/sample.js";
import { summary } from "../../samplers/summary.js";
import { calibrateRatio } from "../../src/calibration/calibrate-ratio.js";
import type { RatioFunction } from "../../src/calibration/calibrated-ratio.js";
import { type CalibrationMethod, calibrationMethods } from "../../src/calibration/calibration-map.js";
import { calibrationSet, evidenceSet, splitForCalibration } from "../../src/calibration/calibration-set.js";
import type { LogDensity } from "../../src/core/contracts.js";
import { normal } from "../../src/core/distributions/normal.js";
import { fromRows, type Matrix, matrix, repeatRow, row, sliceRows } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import { datasetFrom } from "../../src/dataset/from.js";
import { aalr } from "../../src/estimators/aalr.js";
import type { NamedRatio } from "../../src/estimators/ratio.js";
import { posterior } from "../../src/posterior.js";
import { independent } from "../../src/prior/independent.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";
import { gaussian, smallNetwork } from "../estimators/gaussian.js";

// theta ~ N(0, 1), x ~ N(theta, 1), so x ~ N(0, 2) and theta given x_1..M ~ N(sum x / (M + 1), 1 / (M + 1))
const prior = independent({ theta: normal(0, 1) });
const exactLogRatio = (x: number, theta: number) => Math.log(2) / 2 - (x - theta) ** 2 / 2 + x ** 2 / 4;

/** A function of the exact ratio to the evidence, with its slope, as an estimator would have it. */
function distorted(map: (l: number) => number, slope: (l: number) => number): RatioFunction & NamedRatio {
  const each = (theta: Matrix, x: Matrix) => x.data.map((v, i) => map(exactLogRatio(v, theta.data[i])));
  return {
    header: { names: ["theta"], reference: "evidence" },
    prior,
    xDim: 1,
    logRatio: async (theta, x) => each(theta, x),
    observe(x) {
      const at = (theta: Matrix, f: (v: number, t: number) => number) =>
        theta.data.map((t) => x.data.reduce((sum, v) => sum + f(v, t), 0));
      const values = (theta: Matrix) => at(theta, (v, t) => map(exactLogRatio(v, t)));
      return {
        logRatio: async (theta) => values(theta),
        gradient: async (theta) => ({
          logProb: values(theta),
          gradient: matrix(
            theta.rows,
            1,
            at(theta, (v, t) => slope(exactLogRatio(v, t)) * (v - t)),
          ),
        }),
      };
    },
  };
}
const line = (power: number, shift: number) =>
  distorted(
    (l) => power * l + shift,
    () => power,
  );

function jointPairs(n: number, seed: number) {
  const rng = stream(key(seed));
  const theta = matrix(n, 1, rng.normals(n));
  return datasetFrom({
    theta,
    x: matrix(
      n,
      1,
      theta.data.map((t) => rng.normal(t)),
    ),
    prior,
  });
}
const training = jointPairs(100, 1);
const rows = 5000;
const set = evidenceSet(jointPairs(rows, 2), { training, seed: 2 });
const tooSharp = line(1.3, 0.2);
/** `tooSharp`, calibrated once by each method. */
const calibratedBy = Object.fromEntries(
  calibrationMethods.map((method) => [method, calibrateRatio(tooSharp, set, { method })]),
) as Record<CalibrationMethod, ReturnType<typeof calibrateRatio<typeof tooSharp>>>;

describe("a ratio to the evidence", () => {
  it("is calibrated on joint pairs and as many independent ones, in which no x keeps its theta", () => {
    const pairs = jointPairs(50, 3);
    const { theta, x, y } = evidenceSet(pairs, { training, contrasts: 3 });
    expect([theta.rows, x.rows, y.reduce((a, b) => a + b, 0)]).toEqual([200, 200, 150]);
    expect(sliceRows(theta, 0, 50)).toEqual(pairs.theta);
    for (let k = 1; k <= 3; k++) {
      const part = Array.from(sliceRows(theta, 50 * k, 50 * k + 50).data);
      expect(part.some((value, i) => value === pairs.theta.data[i])).toBe(false);
      expect(part.sort()).toEqual(Array.from(pairs.theta.data).sort());
      expect(sliceRows(x, 50 * k, 50 * k + 50).data).toEqual(pairs.x.data);
    }
  });

  it.each(calibrationMethods)("by %s has the mean one over independent pairs", async (method) => {
    // a power of 1.3 times a factor has no variance here, and no standard error
    const ratio = method === "expectation" ? line(1, 0.2) : tooSharp;
    const calibrated =
      method === "expectation" ? await calibrateRatio(ratio, set, { method }) : await calibratedBy[method];
    const fresh = evidenceSet(jointPairs(4000, 4), { training });
    const apart = { theta: sliceRows(fresh.theta, 4000, 8000), x: sliceRows(fresh.x, 4000, 8000) };
    const z = async (of: RatioFunction) => {
      const r = (await of.logRatio(apart.theta, apart.x)).map(Math.exp);
      const mean = r.reduce((a, b) => a + b / r.length, 0);
      const variance = r.reduce((a, b) => a + (b - mean) ** 2 / (r.length - 1), 0);
      return (mean - 1) / Math.sqrt(variance / r.length + variance / rows); // of the map's own rows, too
    };
    expect(Math.abs(await z(calibrated))).toBeLessThan(4);
    expect(await z(ratio)).toBeGreaterThan(4);
  });

  // what a method cannot see of the score's scale
  const any = (l: number) => l ** 3 / 20 + 2 * l - 1;
  const affine = (l: number) => 1.7 * l - 0.4;
  const shift = (l: number) => l + 0.7;
  it.each<[CalibrationMethod, string, (l: number) => number, number]>([
    ["isotonic", "any increasing function", any, 1e-12],
    ["interpolated-isotonic", "an increasing line", affine, 1e-9],
    ["kde", "an increasing line", affine, 1e-9],
    ["sigmoid", "an increasing line", affine, 1e-6], // Newton's method ends at a gradient of 1e-10
    ["expectation", "a shift", shift, 1e-12],
  ])("by %s is the same after %s of the score", async (method, _, change, tolerance) => {
    const [plain, changed] = [
      await calibrateRatio(line(1, 0), set, { method }),
      await calibrateRatio(
        distorted(change, () => 1),
        set,
        { method },
      ),
    ];
    const some = [sliceRows(set.theta, 0, 500), sliceRows(set.x, 0, 500)] as const;
    const [a, b] = [await plain.logRatio(...some), await changed.logRatio(...some)];
    a.forEach((value, i) => {
      expect(Math.abs(value - b[i])).toBeLessThan(tolerance);
    });
  });
});

describe("a posterior of a calibrated ratio", () => {
  const observed = [[0.3], [1.9], [0.8], [1.4], [1.1]];
  const grid = matrix(
    801,
    1,
    Float64Array.from({ length: 801 }, (_, i) => -1.5 + i / 200),
  );
  /** Normalised on the grid. */
  const onGrid = async (target: LogDensity) => {
    const density = (await target.logProb(grid)).map(Math.exp);
    const total = density.reduce((a, b) => a + b, 0);
    return density.map((value) => value / total);
  };
  const exact = onGrid(posterior(line(1, 0), { observed }));
  /** Kullback-Leibler divergence from the exact posterior. */
  const divergence = async (target: LogDensity) => {
    const [p, q] = [await exact, await onGrid(target)];
    return p.reduce((sum, value, i) => sum + value * Math.log(value / q[i]), 0);
  };

  // 5,000 rows a sample: a line costs two numbers, the other maps their noise, which a mild distortion does not exceed
  it.each<[CalibrationMethod, number, number]>([
    ["sigmoid", 1.3, 0.2],
    ["sigmoid", 2, 0.5],
    ["kde", 2, 0.5],
    ["interpolated-isotonic", 2, 0.5],
    ["isotonic", 2, 0.5],
    ["histogram", 2, 0.5],
  ])("by %s is nearer to the exact one than that of r^%s e^%s", async (method, power, shift) => {
    const ratio = line(power, shift);
    const calibrated = await calibrateRatio(ratio, set, { method });
    const before = await divergence(posterior(ratio, { observed }));
    const after = await divergence(posterior(calibrated, { observed }));
    expect(after).toBeLessThan(before / 2);
  });

  it("by the expectation is the same: a factor does not change a posterior", async () => {
    const calibrated = posterior(await calibratedBy.expectation, { observed });
    expect(await divergence(calibrated)).toBeCloseTo(await divergence(posterior(tooSharp, { observed })), 9);
  });

  it.each(["sigmoid", "kde", "interpolated-isotonic"] as const)("by %s is sampled by HMC", async (method) => {
    const target = posterior(await calibratedBy[method], { observed });
    await agrees(target, await sample(hmc(target), { chains: 40, warmup: 100, draws: 50, seed: 1 }));
  });

  it.each(["sigmoid", "isotonic", "histogram"] as const)("by %s is sampled by Metropolis", async (method) => {
    const target = posterior(await calibratedBy[method], { observed });
    await agrees(target, await sample(metropolis(target), { chains: 40, warmup: 100, draws: 100, seed: 1 }));
  });

  async function agrees(target: LogDensity, draws: Parameters<typeof summary>[0]) {
    const density = await onGrid(target);
    const mean = density.reduce((sum, p, i) => sum + p * grid.data[i], 0);
    const [found] = summary(draws).rows;
    expect(Math.abs(found.mean - mean)).toBeLessThan(4 * found.mcse);
  }

  it("has the gradient of the map: slope times gradient", async () => {
    for (const method of calibrationMethods) {
      const calibrated = await calibratedBy[method];
      const ratio = calibrated.observe(fromRows(observed));
      const points = fromRows([[-0.4], [0.3], [0.9], [1.6]]);
      if (method === "histogram" || method === "isotonic") {
        expect(calibrated.differentiable).toBe(false);
        await expect(ratio.gradient(points)).rejects.toThrow(
          new RegExp(`calibration by "${method}" is a function in steps.*or sample by metropolis`),
        );
        expect(() => hmc(posterior(calibrated, { observed }))).toThrow(/no gradient; use metropolis/);
        continue;
      }
      const { logProb, gradient } = await ratio.gradient(points);
      expect(logProb).toEqual(await ratio.logRatio(points));
      const h = 1e-6; // below the distance of knots
      const moved = (by: number) =>
        ratio.logRatio(
          matrix(
            4,
            1,
            points.data.map((t) => t + by),
          ),
        );
      const [up, down] = [await moved(h), await moved(-h)];
      gradient.data.forEach((value, i) => {
        expect(Math.abs(value - (up[i] - down[i]) / (2 * h))).toBeLessThan(1e-6);
      });
    }
  });

  it("of an estimator keeps its names and its prior", async () => {
    const { training, calibration } = splitForCalibration(
      await simulate(gaussian, { n: 1500, seed: "calibrated" }),
      { fraction: 0.4 },
    );
    await using estimator = await train(aalr(training, { network: smallNetwork }), {
      epochs: 2,
      card: false,
    });
    const calibrated = await calibrateRatio(estimator, calibration, { method: "sigmoid" });
    expect([calibrated.header.names, calibrated.prior, calibrated.xDim]).toEqual([
      ["theta"],
      gaussian.prior,
      2,
    ]);
    const x = fromRows([
      [0.2, 0.9],
      [-0.5, 0.4],
    ]);
    const points = fromRows([[-1], [0], [0.7]]);
    const map = calibrated.record.maps[0].map;
    const slope = map.kind === "line" ? map.slope : Number.NaN;
    const [own, raw] = [
      await calibrated.observe(x).gradient(points),
      await estimator.observe(x).gradient(points),
    ];
    own.gradient.data.forEach((value, i) => {
      expect(value).toBeCloseTo(slope * raw.gradient.data[i], 5); // float32 engine
    });
    const target = posterior(calibrated, { observed: x });
    expect(target.names).toEqual(["theta"]);
    const draws = await sample(hmc(target), { chains: 4, warmup: 10, draws: 5, seed: 1 });
    expect(draws.names).toEqual(["theta"]);
  });
});

describe("a ratio of any two points", () => {
  const exactBetween = (x: number, a: number, b: number) => ((x - b) ** 2 - (x - a) ** 2) / 4;
  /** `theta0, theta1 ~ U(-1, 1)`, `x ~ N(theta_y, 2)`. */
  function freePairs(n: number, seed: number) {
    const rng = stream(key(seed));
    const [theta, thetaRef] = [0, 1].map(() =>
      matrix(
        n,
        1,
        Float64Array.from({ length: n }, () => rng.uniform(-1, 1)),
      ),
    );
    const y = Uint8Array.from({ length: n }, (_, i) => i % 2);
    const x = matrix(
      n,
      1,
      Float64Array.from(y, (label, i) => rng.normal((label ? thetaRef : theta).data[i], Math.SQRT2)),
    );
    return { theta, thetaRef, y, x };
  }
  const training = freePairs(50, 1);
  const free = calibrationSet(freePairs(6000, 2), { training });
  const between = (power: number): RatioFunction => ({
    header: { reference: { thetaRef: [0] } },
    logRatio: async (theta, x) => x.data.map((v, i) => power * exactBetween(v, theta.data[i], 0)),
    logRatioBetween: async (theta0, theta1, x) =>
      x.data.map((v, i) => power * exactBetween(v, theta0.data[i], theta1.data[i])),
    observe: (x) => ({
      gradient: async (theta) => ({
        logProb: theta.data.map((t) => power * exactBetween(row(x, 0)[0], t, 0)),
        gradient: matrix(
          theta.rows,
          1,
          theta.data.map((t) => (power * (row(x, 0)[0] - t)) / 2),
        ),
      }),
    }),
  });

  it.each<[CalibrationMethod, number]>([
    ["sigmoid", 0.002], // one number from 6,000 rows
    ["kde", 0.03],
    ["isotonic", 0.03],
    ["interpolated-isotonic", 0.03],
    ["histogram", 0.03],
  ])("by %s is mended and stays antisymmetric", async (method, tolerance) => {
    const calibrated = await calibrateRatio(between(2), free, { method });
    const { theta, thetaRef, x } = freePairs(1000, 3);
    const forth = await calibrated.logRatioBetween!(theta, thetaRef, x);
    const back = await calibrated.logRatioBetween!(thetaRef, theta, x);
    expect(forth).toEqual(back.map((value) => 0 - value));
    const exact = x.data.map((v, i) => exactBetween(v, theta.data[i], thetaRef.data[i]));
    const mse = (values: Float64Array) =>
      values.reduce((sum, value, i) => sum + (value - exact[i]) ** 2 / exact.length, 0);
    expect(mse(forth)).toBeLessThan(tolerance);
    expect(mse(exact.map((value) => 2 * value))).toBeGreaterThan(0.1);
    // to the estimator's own reference point it is the same function
    const zeros = repeatRow([0], 1000);
    expect(await calibrated.logRatio(theta, x)).toEqual(await calibrated.logRatioBetween!(theta, zeros, x));
    expect(calibrated.record).toMatchObject({ reference: "pairs", maps: [{ rows: 6000 }] });
  });

  it("has a gradient, too", async () => {
    const calibrated = await calibrateRatio(between(2), free, { method: "sigmoid" });
    const map = calibrated.record.maps[0].map;
    const { gradient } = await calibrated.observe(fromRows([[0.8]])).gradient(fromRows([[0.2]]));
    expect(gradient.data[0]).toBeCloseTo((map.kind === "line" ? map.slope : 0) * 0.6, 12);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      "a factor",
      () => calibrateRatio(between(1), free, { method: "expectation" }),
      /method: "expectation" cannot calibrate/,
    ],
    [
      "points by themselves",
      () => calibrateRatio(between(1), free, { perTheta: true }),
      /perTheta cannot calibrate/,
    ],
    ["a ratio to the evidence", () => calibrateRatio(tooSharp, free), /evidence.*evidenceSet\(simulations/],
    [
      "data of the evidence",
      () => calibrateRatio(between(1), set),
      /taken to \(0\) but the calibration's to the evidence/,
    ],
  ])("refuses %s", async (_, make, message) => {
    await expect((async () => make())()).rejects.toThrow(message);
  });
});

describe("calibration data of the evidence", () => {
  it("that were trained on are refused, by the compiler and when the program runs", () => {
    expect(() => evidenceSet(training, { training })).toThrow(/100 of 100 rows are in the training table/);
    // @ts-expect-error a training table is not an EvidenceSet
    const misuse = () => calibrateRatio(tooSharp, training);
    // @ts-expect-error and an EvidenceSet cannot be trained on
    const reverse = () => aalr(set);
    expect([misuse, reverse]).toHaveLength(2);
  });

  it("come from a split of one table, with no row in both parts", () => {
    const { training: own, calibration } = splitForCalibration(training, { fraction: 0.3, seed: 1 });
    expect([own.x.rows, calibration.x.rows]).toEqual([70, 60]);
    const joint = { theta: sliceRows(calibration.theta, 0, 30), x: sliceRows(calibration.x, 0, 30) };
    expect(() => evidenceSet(joint, { training: own })).not.toThrow();
    expect(own.prior).toBe(prior);
  });

  it.each<[string, () => unknown, RegExp]>([
    ["no rows", () => evidenceSet({ theta: matrix(0, 1), x: matrix(0, 1) }, { training }), /got 0 and 0/],
    [
      "other data",
      () => evidenceSet({ theta: matrix(3, 1), x: matrix(3, 2) }, { training }),
      /values, as in training, got 1 and 2/,
    ],
    [
      "as many contrasts as rows",
      () => evidenceSet(jointPairs(5, 9), { training, contrasts: 5 }),
      /below the number of rows, 5, got 5/,
    ],
    [
      "an unknown option",
      () => evidenceSet(jointPairs(5, 9), { training, contrast: 5 } as never),
      /did you mean contrasts/,
    ],
  ])("are refused: %s", (_, make, message) => {
    expect(make).toThrow(message);
  });
});
