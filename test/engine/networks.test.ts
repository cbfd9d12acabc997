/** Whole networks: losses and all their gradients, compiled against eager, and a score term against float64. */
import { beforeAll, describe, expect, it } from "vitest";
import { type BenchmarkNetwork, workload } from "../../benchmarks/engine/networks.js";
import { key } from "../../src/core/random.js";
import { withRepairedGradients } from "../../src/engine/gradients.js";
import { describeEngines, openEngine } from "../../src/engine/open.js";
import { parameterCount, unpack } from "../../src/engine/packing.js";
import { loadTf } from "../../src/engine/tfjs.js";
import type {
  Engine,
  ParameterSpec,
  Specs,
  Tensor,
  TensorFunction,
  Tensors,
  Tf,
} from "../../src/engine/types.js";
import { nreLoss } from "../../src/losses/nre.js";
import { dense, denseParameters } from "../../src/nets/dense.js";
import { type RatioNetworkSpec, ratioNetwork } from "../../src/nets/ratio-network.js";
import { distance, gradientOf, sigmoid, spread } from "./float64.js";

let engines: Engine[];
let tf: Tf;
beforeAll(async () => {
  const found = await describeEngines();
  engines = await Promise.all(found.filter(({ available }) => available).map(({ name }) => openEngine(name)));
  tf = await loadTf();
  await tf.setBackend("cpu");
});

interface Model {
  readonly parameters: readonly ParameterSpec[];
  readonly flat: Float32Array;
  /** Shapes of the data; values are spread over [-1, 1]. */
  readonly data: Specs;
  readonly loss: (tf: Tf, parameters: Tensors, data: Tensors) => Tensor;
}

const B = 6;
const squares = (tf: Tf, x: Tensor) => tf.mean(tf.square(x)) as Tensor;

function ratioModel(spec: RatioNetworkSpec, withScore: boolean): Model {
  const network = ratioNetwork(spec, 2, 3);
  return {
    parameters: network.parameters,
    flat: network.initialise(key("networks")),
    data: { theta: { shape: [B, 4, 2] }, x: { shape: [B, 3] } },
    loss(tf, p, { theta, x }) {
      const loss = nreLoss(tf, network.apply(tf, p, theta, x), { contrasts: 3, gamma: 1, balance: 0 });
      if (!withScore) return loss;
      const score = tf.grad((t: Tensor) => tf.sum(network.apply(tf, p, t, x)))(theta);
      return tf.add(loss, squares(tf, score));
    },
  };
}

/** A perceptron with layer normalisation between its layers. */
function normalised(): Model {
  const parameters: ParameterSpec[] = [
    ...denseParameters("a", 3, 8),
    { name: "gain", shape: [8] },
    { name: "shift", shape: [8] },
    ...denseParameters("b", 8, 1),
  ];
  return {
    parameters,
    flat: spread(parameterCount(parameters)),
    data: { x: { shape: [B, 3] } },
    loss(tf, p, { x }) {
      const h = tf.tanh(dense(tf, p, "a", x));
      const { mean, variance } = tf.moments(h, -1, true);
      const unit = tf.div(tf.sub(h, mean), tf.sqrt(tf.add(variance, 1e-3)));
      return squares(tf, dense(tf, p, "b", tf.add(tf.mul(unit, p.gain), p.shift)));
    },
  };
}

/** The convolutional network of the benchmark, on small images. */
function convolutional(): Model {
  const network: BenchmarkNetwork = {
    name: "conv",
    description: "small images",
    architecture: { kind: "conv", size: 16, rows: 3 },
    stepsPerCall: 1,
    tableRows: 3,
  };
  const { program, initial } = workload(network);
  return {
    parameters: program.parameters,
    flat: initial,
    data: { x: { shape: [3, 16, 16, 1] }, y: { shape: [3, 1] } },
    loss: program.loss,
  };
}

const mlp: RatioNetworkSpec = { kind: "mlp", hidden: [12, 9], activation: "tanh" };
const residual: RatioNetworkSpec = { kind: "residual", width: 10, blocks: 2, activation: "silu" };
const models: readonly [string, Model][] = [
  ["MLP", ratioModel(mlp, false)],
  ["residual MLP", ratioModel(residual, false)],
  ["MLP with a score term", ratioModel(mlp, true)],
  ["residual MLP with a score term", ratioModel(residual, true)],
  ["layer normalisation", normalised()],
  ["convolutional network", convolutional()],
];

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

