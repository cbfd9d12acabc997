import { beforeAll, describe, expect, it } from "vitest";
import { openEngine } from "../../src/engine/open.js";
import type { Engine, Tensor, TensorFunction } from "../../src/engine/types.js";

const wave = (n: number, seed: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i * i));
const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b);

/** Image, filter, stride and padding: windows one by one, tiled, cropped, overlapping or apart. */
const cases: [string, number[], number[], number, "same" | "valid" | number][] = [
  ["wide pixels, padded at the end", [3, 9, 7, 8], [3, 3, 8, 9], 2, "same"],
  ["one channel in tiles of four", [3, 9, 8, 1], [5, 5, 1, 8], 2, "same"],
  ["tiles that do not fit", [2, 11, 13, 2], [3, 3, 2, 4], 1, "valid"],
  ["rows that no window reaches", [2, 11, 13, 8], [3, 3, 8, 8], 3, "valid"],
  ["pixels between the windows", [2, 10, 10, 8], [2, 2, 8, 8], 3, "valid"],
  ["padding by a number", [2, 8, 16, 1], [5, 5, 1, 8], 2, 2],
  ["tiles with stride one", [2, 8, 8, 4], [3, 3, 4, 8], 1, "same"],
];

let onnx: Engine;
let eager: Engine;
beforeAll(async () => {
  onnx = await openEngine("onnx");
  eager = await openEngine("tfjs");
});

describe.each(cases)("a convolution with %s", (_title, image, filter, stride, pad) => {
  it("has the eager derivatives of first and second order", async () => {
    const fn: TensorFunction = (tf, { x, w }) => {
      const loss = (a: Tensor, b: Tensor) =>
        tf.sum(tf.square(tf.tanh(tf.conv2d(a as never, b as never, stride, pad))));
      const [dx, dw] = tf.grads(loss)([x, w]);
      const dxOf = (a: Tensor, b: Tensor) => tf.grad((c: Tensor) => loss(c, b))(a);
      const mixed = tf.grad((b: Tensor) => tf.sum(tf.square(dxOf(x, b))))(w);
      return { dx, dw, mixed };
    };
    const specs = { x: { shape: image }, w: { shape: filter } };
    const feeds = { x: wave(sizeOf(image), 1), w: wave(sizeOf(filter), 2) };
    await using compiled = await onnx.compile(fn, specs);
    await using reference = await eager.compile(fn, specs);
    const [got, expected] = [await compiled.run(feeds), await reference.run(feeds)];
    for (const key of ["dx", "dw", "mixed"]) {
      const scale = Math.max(...Array.from(expected[key], Math.abs));
      const worst = Math.max(...Array.from(got[key], (value, i) => Math.abs(value - expected[key][i])));
      expect(worst / scale).toBeLessThan(5e-6); // some 30 roundings of float32 in a row
    }
  });
});
