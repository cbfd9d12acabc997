/** Functions of one number, and of two with broadcasting. */
import type { Tensor, Tf } from "../../../src/engine/types.js";
import { erf, over, sigmoid, softplus } from "../float64.js";
import { each, type OperatorCase, SHAPE, valueOnly } from "./case.js";

const positive = [0.3, 2.5] as const;
const inside = [-0.9, 0.9] as const;
const ALPHA = 1.6732632423543772;
const SCALE = 1.0507009873554805;

const unary: readonly OperatorCase[] = [
  each(
    "neg",
    (tf, x) => tf.neg(x),
    (x) => -x,
  ),
  each("exp", (tf, x) => tf.exp(x), Math.exp),
  each("expm1", (tf, x) => tf.expm1(x), Math.expm1),
  each("log", (tf, x) => tf.log(x), Math.log, positive),
  each("log1p", (tf, x) => tf.log1p(x), Math.log1p, [-0.6, 2.5]),
  each("sqrt", (tf, x) => tf.sqrt(x), Math.sqrt, positive),
  each(
    "rsqrt",
    (tf, x) => tf.rsqrt(x),
    (x) => 1 / Math.sqrt(x),
    positive,
  ),
  each(
    "square",
    (tf, x) => tf.square(x),
    (x) => x * x,
  ),
  each(
    "reciprocal",
    (tf, x) => tf.reciprocal(x),
    (x) => 1 / x,
    positive,
  ),
  each("abs", (tf, x) => tf.abs(x), Math.abs),
  each("sign", (tf, x) => tf.sign(x), Math.sign),
  each("floor", (tf, x) => tf.floor(x), Math.floor, [-2.8, 2.9]),
  each("ceil", (tf, x) => tf.ceil(x), Math.ceil, [-2.8, 2.9]),
  each("round", (tf, x) => tf.round(x), Math.round, [-2.8, 2.9]),
  each("sin", (tf, x) => tf.sin(x), Math.sin, [-3, 3]),
  each("cos", (tf, x) => tf.cos(x), Math.cos, [-3, 3]),
  each("tan", (tf, x) => tf.tan(x), Math.tan),
  each("asin", (tf, x) => tf.asin(x), Math.asin, inside),
  each("acos", (tf, x) => tf.acos(x), Math.acos, inside),
  each("atan", (tf, x) => tf.atan(x), Math.atan),
  each("sinh", (tf, x) => tf.sinh(x), Math.sinh),
  each("cosh", (tf, x) => tf.cosh(x), Math.cosh),
  each("tanh", (tf, x) => tf.tanh(x), Math.tanh),
  each("asinh", (tf, x) => tf.asinh(x), Math.asinh),
  each("acosh", (tf, x) => tf.acosh(x), Math.acosh, [1.3, 3]),
  each("atanh", (tf, x) => tf.atanh(x), Math.atanh, inside),
  each("erf", (tf, x) => tf.erf(x), erf),
  each("sigmoid", (tf, x) => tf.sigmoid(x), sigmoid, [-4, 4]),
  each(
    "logSigmoid",
    (tf, x) => tf.logSigmoid(x),
    (x) => -softplus(-x),
    [-4, 4],
  ),
  each("softplus", (tf, x) => tf.softplus(x), softplus, [-4, 4]),
  each(
    "relu",
    (tf, x) => tf.relu(x),
    (x) => Math.max(x, 0),
  ),
  each(
    "relu6",
    (tf, x) => tf.relu6(x),
    (x) => Math.min(Math.max(x, 0), 6),
    [-2, 8],
  ),
  each(
    "leakyRelu",
    (tf, x) => tf.leakyRelu(x, 0.1),
    (x) => (x > 0 ? x : 0.1 * x),
  ),
  each(
    "elu",
    (tf, x) => tf.elu(x),
    (x) => (x > 0 ? x : Math.expm1(x)),
  ),
  each(
    "selu",
    (tf, x) => tf.selu(x),
    (x) => SCALE * (x > 0 ? x : ALPHA * Math.expm1(x)),
  ),
  each(
    "clipByValue",
    (tf, x) => tf.clipByValue(x, -0.5, 0.4),
    (x) => Math.min(Math.max(x, -0.5), 0.4),
  ),
  each(
    "step",
    (tf, x) => tf.step(x),
    (x) => Number(x > 0),
  ),
  each(
    "step with a slope",
    (tf, x) => tf.mul(tf.step(x, 0.3), x),
    (x) => (x > 0 ? x : 0.3 * x),
  ),
  each(
    "clone",
    (tf, x) => tf.clone(x),
    (x) => x,
  ),
  each(
    "zerosLike",
    (tf, x) => tf.add(tf.zerosLike(x), x),
    (x) => x,
  ),
  each(
    "onesLike",
    (tf, x) => tf.add(tf.onesLike(x), x),
    (x) => 1 + x,
  ),
  valueOnly(
    each(
      "cast to int32",
      (tf, x) => tf.cast(x, "int32"),
      (x) => Math.trunc(x) + 0,
      [-2.8, 2.9],
    ),
  ),
  each(
    "x * 0 + x / 4",
    (tf, x) => tf.add(tf.mul(x, 0), tf.div(x, 4)),
    (x) => x / 4,
  ),
  each(
    "-1 * x - 0",
    (tf, x) => tf.sub(tf.mul(-1, x), 0),
    (x) => -x,
  ),
  ...[-1, -0.5, 0, 0.5, 1, 1.5, 2, 2.3, 3, 4].map((power) =>
    each(
      `pow(x, ${power})`,
      (tf, x) => tf.pow(x, tf.scalar(power)),
      (x) => x ** Math.fround(power),
      positive,
    ),
  ),
  each(
    "pow(1.7, x)",
    (tf, x) => tf.pow(tf.scalar(1.7), x),
    (x) => Math.fround(1.7) ** x,
  ),
  valueOnly(
    each(
      "isNaN",
      (tf, x) => tf.isNaN(tf.sqrt(x)),
      (x) => Number(x < 0),
    ),
  ),
  valueOnly(
    each(
      "isInf",
      (tf, x) => tf.isInf(tf.div(x, tf.relu(x))),
      (x) => Number(x < 0),
    ),
  ),
  valueOnly(
    each(
      "isFinite",
      (tf, x) => tf.isFinite(tf.log(x)),
      (x) => Number(x > 0),
    ),
  ),
  valueOnly(
    each(
      "logicalNot",
      (tf, x) => tf.logicalNot(tf.greater(x, 0.2)),
      (x) => Number(!(x > Math.fround(0.2))),
    ),
  ),
];

