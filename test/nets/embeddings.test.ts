import { beforeAll, describe, expect, it } from "vitest";
import { key } from "../../src/core/random.js";
import { openEngine } from "../../src/engine/open.js";
import { parameterCount, unpack } from "../../src/engine/packing.js";
import { loadTf } from "../../src/engine/tfjs.js";
import type { Engine, Tf } from "../../src/engine/types.js";
import type { Embedding } from "../../src/nets/embedding.js";
import { convolutionEmbedding } from "../../src/nets/embeddings/convolution.js";
import { embeddingFromSpec } from "../../src/nets/embeddings/from-spec.js";
import { gruEmbedding } from "../../src/nets/embeddings/gru.js";
import { layersEmbedding } from "../../src/nets/embeddings/layers.js";
import { mlpEmbedding } from "../../src/nets/embeddings/mlp.js";
import { setEmbedding } from "../../src/nets/embeddings/set.js";
import { ratioNetwork } from "../../src/nets/ratio-network.js";
import { sigmoid, spread } from "../engine/float64.js";

let engine: Engine;
let tf: Tf;
beforeAll(async () => {
  engine = await openEngine("auto");
  tf = await loadTf();
});

const rows = 3;
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Features of each row, and the slope of their sum of squares with respect to the packed weights. */
async function evaluate(embedding: Embedding, weights: Float32Array, x: Float32Array) {
  const specs = {
    weights: { shape: [parameterCount(embedding.parameters)] },
    x: { shape: [rows, x.length / rows] },
  };
  await using compiled = await engine.compile((tf, { weights, x }) => {
    const features = (packed: typeof weights) =>
      embedding.apply(tf, unpack(tf, packed, embedding.parameters), x);
    const slope = tf.grad((packed: typeof weights) => tf.sum(tf.square(features(packed))))(weights);
    return { features: features(weights), slope };
  }, specs);
  const { features, slope } = await compiled.run({ weights, x });
  return { features: Float32Array.from(features), slope: Float32Array.from(slope) };
}

const cases: [string, () => Embedding, number[]][] = [
  ["mlp", () => mlpEmbedding({ inputs: 6, hidden: [5], features: 3 }), [6]],
  [
    "image",
    () => convolutionEmbedding({ shape: [5, 4, 2], channels: [3, 2], kernel: 3, features: 3 }),
    [5, 4, 2],
  ],
  ["series", () => convolutionEmbedding({ shape: [9, 2], channels: [3, 2], features: 3 }), [9, 2]],
  ["set", () => setEmbedding({ shape: [4, 2], element: [5], hidden: [4], features: 3 }), [4, 2]],
  ["gru", () => gruEmbedding({ shape: [4, 2], units: 3, features: 3 }), [4, 2]],
  [
    "tfjs-layers model",
    () =>
      layersEmbedding(
        tf.sequential({
          layers: [
            tf.layers.dense({ units: 4, activation: "tanh", inputShape: [6] }),
            tf.layers.dense({ units: 3 }),
          ],
        }),
      ),
    [6],
  ],
];

describe.each(cases)("the %s embedding", (_, make, shape) => {
  it("has as many features as it says, and a slope that central differences confirm", async () => {
    const embedding = make();
    const x = spread(rows * product(shape));
    const weights = embedding.initialise(key(1));
    const { features, slope } = await evaluate(embedding, weights, x);
    expect(features).toHaveLength(rows * embedding.features);
    const direction = spread(weights.length);
    const step = 1e-2; // error of the difference: third derivatives times 1e-4, and float32's 1e-7 / 1e-2
    const at = async (t: number) => {
      const moved = weights.map((value, i) => value + t * direction[i]);
      return (await evaluate(embedding, moved, x)).features.reduce((sum, value) => sum + value * value, 0);
    };
    const difference = ((await at(step)) - (await at(-step))) / (2 * step);
    const along = slope.reduce((sum, value, i) => sum + value * direction[i], 0);
    expect(Math.abs(along - difference)).toBeLessThan(2e-3 * Math.max(1, Math.abs(along)));
  });

  it("stands in front of a ratio network without a clash of names", () => {
    const spec = { kind: "mlp", hidden: [4], activation: "silu" } as const;
    expect(() => ratioNetwork(spec, 2, product(shape), make())).not.toThrow();
  });

  it("comes back from its spec with the same weights", () => {
    const embedding = make();
    if (!embedding.spec) return; // the user's own
    const again = embeddingFromSpec(JSON.parse(JSON.stringify(embedding.spec)));
    expect(again.parameters).toEqual(embedding.parameters);
    expect(again.initialise(key(2))).toEqual(embedding.initialise(key(2)));
  });
});

