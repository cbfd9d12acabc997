import { beforeAll, describe, expect, it } from "vitest";
import { matrix, sliceRows, takeRows } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import { sigmoid } from "../../src/core/special.js";
import type { Dataset } from "../../src/dataset/dataset.js";
import { openEngine } from "../../src/engine/open.js";
import { unpack } from "../../src/engine/packing.js";
import type { Engine } from "../../src/engine/types.js";
import { type NpeOptions, npe } from "../../src/estimators/npe.js";
import type { PosteriorEstimator } from "../../src/estimators/posterior.js";
import { uniform } from "../../src/prior/uniform.js";
import { train } from "../../src/train/train.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("auto");
});

const prior = uniform({ a: [-2, 2], b: [-2, 2] });

/** Only sizes are seen: the posterior has four modes, and one normal, however trained, is a bad classifier of them. */
function sizes(n: number, seed: string): Dataset {
  const rng = stream(key(seed));
  const theta = prior.sample(n, key(`${seed} theta`));
  const x = matrix(
    n,
    2,
    theta.data.map((value) => Math.abs(value) + 0.1 * rng.normal()),
  );
  return { theta, x, names: prior.names, xShape: [2], prior, dropped: 0, source: {} };
}

const density = { kind: "mixtureDensity", components: 1, hidden: [16] };
const learn = (simulations: Dataset, options: NpeOptions) =>
  train(npe(simulations, { density, ...options }), { engine, seed: 1, epochs: 25, card: false });

/** `<sigma(log r)>_joint + <sigma(log r)>_marginal` at joint pairs and at pairs of `theta[order]` and `x`. */
async function balanceOf(estimator: PosteriorEstimator, { theta, x }: Dataset, order: ArrayLike<number>) {
  const mean = async (at: typeof theta) => {
    const [logProb, logPrior] = [await estimator.logProb(at, x), prior.logProb(at)];
    return logProb.reduce((sum, value, i) => sum + sigmoid(value - logPrior[i]), 0) / x.rows;
  };
  return (await mean(theta)) + (await mean(takeRows(theta, order)));
}

describe("balanced NPE", () => {
  it("adds the penalty of the classifier that the posterior is over the prior", async () => {
    const simulations = sizes(400, "train");
    const objective = npe(simulations, { density, balance: 7 });
    if (objective.streaming) throw new Error("in memory");
    await using estimator = await learn(simulations, { balance: 7 });
    const { specs, values } = objective.tables(Int32Array.from({ length: 400 }, (_, i) => i));
    // the first 40 rows, with contrasts from the next 40
    const rows = 40;
    const cut = (table: string, from: number) => {
      const [, columns] = specs[table].shape;
      return Float32Array.from(values[table]).slice(from * columns, (from + rows) * columns);
    };
    const feeds = {
      packed: estimator.weights[0],
      u: cut("u", 0),
      x: cut("x", 0),
      logPrior: cut("logPrior", 0),
      contrast: cut("u", rows),
      contrastLogPrior: cut("logPrior", rows),
    };
    const compiled = await engine.compile(
      (tf, { packed, ...batch }) => ({
        loss: objective.loss(tf, unpack(tf, packed, objective.parameters), batch),
      }),
      Object.fromEntries(
        Object.entries(feeds).map(([name, value]) => [
          name,
          { shape: name === "packed" ? [value.length] : [rows, value.length / rows] },
        ]),
      ),
    );
    const { loss } = await compiled.run(feeds);
    await compiled.dispose();

    // the same by the estimator, whose standardisation is that of its own training rows: so ask one with that of all rows
    const { posteriorEstimator } = await import("../../src/estimators/posterior.js");
    const { conditionalDensity } = await import("../../src/flows/from-spec.js");
    const transforms = objective.tables(Int32Array.from({ length: 400 }, (_, i) => i))
      .transforms as PosteriorEstimator["header"]["transforms"];
    const family = conditionalDensity(density, 2, 2);
    await using same = posteriorEstimator({ ...estimator.header, transforms }, estimator.weights, {
      engine,
      density: family,
      prior,
    });
    const part = { ...simulations, x: sliceRows(simulations.x, 0, rows) };
    const first = { ...part, theta: sliceRows(simulations.theta, 0, rows) };
    const logProb = await same.logProb(first.theta, first.x);
    const contrast = sliceRows(simulations.theta, rows, 2 * rows);
    const marginal = await same.logProb(contrast, first.x);
    const logPrior = -2 * Math.log(4);
    const mean = (of: Float64Array) => of.reduce((sum, value) => sum + value, 0) / rows;
    const excess =
      mean(logProb.map((value) => sigmoid(value - logPrior))) +
      mean(marginal.map((value) => sigmoid(value - logPrior))) -
      1;
    // the density of standardised u, which the loss is of, and of theta differ by the change of variables
    const { u } = transforms;
    const logScale = u.scale.reduce((sum, scale) => sum + Math.log(scale), 0);
    const jacobian = mean(
      Float64Array.from({ length: rows }, (_, i) => {
        const point = new Float64Array(2);
        prior.support.toUnconstrained(first.theta.data.slice(2 * i, 2 * i + 2), point);
        return prior.support.logDet(point) + logScale;
      }),
    );
    expect(excess).not.toBeCloseTo(0, 2);
    expect(loss[0]).toBeCloseTo(-(mean(logProb) + jacobian) + 7 * excess ** 2, 4);
  });

  it("balances what is not, and writes it in the header", async () => {
    const simulations = sizes(1000, "train");
    await using plain = await learn(simulations, {});
    await using balanced = await learn(simulations, { balance: 1000 });
    const test = sizes(3000, "test");
    const order = stream(key("order")).permutation(3000);
    const [before, after] = [await balanceOf(plain, test, order), await balanceOf(balanced, test, order)];
    // each of two means of 3,000 numbers in [0, 1] is known to 0.3 / sqrt(3000) = 0.006
    expect(Math.abs(before - 1)).toBeGreaterThan(0.04);
    expect(Math.abs(after - 1)).toBeLessThan(0.03);
    expect([plain.header.balance, balanced.header.balance]).toEqual([undefined, 1000]);
  });

  it("refuses a penalty that is none, or without a prior", () => {
    const simulations = sizes(50, "train");
    expect(() => npe(simulations, { balance: -1 })).toThrow(/balance must be a non-negative number, got -1/);
    expect(() => npe({ ...simulations, prior: undefined }, { balance: 100 })).toThrow(
      /came without one. Leave balance out/,
    );
  });
});
