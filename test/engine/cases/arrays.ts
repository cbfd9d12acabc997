/** Everything that moves, cuts, joins or picks elements. */
import type { Tensor } from "../../../src/engine/types.js";
import { over } from "../float64.js";
import { type OperatorCase, SHAPE, valueOnly } from "./case.js";

const row = (x: (i: number, j: number) => number, i: number) => over([4], (j) => x(i, j));
const column = (x: (i: number, j: number) => number, j: number) => over([3], (i) => x(i, j));

const moves: readonly OperatorCase[] = [
  { name: "reshape", apply: (tf, x) => tf.reshape(x, [2, -1]), reference: (x) => over(SHAPE, x) },
  { name: "expandDims", apply: (tf, x) => tf.expandDims(x, -1), reference: (x) => over(SHAPE, x) },
  {
    name: "squeeze of a slice",
    apply: (tf, x) => tf.squeeze(tf.slice(x, [1, 0], [1, 4])),
    reference: (x) => row(x, 1),
  },
  {
    name: "transpose",
    apply: (tf, x) => tf.exp(tf.transpose(x)),
    reference: (x) => over([4, 3], (j, i) => Math.exp(x(i, j))),
  },
  {
    name: "transpose of rank 3",
    apply: (tf, x) => tf.transpose(tf.reshape(x, [3, 2, 2]), [2, 0, 1]),
    reference: (x) => over([2, 3, 2], (c, a, b) => x(a, 2 * b + c)),
  },
  {
    name: "transpose, twice",
    apply: (tf, x) => tf.transpose(tf.square(tf.transpose(x))),
    reference: (x) => over(SHAPE, (i, j) => x(i, j) ** 2),
  },
  {
    name: "transpose plus row",
    apply: (tf, x) => tf.mul(tf.transpose(x), tf.slice(tf.reshape(x, [4, 3]), [0, 0], [1, 3])),
    reference: (x) => over([4, 3], (j, i) => x(i, j) * x(0, i)),
  },
  {
    name: "reshape of a transpose",
    apply: (tf, x) => tf.reshape(tf.transpose(x), [2, 6]),
    reference: (x) => over([4, 3], (j, i) => x(i, j)),
  },
  {
    name: "slice",
    apply: (tf, x) => tf.slice(x, [0, 1], [3, 2]),
    reference: (x) => over([3, 2], (i, j) => x(i, j + 1)),
  },
  {
    name: "slice of a transpose",
    apply: (tf, x) => tf.slice(tf.transpose(x), [1, 0], [2, 2]),
    reference: (x) => over([2, 2], (j, i) => x(i, j + 1)),
  },
  {
    name: "slice of a broadcast",
    apply: (tf, x) => tf.slice(tf.broadcastTo(tf.reshape(x, [3, 1, 4]), [3, 2, 4]), [1, 1, 1], [2, 1, 2]),
    reference: (x) => over([2, 2], (i, j) => x(i + 1, j + 1)),
  },
  {
    name: "concat",
    apply: (tf, x) => tf.concat([x, tf.square(x), tf.zerosLike(x)], -1),
    reference: (x) => over([3, 12], (i, j) => (j < 4 ? x(i, j) : j < 8 ? x(i, j - 4) ** 2 : 0)),
  },
  {
    name: "concat of rows",
    apply: (tf, x) => tf.concat([tf.transpose(tf.reshape(x, [4, 3])), x], 0),
    reference: (x) => over([6, 4], (i, j) => (i < 3 ? over(SHAPE, x)[3 * j + i] : x(i - 3, j))),
  },
  {
    name: "stack",
    apply: (tf, x) => tf.stack([x, tf.exp(x)], 1),
    reference: (x) => over([3, 2, 4], (i, k, j) => (k === 0 ? x(i, j) : Math.exp(x(i, j)))),
  },
  { name: "unstack", apply: (tf, x) => tf.unstack(x, 1)[2], reference: (x) => column(x, 2) },
  {
    name: "split",
    apply: (tf, x) => tf.mul(...(tf.split(x, 2, 1) as [Tensor, Tensor])),
    reference: (x) => over([3, 2], (i, j) => x(i, j) * x(i, j + 2)),
  },
  {
    name: "split in unequal parts",
    apply: (tf, x) => (tf.split(x, [1, -1], 1) as Tensor[])[1],
    reference: (x) => over([3, 3], (i, j) => x(i, j + 1)),
  },
  {
    name: "pad",
    apply: (tf, x) =>
      tf.pad(
        x,
        [
          [1, 0],
          [0, 2],
        ],
        0.5,
      ),
    reference: (x) => over([4, 6], (i, j) => (i > 0 && j < 4 ? x(i - 1, j) : 0.5)),
  },
  {
    name: "tile",
    apply: (tf, x) => tf.tile(x, [2, 3]),
    reference: (x) => over([6, 12], (i, j) => x(i % 3, j % 4)),
  },
  {
    name: "tile of one row",
    apply: (tf, x) => tf.tile(tf.slice(x, [1, 0], [1, 4]), [5, 1]),
    reference: (x) => over([5, 4], (_, j) => x(1, j)),
  },
  {
    name: "broadcastTo",
    apply: (tf, x) => tf.broadcastTo(tf.reshape(x, [3, 1, 4]), [2, 3, 2, 4]),
    reference: (x) => over([2, 3, 2, 4], (_a, i, _b, j) => x(i, j)),
  },
  {
    name: "broadcastTo as one kernel",
    isEager: false,
    apply: (tf, x) => {
      const inputShape = [1, 3, 4];
      const inputs = { x: tf.reshape(x, inputShape) };
      return tf.engine().runKernel("BroadcastTo", inputs, { shape: [2, 3, 4], inputShape }) as Tensor;
    },
    reference: (x) => over([2, 3, 4], (_a, i, j) => x(i, j)),
  },
  {
    name: "reverse",
    apply: (tf, x) => tf.reverse(x, [0, -1]),
    reference: (x) => over(SHAPE, (i, j) => x(2 - i, 3 - j)),
  },
  {
    name: "fill",
    apply: (tf, x) => tf.add(tf.fill([3, 4], 0.3), x),
    reference: (x) => over(SHAPE, (i, j) => x(i, j) + Math.fround(0.3)),
  },
  {
    name: "range and linspace",
    apply: (tf, x) => tf.add(tf.mul(x, tf.range(0, 4)), tf.linspace(-1, 1, 4)),
    reference: (x) => over(SHAPE, (i, j) => x(i, j) * j - 1 + (2 * j) / 3),
  },
  {
    name: "eye",
    shape: [3, 3],
    apply: (tf, x) => tf.mul(x, tf.eye(3)),
    reference: (x) => over([3, 3], (i, j) => (i === j ? x(i, j) : 0)),
  },
  {
    name: "mirrorPad, reflecting",
    order: 0,
    refusal: /tf\.mirrorPad has no derivative/,
    apply: (tf, x) =>
      tf.mirrorPad(
        x,
        [
          [1, 2],
          [3, 0],
        ],
        "reflect",
      ),
    reference: (x) => over([6, 7], (i, j) => x([1, 0, 1, 2, 1, 0][i], [3, 2, 1, 0, 1, 2, 3][j])),
  },
  {
    name: "mirrorPad, symmetric",
    order: 0,
    refusal: /tf\.mirrorPad has no derivative/,
    apply: (tf, x) =>
      tf.mirrorPad(
        x,
        [
          [2, 1],
          [0, 3],
        ],
        "symmetric",
      ),
    reference: (x) => over([6, 7], (i, j) => x([1, 0, 0, 1, 2, 2][i], [0, 1, 2, 3, 3, 2, 1][j])),
  },
  {
    name: "stridedSlice",
    order: 0,
    refusal: /tf\.stridedSlice has no derivative/,
    apply: (tf, x) => tf.stridedSlice(x, [0, 3], [3, -6], [2, -2]),
    reference: (x) => over([2, 2], (i, j) => x(2 * i, 3 - 2 * j)),
  },
];

