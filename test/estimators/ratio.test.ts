import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { studentT } from "../../src/core/distributions/student-t.js";
import { fromRows, type Matrix, matrix, takeRows } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import type { Dataset } from "../../src/dataset/dataset.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { aalr, fitTransforms, isHeavyTailed } from "../../src/estimators/aalr.js";
import { aalrLrt } from "../../src/estimators/aalr-lrt.js";
import { loadEstimator, saveEstimator } from "../../src/estimators/file.js";
import { type RatioEstimator, type RatioHeader, ratioEstimator } from "../../src/estimators/ratio.js";
import { ratioNetwork } from "../../src/nets/ratio-network.js";
import { posterior } from "../../src/posterior.js";
import { independent, truncatedPrior } from "../../src/prior/independent.js";
import { uniform } from "../../src/prior/uniform.js";
import { reportCard } from "../../src/report-card.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";
import { exactLogRatio, gaussian, smallNetwork } from "./gaussian.js";

const prior = gaussian.prior as ReturnType<typeof independent>;
const logs = [0, 1].map((seed) => ({
  epochs: [{ epoch: 1, trainingLoss: 1, validationLoss: 1, learningRate: 1e-3 }],
  bestEpoch: 1,
  bestValidationLoss: 1,
  reason: "finished" as const,
  trainingRows: 100,
  validationRows: 10,
  batchSize: 10,
  parameters: 1,
  cpuSeconds: 0,
  engine: "none",
  seed: String(seed),
}));
const identity = (cols: number) => ({
  center: new Array<number>(cols).fill(0.3),
  scale: new Array<number>(cols).fill(0.7),
  constantColumns: [],
});
let engine: Engine;
let simulations: Dataset;

beforeAll(async () => {
  engine = await openEngine("auto");
  simulations = await simulate(gaussian, { n: 2000, seed: 1 });
});

/** Members with random weights; `shift` is added to the log ratio of the first. */
function untrained(
  gamma: number,
  shift = 0,
  reference: RatioHeader["reference"] = "evidence",
  seeds: readonly number[] = [1, 2],
) {
  const network = ratioNetwork(smallNetwork, 1, 2);
  const weights = seeds.map((seed) => network.initialise(key(seed)).map((value) => 3 * value));
  weights[0][weights[0].length - 1] += shift; // the bias of the output is the last parameter
  const header: RatioHeader = {
    method: "aalr",
    names: ["theta"],
    xShape: [2],
    network: smallNetwork,
    loss: { contrasts: 4, gamma, balance: 0 },
    reference,
    transforms: { theta: identity(1), x: identity(2) },
    logs,
    embedding: false,
  };
  return ratioEstimator(header, weights, { engine, prior });
}

/** The exact ratio in the shape of an estimator. */
function exact(): RatioEstimator {
  const pairs = (theta: Matrix, x: Matrix) =>
    Float64Array.from({ length: x.rows }, (_, i) =>
      exactLogRatio(theta.data[i], x.data.subarray(2 * i, 2 * i + 2)),
    );
  const base = untrained(1);
  return {
    ...base,
    logRatio: async (theta, x) => pairs(theta, x),
    observe: (x) => ({
      ...base.observe(x),
      logRatio: async (theta) => theta.data.map((value) => exactLogRatio(value, x.data)),
    }),
  };
}

describe("an ensemble", () => {
  const theta = fromRows([[-1], [0.2], [1.3]]);
  const rows = fromRows([
    [0.8, 1.5],
    [0.1, -0.4],
  ]);

  it.each([
    ["ratios", 1],
    ["log ratios (NRE-B)", Infinity],
  ])("of averaged %s has the gradient of its own log ratio", async (_, gamma) => {
    await using estimator = untrained(gamma, 1);
    const ratio = estimator.observe(rows);
    const { gradient } = await ratio.gradient(theta);
    const h = 1e-2;
    const moved = (by: number) => ratio.logRatio(fromRows(Array.from(theta.data, (value) => [value + by])));
    const [up, down] = [await moved(h), await moved(-h)];
    for (let i = 0; i < 3; i++) {
      // central differences of float32 values: 1e-6 / h + h^2
      expect(Math.abs(gradient.data[i] - (up[i] - down[i]) / (2 * h))).toBeLessThan(2e-3);
    }
  });

  it("does not care for a member's unknown constant with NRE-B", async () => {
    await using plain = untrained(Infinity);
    await using shifted = untrained(Infinity, 5);
    const [a, b] = [await plain.observe(rows).logRatio(theta), await shifted.observe(rows).logRatio(theta)];
    for (let i = 1; i < 3; i++) expect(b[i] - b[0]).toBeCloseTo(a[i] - a[0], 5);
    const [c, d] = [await plain.observe(rows).gradient(theta), await shifted.observe(rows).gradient(theta)];
    for (let i = 0; i < 3; i++) expect(d.gradient.data[i]).toBeCloseTo(c.gradient.data[i], 5);
  });
});

it("remembers in a file that the ratio is one of NRE-B", async () => {
  await using estimator = untrained(Infinity);
  const path = join(await mkdtemp(join(tmpdir(), "galton-")), "nre-b.safetensors");
  await saveEstimator(estimator, path);
  await using loaded = await loadEstimator(path, { engine });
  expect(loaded.header.loss).toEqual(estimator.header.loss);
  const card = await reportCard(loaded, simulations, { pairs: 20, priorDraws: 100 });
  expect(card.expectation).toBeUndefined();
});

