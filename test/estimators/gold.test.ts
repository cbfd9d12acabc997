import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hmc } from "../../samplers/hmc.js";
import { sample } from "../../samplers/sample.js";
import { summary } from "../../samplers/summary.js";
import { fromRows, matrix, sliceRows } from "../../src/core/matrix.js";
import type { GoldDataset } from "../../src/dataset/gold.js";
import { loadEstimator, saveEstimator } from "../../src/estimators/file.js";
import {
  alice,
  alices,
  carl,
  cascal,
  type GoldScoreOptions,
  rascal,
  rolr,
} from "../../src/estimators/gold.js";
import { ratioExpectations } from "../../src/estimators/gold-checks.js";
import type { RatioEstimator } from "../../src/estimators/ratio.js";
import { posterior } from "../../src/posterior.js";
import { train } from "../../src/train/train.js";
import { exactLogRatio, goldTable } from "./gold-toy.js";

const network = { kind: "mlp", hidden: [16, 16], activation: "tanh" } as const;
const options = { seed: 1, epochs: 30, batchSize: 50, learningRate: 0.01, card: false } as const;
const short = { ...options, epochs: 2 };
const methods = { carl, rolr, alice, cascal, rascal, alices };
type Name = keyof typeof methods;
const names = Object.keys(methods) as Name[];

const many = goldTable(2000, 5);
const table = goldTable(800, 1);
const pairTable = goldTable(800, 2, { pairs: true });
const test = goldTable(1000, 3);
const trained = {} as Record<Name, RatioEstimator>;
let paired: RatioEstimator;

beforeAll(async () => {
  for (const name of names)
    trained[name] = await train(methods[name](many, { network }), { ...options, epochs: 15 });
  paired = await train(alices(pairTable, { network, thetaRef: [0.25] }), options);
});
afterAll(async () => {
  for (const estimator of [...Object.values(trained), paired]) await estimator.dispose();
});

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const truth = ({ theta, thetaRef, x }: GoldDataset) =>
  x.data.map((value, i) => exactLogRatio(value, theta.data[i], thetaRef.data[i]));
const mse = (learned: Float64Array, exact: Float64Array) => mean(learned.map((l, i) => (l - exact[i]) ** 2));

describe("ratios learned from gold", () => {
  it.each(names)("%s is nearer to the exact log ratio than no ratio", async (name) => {
    const learned = await trained[name].logRatio(test.theta, test.x);
    const trivial = mean(truth(test).map((value) => value ** 2));
    // a few hundred steps on 2,000 rows: labels have learned something, gold has learned most
    expect(mse(learned, truth(test))).toBeLessThan((name === "carl" ? 0.5 : 0.25) * trivial);
  });

  it("need fewer simulations than labels", async () => {
    const errors = {} as Record<Name, number>;
    for (const name of names) {
      errors[name] = mse(await trained[name].logRatio(test.theta, test.x), truth(test));
    }
    for (const name of names) if (name !== "carl") expect(errors[name]).toBeLessThan(errors.carl);
    expect(errors.alices).toBeLessThan(errors.alice);
  });

  it("say how they were learned, and check themselves on held-out rows", () => {
    for (const name of names) {
      const { method, reference, gold } = trained[name].header;
      expect([method, reference]).toEqual([name, { thetaRef: [0] }]);
      expect(gold!.structure).toBe("reference");
      expect(gold!.alpha).toBe(["cascal", "rascal", "alices"].includes(name) ? 0.5 : 0);
      const { ratio, inverse } = gold!.expectations;
      expect(ratio!.rows + inverse!.rows).toBe(200);
      for (const { mean, z, largestShare } of [ratio!, inverse!]) {
        expect(Math.abs(mean - 1)).toBeLessThan(0.5);
        expect(Math.abs(z)).toBeLessThan(6);
        expect(largestShare).toBeLessThan(0.5);
      }
    }
  });

  it("lead to the posterior, with the samplers as they are", async () => {
    const observed = [0.8, -0.3, 1.1, 0.4].map((value) => [value]);
    const draws = await sample(hmc(posterior(trained.alices, { observed })), {
      chains: 20,
      warmup: 40,
      draws: 30,
      seed: 3,
    });
    const weights = Array.from({ length: 401 }, (_, i) => -1 + i / 200).map((theta) => {
      return [theta, Math.exp(observed.reduce((sum, [x]) => sum + exactLogRatio(x, theta, 0), 0))];
    });
    const norm = weights.reduce((sum, [, w]) => sum + w, 0);
    const exact = weights.reduce((sum, [theta, w]) => sum + theta * w, 0) / norm;
    // the posterior's standard deviation is 0.45; four times an error of log r of 0.1 moves the mean by a fifth of it
    expect(Math.abs(summary(draws).rows[0].mean - exact)).toBeLessThan(0.15);
  });

  it("give the ratio of any two points as a difference", async () => {
    const [a, b, x] = [test.theta, test.x, test.x].map((rows) => sliceRows(rows, 0, 50));
    const [first, second] = [await trained.alice.logRatio(a, x), await trained.alice.logRatio(b, x)];
    const between = await trained.alice.logRatioBetween(a, b, x);
    expect(between).toEqual(first.map((value, i) => value - second[i]));
    await expect(trained.alice.logRatioBetween(a, sliceRows(b, 0, 9), x)).rejects.toThrow(
      /50, 9 and 50 rows/,
    );
  });

  it("come with a report card on the rows that are joint draws", async () => {
    const objective = alices(goldTable(500, 4), { network });
    await using estimator = await train(objective, { ...short, card: { pairs: 20, priorDraws: 50 } });
    expect(estimator.header.card!.pairs).toBe(20);
    expect(estimator.header.card!.expectation).toBeUndefined();
  });
});

