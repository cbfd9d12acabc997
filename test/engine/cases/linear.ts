/** Matrix products, convolutions, pooling and batch normalisation. */
import type { Tensor } from "../../../src/engine/types.js";
import { type At, over, total } from "../float64.js";
import { type OperatorCase, weight, weights } from "./case.js";

type T = never; // TensorFlow.js asks for ranks in types; the tests know them

const products: readonly OperatorCase[] = [
  {
    name: "matMul",
    apply: (tf, x) => tf.matMul(x, weights(tf, [4, 2])),
    reference: (x) => over([3, 2], (i, k) => total(4, (j) => x(i, j) * weight(j, k))),
  },
  {
    name: "matMul from the left",
    apply: (tf, x) => tf.matMul(weights(tf, [2, 3]), x),
    reference: (x) => over([2, 4], (k, j) => total(3, (i) => weight(k, i) * x(i, j))),
  },
  {
    name: "matMul, transposed left",
    apply: (tf, x) => tf.matMul(x, tf.exp(x), true),
    reference: (x) => over([4, 4], (a, b) => total(3, (i) => x(i, a) * Math.exp(x(i, b)))),
  },
  {
    name: "matMul, transposed right",
    apply: (tf, x) => tf.matMul(x, tf.exp(x), false, true),
    reference: (x) => over([3, 3], (a, b) => total(4, (j) => x(a, j) * Math.exp(x(b, j)))),
  },
  {
    name: "matMul, transposed both",
    shape: [4, 4],
    apply: (tf, x) => tf.matMul(x, tf.exp(x), true, true),
    reference: (x) => over([4, 4], (a, b) => total(4, (k) => x(k, a) * Math.exp(x(b, k)))),
  },
  {
    name: "matMul of a transpose plus bias",
    apply: (tf, x) => tf.add(tf.matMul(tf.transpose(x), weights(tf, [3, 2])), weights(tf, [2])),
    reference: (x) => over([4, 2], (j, k) => total(3, (i) => x(i, j) * weight(i, k)) + weight(k)),
  },
  {
    name: "matMul, batched",
    apply: (tf, x) => tf.matMul(tf.reshape(x, [3, 2, 2]), tf.exp(tf.reshape(x, [3, 2, 2])), false, true),
    reference: (x) =>
      over([3, 2, 2], (n, a, b) => total(2, (k) => x(n, 2 * a + k) * Math.exp(x(n, 2 * b + k)))),
  },
  {
    name: "matMul, one matrix for a batch",
    apply: (tf, x) => tf.matMul(tf.reshape(x, [3, 2, 2]), tf.reshape(weights(tf, [2, 2]), [1, 2, 2])),
    reference: (x) => over([3, 2, 2], (n, a, b) => total(2, (k) => x(n, 2 * a + k) * weight(k, b))),
  },
  {
    name: "dot of vectors",
    apply: (tf, x) => tf.dot(tf.reshape(x, [12]), tf.reshape(tf.exp(x), [12])),
    reference: (x) => [total(12, (i) => x(0, i) * Math.exp(x(0, i)))],
  },
  {
    name: "einsum",
    order: 0,
    refusal: /tf\.einsum has no derivative/,
    apply: (tf, x) => tf.einsum("ij,jk->ki", x, weights(tf, [4, 2])),
    reference: (x) => over([2, 3], (k, i) => total(4, (j) => x(i, j) * weight(j, k))),
  },
  {
    name: "outer product",
    apply: (tf, x) =>
      tf.outerProduct(
        tf.reshape(tf.slice(x, [0, 0], [1, 4]), [4]) as T,
        tf.reshape(tf.slice(x, [1, 0], [1, 4]), [4]) as T,
      ),
    reference: (x) => over([4, 4], (a, b) => x(0, a) * x(1, b)),
  },
];

