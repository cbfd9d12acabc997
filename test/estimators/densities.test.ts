import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { logGamma } from "../../src/core/gamma-functions.js";
import { column, fromRows, matrix, repeatRow, row } from "../../src/core/matrix.js";
import { foldIn, key, stream } from "../../src/core/random.js";
import type { Dataset } from "../../src/dataset/dataset.js";
import type { GoldDataset } from "../../src/dataset/gold.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { loadLikelihoodEstimator, loadPosteriorEstimator, saveEstimator } from "../../src/estimators/file.js";
import { nle, scandal, simulatedPairs } from "../../src/estimators/nle.js";
import { npe } from "../../src/estimators/npe.js";
import { mlpEmbedding } from "../../src/nets/embeddings/mlp.js";
import { posterior } from "../../src/posterior.js";
import { uniform } from "../../src/prior/uniform.js";
import { loopOptions, type TrainingDefaults } from "../../src/train/options.js";
import { train } from "../../src/train/train.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("auto");
});

const prior = uniform({ a: [-2, 2], b: [-2, 2] });
const noise = 0.5;

/** Two parameters seen through independent noise: the posterior is a normal, cut at the prior's walls. */
function pairs(n: number): Dataset {
  const rng = stream(key("pairs"));
  const theta = prior.sample(n, key("theta"));
  const x = matrix(
    n,
    2,
    theta.data.map((value) => value + noise * rng.normal()),
  );
  return { theta, x, names: prior.names, xShape: [2], prior, dropped: 0, source: {} };
}

const small = { kind: "maf", transforms: 2, width: 16 };
const moments = (values: Float64Array) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return { mean, sd };
};