describe("embeddings", () => {
  it("of sets do not see the order of the elements", async () => {
    const embedding = setEmbedding({ shape: [3, 2], features: 4 });
    const weights = embedding.initialise(key(1));
    const sets = [
      [1, 2, -3, 0.5, 0.2, 0.1],
      [0.2, 0.1, 1, 2, -3, 0.5],
      [0.2, 0.1, 1, 2, -3, 0.6],
    ];
    const { features } = await evaluate(embedding, weights, Float32Array.from(sets.flat()));
    const [a, b, other] = [0, 1, 2].map((i) => Array.from(features.subarray(4 * i, 4 * i + 4)));
    for (let j = 0; j < 4; j++) expect(b[j]).toBeCloseTo(a[j], 6);
    expect(Math.max(...other.map((value, j) => Math.abs(value - a[j])))).toBeGreaterThan(1e-4);
  });

  it("of series follow the recurrence, written out in float64", async () => {
    const [times, units] = [3, 2];
    const embedding = gruEmbedding({ shape: [times, 1], units, features: 1 });
    const packed = embedding.initialise(key(3)).map((value) => 2 * value);
    const part: Record<string, number[]> = {};
    let offset = 0;
    for (const { name, shape } of embedding.parameters) {
      part[name.replace("embedding.", "")] = Array.from(packed.subarray(offset, offset + product(shape)));
      offset += product(shape);
    }
    const x = [0.3, -1.2, 0.8];
    let h = [0, 0];
    for (const value of x) {
      const own = (k: number, j: number) =>
        value * part["input.weight"][k * units + j] + part["input.bias"][k * units + j];
      const past = (k: number, j: number) =>
        h.reduce((sum, hi, i) => sum + hi * part["recurrent.weight"][i * 3 * units + k * units + j], 0);
      h = h.map((old, j) => {
        const reset = sigmoid(own(0, j) + past(0, j));
        const keep = sigmoid(own(1, j) + past(1, j));
        const next = Math.tanh(own(2, j) + reset * (past(2, j) + part["candidate.bias"][j]));
        return (1 - keep) * next + keep * old;
      });
    }
    const expected = h.reduce((sum, hi, i) => sum + hi * part["out.weight"][i], part["out.bias"][0]);
    const { features } = await evaluate(embedding, packed, Float32Array.from([...x, ...x, ...x]));
    expect(features[0]).toBeCloseTo(expected, 5);
  });

  it.each([
    [() => mlpEmbedding({ inputs: 0 }), /inputs must be a positive whole number, got 0/],
    [() => mlpEmbedding({ inputs: 3, hidden: [] }), /hidden must be positive whole numbers, got \[\]/],
    [() => convolutionEmbedding({ shape: [4] }), /shape must be \[height, width, channels\]/],
    [() => setEmbedding({ shape: [4, 2, 1] }), /shape must be \[elements, values of each\]/],
    [() => gruEmbedding({ shape: [4, 1.5] }), /shape must be positive whole numbers/],
    [() => gruEmbedding({ shape: [4, 1], layers: 2 } as never), /layers/],
    [() => embeddingFromSpec({ kind: "transformer" }), /kind is "transformer"; expected convolution/],
  ])("refuse what they cannot build", (make, message) => {
    expect(make).toThrow(message);
  });
});
