import { beforeAll, describe, expect, it } from "vitest";
import { withRepairedGradients } from "../../src/engine/gradients.js";
import { bindLayers } from "../../src/engine/layers.js";
import { openEngine } from "../../src/engine/open.js";
import { unpack } from "../../src/engine/packing.js";
import { loadTf } from "../../src/engine/tfjs.js";
import type { Engine, Tensor, Tensors, Tf } from "../../src/engine/types.js";

let engine: Engine;
let tf: Tf;
beforeAll(async () => {
  engine = await openEngine("onnx");
  tf = await loadTf();
  await tf.setBackend("cpu");
});
const wave = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(1.7 * i * i));

const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));

const networks: [string, (L: Tf["layers"]) => object[], number[]][] = [
  [
    "dense with layer normalisation",
    (L) => [
      L.dense({ units: 8, activation: "swish", inputShape: [6] }),
      L.layerNormalization(),
      L.dense({ units: 1 }),
    ],
    [6],
  ],
  [
    "batch normalisation",
    (L) => [
      L.dense({ units: 8, activation: "selu", inputShape: [6] }),
      L.batchNormalization(),
      L.dense({ units: 1 }),
    ],
    [6],
  ],
  [
    "convolution and pooling",
    (L) => [
      L.conv2d({ filters: 4, kernelSize: 3, padding: "same", activation: "relu", inputShape: [8, 8, 2] }),
      L.maxPooling2d({ poolSize: 2 }),
      L.conv2d({ filters: 3, kernelSize: 3, strides: 2, activation: "tanh" }),
      L.globalAveragePooling2d({}),
      L.dense({ units: 1 }),
    ],
    [8, 8, 2],
  ],
  ["gru", (L) => [L.gru({ units: 4, inputShape: [5, 2] }), L.dense({ units: 1 })], [5, 2]],
];

describe.each(networks)("bindLayers: %s", (_title, layersOf, inputShape) => {
  it.each([false, true])("compiles to what the model computes eagerly, training = %s", async (training) => {
    const model = tf.sequential({ layers: layersOf(tf.layers) as never });
    const net = bindLayers(model);
    const shape = [5, ...inputShape];
    const x = wave(shape.reduce((a, b) => a * b));
    const fn = (t: Tf, { flat, x }: Tensors) => {
      const output = (p: Tensor) => net.apply(t, unpack(t, p, net.parameters), x, { training });
      const { value, grad } = t.valueAndGrad((p: Tensor) => t.sum(t.square(output(p))))(flat);
      return { y: output(flat), value, grad };
    };
    const before = tf.memory().numTensors;
    await using compiled = await engine.compile(fn, { flat: { shape: [net.initial.length] }, x: { shape } });
    const { y, grad } = await compiled.run({ flat: net.initial, x });
    const eager = tf.tidy(() => {
      const result = withRepairedGradients(tf, () =>
        fn(tf, { flat: tf.tensor(net.initial), x: tf.tensor(x, shape) }),
      );
      return { y: result.y.dataSync().slice(), grad: result.grad.dataSync().slice() };
    });
    expect(tf.memory().numTensors).toBe(before);
    const scale = Math.max(...eager.grad.map(Math.abs), 1);
    // float32 with sums of up to a few hundred terms
    expect(largest(y, eager.y)).toBeLessThan(1e-5);
    expect(largest(grad, eager.grad)).toBeLessThan(2e-5 * scale);
    if (!training) {
      const own = tf.tidy(() => (model.predict(tf.tensor(x, shape)) as Tensor).dataSync().slice());
      expect(largest(y, own)).toBeLessThan(1e-5);
    }
    model.dispose();
  });
});