describe("a ratio of two points", () => {
  const [a, b] = [sliceRows(pairTable.theta, 0, 200), sliceRows(pairTable.thetaRef, 0, 200)];
  const x = sliceRows(pairTable.x, 0, 200);

  it("is exactly antisymmetric, and zero where both are one", async () => {
    const [there, back] = [await paired.logRatioBetween(a, b, x), await paired.logRatioBetween(b, a, x)];
    expect(there).toEqual(back.map((value) => 0 - value));
    expect(there.some((value) => Math.abs(value) > 0.5)).toBe(true);
    expect((await paired.logRatioBetween(a, a, x)).every((value) => value === 0)).toBe(true);
  });

  it("learns the exact ratio, and is a ratio to its reference point, too", async () => {
    const exact = x.data.map((value, i) => exactLogRatio(value, a.data[i], b.data[i]));
    const learned = await paired.logRatioBetween(a, b, x);
    expect(mse(learned, exact)).toBeLessThan(0.5 * mean(exact.map((value) => value ** 2)));
    expect(paired.header.reference).toEqual({ thetaRef: [0.25] });
    const reference = matrix(200, 1, new Float64Array(200).fill(0.25));
    const between = await paired.logRatioBetween(a, reference, x);
    (await paired.logRatio(a, x)).forEach((value, i) => {
      expect(value).toBeCloseTo(between[i], 5);
    });
  });

  it("learns the same when the two points change places", async () => {
    const { theta, thetaRef, y, jointLogRatio, jointScore, jointScoreRef } = pairTable;
    const swapped = {
      ...pairTable,
      theta: thetaRef,
      thetaRef: theta,
      y: y.map((label) => 1 - label),
      jointLogRatio: jointLogRatio.map((value) => -value),
      jointScore: jointScoreRef!,
      jointScoreRef: jointScore,
    };
    const lossOf = async (data: GoldDataset) => {
      await using estimator = await train(alices(data, { network }), short);
      return estimator.header.logs[0].bestValidationLoss;
    };
    // the losses are equal but for float32 sums in another order, through 28 steps
    expect(await lossOf(swapped)).toBeCloseTo(await lossOf(pairTable), 3);
  });

  it("has the gradient of its own log ratio", async () => {
    const ratio = paired.observe(fromRows([[0.4], [-0.7]]));
    const h = 1e-2;
    const [up, down] = await Promise.all([h, -h].map((by) => ratio.logRatio(fromRows([[0.3 + by]]))));
    // central differences of float32 values: 1e-6 / h + h^2
    const { gradient } = await ratio.gradient(fromRows([[0.3]]));
    expect(Math.abs(gradient.data[0] - (up[0] - down[0]) / (2 * h))).toBeLessThan(2e-3);
  });

  it.each([
    "antisymmetric",
    "ratio-of-ratios",
  ] as const)("survives a file bit for bit as %s", async (structure) => {
    await using estimator = await train(cascal(pairTable, { network, structure, alpha: "auto" }), {
      ...short,
      ensemble: 2,
    });
    const folder = await mkdtemp(join(tmpdir(), "galton-"));
    const [path, again] = [join(folder, "a.safetensors"), join(folder, "b.safetensors")];
    await saveEstimator(estimator, path);
    await using loaded = await loadEstimator(path);
    expect(await loaded.logRatioBetween(a, b, x)).toEqual(await estimator.logRatioBetween(a, b, x));
    expect(await loaded.logRatio(a, x)).toEqual(await estimator.logRatio(a, x));
    const [there, back] = [await loaded.logRatioBetween(a, b, x), await loaded.logRatioBetween(b, a, x)];
    expect(there).toEqual(back.map((value) => 0 - value));
    await saveEstimator(loaded, again);
    expect(await readFile(again)).toEqual(await readFile(path));
    expect((await estimator.toOnnx()).length).toBeGreaterThan(1000);
  });
});

