/** Reductions, running sums, softmax and layer normalisation. */
import type { Tensor } from "../../../src/engine/types.js";
import { logSumExp, over, spread, total } from "../float64.js";
import { type OperatorCase, SHAPE, valueOnly } from "./case.js";

const [ROWS, COLUMNS] = SHAPE;
const row = (x: (i: number, j: number) => number, i: number) => over([COLUMNS], (j) => x(i, j));
const column = (x: (i: number, j: number) => number, j: number) => over([ROWS], (i) => x(i, j));
const meanOf = (values: readonly number[]) => total(values.length, (i) => values[i]) / values.length;
const varianceOf = (values: readonly number[]) =>
  meanOf(values.map((value) => (value - meanOf(values)) ** 2));
const productOf = (values: readonly number[]) => values.reduce((a, b) => a * b, 1);

/** The inputs themselves in three places, so that their difference is zero there. */
const atZeros = Array.from(spread(12), (value, i) => ([1, 8, 10].includes(i) ? value : 0));

/** Reductions and running sums. */
export const reductionCases: readonly OperatorCase[] = [
  {
    name: "sum of all",
    apply: (tf, x) => tf.sum(x),
    reference: (x) => [total(12, (i) => over(SHAPE, x)[i])],
  },
  {
    name: "sum over rows",
    apply: (tf, x) => tf.sum(x, 0),
    reference: (x) => over([4], (j) => total(3, (i) => x(i, j))),
  },
  {
    name: "sum over the last axis",
    apply: (tf, x) => tf.sum(x, -1, true),
    reference: (x) => over([3], (i) => total(4, (j) => x(i, j))),
  },
  {
    name: "sum of a broadcast",
    apply: (tf, x) => tf.sum(tf.broadcastTo(tf.reshape(x, [3, 1, 4]), [3, 5, 4]), 1),
    reference: (x) => over(SHAPE, (i, j) => 5 * x(i, j)),
  },
  {
    name: "sum of a transpose",
    apply: (tf, x) => tf.sum(tf.transpose(x), 1),
    reference: (x) => over([4], (j) => total(3, (i) => x(i, j))),
  },
  { name: "mean of all", apply: (tf, x) => tf.mean(x), reference: (x) => [meanOf(over(SHAPE, x))] },
  {
    name: "mean over columns",
    apply: (tf, x) => tf.mean(x, 1),
    reference: (x) => over([3], (i) => meanOf(row(x, i))),
  },
  {
    name: "moments",
    apply: (tf, x) => tf.moments(x, 1).variance,
    reference: (x) => over([3], (i) => varianceOf(row(x, i))),
  },
  { name: "norm", apply: (tf, x) => tf.norm(x), reference: (x) => [Math.hypot(...over(SHAPE, x))] },
  { name: "max", apply: (tf, x) => tf.max(x, 1), reference: (x) => over([3], (i) => Math.max(...row(x, i))) },
  {
    name: "max of all, kept",
    apply: (tf, x) => tf.max(x, undefined, true),
    reference: (x) => [Math.max(...over(SHAPE, x))],
  },
  {
    name: "min",
    apply: (tf, x) => tf.min(x, 0),
    reference: (x) => over([4], (j) => Math.min(...column(x, j))),
  },
  {
    name: "prod",
    range: [0.5, 1.5],
    apply: (tf, x) => tf.prod(x, 1),
    reference: (x) => over([3], (i) => productOf(row(x, i))),
  },
  {
    name: "prod of all, kept",
    range: [0.5, 1.5],
    apply: (tf, x) => tf.prod(x, undefined, true),
    reference: (x) => [productOf(over(SHAPE, x))],
  },
  {
    name: "prod over two axes of three",
    shape: [2, 3, 2],
    range: [0.5, 1.5],
    apply: (tf, x) => tf.prod(x, [0, -1]),
    reference: (x) => over([3], (j) => productOf(over([2, 2], (i, k) => x(i, j, k)))),
  },
  {
    name: "prod of one element",
    shape: [3, 1],
    apply: (tf, x) => tf.prod(x, 1),
    reference: (x) => over([3], (i) => x(i, 0)),
  },
  {
    name: "prod at zeros", // two of the factors in the last row
    apply: (tf, x) => tf.prod(tf.sub(x, tf.tensor(atZeros, [...SHAPE])), 1),
    reference: (x) => over([3], (i) => productOf(over([4], (j) => x(i, j) - atZeros[4 * i + j]))),
  },
  {
    name: "logSumExp",
    apply: (tf, x) => tf.logSumExp(x, 1),
    reference: (x) => over([3], (i) => logSumExp(row(x, i))),
  },
  {
    name: "softmax",
    apply: (tf, x) => tf.softmax(x),
    reference: (x) => over(SHAPE, (i, j) => Math.exp(x(i, j) - logSumExp(row(x, i)))),
  },
  {
    name: "logSoftmax",
    apply: (tf, x) => tf.logSoftmax(x),
    reference: (x) => over(SHAPE, (i, j) => x(i, j) - logSumExp(row(x, i))),
  },
  {
    name: "logSoftmax as one kernel",
    isEager: false,
    apply: (tf, x) => tf.engine().runKernel("LogSoftmax", { logits: x }, { axis: 1 }) as Tensor,
    reference: (x) => over(SHAPE, (i, j) => x(i, j) - logSumExp(row(x, i))),
  },
  {
    name: "cumsum",
    apply: (tf, x) => tf.cumsum(x, 1),
    reference: (x) => over(SHAPE, (i, j) => total(j + 1, (k) => x(i, k))),
  },
  {
    name: "cumsum, exclusive and reverse",
    apply: (tf, x) => tf.cumsum(x, -1, true, true),
    reference: (x) => over(SHAPE, (i, j) => total(3 - j, (k) => x(i, j + 1 + k))),
  },
  {
    name: "cumsum down a square",
    shape: [4, 4],
    apply: (tf, x) => tf.cumsum(x, 0),
    reference: (x) => over([4, 4], (i, j) => total(i + 1, (k) => x(k, j))),
  },
  {
    name: "cumsum over a long axis",
    shape: [1, 70],
    apply: (tf, x) => tf.cumsum(tf.mul(x, 0.1), 1),
    reference: (x) => over([1, 70], (i, j) => total(j + 1, (k) => Math.fround(0.1) * x(i, k))),
  },
  valueOnly({
    name: "all",
    apply: (tf, x) => tf.all(tf.greater(x, -0.8), 1),
    reference: (x) => over([3], (i) => Number(row(x, i).every((value) => value > -0.8))),
  }),
  valueOnly({
    name: "any",
    apply: (tf, x) => tf.any(tf.greater(x, 0.8), 0),
    reference: (x) => over([4], (j) => Number(column(x, j).some((value) => value > 0.8))),
  }),
  valueOnly({
    name: "argMax",
    apply: (tf, x) => tf.argMax(x, 1),
    reference: (x) => over([3], (i) => row(x, i).indexOf(Math.max(...row(x, i)))),
  }),
  valueOnly({
    name: "argMin",
    apply: (tf, x) => tf.argMin(x, 0),
    reference: (x) => over([4], (j) => column(x, j).indexOf(Math.min(...column(x, j)))),
  }),
  {
    name: "layer normalisation",
    apply: (tf, x) => {
      const { mean, variance } = tf.moments(x, -1, true);
      return tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-3)));
    },
    reference: (x) =>
      over(
        SHAPE,
        (i, j) => (x(i, j) - meanOf(row(x, i))) / Math.sqrt(varianceOf(row(x, i)) + Math.fround(1e-3)),
      ),
  },
];
