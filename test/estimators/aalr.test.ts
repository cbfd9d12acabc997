import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hmc } from "../../samplers/hmc.js";
import { sample } from "../../samplers/sample.js";
import { summary } from "../../samplers/summary.js";
import { fromRows, matrix, sliceRows } from "../../src/core/matrix.js";
import type { Dataset } from "../../src/dataset/dataset.js";
import { aalr } from "../../src/estimators/aalr.js";
import { aalrLrt } from "../../src/estimators/aalr-lrt.js";
import { loadEstimator, saveEstimator } from "../../src/estimators/file.js";
import type { RatioEstimator } from "../../src/estimators/ratio.js";
import { posterior } from "../../src/posterior.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";
import { exactLogRatio, exactPosterior, gaussian, smallNetwork } from "./gaussian.js";

const options = { seed: 1, epochs: 20, batchSize: 100 };
const observed = [0.8, 1.5];
let simulations: Dataset;
let estimator: RatioEstimator;

beforeAll(async () => {
  simulations = await simulate(gaussian, { n: 4000, seed: 1 });
  estimator = await train(aalr(simulations, { network: smallNetwork }), options);
});
afterAll(() => estimator.dispose());

describe("AALR", () => {
  it("learns the exact log ratio of a conjugate Gaussian", async () => {
    const test = await simulate(gaussian, { n: 500, seed: 2 });
    const learned = await estimator.logRatio(test.theta, test.x);
    const errors = learned.map(
      (value, i) => value - exactLogRatio(test.theta.data[i], [test.x.data[2 * i], test.x.data[2 * i + 1]]),
    );
    const rms = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
    // The log ratio itself has a standard deviation of 0.7 over the joint; 4,000 rows give 0.13 of error.
    expect(rms).toBeLessThan(0.2);
  });

  it("gives the gradient of its own log ratio", async () => {
    const ratio = estimator.observe(fromRows([observed, [0.1, -0.4]]));
    const theta = fromRows([[-1], [0.2], [1.3]]);
    const { logProb, gradient } = await ratio.gradient(theta);
    const h = 1e-2;
    const up = await ratio.logRatio(fromRows([[-1 + h], [0.2 + h], [1.3 + h]]));
    const down = await ratio.logRatio(fromRows([[-1 - h], [0.2 - h], [1.3 - h]]));
    for (let i = 0; i < 3; i++) {
      // Central differences of float32 values: 1e-6 / h + h^2.
      expect(Math.abs(gradient.data[i] - (up[i] - down[i]) / (2 * h))).toBeLessThan(2e-3);
      expect(logProb[i]).toBeCloseTo((await ratio.logRatio(theta))[i], 5);
    }
  });

  it("adds the log ratios of independent observations", async () => {
    const rows = [observed, [0.1, -0.4], [2, 1]];
    const theta = fromRows([[-0.5], [0.3]]);
    const together = await estimator.observe(fromRows(rows)).logRatio(theta);
    for (let i = 0; i < 2; i++) {
      let sum = 0;
      for (const x of rows) sum += (await estimator.observe(fromRows([x])).logRatio(theta))[i];
      expect(together[i]).toBeCloseTo(sum, 5);
    }
  });

  it("leads to the exact posterior, of one observation and of several", async () => {
    for (const rows of [[observed], [observed, [1.2, 0.6], [0.7, 1.9]]]) {
      const draws = await sample(hmc(posterior(estimator, { observed: rows })), {
        chains: 100,
        warmup: 60,
        draws: 20,
        seed: 3,
      });
      const [row] = summary(draws).rows;
      const exact = exactPosterior(...rows);
      // A network trained on 4,000 rows is off by a tenth of the posterior's width or so; mcse is 0.02 of it.
      expect(Math.abs(row.mean - exact.mean)).toBeLessThan(0.25 * exact.sd);
      expect(row.sd / exact.sd).toBeGreaterThan(0.8);
      expect(row.sd / exact.sd).toBeLessThan(1.25);
    }
  });

  it("comes with a report card that finds it calibrated", () => {
    const { card } = estimator.header;
    expect(card?.pairs).toBe(128);
    expect(Math.abs(card!.coverage.bias)).toBeLessThan(0.1);
    expect(card!.expectation!.mean).toBeGreaterThan(0.9);
    expect(card!.expectation!.mean).toBeLessThan(1.1);
    expect(card!.sbc.ranks).toHaveLength(128);
  });

  it("learns of skewed data what it learns of their logarithms, in and out of a file", async () => {
    const short = { seed: 2, epochs: 2, card: false } as const;
    const few: Dataset = {
      ...simulations,
      theta: sliceRows(simulations.theta, 0, 500),
      x: sliceRows(simulations.x, 0, 500),
    };
    const skewed: Dataset = { ...few, x: { ...few.x, data: few.x.data.map((value) => Math.exp(3 * value)) } };
    await using plain = await train(aalr(few, { network: smallNetwork }), short);
    await using mapped = await train(aalr(skewed, { network: smallNetwork, tails: true }), short);
    expect(plain.header.transforms.tails).toBeUndefined();
    expect(mapped.header.transforms.tails?.every(({ kind }) => kind === "log")).toBe(true);
    const theta = sliceRows(few.theta, 0, 50);
    const found = await mapped.logRatio(theta, sliceRows(skewed.x, 0, 50));
    const expected = await plain.logRatio(theta, sliceRows(few.x, 0, 50));
    found.forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThan(1e-3); // float32 inputs that differ in the last place
    });
    const path = join(await mkdtemp(join(tmpdir(), "galton-")), "mapped.safetensors");
    await saveEstimator(mapped, path);
    await using read = (await loadEstimator(path)) as RatioEstimator;
    expect(await read.logRatio(theta, sliceRows(skewed.x, 0, 50))).toEqual(found);
  });

  it("gives the same bytes for the same seed, and others for another", async () => {
    const short = { ...options, epochs: 2, card: false as const };
    const objective = aalr(simulations, { network: smallNetwork });
    await using first = await train(objective, short);
    await using second = await train(objective, short);
    await using third = await train(objective, { ...short, seed: 2 });
    expect(first.weights).toEqual(second.weights);
    expect(first.weights).not.toEqual(third.weights);
  });

  it("survives a file bit for bit", async () => {
    const path = join(await mkdtemp(join(tmpdir(), "galton-")), "gaussian.safetensors");
    await saveEstimator(estimator, path);
    await using loaded = await loadEstimator(path);
    const logs = estimator.header.logs.map((log) => ({ ...log, cpuSeconds: 0 }));
    expect(loaded.header).toEqual(JSON.parse(JSON.stringify({ ...estimator.header, logs })));
    const theta = fromRows([[-0.5], [0.3]]);
    const x = fromRows([observed, [3, 2]]);
    expect(await loaded.logRatio(theta, x)).toEqual(await estimator.logRatio(theta, x));
    expect(loaded.prior!.logProb(theta)).toEqual(estimator.prior!.logProb(theta));
  });

  it.each(["wasm", "tfjs"] as const)("gives the same ratios on the engine %s", async (engine) => {
    const path = join(await mkdtemp(join(tmpdir(), "galton-")), "gaussian.safetensors");
    await saveEstimator(estimator, path);
    await using loaded = await loadEstimator(path, { engine });
    const theta = sliceRows(simulations.theta, 0, 200);
    const x = sliceRows(simulations.x, 0, 200);
    const [expected, got] = [await estimator.logRatio(theta, x), await loaded.logRatio(theta, x)];
    // sums of some tens of float32 products, in another order: about 50 x 6e-8 of their size
    got.forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThan(1e-5 * Math.max(1, Math.abs(expected[i])));
    });
  });

  it("goes on from a checkpoint as if it had never stopped", async () => {
    const folder = await mkdtemp(join(tmpdir(), "galton-"));
    const objective = aalr(simulations, { network: smallNetwork });
    const run = { ...options, epochs: 4, card: false as const };
    await using unbroken = await train(objective, run);
    const stop = new AbortController();
    const checkpoint = join(folder, "run.safetensors");
    await expect(
      train(objective, {
        ...run,
        checkpoint,
        signal: stop.signal,
        onProgress: ({ epoch }) => epoch === 2 && stop.abort(new Error("enough")),
      }),
    ).rejects.toThrow("enough");
    const seen: number[] = [];
    await using resumed = await train(objective, {
      ...run,
      checkpoint,
      onProgress: ({ epoch }) => seen.push(epoch),
    });
    expect(seen).toEqual([3, 4]);
    expect(resumed.weights).toEqual(unbroken.weights);
    await expect(train(objective, { ...run, checkpoint, seed: 9 })).rejects.toThrow(
      /checkpoint of another run/,
    );
  });

  it("trains fresh simulations every epoch when asked to", async () => {
    const small = await simulate(gaussian, { n: 1000, seed: 5 });
    const objective = aalr(small, { network: smallNetwork, fresh: gaussian });
    await using fresh = await train(objective, { ...options, card: false, epochs: 15 });
    const ratio = await fresh.logRatio(fromRows([[0.5]]), fromRows([observed]));
    expect(Math.abs(ratio[0] - exactLogRatio(0.5, observed))).toBeLessThan(0.5);
  });
});

