import { beforeAll, describe, expect, it } from "vitest";
import { type Matrix, matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import type { TailMap } from "../../src/dataset/tail-maps.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { type RatioEstimator, type RatioHeader, ratioEstimator } from "../../src/estimators/ratio.js";
import { type ScoreHeader, scoreEstimator } from "../../src/estimators/score.js";
import type { Embedding } from "../../src/nets/embedding.js";
import { type RatioNetworkSpec, ratioNetwork } from "../../src/nets/ratio-network.js";
import { scoreNetwork } from "../../src/nets/score-network.js";
import type { TrunkSpec } from "../../src/nets/trunk.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("auto");
});

const thetaDim = 2;
const xDim = 3;

function untrained(
  network: RatioNetworkSpec,
  {
    gamma = 1,
    members = 1,
    embedding,
    tails,
  }: { gamma?: number; members?: number; embedding?: Embedding; tails?: readonly TailMap[] } = {},
): RatioEstimator {
  const net = ratioNetwork(network, thetaDim, xDim, embedding);
  const weights = Array.from({ length: members }, (_, e) => net.initialise(key(e)).map((value) => 2 * value));
  const header: RatioHeader = {
    method: "aalr",
    names: ["mu", "sigma"],
    xShape: [xDim],
    network,
    loss: { contrasts: 4, gamma, balance: 0 },
    reference: "evidence",
    transforms: {
      theta: { center: [0.3, -2], scale: [0.7, 3], constantColumns: [] },
      // a centre with more digits than float32 has: there it would be 1e6
      x: { center: [1e6 + 0.03, 0.1, 5], scale: [0.5, 2, 1], constantColumns: [] },
      ...(tails && { tails }),
    },
    logs: [],
    embedding: embedding !== undefined,
  };
  return ratioEstimator(header, weights, { engine, ...(embedding && { embedding }) });
}

/** Rows as a float32 table has them. */
function rows(n: number): { theta: Matrix; x: Matrix } {
  const rng = stream(key("rows"));
  const float = (length: number, fill: (i: number) => number) =>
    Float64Array.from({ length }, (_, i) => Math.fround(fill(i)));
  return {
    theta: matrix(
      n,
      thetaDim,
      float(n * thetaDim, () => rng.normal()),
    ),
    x: matrix(
      n,
      xDim,
      float(n * xDim, (i) => (i % xDim === 0 ? 1e6 : 0) + rng.normal()),
    ),
  };
}

/** What a program without this library makes of the model. */
async function foreign(bytes: Uint8Array, { theta, x }: { theta: Matrix; x: Matrix }) {
  const { default: ort } = await import("onnxruntime-node");
  const session = await ort.InferenceSession.create(bytes);
  const tensor = ({ data, rows, cols }: Matrix) =>
    new ort.Tensor("float32", Float32Array.from(data), [rows, cols]);
  expect(session.inputNames).toEqual(["theta", "x"]);
  expect(session.outputNames).toEqual(["log_ratio"]);
  const { log_ratio } = await session.run({ theta: tensor(theta), x: tensor(x) });
  expect(log_ratio.dims).toEqual([theta.rows]);
  await session.release();
  return log_ratio.data as Float32Array;
}

const residual: RatioNetworkSpec = { kind: "residual", width: 16, blocks: 2, activation: "silu" };

