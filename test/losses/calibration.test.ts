/** The calibration term: uniform ranks, their slope, and posteriors and ratios that are trained with it. */
import { beforeAll, describe, expect, it } from "vitest";
import { fromRows, type Matrix, matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import type { Dataset } from "../../src/dataset/dataset.js";
import { openEngine } from "../../src/engine/open.js";
import { unpack } from "../../src/engine/packing.js";
import type { Engine } from "../../src/engine/types.js";
import { aalr, aalrFromPortable } from "../../src/estimators/aalr.js";
import { apt } from "../../src/estimators/apt.js";
import { npe, npeFromPortable } from "../../src/estimators/npe.js";
import { type CalibrationTerm, miscalibration, ratioMiscalibration } from "../../src/losses/calibration.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { train } from "../../src/train/train.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("auto");
});

/**
 * The term, and its slope in `log sigma`, where every posterior is N(0, 1) and is taken for N(0, sigma^2): the log density at
 * the truth is `-(z / sigma)^2 / 2 - log sigma`, at its own draws `-e^2 / 2 - log sigma`.
 */
async function termAt(sigma: number, options: Pick<CalibrationTerm, "conservative"> = {}) {
  const [rows, draws] = [400, 24];
  const rng = stream(key("term"));
  const compiled = await engine.compile(
    (tf, { logSigma, z, noise }) => {
      const term = (at: typeof z) => {
        const log = (squares: typeof z) => tf.sub(tf.mul(squares, -0.5), at);
        const truth = tf.mul(tf.square(z), tf.exp(tf.mul(at, -2)));
        return miscalibration(tf, log(truth), log(tf.square(noise)), options);
      };
      return { term: term(logSigma), slope: tf.grad(term as never)(logSigma) };
    },
    { logSigma: { shape: [1] }, z: { shape: [rows] }, noise: { shape: [rows, draws] } },
  );
  const out = await compiled.run({
    logSigma: Float64Array.of(Math.log(sigma)),
    z: rng.normals(rows),
    noise: rng.normals(rows * draws),
  });
  const found = { term: out.term[0], slope: out.slope[0] };
  await compiled.dispose();
  return found;
}

/**
 * The term of a ratio, and its slope in `c`, where theta is N(0, 1) and x is N(theta, 1) and the log ratio is `c` times the exact
 * one: overconfident from one on. The exact one is `theta x - theta^2 / 2` but for a function of x, which has no part in it.
 */
async function ratioTermAt(c: number, draws: number, options: Pick<CalibrationTerm, "conservative"> = {}) {
  const rows = 1000;
  const rng = stream(key("ratio"));
  const theta = Float64Array.from({ length: rows * (draws + 1) }, () => rng.normal());
  const x = Float64Array.from({ length: rows }, (_, i) => theta[i * (draws + 1)] + rng.normal());
  const compiled = await engine.compile(
    (tf, feeds) => {
      const logRatio = tf.sub(tf.mul(feeds.theta, feeds.x), tf.mul(tf.square(feeds.theta), 0.5));
      const term = (at: typeof logRatio) => ratioMiscalibration(tf, tf.mul(logRatio, at), options);
      return { term: term(feeds.c), slope: tf.grad(term as never)(feeds.c) };
    },
    { c: { shape: [1] }, x: { shape: [rows, 1] }, theta: { shape: [rows, draws + 1] } },
  );
  const out = await compiled.run({ c: Float64Array.of(c), x, theta });
  await compiled.dispose();
  return { term: out.term[0], slope: out.slope[0] };
}

describe("the calibration term of a ratio", () => {
  it.each([1, 16])("is near zero for an exact ratio and %i draws, and downhill towards it", async (draws) => {
    const [flat, exact, steep] = [
      await ratioTermAt(0.4, draws),
      await ratioTermAt(1, draws),
      await ratioTermAt(2.5, draws),
    ];
    expect(exact.term).toBeLessThan(4 / (6 * 1000)); // ranks whose places within their pairs are averaged vary less than 1 / 6B
    expect(flat.term).toBeGreaterThan(4 * exact.term);
    expect(steep.term).toBeGreaterThan(4 * exact.term);
    expect(flat.slope).toBeLessThan(0);
    expect(steep.slope).toBeGreaterThan(0);
  });

  it("is zero where all ratios are equal, and leaves underconfidence alone where it is conservative", async () => {
    expect((await ratioTermAt(0, 16)).term).toBeLessThan(1e-10);
    expect((await ratioTermAt(0.4, 16, { conservative: true })).term).toBeLessThan(4 / 6000);
    const [both, conservative] = [
      await ratioTermAt(2.5, 16),
      await ratioTermAt(2.5, 16, { conservative: true }),
    ];
    expect(conservative.term).toBeGreaterThan(0.9 * both.term);
  });
});

describe("the calibration term", () => {
  it("is near zero for exact posteriors and grows with overconfidence, downhill towards them", async () => {
    const [narrow, exact, wide] = [await termAt(0.5), await termAt(1), await termAt(2)];
    // of 400 uniform ranks: about 1 / 2400
    expect(exact.term).toBeLessThan(4 / 2400);
    expect(narrow.term).toBeGreaterThan(20 * exact.term);
    expect(wide.term).toBeGreaterThan(10 * exact.term);
    expect(narrow.slope).toBeLessThan(0);
    expect(wide.slope).toBeGreaterThan(0);
    expect(Math.abs(exact.slope)).toBeLessThan(0.2 * Math.abs(narrow.slope));
  });

  it("leaves underconfidence alone where it is conservative", async () => {
    const [narrow, wide] = [
      await termAt(0.5, { conservative: true }),
      await termAt(2, { conservative: true }),
    ];
    const both = await termAt(0.5);
    expect(narrow.term).toBeGreaterThan(0.9 * both.term);
    expect(wide.term).toBeLessThan(1e-4);
  });
});