describe("the spread in a report card", () => {
  const cardOf = async (seeds: readonly number[]) => {
    await using estimator = untrained(1, 1, "evidence", seeds);
    return reportCard(estimator, simulations, { pairs: 20, priorDraws: 50 });
  };

  it("is the standard deviation between the members", async () => {
    const { ensembleSpread } = await cardOf([1, 1]); // equal but for 1 nat: sqrt(2 (1/2)^2); ratios are float32
    expect(ensembleSpread).toBeCloseTo(Math.SQRT1_2, 4);
  });

  it("is left out for one network", async () => {
    expect(await cardOf([1])).not.toHaveProperty("ensembleSpread");
  });
});

describe("the report card of an exact ratio", () => {
  it("finds it calibrated, though the pairs are sorted by the parameter", async () => {
    const order = Array.from(simulations.theta.data.keys()).sort(
      (a, b) => simulations.theta.data[a] - simulations.theta.data[b],
    );
    const sorted = { theta: takeRows(simulations.theta, order), x: takeRows(simulations.x, order) };
    const card = await reportCard(exact(), sorted, { pairs: 200, seed: 2 });
    // with the right posterior p-values are uniform: below 1e-3 once in a thousand seeds
    expect(card.sbc.pValue).toBeGreaterThan(1e-3);
    expect(card.coverage.pValue).toBeGreaterThan(1e-3);
    expect(card.warnings).toEqual([]);
  });

  it("says so when the pairs are not draws of the prior", async () => {
    const narrow = truncatedPrior(prior, { theta: [0, Infinity] });
    const { warnings } = await reportCard(exact(), simulations, { prior: narrow, pairs: 100 });
    expect(warnings[0]).toMatch(/of 100 true parameters lie outside the prior/);
  });
});

describe("a posterior", () => {
  const observed = [0.8, 1.5];

  it("takes a prior inside that of the simulations, wherever the reference point lies", async () => {
    await using estimator = untrained(1, 0, { thetaRef: [0] });
    const density = posterior(estimator, { observed, prior: truncatedPrior(prior, { theta: [0.5, 1] }) });
    const [inside, outside] = await density.logProb(fromRows([[0.7], [0.2]]));
    expect(Number.isFinite(inside)).toBe(true);
    expect(outside).toBe(-Infinity);
  });

  it("refuses a prior that reaches where there were no simulations", async () => {
    await using base = untrained(1);
    const estimator = { ...base, prior: uniform({ theta: [0, 1] }) };
    expect(() => posterior(estimator, { observed, prior: uniform({ theta: [0, 1.5] }) })).toThrow(
      /prior must lie inside the prior of the simulations, but it draws theta = 1\.\d+/,
    );
    expect(() => posterior(estimator, { observed, prior: uniform({ theta: [0.2, 1] }) })).not.toThrow();
  });

  it("refuses an observation without rows", async () => {
    await using estimator = untrained(1);
    expect(() => posterior(estimator, { observed: matrix(0, 2) })).toThrow(
      /at least one observation, got no rows/,
    );
  });
});

describe("what would fail in silence is refused", () => {
  it("a split with a part of one row, which has nothing to contrast with", async () => {
    const few = {
      ...simulations,
      theta: takeRows(simulations.theta, [...Array(20).keys()]),
      x: takeRows(simulations.x, [...Array(20).keys()]),
    };
    for (const [validationFraction, left] of [
      [0.04, /19 rows to train on and 1 to validate/],
      [0.95, /1 rows to train on and 19 to validate/],
    ] as const) {
      await expect(train(aalr(few, { network: smallNetwork }), { validationFraction })).rejects.toThrow(left);
    }
  });

  it("a fresh simulator that draws from another prior", () => {
    const fresh = { ...gaussian, prior: truncatedPrior(prior, { theta: [0, 1] }) };
    expect(() => aalr(simulations, { fresh })).toThrow(/draws from the prior .* but the table comes from/);
  });

  it("a reference table simulated elsewhere", () => {
    expect(() => aalrLrt(simulations, { reference: simulations })).toThrow(
      /simulated at thetaRef = \(0\), got theta = .* in row 0/,
    );
  });

  it("an embedding that takes a name of the ratio network", () => {
    const embedding = {
      features: 1,
      parameters: [{ name: "out.weight", shape: [2, 1] }],
      initialise: () => new Float32Array(2),
      apply: () => {
        throw new Error("never called");
      },
    };
    expect(() => ratioNetwork(smallNetwork, 1, 2, embedding)).toThrow(/"out.weight", and so has the ratio/);
  });
});

it("does not let the far draws of a prior without a variance set the scale of the others", () => {
  const cauchy = independent({ theta: studentT(1) });
  const theta = cauchy.sample(5000, key("far"));
  const x = matrix(5000, 1, stream(key("x")).normals(5000));
  // the central 95 % of a Cauchy span 25.4, as those of a normal with sd 6.5; its sample sd grows with n
  expect(fitTransforms(theta, x, isHeavyTailed(cauchy)).theta.scale[0]).toBeLessThan(10);
  expect(fitTransforms(theta, x, isHeavyTailed(undefined)).theta.scale[0]).toBeGreaterThan(20);
});