/** A file of an estimator, read and loaded. */
async function saved<T>(estimator: Parameters<typeof saveEstimator>[0], load: (path: string) => Promise<T>) {
  const folder = await mkdtemp(join(tmpdir(), "galton-"));
  try {
    const path = join(folder, "estimator.safetensors");
    await saveEstimator(estimator, path);
    return { loaded: await load(path), bytes: await readFile(path) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

it("learns data over orders of magnitude, whose density integrates to one in their own units", async () => {
  const rng = stream(key("magnitudes"));
  const prior = uniform({ a: [-2, 2] });
  const theta = prior.sample(1000, key("theta"));
  const x = matrix(
    1000,
    1,
    theta.data.map((a) => Math.exp(1.5 * a + 0.2 * rng.normal())),
  );
  const simulations = { theta, x, names: prior.names, xShape: [1], prior, dropped: 0, source: {} };
  await using estimator = await train(nle(simulations, { density: small }), { engine, epochs: 80, seed: 1 });
  expect(estimator.header.transforms.tails?.map(({ kind }) => kind)).toEqual(["log"]);
  const at = 1;
  // 4,000 points, equally far apart in log x: p(x) dx = p(x) x d log x
  const logX = Float64Array.from({ length: 4000 }, (_, i) => -4 + (10 * (i + 0.5)) / 4000);
  const points = matrix(4000, 1, logX.map(Math.exp));
  const logProb = await estimator.logProb(matrix(4000, 1, new Float64Array(4000).fill(at)), points);
  const mass = logProb.map((log, i) => Math.exp(log + logX[i]) / 400);
  const total = mass.reduce((sum, share) => sum + share, 0);
  expect(Math.abs(total - 1)).toBeLessThan(1e-3);
  const mean = mass.reduce((sum, share, i) => sum + share * logX[i], 0);
  expect(Math.abs(mean - 1.5 * at)).toBeLessThan(0.1);
  const draws = await estimator.sample(matrix(500, 1, new Float64Array(500).fill(at)), key("draws"));
  expect(Math.abs(moments(draws.data.map(Math.log)).mean - mean)).toBeLessThan(0.05);
  const sum = estimator.observe(fromRows([[2], [3]]));
  const pairs = await estimator.logProb(fromRows([[at], [at]]), fromRows([[2], [3]]));
  expect((await sum.logProb(fromRows([[at]])))[0]).toBeCloseTo(pairs[0] + pairs[1], 4);
});

it("sees data over orders of magnitude by their logarithms where it learns the posterior", async () => {
  const prior = uniform({ a: [-2, 2] });
  const theta = prior.sample(1000, key("theta"));
  const rng = stream(key("magnitudes"));
  const x = matrix(
    1000,
    1,
    theta.data.map((a) => Math.exp(3 * a + 0.3 * rng.normal())),
  );
  const simulations = { theta, x, names: prior.names, xShape: [1], prior, dropped: 0, source: {} };
  await using estimator = await train(npe(simulations, { density: small }), {
    engine,
    epochs: 40,
    seed: 1,
    card: false,
  });
  expect(estimator.header.transforms.tails?.map(({ kind }) => kind)).toEqual(["log"]);
  const observed = [Math.exp(3 * 0.5)];
  const draws = await estimator.sample(fromRows([observed]), 1000, key("draws"));
  expect(Math.abs(moments(draws.data).mean - 0.5)).toBeLessThan(0.08); // the posterior's own spread is 0.1
  const at = fromRows([[0.45], [0.6]]);
  const pairs = await estimator.logProb(at, repeatRow(observed, 2));
  const { logProb } = await estimator.gradient(at, observed);
  for (const [i, value] of logProb.entries()) expect(value).toBeCloseTo(pairs[i], 4);
});

it("refuses a file that another version wrote, with what to do", async () => {
  await using estimator = await train(npe(pairs(200), { density: small }), {
    engine,
    epochs: 1,
    card: false,
  });
  const folder = await mkdtemp(join(tmpdir(), "galton-"));
  try {
    const path = join(folder, "estimator.safetensors");
    await saveEstimator(estimator, path);
    const old = (await readFile(path)).toString("latin1").replace('\\"version\\":2', '\\"version\\":1');
    await writeFile(path, Buffer.from(old, "latin1"));
    await expect(loadPosteriorEstimator(path, { engine })).rejects.toThrow(/version 1; .* train it again\.$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("trains flows as flows learn best, unless it is told otherwise", () => {
  const of = (objective: { readonly n: number; readonly defaults?: TrainingDefaults }, options = {}) => {
    const { epochs, learningRate, weightDecay } = loopOptions(objective.n, options, objective.defaults);
    return { epochs, learningRate, weightDecay };
  };
  expect(of(npe(pairs(1250)))).toEqual({ epochs: 80, learningRate: 0.01, weightDecay: 0.05 });
  expect(of(nle(pairs(2500)))).toEqual({ epochs: 200, learningRate: 0.01, weightDecay: 0.02 });
  const asked = { epochs: 3, learningRate: 0.002, weightDecay: 0.1 };
  expect(of(npe(pairs(100)), asked)).toEqual(asked);
});

describe("a posterior estimator", () => {
  it("finds the posterior, draws from it, and stays inside the prior", async () => {
    const simulations = pairs(2000);
    const objective = npe(simulations, {
      density: small,
      embedding: mlpEmbedding({ inputs: 2, hidden: [8] }),
    });
    await using estimator = await train(objective, { engine, epochs: 30, seed: 1 });
    const target = posterior(estimator, { observed: [0.3, -0.2] });
    const draws = await target.sample(1000, { seed: 1 });
    for (const [j, center] of [0.3, -0.2].entries()) {
      const { mean, sd } = moments(column(draws, j));
      expect(Math.abs(mean - center)).toBeLessThan(0.4 * noise); // learned from 2,000 simulations
      expect(Math.abs(Math.log(sd / noise))).toBeLessThan(0.4);
    }
    const edge = posterior(estimator, { observed: [2.3, 2.3] });
    const { data } = await edge.sample(500);
    expect(data.every((value) => Math.abs(value) < 2)).toBe(true);
    const { card } = estimator.header;
    expect(card?.coverage.levels).toHaveLength(101);
    expect(card?.tarp.pValue).toBeGreaterThanOrEqual(0);

    // integrates to one over the box: 60 x 60 cells
    const side = 60;
    const grid = matrix(side * side, 2);
    for (let i = 0; i < grid.rows; i++) {
      grid.data.set(
        [(i % side) + 0.5, Math.floor(i / side) + 0.5].map((k) => -2 + (4 * k) / side),
        2 * i,
      );
    }
    const mass = (await target.logProb(grid)).reduce((sum, log) => sum + Math.exp(log), 0) * (4 / side) ** 2;
    expect(Math.abs(mass - 1)).toBeLessThan(0.02);
    expect((await target.logProb(fromRows([[2.5, 0]])))[0]).toBe(-Infinity);

    // the gradient is that of the value
    const at = [0.4, -0.1];
    const { logProb, gradient } = await target.gradient(fromRows([at]));
    for (const j of [0, 1]) {
      const moved = [1e-2, -1e-2].map((step) => at.map((value, k) => (k === j ? value + step : value)));
      const [up, down] = await target.logProb(fromRows(moved));
      expect(Math.abs(gradient.data[j] - (up - down) / 2e-2)).toBeLessThan(
        0.02 * (1 + Math.abs(gradient.data[j])),
      );
    }

    const { loaded, bytes } = await saved(estimator, (path) => loadPosteriorEstimator(path, { engine }));
    await using _ = loaded;
    expect((await posterior(loaded, { observed: [0.3, -0.2] }).logProb(fromRows([at])))[0]).toBe(logProb[0]);
    expect(bytes.length).toBeGreaterThan(1000);
  });

  it("is the same for the same seed, and a mixture in an ensemble", async () => {
    const make = () =>
      train(npe(pairs(300), { density: small }), { engine, epochs: 2, seed: 3, ensemble: 2, card: false });
    await using first = await make();
    await using second = await make();
    expect(first.weights).toEqual(second.weights);
    const theta = fromRows([[0.1, 0.2]]);
    const x = fromRows([[0, 0]]);
    const both = (await first.logProb(theta, x))[0];
    const alone: number[] = [];
    for (const packed of first.weights) {
      const { posteriorEstimator } = await import("../../src/estimators/posterior.js");
      const { conditionalDensity } = await import("../../src/flows/from-spec.js");
      const density = conditionalDensity(first.header.density, 2, 2);
      await using one = posteriorEstimator(first.header, [packed], { engine, density, prior });
      alone.push((await one.logProb(theta, x))[0]);
    }
    expect(both).toBeCloseTo(Math.log((Math.exp(alone[0]) + Math.exp(alone[1])) / 2), 10);
    const draws = await first.sample(x, 5, key(1));
    expect((await first.sample(x, 5, key(1))).data).toEqual(draws.data);
    expect((await first.sample(x, 3, key(1))).data).toEqual(draws.data.slice(0, 6));
  });

  it("refuses what it cannot answer", async () => {
    const outside = { ...pairs(50), theta: matrix(50, 2, new Float64Array(100).fill(2)) };
    expect(() => npe(outside)).toThrow(
      /row 0 of theta \(a = 2, b = 2\) lies outside the prior or on its edge/,
    );
    expect(() => npe(pairs(50), { density: { kind: "pancake" } })).toThrow(/pancake/);
    await using estimator = await train(npe(pairs(60), { density: small }), {
      engine,
      epochs: 1,
      card: false,
    });
    expect(() => posterior(estimator, { observed: [0, 0], prior } as never)).toThrow(/another prior needs/);
    expect(() =>
      posterior(estimator, {
        observed: [
          [0, 0],
          [1, 1],
        ],
      }),
    ).toThrow(/takes one observation, got 2 rows/);
    await expect(estimator.logProb(fromRows([[0, 0]]), fromRows([[0]]))).rejects.toThrow(/xDim = 2/);
    await expect(estimator.sample(fromRows([[0, 0]]), 0, key(1))).rejects.toThrow(
      /positive whole number, got 0/,
    );
  });
});

const balls = 8;
const values = Array.from({ length: balls + 1 }, (_, k) => k);
const choose = (k: number) => Math.exp(logGamma(balls + 1) - logGamma(k + 1) - logGamma(balls - k + 1));
const binomial = (k: number, p: number) => choose(k) * p ** k * (1 - p) ** (balls - k);

/** Counts of `balls` trials at a rate drawn from [0.2, 0.8], with the score of every trial. */
function counts(n: number): GoldDataset {
  const rng = stream(key("counts"));
  const rate = uniform({ p: [0.2, 0.8] });
  const [theta, thetaRef] = [rate.sample(n, key("p")), rate.sample(n, key("q"))];
  const y = Uint8Array.from({ length: n }, (_, i) => i % 2);
  const x = matrix(n, 1);
  const score = (p: number, k: number) => k / p - (balls - k) / (1 - p);
  for (let i = 0; i < n; i++) {
    const p = y[i] === 0 ? theta.data[i] : thetaRef.data[i];
    for (let b = 0; b < balls; b++) x.data[i] += Number(rng.uniform() < p);
  }
  const at = (points: typeof theta) =>
    matrix(
      n,
      1,
      points.data.map((p, i) => score(p, x.data[i])),
    );
  const jointLogRatio = x.data.map((k, i) =>
    Math.log(binomial(k, theta.data[i]) / binomial(k, thetaRef.data[i])),
  );
  const known = { names: ["p"], xShape: [], proposal: rate, source: {} };
  return {
    theta,
    thetaRef,
    y,
    x,
    jointLogRatio,
    jointScore: at(theta),
    jointScoreRef: at(thetaRef),
    ...known,
  };
}

/** Mean squared error of `log p(x | 0.4) - log p(x | 0.6)` over the counts at 0.6. */
async function errorOf(estimator: Awaited<ReturnType<typeof learn>>): Promise<number> {
  const x = matrix(values.length, 1, Float64Array.from(values));
  const [a, b] = await Promise.all([0.4, 0.6].map((p) => estimator.logProb(repeatRow([p], x.rows), x)));
  return values.reduce((sum, k, i) => {
    const exact = Math.log(binomial(k, 0.4) / binomial(k, 0.6));
    return sum + binomial(k, 0.6) * (a[i] - b[i] - exact) ** 2;
  }, 0);
}
const density = { kind: "categoricalDensity", values };
const learn = (n: number, gold: boolean) =>
  train(gold ? scandal(counts(n), { density }) : nle(simulatedPairs(counts(n)), { density }), {
    engine,
    seed: 1,
  });

describe("a likelihood estimator of counts", () => {
  it("learns the binomial, far better with the joint score, and keeps its bytes in a file", async () => {
    await using plain = await learn(600, false);
    await using gold = await learn(600, true);
    const [without, withGold] = [await errorOf(plain), await errorOf(gold)];
    expect(without).toBeLessThan(0.5); // a flat likelihood has 1.7
    expect(withGold).toBeLessThan(without / 3);
    const x = matrix(values.length, 1, Float64Array.from(values));
    const logProb = await gold.logProb(repeatRow([0.4], x.rows), x);
    expect(logProb.reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 5);
    expect((await gold.logProb(fromRows([[0.4]]), fromRows([[0.5]])))[0]).toBe(-Infinity);

    const drawn = await gold.sample(repeatRow([0.4], 4000), key(1));
    const { mean } = moments(drawn.data);
    const learned = values.reduce((sum, k, i) => sum + k * Math.exp(logProb[i]), 0);
    expect(Math.abs(mean - learned)).toBeLessThan(4 * Math.sqrt((balls * 0.24) / 4000));

    const { loaded } = await saved(gold, (path) => loadLikelihoodEstimator(path, { engine }));
    await using _ = loaded;
    expect(await loaded.logProb(repeatRow([0.4], x.rows), x)).toEqual(logProb);
    expect(loaded.header.alpha).toBeGreaterThan(0);

    // two observations add, and the posterior has the slope of its value
    const target = posterior(gold, { observed: [[2], [3]] });
    const point = fromRows([[0.35]]);
    const { logProb: value, gradient } = await target.gradient!(point);
    const apart = await gold.logProb(repeatRow([0.35], 2), fromRows([[2], [3]]));
    expect(value[0]).toBeCloseTo(apart[0] + apart[1] - Math.log(0.6), 5);
    const [up, down] = await target.logProb(fromRows([[0.36], [0.34]]));
    expect(Math.abs(gradient.data[0] - (up - down) / 0.02)).toBeLessThan(
      0.05 * (1 + Math.abs(gradient.data[0])),
    );
  });

  it("learns columns of counts that depend on each other, without being told that they are counts", async () => {
    const rate = (t: number) => 1 / (1 + Math.exp(-t));
    const rates = ([a, b]: readonly number[], t: number) => [rate(t), a === 1 ? 0.8 : 0.3, rate(b - t)];
    const prior = uniform({ t: [-2, 2] });
    const n = 2000;
    const theta = prior.sample(n, key("theta"));
    const x = matrix(n, 3);
    for (let i = 0; i < n; i++) {
      const rng = stream(foldIn(key("spikes"), i));
      for (let j = 0; j < 3; j++)
        x.data[3 * i + j] = Number(rng.uniform() < rates([...row(x, i)], theta.data[i])[j]);
    }
    const table = { theta, x, names: prior.names, xShape: [3], prior, dropped: 0, source: {} };
    await using estimator = await train(nle(table), { engine, epochs: 20, seed: 1, card: false });
    expect(estimator.header.density).toMatchObject({ kind: "categoricalDensity", values: [0, 1] });
    const outcomes = fromRows(Array.from({ length: 8 }, (_, k) => [(k >> 2) & 1, (k >> 1) & 1, k & 1]));
    const at = 0.7;
    const logProb = await estimator.logProb(repeatRow([at], 8), outcomes);
    const exact = Array.from({ length: 8 }, (_, k) => {
      const seen = [...row(outcomes, k)];
      return rates(seen, at).reduce((product, p, j) => product * (seen[j] === 1 ? p : 1 - p), 1);
    });
    expect(logProb.reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 5);
    exact.forEach((p, k) => {
      expect(Math.abs(Math.exp(logProb[k]) - p)).toBeLessThan(0.04);
    });
    const drawn = await estimator.sample(repeatRow([at], 4000), key("drawn"));
    const seen = new Float64Array(8);
    for (let i = 0; i < 4000; i++) {
      const [a, b, c] = row(drawn, i);
      seen[4 * a + 2 * b + c] += 1 / 4000;
    }
    seen.forEach((share, k) => {
      const p = Math.exp(logProb[k]);
      expect(Math.abs(share - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 4000));
    });
    expect((await estimator.logProb(fromRows([[at]]), fromRows([[0, 0.5, 1]])))[0]).toBe(-Infinity);
    const { loaded } = await saved(estimator, (path) => loadLikelihoodEstimator(path, { engine }));
    await using _ = loaded;
    expect(await loaded.logProb(repeatRow([at], 8), outcomes)).toEqual(logProb);
    const many = {
      ...table,
      x: matrix(
        n,
        3,
        x.data.map((value, i) => value + (i % 11)),
      ),
    };
    expect(nle(many).spec).toMatchObject({ density: { kind: "maf" } });
  });

  it("refuses values it does not know, and gold that is not finite", () => {
    const wrong = counts(20);
    wrong.x.data[3] = 99;
    expect(() => nle(simulatedPairs(wrong), { density })).toThrow(/x is 99 in row 3/);
    const broken = counts(20);
    broken.jointScore.data[2] = Number.NaN;
    expect(() => scandal(broken, { density })).toThrow(/joint score is NaN in row 2, column 0 \(p\)/);
    expect(() => scandal(counts(20), { density, alpha: -1 })).toThrow(/alpha must be a positive number/);
    expect(() =>
      nle(simulatedPairs(counts(20)), { density: { kind: "categoricalDensity", values: [1, 1] } }),
    ).toThrow(/at least two different numbers/);
  });
});