const picks: readonly OperatorCase[] = [
  {
    name: "gather of rows",
    apply: (tf, x) => tf.gather(x, tf.tensor1d([2, 0, 2, 1, 2], "int32")),
    reference: (x) => over([5, 4], (i, j) => x([2, 0, 2, 1, 2][i], j)),
  },
  {
    name: "gather of columns",
    apply: (tf, x) =>
      tf.gather(
        x,
        tf.tensor2d(
          [
            [3, 1],
            [1, 0],
          ],
          [2, 2],
          "int32",
        ),
        1,
      ),
    reference: (x) =>
      over([3, 2, 2], (i, a, b) =>
        x(
          i,
          [
            [3, 1],
            [1, 0],
          ][a][b],
        ),
      ),
  },
  {
    name: "gather by rows of indices",
    apply: (tf, x) =>
      tf.gather(
        x,
        tf.tensor2d(
          [
            [1, 1],
            [0, 2],
            [3, 0],
          ],
          [3, 2],
          "int32",
        ),
        1,
        1,
      ),
    reference: (x) =>
      over([3, 2], (i, a) =>
        x(
          i,
          [
            [1, 1],
            [0, 2],
            [3, 0],
          ][i][a],
        ),
      ),
  },
  {
    name: "unsortedSegmentSum",
    apply: (tf, x) => tf.unsortedSegmentSum(x, tf.tensor1d([1, 0, 1], "int32"), 3),
    reference: (x) => over([3, 4], (i, j) => [x(1, j), x(0, j) + x(2, j), 0][i]),
  },
  {
    name: "oneHot",
    apply: (tf, x) => tf.sum(tf.mul(tf.oneHot(tf.tensor1d([1, 3, 0], "int32"), 4), x), 1),
    reference: (x) => over([3], (i) => x(i, [1, 3, 0][i])),
  },
  {
    name: "oneHot with values",
    apply: (tf, x) => tf.mul(tf.oneHot(tf.tensor1d([1, 3, 0], "int32"), 4, 2, -1), x),
    reference: (x) => over(SHAPE, (i, j) => x(i, j) * (j === [1, 3, 0][i] ? 2 : -1)),
  },
  {
    name: "gatherND",
    order: 0,
    refusal: /tf\.gatherND has no derivative/,
    apply: (tf, x) =>
      tf.gatherND(
        x,
        tf.tensor2d(
          [
            [0, 1],
            [2, 3],
          ],
          [2, 2],
          "int32",
        ),
      ),
    reference: (x) => [x(0, 1), x(2, 3)],
  },
  {
    name: "scatterND",
    order: 0,
    refusal: /tf\.scatterND has no derivative/,
    apply: (tf, x) => tf.scatterND(tf.tensor2d([[1], [0], [1]], [3, 1], "int32"), x, [4, 4]),
    reference: (x) => over([4, 4], (i, j) => [x(1, j), x(0, j) + x(2, j), 0, 0][i]),
  },
  {
    name: "topk",
    order: 0,
    refusal: /tf\.topk has no derivative/,
    apply: (tf, x) => tf.topk(x, 2).values,
    reference: (x) => over([3, 2], (i, k) => row(x, i).sort((a, b) => b - a)[k]),
  },
  valueOnly({
    name: "positions of topk",
    apply: (tf, x) => tf.topk(x, 1).indices,
    reference: (x) => over([3], (i) => row(x, i).indexOf(Math.max(...row(x, i)))),
  }),
  valueOnly({
    name: "searchSorted, left",
    apply: (tf, x) => tf.searchSorted(tf.tensor1d([-0.5, 0, 0.5]), tf.reshape(x, [12])),
    reference: (x) => over(SHAPE, (i, j) => [-0.5, 0, 0.5].filter((knot) => knot < x(i, j)).length),
  }),
  valueOnly({
    name: "searchSorted, right",
    apply: (tf, x) => tf.searchSorted(tf.tensor1d([-1, 0, 1]), tf.round(tf.reshape(x, [12])), "right"),
    reference: (x) =>
      over(SHAPE, (i, j) => [-1, 0, 1].filter((knot) => knot <= Math.round(x(i, j)) + 0).length),
  }),
];

export const arrayCases: readonly OperatorCase[] = [...moves, ...picks];