describe("ensembles", () => {
  it("are the same on any number of workers, average ratios and report their spread", async () => {
    const objective = aalr(simulations, { network: smallNetwork });
    const run = { ...options, epochs: 2, ensemble: 2, card: false as const };
    await using inline = await train(objective, run);
    await using threaded = await train(objective, { ...run, workers: 2 });
    expect(threaded.weights).toEqual(inline.weights);
    expect(inline.weights[0]).not.toEqual(inline.weights[1]);
    const theta = fromRows([[0.5], [-1]]);
    const spread = await inline.observe(fromRows([observed])).spread(theta);
    expect(spread.every((value) => value > 0 && value < 5)).toBe(true);
  });
});

describe("AALR (LRT)", () => {
  it("learns the ratio to a reference point", async () => {
    const thetas = matrix(simulations.theta.rows, 1);
    const reference = {
      ...simulations,
      theta: thetas,
      x: (
        await simulate(
          { ...gaussian, prior: { ...gaussian.prior, sample: () => thetas } },
          { n: thetas.rows, seed: 8 },
        )
      ).x,
    };
    await using lrt = await train(aalrLrt(simulations, { reference, network: smallNetwork }), options);
    const exact = (theta: number) => exactLogRatio(theta, observed) - exactLogRatio(0, observed);
    const learned = await lrt.logRatio(fromRows([[0], [0.5], [1]]), fromRows([observed, observed, observed]));
    for (const [i, theta] of [0, 0.5, 1].entries()) {
      expect(Math.abs(learned[i] - exact(theta))).toBeLessThan(0.4);
    }
    expect(lrt.header.reference).toEqual({ thetaRef: [0] });
    expect(lrt.header.card?.expectation).toBeUndefined();
  });
});