describe("toOnnx", () => {
  it.each<[string, RatioNetworkSpec, Parameters<typeof untrained>[1]]>([
    ["one residual network", residual, {}],
    ["one plain network", { kind: "mlp", hidden: [8, 16], activation: "tanh" }, {}],
    ["an ensemble, whose ratios are averaged", residual, { members: 3 }],
    [
      "an ensemble of NRE-B, whose log ratios are averaged",
      { kind: "mlp", hidden: [8], activation: "gelu" },
      { members: 2, gamma: Infinity },
    ],
    [
      "a network behind maps of skewed data, below their least value too",
      residual,
      {
        tails: [{ kind: "identity" }, { kind: "log", from: 0.5 }, { kind: "asinh", center: 0.2, scale: 0.1 }],
      },
    ],
    ["a network with one hidden unit", { kind: "mlp", hidden: [1], activation: "softplus" }, {}],
  ])("gives another program the log ratio of %s, for any number of rows", async (_, network, options) => {
    await using estimator = untrained(network, options);
    const bytes = await estimator.toOnnx();
    for (const n of [1, 2, 257]) {
      const pairs = rows(n);
      const expected = await estimator.logRatio(pairs.theta, pairs.x);
      const got = await foreign(bytes, pairs);
      // float32 rounds 1e-7 per layer of values up to about ten
      got.forEach((value, i) => {
        expect(Math.abs(value - expected[i])).toBeLessThan(2e-5 * (1 + Math.abs(expected[i])));
      });
    }
  });

  it("gives the same bytes every time", async () => {
    await using estimator = untrained(residual, { members: 2 });
    expect(Buffer.compare(await estimator.toOnnx(), await estimator.toOnnx())).toBe(0);
  });

  it("carries an embedding, and fixes the rows where the embedding does", async () => {
    const embedding = (perRow: boolean): Embedding => ({
      features: 2,
      parameters: [{ name: "e", shape: [xDim, 2] }],
      initialise: () => Float32Array.of(1, 2, 3, 4, 5, 6),
      apply: (tf, parameters, x) => {
        const features = tf.tanh(tf.matMul(x as never, parameters.e as never));
        return perRow ? features : tf.mul(features, 1 / x.shape[0]);
      },
    });
    await using good = untrained(residual, { embedding: embedding(true) });
    const pairs = rows(5);
    const got = await foreign(await good.toOnnx(), pairs);
    const expected = await good.logRatio(pairs.theta, pairs.x);
    got.forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThan(2e-5 * (1 + Math.abs(expected[i])));
    });
    await using odd = untrained(residual, { embedding: embedding(false) });
    await expect(odd.toOnnx()).rejects.toThrow(/toOnnx: the network computes differently.*Pass rows/);
    expect((await foreign(await odd.toOnnx({ rows: 5 }), pairs)).length).toBe(5);
  });

  it.each([1, 3])("gives another program the score of %s networks, in units of theta", async (members) => {
    const network: TrunkSpec = { kind: "mlp", hidden: [8, 8], activation: "tanh" };
    const net = scoreNetwork(network, xDim, thetaDim);
    const header: ScoreHeader = {
      method: "sally",
      names: ["mu", "sigma"],
      xShape: [xDim],
      network,
      thetaRef: [0.5, 2],
      transforms: {
        x: { center: [1e6 + 0.03, 0.1, 5], scale: [0.5, 2, 1], constantColumns: [] },
        score: [20, 0.01],
      },
      largeScores: 0,
      logs: [],
      expectations: [],
      warnings: [],
      embedding: false,
    };
    const weights = Array.from({ length: members }, (_, e) => net.initialise(key(e)));
    await using estimator = scoreEstimator(header, weights, { engine });
    const { default: ort } = await import("onnxruntime-node");
    const bytes = await estimator.toOnnx();
    const session = await ort.InferenceSession.create(bytes);
    expect([session.inputNames, session.outputNames]).toEqual([["x"], ["score"]]);
    for (const n of [1, 65]) {
      const { x } = rows(n);
      const expected = await estimator.score(x);
      const { score } = await session.run({
        x: new ort.Tensor("float32", Float32Array.from(x.data), [n, xDim]),
      });
      expect(score.dims).toEqual([n, thetaDim]);
      (score.data as Float32Array).forEach((value, i) => {
        const unit = header.transforms.score[i % thetaDim];
        expect(Math.abs(value - expected.data[i])).toBeLessThan(2e-5 * (unit + Math.abs(expected.data[i])));
      });
    }
    await session.release();
    await expect(estimator.toOnnx({ rows: 0 })).rejects.toThrow(/rows must be a positive integer, got 0/);
  });

  it.each([0, 1.5, Number.NaN])("refuses rows = %s", async (n) => {
    await using estimator = untrained(residual);
    await expect(estimator.toOnnx({ rows: n })).rejects.toThrow(/toOnnx: rows must be a positive integer/);
  });
});