const fused = (
  activation: "linear" | "relu" | "relu6" | "elu" | "sigmoid" | "leakyrelu" | "prelu" | "tanh",
  f: (x: number) => number,
): OperatorCase => ({
  name: `fused matMul with ${activation}`,
  isEager: activation !== "tanh",
  order: activation === "linear" || activation === "relu" ? 2 : 0,
  apply: (tf, x) =>
    tf.fused.matMul({
      a: x,
      b: weights(tf, [4, 2]),
      bias: weights(tf, [2]),
      activation: activation as "relu",
      leakyreluAlpha: 0.2,
      preluActivationWeights: activation === "prelu" ? tf.tensor1d([0.2, 0.2]) : undefined,
    }),
  reference: (x) => over([3, 2], (i, k) => f(total(4, (j) => x(i, j) * weight(j, k)) + weight(k))),
});
const leak = (x: number) => (x > 0 ? x : Math.fround(0.2) * x);

const fusedCases = [
  fused("linear", (x) => x),
  fused("relu", (x) => Math.max(x, 0)),
  fused("relu6", (x) => Math.min(Math.max(x, 0), 6)),
  fused("elu", (x) => (x > 0 ? x : Math.expm1(x))),
  fused("sigmoid", (x) => 1 / (1 + Math.exp(-x))),
  fused("tanh", Math.tanh),
  fused("leakyrelu", leak),
  fused("prelu", leak),
];

interface Window {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly extent: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly pad: "same" | "valid" | number;
}
const windows: readonly Window[] = [
  { name: "3x3, valid", height: 5, width: 4, extent: [3, 3], stride: [1, 1], pad: "valid" },
  { name: "3x2 by strides 2 and 1, same", height: 5, width: 4, extent: [3, 2], stride: [2, 1], pad: "same" },
  {
    name: "2x2 by stride 3 that leaves a rest",
    height: 6,
    width: 4,
    extent: [2, 2],
    stride: [3, 3],
    pad: "valid",
  },
  { name: "3x3 by stride 2, padded by one", height: 4, width: 5, extent: [3, 3], stride: [2, 2], pad: 1 },
  { name: "4x4 by stride 2, same", height: 5, width: 4, extent: [4, 4], stride: [2, 2], pad: "same" },
];

/** Outputs along one axis and the padding before it, as TensorFlow defines them. */
function axis(
  n: number,
  extent: number,
  stride: number,
  pad: Window["pad"],
): { count: number; before: number } {
  if (pad === "same") {
    const count = Math.ceil(n / stride);
    return { count, before: Math.floor(Math.max((count - 1) * stride + extent - n, 0) / 2) };
  }
  const before = pad === "valid" ? 0 : pad;
  return { count: Math.floor((n + 2 * before - extent) / stride) + 1, before };
}

const plan = ({ height, width, extent, stride, pad }: Window) => ({
  rows: axis(height, extent[0], stride[0], pad),
  columns: axis(width, extent[1], stride[1], pad),
});

/** The input elements of one window, by their place in it; what lies in the padding is left out. */
function touched(window: Window, p: number, q: number): { a: number; b: number; i: number; j: number }[] {
  const { rows, columns } = plan(window);
  const found = [];
  for (let a = 0; a < window.extent[0]; a++) {
    for (let b = 0; b < window.extent[1]; b++) {
      const i = p * window.stride[0] + a - rows.before;
      const j = q * window.stride[1] + b - columns.before;
      if (i >= 0 && i < window.height && j >= 0 && j < window.width) found.push({ a, b, i, j });
    }
  }
  return found;
}
const sumOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** `filter[a, b, c, o]` correlated with `image[n, i, j, c]`. */
const correlate = (
  window: Window,
  shape: { batch: number; channels: number; filters: number },
  image: At,
  filter: At,
) =>
  over([shape.batch, plan(window).rows.count, plan(window).columns.count, shape.filters], (n, p, q, o) =>
    sumOf(
      touched(window, p, q).map(({ a, b, i, j }) =>
        total(shape.channels, (c) => image(n, i, j, c) * filter(a, b, c, o)),
      ),
    ),
  );