describe("training on gold", () => {
  const run = async (data: GoldDataset, change: GoldScoreOptions = {}, also: object = {}) => {
    await using estimator = await train(alices(data, { network, ...change }), { ...short, ...also });
    return estimator;
  };
  let plain: RatioEstimator;
  beforeAll(async () => {
    plain = await run(table);
  });

  it("gives the same bytes for the same seed, and as a worker thread rebuilds it", async () => {
    const { portable } = alices(table, { network });
    const rebuilt = await import(portable!.module).then((module) =>
      module[portable!.export](structuredClone(portable!.input)),
    );
    await using second = await train<RatioEstimator>(rebuilt, short);
    expect(second.weights).toEqual(plain.weights);
    expect((await run(table, {}, { seed: 2 })).weights).not.toEqual(plain.weights);
  });

  it("goes on from a checkpoint as if it had never stopped", async () => {
    const checkpoint = join(await mkdtemp(join(tmpdir(), "galton-")), "run.safetensors");
    const stop = new AbortController();
    const interrupted = {
      checkpoint,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error("enough")),
    };
    await expect(run(table, {}, interrupted)).rejects.toThrow("enough");
    expect((await run(table, {}, { checkpoint })).weights).toEqual(plain.weights);
    await expect(run(table, { alpha: 0.7 }, { checkpoint })).rejects.toThrow(/checkpoint of another run/);
  });

  it("does not depend on the units of the parameters", async () => {
    // 1024 and not 1000, so that float64 rounds nothing
    const scaled = goldTable(800, 1, { unit: 1024 });
    const [small, large] = [await run(table, { alpha: "auto" }), await run(scaled, { alpha: "auto" })];
    expect(large.weights).toEqual(small.weights);
    expect(large.header.gold!.alpha).toBe(small.header.gold!.alpha);
    const thousand = await run(goldTable(800, 1, { unit: 1000 }));
    const off = thousand.weights[0].map((value, i) => Math.abs(value - plain.weights[0][i]));
    expect(Math.max(...off)).toBeLessThan(1e-3); // float32 roundings of the inputs, carried through 28 steps
  });

  it("weighs the score term by the losses of the ratio one where asked to", async () => {
    const { alpha } = (await run(table, { alpha: "auto" })).header.gold!;
    // ALICE loses log 2; half the rows have a score of variance 1, in units of sd(theta) = 3^(-1/2)
    expect(alpha).toBeGreaterThan(0.9 * Math.LN2 * 6);
    expect(alpha).toBeLessThan(1.1 * Math.LN2 * 6);
  });

  it("does not look at scores of rows that another point made", async () => {
    const jointScore = matrix(
      800,
      1,
      table.jointScore.data.map((t, i) => (table.y[i] === 1 ? Number.NaN : t)),
    );
    expect((await run({ ...table, jointScore })).weights).toEqual(plain.weights);
  });

  it("counts targets that explode, and warns when a few rows rule ROLR", async () => {
    const jointLogRatio = table.jointLogRatio.slice();
    for (let i = 0; i < 100; i++) jointLogRatio[i] = table.y[i] === 0 ? (i % 4 === 0 ? -12 : -Infinity) : 9;
    const exploding = { ...table, jointLogRatio };
    await using estimator = await train(rascal(exploding, { network }), short);
    const { targets, warnings } = estimator.header.gold!;
    expect(targets.rows).toBe(720);
    expect(targets.infinite).toBeGreaterThan(15); // 25 of 800 rows, but for those held out
    expect(targets.beyondLimit).toBeGreaterThan(targets.infinite);
    expect(warnings.filter((text) => /were clipped to it/.test(text))).toHaveLength(1);
    expect((await run(exploding)).header.gold!.targets.infinite).toBe(targets.infinite);
    const one = {
      ...table,
      jointLogRatio: table.jointLogRatio.map((value, i) => (i < 4 ? 10 * (2 * table.y[i] - 1) : value)),
    };
    await using ruled = await train(rolr(one, { network }), short);
    expect(
      ruled.header.gold!.warnings.filter((text) => /top 0.1 % of the training rows carry/.test(text)),
    ).toHaveLength(1);
    expect((await run(one)).header.gold!.warnings.join()).not.toMatch(/top 0.1 %/);
  });
});

