import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromRows, type Matrix, matrix, repeatRow } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import type { GoldDataset } from "../../src/dataset/gold.js";
import { loadEstimator, saveEstimator } from "../../src/estimators/file.js";
import { alice, alices, type GoldScoreOptions } from "../../src/estimators/gold.js";
import type { RatioEstimator } from "../../src/estimators/ratio.js";
import { monomialPowers, morphingBasis } from "../../src/nets/morphing-basis.js";
import { train } from "../../src/train/train.js";

/** `p(x | theta) = (1 + theta x)^2 / 2 sigma(theta)` on [-1, 1], `sigma = 1 + theta^2 / 3`: an amplitude linear in theta. */
const sigma = (theta: number) => 1 + theta ** 2 / 3;
const exactLogRatio = (x: number, theta: number) => 2 * Math.log1p(theta * x) - Math.log(sigma(theta));

/** Rows from `theta ~ U(-0.9, 0.9)` and from 0, nothing latent. */
function polynomialTable(n: number, seed: number): GoldDataset {
  const rng = stream(key(seed));
  const theta = matrix(n, 1);
  const x = matrix(n, 1);
  const y = Uint8Array.from({ length: n }, (_, i) => i % 2);
  for (let i = 0; i < n; i++) {
    const t = rng.uniform(-0.9, 0.9);
    theta.data[i] = t;
    const at = y[i] === 0 ? t : 0;
    do x.data[i] = rng.uniform(-1, 1);
    while (rng.uniform() * (1 + Math.abs(at)) ** 2 > (1 + at * x.data[i]) ** 2);
  }
  return {
    theta,
    thetaRef: matrix(n, 1),
    y,
    x,
    jointLogRatio: x.data.map((v, i) => exactLogRatio(v, theta.data[i])),
    jointScore: matrix(
      n,
      1,
      x.data.map(
        (v, i) => (2 * v) / (1 + theta.data[i] * v) - (2 * theta.data[i]) / 3 / sigma(theta.data[i]),
      ),
    ),
    names: ["theta"],
    xShape: [1],
    source: {},
  };
}

describe("morphing weights", () => {
  it("reconstruct any polynomial exactly, for any number of couplings", () => {
    const rng = stream(key(1));
    for (const [dim, order] of [
      [1, 2],
      [2, 2],
      [3, 2],
      [1, 4],
      [2, 3],
    ]) {
      const powers = monomialPowers(dim, order);
      if (order === 2) expect(powers).toHaveLength(((dim + 1) * (dim + 2)) / 2);
      const draw = () => Array.from({ length: dim }, () => rng.uniform(-1, 1));
      const coefficients = powers.map(() => rng.normal());
      const value = (theta: ArrayLike<number>) =>
        powers.reduce(
          (sum, own, c) => sum + coefficients[c] * own.reduce((p, n, j) => p * theta[j] ** n, 1),
          0,
        );
      const points = powers.map(draw);
      const basis = morphingBasis(fromRows(points), { order });
      const at = draw().map((v) => 2 * v); // beyond the basis points, too
      const weights = basis.weights(fromRows([at])).data;
      const morphed = points.reduce((sum, point, b) => sum + weights[b] * value(point), 0);
      // rounding, as far as the basis amplifies it
      expect(Math.abs(morphed - value(at))).toBeLessThan(1e-14 * basis.condition ** 2 + 1e-12);
      expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 8);
      basis.weights(fromRows([points[0]])).data.forEach((w, b) => {
        expect(w).toBeCloseTo(Number(b === 0), 8);
      });
    }
  });

  it.each<[string, number[][], number, RegExp]>([
    ["two equal points", [[0], [1], [1]], 2, /do not tell all monomials apart/],
    [
      "points on a line",
      [
        [0, 0],
        [1, 1],
        [2, 2],
        [3, 3],
        [4, 4],
        [5, 5],
      ],
      2,
      /condition number/,
    ],
    ["too few points", [[0], [1]], 2, /needs 3 finite basis points, got 2/],
    ["NaN", [[0], [1], [Number.NaN]], 2, /finite basis points/],
    ["order 0", [[0]], 0, /order must be a positive whole number, got 0/],
  ])("refuse %s", (_, points, order, message) => {
    expect(() => morphingBasis(fromRows(points), { order })).toThrow(message);
  });
});

const network = { kind: "mlp", hidden: [16], activation: "tanh" } as const;
const options = { seed: 1, epochs: 25, batchSize: 50, learningRate: 0.02, card: false } as const;
const table = polynomialTable(1200, 2);
const test = polynomialTable(500, 3);
const basis = [[-0.9], [0], [0.9]];
const forms: Record<string, GoldScoreOptions> = {
  quadratic: {},
  basis: { morphing: { form: "basis", basis } },
  "known cross sections": {
    morphing: { form: "basis", basis, crossSections: basis.map(([theta]) => sigma(theta)) },
  },
};
const names = Object.keys(forms);