/** Two operands cut from one input `[4, 4]`: rows 0-2, and one of the shapes that broadcast to them. */
const partners = {
  "same shape": {
    cut: (tf: Tf, x: Tensor) => tf.slice(x, [1, 0], [3, 4]),
    index: (i: number, j: number) => [i + 1, j],
  },
  row: { cut: (tf: Tf, x: Tensor) => tf.slice(x, [3, 0], [1, 4]), index: (_i: number, j: number) => [3, j] },
  vector: {
    cut: (tf: Tf, x: Tensor) => tf.reshape(tf.slice(x, [3, 0], [1, 4]), [4]),
    index: (_i: number, j: number) => [3, j],
  },
  column: { cut: (tf: Tf, x: Tensor) => tf.slice(x, [0, 3], [3, 1]), index: (i: number) => [i, 3] },
  number: { cut: (tf: Tf, x: Tensor) => tf.reshape(tf.slice(x, [3, 3], [1, 1]), []), index: () => [3, 3] },
} as const;

type Binary = readonly [
  name: string,
  apply: (tf: Tf, a: Tensor, b: Tensor) => Tensor,
  f: (a: number, b: number) => number,
  range?: readonly [number, number],
];

const functions: readonly Binary[] = [
  ["add", (tf, a, b) => tf.add(a, b), (a, b) => a + b],
  ["sub", (tf, a, b) => tf.sub(a, b), (a, b) => a - b],
  ["mul", (tf, a, b) => tf.mul(a, b), (a, b) => a * b],
  ["div", (tf, a, b) => tf.div(a, b), (a, b) => a / b, positive],
  ["squaredDifference", (tf, a, b) => tf.squaredDifference(a, b), (a, b) => (a - b) ** 2],
  ["maximum", (tf, a, b) => tf.maximum(tf.mul(a, 1.1), b), (a, b) => Math.max(Math.fround(1.1) * a, b)],
  ["minimum", (tf, a, b) => tf.minimum(tf.mul(a, 1.1), b), (a, b) => Math.min(Math.fround(1.1) * a, b)],
  ["pow", (tf, a, b) => tf.pow(a, b), (a, b) => a ** b, positive],
  ["atan2", (tf, a, b) => tf.atan2(a, b), Math.atan2],
  [
    "mod",
    (tf, a, b) => tf.mod(tf.mul(a, 1.1), b),
    (a, b) => {
      const c = Math.fround(1.1) * a;
      return c - Math.floor(c / b) * b;
    },
    positive,
  ],
  [
    "where",
    (tf, a, b) => tf.where(tf.greater(tf.mul(a, 1.1), b), tf.square(a), tf.exp(b)),
    (a, b) => (Math.fround(1.1) * a > b ? a * a : Math.exp(b)),
  ],
];