const convolutions = windows.flatMap((window): OperatorCase[] => {
  const { height, width, extent, stride, pad } = window;
  const { rows, columns } = plan(window);
  const images = [2, height, width, 2];
  const filters = [extent[0], extent[1], 2, 2];
  const strides = [...stride] as [number, number];
  const shape = { batch: 2, channels: 2, filters: 2 };
  const cube = extent[0] * extent[1] * 4;
  return [
    {
      name: `conv2d of images, ${window.name}`,
      shape: images,
      apply: (tf, x) => tf.conv2d(x as T, weights(tf, filters) as T, strides, pad),
      reference: (x) => correlate(window, shape, x, weight),
    },
    {
      name: `conv2d of filters, ${window.name}`,
      shape: filters,
      apply: (tf, x) => tf.conv2d(weights(tf, images) as T, x as T, strides, pad),
      reference: (x) => correlate(window, shape, weight, x),
    },
    {
      name: `conv2d of both, ${window.name}`,
      shape: [cube],
      apply: (tf, x) =>
        tf.conv2d(
          tf.mul(weights(tf, images), tf.slice(x, [0], [1])) as T,
          tf.reshape(tf.sin(x), filters) as T,
          strides,
          pad,
        ),
      reference: (x) =>
        correlate(
          window,
          shape,
          (n, i, j, c) => weight(n, i, j, c) * x(0),
          (a, b, c, o) => Math.sin(x(((a * extent[1] + b) * 2 + c) * 2 + o)),
        ),
    },
    {
      name: `conv2dTranspose, ${window.name}`,
      shape: [1, rows.count, columns.count, 2],
      apply: (tf, x) =>
        tf.conv2dTranspose(x as T, weights(tf, filters) as T, [1, height, width, 2], strides, pad as "same"),
      reference: (x) => {
        const image = new Float64Array(height * width * 2);
        for (let p = 0; p < rows.count; p++) {
          for (let q = 0; q < columns.count; q++) {
            for (const { a, b, i, j } of touched(window, p, q)) {
              for (let c = 0; c < 2; c++)
                image[(i * width + j) * 2 + c] += total(2, (o) => x(0, p, q, o) * weight(a, b, c, o));
            }
          }
        }
        return Array.from(image);
      },
    },
    {
      name: `depthwiseConv2d, ${window.name}`,
      shape: [2, height, width, 2],
      order: 1,
      refusal: /tf\.depthwiseConv2d has no second derivative/,
      apply: (tf, x) =>
        tf.depthwiseConv2d(x as T, weights(tf, [extent[0], extent[1], 2, 2]) as T, strides, pad),
      reference: (x) =>
        over([2, rows.count, columns.count, 4], (n, p, q, o) =>
          sumOf(
            touched(window, p, q).map(
              ({ a, b, i, j }) => x(n, i, j, Math.floor(o / 2)) * weight(a, b, Math.floor(o / 2), o % 2),
            ),
          ),
        ),
    },
    {
      name: `depthwiseConv2d of filters, ${window.name}`,
      shape: [extent[0], extent[1], 2, 2],
      order: 1,
      refusal: /tf\.depthwiseConv2d has no second derivative/,
      apply: (tf, x) => tf.depthwiseConv2d(weights(tf, [2, height, width, 2]) as T, x as T, strides, pad),
      reference: (x) =>
        over([2, rows.count, columns.count, 4], (n, p, q, o) =>
          sumOf(
            touched(window, p, q).map(
              ({ a, b, i, j }) => weight(n, i, j, Math.floor(o / 2)) * x(a, b, Math.floor(o / 2), o % 2),
            ),
          ),
        ),
    },
    {
      name: `maxPool, ${window.name}`,
      shape: images,
      order: 1,
      refusal: /tf\.maxPool has no second derivative/,
      apply: (tf, x) => tf.maxPool(x as T, [...extent] as [number, number], strides, pad),
      reference: (x) =>
        over([2, rows.count, columns.count, 2], (n, p, q, c) =>
          Math.max(...touched(window, p, q).map(({ i, j }) => x(n, i, j, c))),
        ),
    },
    {
      name: `avgPool, ${window.name}`,
      shape: images,
      order: 1,
      refusal: /tf\.avgPool has no second derivative/,
      apply: (tf, x) => tf.avgPool(x as T, [...extent] as [number, number], strides, pad),
      reference: (x) =>
        over([2, rows.count, columns.count, 2], (n, p, q, c) => {
          const values = touched(window, p, q).map(({ i, j }) => x(n, i, j, c));
          return sumOf(values) / values.length;
        }),
    },
  ];
});