describe("a morphing-aware ratio", () => {
  const trained: Record<string, RatioEstimator> = {};
  beforeAll(async () => {
    for (const name of names) {
      trained[name] = await train(alices(table, { network, structure: "morphing", ...forms[name] }), options);
    }
  });
  afterAll(async () => {
    for (const estimator of Object.values(trained)) await estimator.dispose();
  });

  it.each(names)("in %s form learns the ratio", async (name) => {
    const learned = await trained[name].logRatio(test.theta, test.x);
    const errors = learned.map((value, i) => (value - test.jointLogRatio[i]) ** 2);
    const trivial = test.jointLogRatio.map((value) => value ** 2);
    const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
    expect(sum(errors)).toBeLessThan(0.1 * sum(trivial));
    expect(trained[name].header.gold!.morphing!.floored).toBeLessThan(0.05);
    expect(trained[name].header.gold!.expectations.ratio!.mean).toBeCloseTo(1, 0);
  });

  it("is a polynomial in theta of the order that it was told", async () => {
    const grid = [-0.8, -0.4, 0, 0.4, 0.8];
    const logs = await trained["known cross sections"].logRatio(
      fromRows(grid.map((t) => [t])),
      repeatRow([0.3], 5),
    );
    const values = logs.map((log, i) => Math.exp(log) * sigma(grid[i]));
    // the third difference of a quadratic is zero; float32 values of order one
    expect(Math.abs(values[3] - 3 * values[2] + 3 * values[1] - values[0])).toBeLessThan(1e-5);
    expect(Math.abs(values[4] - 3 * values[3] + 3 * values[2] - values[1])).toBeLessThan(1e-5);
  });

  it("in quadratic form is exactly one at the reference point", async () => {
    const logs = await trained.quadratic.logRatio(matrix(500, 1), test.x);
    expect(logs.every((value) => value === 0)).toBe(true);
    expect(trained.basis.header.gold!.morphing!.condition).toBeGreaterThan(1);
  });

  it.each(names)("in %s form has the gradient that differences have", async (name) => {
    const ratio = trained[name].observe(fromRows([[0.4], [-0.2]]));
    const h = 2e-2;
    const [up, down] = [
      await ratio.logRatio(fromRows([[0.3 + h]])),
      await ratio.logRatio(fromRows([[0.3 - h]])),
    ];
    const { gradient } = await ratio.gradient(fromRows([[0.3]]));
    // central differences of float32 values: 1e-6 / h + h^2
    expect(Math.abs(gradient.data[0] - (up[0] - down[0]) / (2 * h))).toBeLessThan(2e-3);
  });

  it.each(names)("in %s form survives a file bit for bit", async (name) => {
    const folder = await mkdtemp(join(tmpdir(), "galton-"));
    const [path, again] = [join(folder, "a.safetensors"), join(folder, "b.safetensors")];
    await saveEstimator(trained[name], path);
    await using loaded = await loadEstimator(path);
    expect(await loaded.logRatio(test.theta, test.x)).toEqual(
      await trained[name].logRatio(test.theta, test.x),
    );
    await saveEstimator(loaded, again);
    expect(await readFile(again)).toEqual(await readFile(path));
    expect((await loaded.toOnnx()).length).toBeGreaterThan(1000);
  });

  it("takes two couplings", async () => {
    const twice = ({ data, rows }: Matrix) =>
      matrix(
        rows,
        2,
        Float64Array.from({ length: 2 * rows }, (_, i) => data[i >> 1] * (i % 2 === 0 ? 1 : -0.5)),
      );
    const two = {
      ...table,
      theta: twice(table.theta),
      thetaRef: twice(table.thetaRef),
      jointScore: twice(table.jointScore),
      names: ["a", "b"],
    };
    await using estimator = await train(alices(two, { network, structure: "morphing" }), {
      ...options,
      epochs: 1,
    });
    // 16 hidden units from one value of x, and five entries of the triangle, learned and constant
    expect(estimator.weights[0]).toHaveLength(16 * 2 + 16 * 5 + 5 + 5);
    expect((await estimator.logRatio(matrix(3, 2), matrix(3, 1))).every((v) => v === 0)).toBe(true);
  });

  it("counts numerators below the floor, and warns of them", async () => {
    const crowded = { form: "basis", basis: [[0], [0.05], [0.1]] } as const; // weights at 0.9: 136, -306, 171
    await using estimator = await train(alice(table, { network, structure: "morphing", morphing: crowded }), {
      ...options,
      epochs: 1,
      learningRate: 1e-3,
    });
    const { morphing, warnings } = estimator.header.gold!;
    expect(morphing!.floored).toBeGreaterThan(0.05);
    expect(warnings.filter((text) => /numerator of the ratio was below 0.00001 /.test(text))).toHaveLength(1);
  });

  const make = (change: object) => alices(table, { network, structure: "morphing", ...change });
  it.each<[string, () => unknown, RegExp]>([
    ["a form of its own", () => make({ morphing: { form: "cubic" } }), /quadratic or basis, got "cubic"/],
    ["a quadratic of order 3", () => make({ morphing: { order: 3 } }), /of order 2 .* got order 3/],
    ["no basis", () => make({ morphing: { form: "basis" } }), /needs basis points of 1 values/],
    [
      "two cross sections",
      () => make({ morphing: { form: "basis", basis, crossSections: [1, 2] } }),
      /expected 3 positive/,
    ],
    [
      "a negative one",
      () => make({ morphing: { form: "basis", basis, crossSections: [1, 2, -1] } }),
      /got \(1, 2, -1\)/,
    ],
    ["an unknown option", () => make({ morphing: { fomr: "basis" } }), /did you mean form/],
    [
      "another structure",
      () => make({ structure: "reference", morphing: {} }),
      /the structure is "reference"/,
    ],
    [
      "a varying reference",
      () => alices({ ...table, thetaRef: table.theta }, { structure: "morphing" }),
      /one thetaRef in all rows/,
    ],
  ])("refuses %s", (_, build, message) => {
    expect(build).toThrow(message);
  });
});