const prior = normalPrior(["a"], [0], [[1]]);
function pairs(theta: Matrix): Dataset {
  const rng = stream(key("x"));
  const x = matrix(
    theta.rows,
    1,
    theta.data.map((value) => value + rng.normal()),
  );
  return { theta, x, names: ["a"], xShape: [1], prior, dropped: 0, source: {} };
}
const rows = pairs(prior.sample(600, key("theta")));
const density = { kind: "mixtureDensity", components: 1, hidden: [16] };

describe("calibrated NPE", () => {
  it.each(["mixtureDensity", "nsf", "maf"])("has finite gradients through draws of %s", async (kind) => {
    const objective = npe(pairs(prior.sample(40, key("few"))), {
      density: kind === "mixtureDensity" ? density : { kind, transforms: 1, width: 8 },
      calibration: { weight: 5, draws: 4 },
    });
    if (objective.streaming) throw new Error("in memory");
    const { specs, values } = objective.tables(Int32Array.from({ length: 40 }, (_, i) => i));
    const packed = objective.initialise(key(1));
    const feeds = {
      packed,
      u: Float32Array.from(values.u),
      x: Float32Array.from(values.x),
      noise: Float32Array.from(values.noise).slice(0, 160 * specs.noise.shape[1]),
    };
    const compiled = await engine.compile(
      (tf, { packed: weights, ...batch }) => {
        const loss = (at: typeof weights) => objective.loss(tf, unpack(tf, at, objective.parameters), batch);
        return { loss: loss(weights), gradient: tf.grad(loss as never)(weights) };
      },
      {
        packed: { shape: [packed.length] },
        u: { shape: [40, 1] },
        x: { shape: [40, 1] },
        noise: { shape: [160, specs.noise.shape[1]] },
      },
    );
    const { loss, gradient } = await compiled.run(feeds);
    expect(Number.isFinite(loss[0])).toBe(true);
    expect(gradient.every(Number.isFinite)).toBe(true);
    expect(gradient.some((slope) => slope !== 0)).toBe(true);
    await compiled.dispose();
  });

  it("trains, writes its term in the header, and travels to a worker", async () => {
    const calibration = { weight: 5, draws: 8 };
    const objective = npe(rows, { density, calibration });
    await using estimator = await train(objective, {
      engine,
      epochs: 15,
      batchSize: 50,
      seed: 1,
      card: false,
    });
    expect(estimator.header.calibration).toEqual({ ...calibration, conservative: false });
    const draws = await estimator.sample(fromRows([[1]]), 4000, key(1));
    const mean = draws.data.reduce((a, b) => a + b, 0) / draws.rows;
    const variance = draws.data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.rows;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.2); // from 600 rows
    expect(Math.abs(variance - 0.5)).toBeLessThan(0.2);
    expect(npeFromPortable(structuredClone(objective.portable!.input) as never).spec).toEqual(objective.spec);
  });

  it("refuses terms that are none, and other methods refuse the option", () => {
    const refused = (calibration: object, more: object = {}) =>
      expect(() => npe(rows, { calibration: calibration as CalibrationTerm, ...more }));
    refused({ weight: 0 }).toThrow(/weight of calibration must be a positive number, got 0/);
    refused({ weight: 5, draws: 0 }).toThrow(/draws of calibration must be a positive whole number, got 0/);
    refused({ weight: 5, drawn: 3 }).toThrow(/npe: calibration: there is no option "drawn"/);
    refused({ weight: 5 }, { balance: 100 }).toThrow(/balance and calibration are two remedies/);
    const option = { calibration: { weight: 5 } } as object;
    expect(() => apt(rows, option)).toThrow(/there is no option "calibration"/);
  });
});

describe("calibrated AALR", () => {
  it("trains, writes its term in the header, and travels to a worker", async () => {
    const calibration = { weight: 5, draws: 8 };
    const network = { kind: "mlp", hidden: [16, 16], activation: "silu" } as const;
    const objective = aalr(rows, { calibration, network, contrasts: 2 });
    expect(objective.indices(10)).toEqual({ rows: 10, contrasts: 80 });
    const training = { engine, epochs: 40, learningRate: 1e-2, batchSize: 50, seed: 1, card: false } as const;
    await using estimator = await train(objective, training);
    expect(estimator.header.calibration).toEqual({ ...calibration, conservative: false });
    const grid = matrix(3, 1, Float64Array.of(-1, 0.5, 2));
    const observed = await estimator.observe(fromRows([[1]]));
    const logPosterior = (await observed.logRatio(grid)).map((log, i) => log - grid.data[i] ** 2 / 2);
    // N(1/2, 1/2): the middle is above both sides by (3/2)^2
    expect(logPosterior[1] - logPosterior[0]).toBeCloseTo(2.25, 0);
    expect(logPosterior[1] - logPosterior[2]).toBeCloseTo(2.25, 0);
    const again = await aalrFromPortable(structuredClone(objective.portable!.input) as never);
    expect(again.spec).toEqual(objective.spec);
  });

  it("refuses terms that are none", () => {
    const refused = (options: object) => expect(() => aalr(rows, options));
    refused({ calibration: { weight: -1 } }).toThrow(/aalr: the weight of calibration must be a positive/);
    const unclear = { weight: 1, conservative: "no" as unknown as boolean };
    refused({ calibration: unclear }).toThrow(/conservative of calibration must be true or false, got no/);
    refused({ tails: "no" as unknown as boolean }).toThrow("aalr: tails must be true or false, got no.");
    refused({ calibration: { weight: 5 }, balance: 100 }).toThrow(/aalr: balance and calibration are two/);
  });
});