const [first] = windows;
const images: readonly OperatorCase[] = [
  {
    name: "fused conv2d with relu",
    shape: [1, 5, 4, 2],
    apply: (tf, x) =>
      tf.fused.conv2d({
        x: x as T,
        filter: weights(tf, [3, 3, 2, 3]) as T,
        strides: 1,
        pad: "valid",
        bias: weights(tf, [3]),
        activation: "relu",
      }) as Tensor,
    reference: (x) =>
      correlate(first, { batch: 1, channels: 2, filters: 3 }, x, weight).map((value, i) =>
        Math.max(0, value + weight(i % 3)),
      ),
  },
  {
    name: "fused depthwiseConv2d with relu",
    shape: [1, 5, 4, 2],
    order: 1,
    refusal: /tf\.depthwiseConv2d has no second derivative/,
    apply: (tf, x) =>
      tf.fused.depthwiseConv2d({
        x: x as T,
        filter: weights(tf, [3, 3, 2, 1]) as T,
        strides: 1,
        pad: "valid",
        bias: weights(tf, [2]),
        activation: "relu",
      }),
    reference: (x) =>
      over([3, 2, 2], (p, q, c) => {
        const sum = total(3, (a) => total(3, (b) => x(0, p + a, q + b, c) * weight(a, b, c)));
        return Math.max(0, sum + weight(c));
      }),
  },
  {
    name: "two convolutions, biases and a dense layer",
    shape: [2, 5, 4, 1],
    apply: (tf, x) => {
      const h = tf.tanh(
        tf.add(tf.conv2d(x as T, weights(tf, [3, 3, 1, 2]) as T, 1, "valid"), weights(tf, [2])),
      );
      return tf.matMul(tf.reshape(h, [2, 12]), weights(tf, [12, 2]));
    },
    reference: (x) => {
      const h = correlate(first, { batch: 2, channels: 1, filters: 2 }, x, weight).map((value, i) =>
        Math.tanh(value + weight(i % 2)),
      );
      return over([2, 2], (n, k) => total(12, (i) => h[12 * n + i] * weight(i, k)));
    },
  },
  {
    name: "batchNorm by given moments",
    apply: (tf, x) =>
      tf.batchNorm(
        x,
        weights(tf, [4]),
        tf.tensor1d([0.5, 1, 1.5, 2]),
        weights(tf, [4]),
        tf.tensor1d([1, 2, 3, 4]),
        1e-3,
      ),
    reference: (x) =>
      over([3, 4], (i, j) => ((x(i, j) - weight(j)) / Math.sqrt(0.5 + 0.5 * j + 1e-3)) * (j + 1) + weight(j)),
  },
  ...(["neither", "scale", "offset"] as const).map(
    (given): OperatorCase => ({
      name: `batchNorm with ${given} given of scale and offset`,
      apply: (tf, x) =>
        tf.batchNorm(
          x,
          weights(tf, [4]),
          tf.tensor1d([0.5, 1, 1.5, 2]),
          given === "offset" ? weights(tf, [4]) : undefined,
          given === "scale" ? tf.tensor1d([1, 2, 3, 4]) : undefined,
          1e-3,
        ),
      reference: (x) =>
        over([3, 4], (i, j) => {
          const centred = (x(i, j) - weight(j)) / Math.sqrt(0.5 + 0.5 * j + 1e-3);
          return centred * (given === "scale" ? j + 1 : 1) + (given === "offset" ? weight(j) : 0);
        }),
    }),
  ),
  {
    name: "batchNorm by the batch's moments",
    apply: (tf, x) => {
      const { mean, variance } = tf.moments(x, 0);
      return tf.batchNorm(x, mean as T, variance as T, tf.zeros([4]), tf.ones([4]), 1e-3);
    },
    reference: (x) => {
      const mean = over([4], (j) => total(3, (i) => x(i, j)) / 3);
      const variance = over([4], (j) => total(3, (i) => (x(i, j) - mean[j]) ** 2) / 3);
      return over([3, 4], (i, j) => (x(i, j) - mean[j]) / Math.sqrt(variance[j] + 1e-3));
    },
  },
];

export const linearCases: readonly OperatorCase[] = [...products, ...fusedCases, ...convolutions, ...images];