it("expectations of an exact ratio are one within their standard errors", () => {
  const large = goldTable(20_000, 9);
  const { ratio, inverse } = ratioExpectations(truth(large), large.y);
  for (const { z, standardError } of [ratio!, inverse!]) {
    expect(Math.abs(z)).toBeLessThan(4);
    expect(standardError).toBeLessThan(0.01);
  }
  const wrong = ratioExpectations(
    truth(large).map((value) => value + 0.2),
    large.y,
  );
  expect(wrong.ratio!.z).toBeGreaterThan(10);
});

describe("tables that nothing can be learned from", () => {
  const without = <K extends keyof GoldDataset>(key: K, value: GoldDataset[K]) => ({
    ...table,
    [key]: value,
  });
  const withNaN = (values: Float64Array) => values.map((value, i) => (i === 2 ? Number.NaN : value));
  it.each<[string, GoldDataset, RegExp]>([
    ["no rows", { ...table, theta: matrix(0, 1) }, /got no rows/],
    ["ragged x", without("x", matrix(3, 1)), /expected x of shape \[800, 1\], .* got \[3, 1\]/],
    ["ragged gold", without("jointLogRatio", new Float64Array(5)), /expected jointLogRatio of shape/],
    ["a NaN ratio", without("jointLogRatio", withNaN(table.jointLogRatio)), /jointLogRatio is NaN in row 2/],
    [
      "a NaN score",
      without("jointScore", matrix(800, 1, withNaN(table.jointScore.data))),
      /score is NaN in row 2, column 0 \(theta\)/,
    ],
    ["one label", without("y", new Uint8Array(800)), /rows of both labels, got 800 with y = 0 and 0/],
    ["a label of 2", without("y", new Uint8Array(800).fill(2)), /y must be 0 or 1, got 2/],
  ])("are refused: %s", (_, data, message) => {
    expect(() => alices(data, { network })).toThrow(message);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      "an unknown option",
      () => alices(table, { alhpa: 1 } as object),
      /no option "alhpa"; did you mean alpha/,
    ],
    ["alpha without a score term", () => alice(table, { alpha: 1 } as object), /no option "alpha"/],
    ["alpha = 0", () => cascal(table, { alpha: 0 }), /alpha must be a positive number or "auto", got 0/],
    ["alpha = NaN", () => rascal(table, { alpha: Number.NaN }), /got NaN/],
    ["relu", () => alices(table, { network: { ...network, activation: "relu" } }), /"relu" does not have/],
    ["one reference for many", () => carl(pairTable, { structure: "reference" }), /but it varies/],
    ["another reference", () => carl(table, { thetaRef: [0.5] }), /reference point is \(0\)/],
    ["a strange structure", () => carl(table, { structure: "odd" as "reference" }), /got "odd"/],
  ])("and so are options: %s", (_, make, message) => {
    expect(make).toThrow(message);
  });
});