describe("what cannot be trained or asked", () => {
  it("is refused with what was expected and what came", async () => {
    const empty = { ...simulations, theta: matrix(0, 1), x: matrix(0, 2) };
    expect(() => aalr(empty)).toThrow(/got no rows/);
    expect(() => aalr({ ...simulations, x: matrix(3, 2) })).toThrow(/theta has 4000 rows but x has 3/);
    expect(() => aalr(simulations, { network: { kind: "mlp", hidden: [], activation: "silu" } })).toThrow(
      /positive whole widths/,
    );
    expect(() => aalr(simulations, { network: { ...smallNetwork, activation: "swoosh" as "silu" } })).toThrow(
      /"swoosh" is unknown/,
    );
    const few = await simulate(gaussian, { n: 10, seed: 1 });
    await expect(train(aalr(few))).rejects.toThrow(/10 simulations are too few/);
    await expect(estimator.logRatio(matrix(1, 2), matrix(1, 2))).rejects.toThrow(/theta has 2 columns/);
    expect(() => estimator.observe(fromRows([[1, Number.NaN]]))).toThrow(/NaN in row 0, column 1/);
    await expect(train(simulations as never)).rejects.toThrow(/expected what to train, such as aalr/);
    expect(() => posterior(estimator, {} as never)).toThrow(/observed must be 2 numbers.*got undefined/);
    expect(() => posterior(estimator, { observed: [1, 2, 3] })).toThrow(
      /3 values but the estimator was trained on xDim = 2/,
    );
    expect(() => posterior(estimator, { observed, given: { sigma: 1 } })).toThrow(/given names "sigma"/);
    expect(() => posterior(estimator, { observed, given: { theta: 1 } })).toThrow(/leave at least one free/);
  });

  it("stops when the loss is no longer finite", async () => {
    await expect(
      train(aalr(simulations, { network: smallNetwork }), {
        ...options,
        learningRate: 1e30,
        schedule: "constant",
        clipNorm: 1e30,
      }),
    ).rejects.toThrow(/the loss is not finite in epoch 1/);
  });
});