describe.each(models)("%s", (_name, model) => {
  const fn: TensorFunction = (tf, { flat, ...data }) => {
    const f = (p: Tensor) => model.loss(tf, unpack(tf, p, model.parameters), data);
    const { value, grad } = tf.valueAndGrad(f)(flat);
    return { value, grad };
  };
  const specs = { ...model.data, flat: { shape: [model.flat.length] } };
  const feeds = {
    ...Object.fromEntries(
      Object.entries(model.data).map(([name, { shape }], i) => [name, spread(sizeOf(shape), -1, 1, i / 7)]),
    ),
    flat: model.flat,
  };

  it("has the loss and gradients of eager TensorFlow.js on every engine", async () => {
    const tensorsBefore = tf.memory().numTensors;
    const eager = tf.tidy(() => {
      const inputs = Object.fromEntries(
        Object.entries(specs).map(([name, { shape }]) => [
          name,
          tf.tensor(feeds[name as "flat"], [...shape]),
        ]),
      );
      const { value, grad } = withRepairedGradients(tf, () => fn(tf, inputs));
      return { value: value.dataSync(), grad: grad.dataSync() };
    });
    for (const engine of engines) {
      await using compiled = await engine.compile(fn, specs);
      const { value, grad } = await compiled.run(feeds);
      // sums of up to some hundred products in float32 (6e-8 each), relative to the largest element
      expect(distance(value, eager.value), engine.name).toBeLessThan(2e-6);
      expect(distance(grad, eager.grad, 1e-3), engine.name).toBeLessThan(1e-5);
    }
    expect(tf.memory().numTensors).toBe(tensorsBefore);
  });
});

describe("score term", () => {
  const widths = [4, 5, 5, 1] as const; // two parameters, two data
  const parameters = widths.slice(1).flatMap((width, i) => denseParameters(`layer${i}`, widths[i], width));
  const flat = spread(parameterCount(parameters), -0.8, 0.8);
  const inputs = spread(B * 4, -2, 2);

  /** `mean over rows of sum_d (d f / d theta_d)^2` in plain float64: the network and its tangents. */
  function plain(packed: Float64Array): number {
    let sum = 0;
    for (let row = 0; row < B; row++) {
      for (let d = 0; d < 2; d++) {
        let h = Array.from(inputs.subarray(4 * row, 4 * row + 4));
        let tangent = h.map((_, i) => Number(i === d));
        let offset = 0;
        widths.slice(1).forEach((width, layer) => {
          const [n, from] = [h.length, offset];
          const apply = (v: number[], bias: number) =>
            Array.from({ length: width }, (_, j) =>
              v.reduce(
                (s, value, i) => s + value * packed[from + i * width + j],
                bias * packed[from + n * width + j],
              ),
            );
          const z = apply(h, 1);
          const dz = apply(tangent, 0);
          const isLast = layer === widths.length - 2;
          h = isLast ? z : z.map((x) => x * sigmoid(x));
          tangent = isLast
            ? dz
            : dz.map((t, i) => t * (sigmoid(z[i]) + z[i] * sigmoid(z[i]) * sigmoid(-z[i])));
          offset += (n + 1) * width;
        });
        sum += tangent[0] ** 2 / B;
      }
    }
    return sum;
  }

  it("has the parameter gradient of a plain float64 network", async () => {
    const fn: TensorFunction = (tf, { p, theta, x }) => {
      const network = (packed: Tensor, t: Tensor) =>
        widths.slice(1).reduce<Tensor>(
          (h, _, i) => {
            const z = i === 0 ? h : tf.mul(h, tf.sigmoid(h));
            return dense(tf, unpack(tf, packed, parameters), `layer${i}`, z as Tensor);
          },
          tf.concat([t, x], 1),
        );
      const term = (packed: Tensor) => {
        const score = tf.grad((t: Tensor) => tf.sum(network(packed, t)))(theta);
        return tf.mean(tf.sum(tf.square(score), 1)) as Tensor;
      };
      const { value, grad } = tf.valueAndGrad(term)(p);
      return { value, grad };
    };
    const columns = (from: number) =>
      Float32Array.from({ length: B * 2 }, (_, i) => inputs[4 * (i >> 1) + from + (i & 1)]);
    const specs = { p: { shape: [flat.length] }, theta: { shape: [B, 2] }, x: { shape: [B, 2] } };
    const exact = gradientOf(plain, flat);
    for (const engine of engines) {
      await using compiled = await engine.compile(fn, specs);
      const { value, grad } = await compiled.run({ p: flat, theta: columns(0), x: columns(2) });
      // three layers forward and back, twice: some hundred roundings of 6e-8, added at random
      expect(distance(value, [plain(Float64Array.from(flat))], 1e-3), engine.name).toBeLessThan(2e-6);
      expect(distance(grad, exact, 1e-3), engine.name).toBeLessThan(5e-6);
    }
  });
});