const tests: readonly Binary[] = [
  ["greater", (tf, a, b) => tf.greater(a, b), (a, b) => Number(a > b)],
  ["greaterEqual", (tf, a, b) => tf.greaterEqual(a, b), (a, b) => Number(a >= b)],
  ["less", (tf, a, b) => tf.less(a, b), (a, b) => Number(a < b)],
  ["lessEqual", (tf, a, b) => tf.lessEqual(a, b), (a, b) => Number(a <= b)],
  [
    "equal",
    (tf, a, b) => tf.equal(tf.round(a), tf.round(b)),
    (a, b) => Number(Math.round(a) + 0 === Math.round(b) + 0),
  ],
  [
    "notEqual",
    (tf, a, b) => tf.notEqual(tf.round(a), tf.round(b)),
    (a, b) => Number(Math.round(a) + 0 !== Math.round(b) + 0),
  ],
  [
    "logicalAnd",
    (tf, a, b) => tf.logicalAnd(tf.greater(a, 0), tf.less(b, 0.5)),
    (a, b) => Number(a > 0 && b < 0.5),
  ],
  [
    "logicalOr",
    (tf, a, b) => tf.logicalOr(tf.greater(a, 0), tf.less(b, -0.5)),
    (a, b) => Number(a > 0 || b < -0.5),
  ],
  [
    "logicalXor",
    (tf, a, b) => tf.logicalXor(tf.greater(a, 0), tf.greater(b, 0)),
    (a, b) => Number(a > 0 !== b > 0),
  ],
];

const paired = ([name, apply, f, range]: Binary, partner: keyof typeof partners): OperatorCase => ({
  name: `${name}, ${partner}`,
  shape: [4, 4],
  range,
  apply: (tf, x) => apply(tf, tf.slice(x, [0, 0], [3, 4]), partners[partner].cut(tf, x)),
  reference: (x) => over(SHAPE, (i, j) => f(x(i, j), x(...partners[partner].index(i, j)))),
});

const whole = (
  name: string,
  f: (a: number, b: number) => number,
  apply: (tf: Tf, a: Tensor, b: Tensor) => Tensor,
) =>
  valueOnly({
    name: `${name} of whole numbers`,
    shape: [4, 4],
    range: [-9, 9],
    apply: (tf, x) => {
      const rows = (from: number) => tf.cast(tf.slice(x, [from, 0], [3, 4]), "int32");
      const divisor = rows(1);
      return apply(tf, rows(0), tf.add(divisor, tf.cast(tf.equal(divisor, 0), "int32")) as Tensor);
    },
    reference: (x) => over(SHAPE, (i, j) => f(Math.trunc(x(i, j)), Math.trunc(x(i + 1, j)) || 1)),
  });

export const elementwiseCases: readonly OperatorCase[] = [
  ...unary,
  ...functions.flatMap((row) =>
    (Object.keys(partners) as (keyof typeof partners)[]).map((partner) => paired(row, partner)),
  ),
  ...tests.map((row) => valueOnly(paired(row, "row"))),
  whole(
    "add",
    (a, b) => a + b,
    (tf, a, b) => tf.add(a, b),
  ),
  whole(
    "mul",
    (a, b) => a * b,
    (tf, a, b) => tf.mul(a, b),
  ),
  whole(
    "floorDiv",
    (a, b) => Math.floor(a / b),
    (tf, a, b) => tf.floorDiv(a, b),
  ),
  whole(
    "mod",
    (a, b) => a - Math.floor(a / b) * b,
    (tf, a, b) => tf.mod(a, b),
  ),
  whole("maximum", Math.max, (tf, a, b) => tf.maximum(a, b)),
  {
    name: "addN",
    apply: (tf, x) => tf.addN([x, tf.square(x), tf.exp(x)]),
    reference: (x) => over(SHAPE, (i, j) => x(i, j) + x(i, j) ** 2 + Math.exp(x(i, j))),
  },
  {
    name: "prelu with a slope per column",
    shape: [4, 4],
    apply: (tf, x) => tf.prelu(tf.slice(x, [0, 0], [3, 4]), tf.slice(x, [3, 0], [1, 4])),
    reference: (x) => over(SHAPE, (i, j) => (x(i, j) > 0 ? x(i, j) : x(3, j) * x(i, j))),
  },
];
