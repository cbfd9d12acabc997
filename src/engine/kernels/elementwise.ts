/**
 * Kernels of one operand, and the smooth functions that stand in every loss.
 *
 * onnxruntime's own `Sigmoid` and `Softplus` lose their lower tail in float32, and `Log(1 + x)`,
 * `Exp(x) - 1` lose small x. The forms here keep a relative error near 1e-7:
 *
 * - `log1p(x) = log(u) + (x - (u - 1))`, `u = fl(1 + x)`: the second term is what rounding `u` threw away
 *   (Kahan); it matters for `-1/2 < x < 1` only, so `x` is clipped there and infinities do no harm.
 * - `expm1(x) = tanh(x / 2) (exp(x) + 1)`.
 * - `sigmoid(x) = e / (e + 1)` and `sigmoid(-x) = 1 / (e + 1)`, `e = exp(x)` with its exponent clipped
 *   so that nothing overflows.
 * - `softplus(x) = max(x, 0) + log1p(exp(-|x|))`.
 *
 * @see Goldberg (1991), https://doi.org/10.1145/103162.103163, theorem 4
 * @module
 */
import type { Graph, Value } from "../graph.js";
import { type Symbolic, uniform } from "../symbol.js";
import {
  arithmetic,
  cast,
  castNumber,
  castValue,
  type Inputs,
  type Kernel,
  type KernelTable,
  type Recording,
} from "./kernel.js";

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;
const STEEPEST = 3e38; // below the largest float32, so its product with zero is zero
const LARGEST_EXPONENT = 87; // exp(87) and its inverse are normal float32 numbers

type Lowering = (graph: Graph, x: Value, constants: Attributes) => Value;
type Attributes = Readonly<Record<string, number>>;

/** A kernel of one operand `x`; `host` does the same to a number, if all elements are equal. */
function unary(lower: Lowering, host?: (x: number, attributes: Attributes) => number): Kernel {
  return ({ graph }: Recording, { x }: Inputs, attributes: Attributes): Symbolic => {
    if (x.constant !== undefined && host !== undefined) {
      return uniform(castNumber(host(x.constant, attributes ?? {}), x.dtype), x.shape, x.dtype);
    }
    const value = lower(graph, x.value ?? graph.scalar(x.constant!, x.dtype), attributes ?? {});
    return { shape: x.shape, dtype: value.dtype as Symbolic["dtype"], order: x.order, value };
  };
}

/** A kernel that is an operator of ONNX. */
const same = (type: string, host?: (x: number) => number): Kernel =>
  unary((graph, x) => graph.op(type, [x], x.shape), host);

/** Tests of floats, `bool` out. */
const test = (lower: Lowering): Kernel => unary(lower);

const negate = (graph: Graph, x: Value): Value => {
  const node = graph.producer(x);
  return node?.type === "Neg" ? node.inputs[0] : graph.op("Neg", [x], x.shape);
};

const sigmoid: Lowering = (graph, x) => {
  const { unary, binary } = arithmetic(graph);
  const exponential = (y: Value) => {
    const limits = [graph.scalar(-LARGEST_EXPONENT), graph.scalar(LARGEST_EXPONENT)];
    return unary("Exp", graph.op("Clip", [y, ...limits], y.shape));
  };
  if (graph.producer(x)?.type === "Neg") {
    // sigmoid(-y) shares its exponential with sigmoid(y), which autodiff needs as well
    return unary("Reciprocal", binary("Add", exponential(negate(graph, x)), 1));
  }
  const e = exponential(x);
  return binary("Div", e, binary("Add", e, 1));
};

const log1p: Lowering = (graph, x) => {
  const { unary, binary } = arithmetic(graph);
  const near = graph.op("Clip", [x, graph.scalar(-0.5), graph.scalar(1)], x.shape);
  const lost = binary("Sub", near, binary("Sub", binary("Add", near, 1), 1));
  return binary("Add", unary("Log", binary("Add", x, 1)), lost);
};

const softplus: Lowering = (graph, x) => {
  const { unary, binary } = arithmetic(graph);
  const e = unary("Exp", negate(graph, unary("Abs", x)));
  const u = binary("Add", e, 1);
  const lost = binary("Sub", e, binary("Sub", u, 1));
  return binary("Add", unary("Relu", x), binary("Add", unary("Log", u), lost));
};

const expm1: Lowering = (graph, x) => {
  const { unary, binary } = arithmetic(graph);
  return binary("Mul", unary("Tanh", binary("Mul", x, 0.5)), binary("Add", unary("Exp", x), 1));
};

/** `exp(min(x, 0)) - 1`, the lower branch of elu and selu. */
const lowerBranch = (graph: Graph, x: Value): Value => {
  const { unary, binary } = arithmetic(graph);
  return binary("Sub", unary("Exp", binary("Min", x, 0)), 1);
};

const step: Lowering = (graph, x, { alpha = 0 }) => {
  const { binary } = arithmetic(graph);
  if (alpha === 0 && x.dtype === "float32") {
    // one vectorised node: clamp(3e38 x, 0, 1); a comparison and a cast cost three times as much
    return graph.op("HardSigmoid", [x], x.shape, { alpha: { float: STEEPEST }, beta: { float: 0 } });
  }
  if (x.dtype === "float32") {
    return binary("Add", binary("Mul", step(graph, x, {}), 1 - alpha), alpha);
  }
  const isPositive = binary("Greater", x, 0, "bool");
  if (alpha === 0) return castValue(graph, isPositive, x.dtype);
  return graph.op("Where", [isPositive, graph.scalar(1, x.dtype), graph.scalar(alpha, x.dtype)], x.shape);
};

const isNotFinite: Lowering = (graph, x) => {
  const nan = graph.op("IsNaN", [x], x.shape, {}, "bool");
  return graph.op("Or", [nan, graph.op("IsInf", [x], x.shape, {}, "bool")], x.shape);
};

/** Elementwise kernels of one operand. */
export const elementwiseKernels: KernelTable = {
  Neg: unary(negate, (x) => -x),
  Exp: same("Exp", Math.exp),
  Log: same("Log", Math.log),
  Sqrt: same("Sqrt", Math.sqrt),
  Abs: same("Abs", Math.abs),
  Sign: same("Sign", Math.sign),
  Floor: same("Floor", Math.floor),
  Ceil: same("Ceil", Math.ceil),
  Round: same("Round"),
  Sin: same("Sin", Math.sin),
  Cos: same("Cos", Math.cos),
  Tan: same("Tan", Math.tan),
  Asin: same("Asin", Math.asin),
  Acos: same("Acos", Math.acos),
  Atan: same("Atan", Math.atan),
  Sinh: same("Sinh", Math.sinh),
  Cosh: same("Cosh", Math.cosh),
  Asinh: same("Asinh", Math.asinh),
  Acosh: same("Acosh", Math.acosh),
  Atanh: same("Atanh", Math.atanh),
  Erf: same("Erf"),
  Tanh: same("Tanh", Math.tanh),
  Reciprocal: same("Reciprocal", (x) => 1 / x),
  Relu: same("Relu", (x) => Math.max(x, 0)),
  Square: unary(
    (graph, x) => graph.op("Mul", [x, x], x.shape),
    (x) => x * x,
  ),
  Rsqrt: unary(
    (graph, x) => graph.op("Reciprocal", [graph.op("Sqrt", [x], x.shape)], x.shape),
    (x) => 1 / Math.sqrt(x),
  ),
  Sigmoid: unary(sigmoid, (x) => 1 / (1 + Math.exp(-x))),
  Log1p: unary(log1p, Math.log1p),
  Expm1: unary(expm1, Math.expm1),
  Softplus: unary(softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  Elu: unary((graph, x) => {
    const { unary, binary } = arithmetic(graph);
    return binary("Add", unary("Relu", x), lowerBranch(graph, x));
  }),
  Selu: unary((graph, x) => {
    const { unary, binary } = arithmetic(graph);
    const upper = binary("Mul", unary("Relu", x), SELU_SCALE);
    return binary("Add", upper, binary("Mul", lowerBranch(graph, x), SELU_SCALE * SELU_ALPHA));
  }),
  Relu6: unary((graph, x) => graph.op("Clip", [x, graph.scalar(0), graph.scalar(6)], x.shape)),
  LeakyRelu: unary((graph, x, { alpha }) => graph.op("LeakyRelu", [x], x.shape, { alpha: { float: alpha } })),
  ClipByValue: unary(
    (graph, x, { clipValueMin, clipValueMax }) =>
      graph.op(
        "Clip",
        [x, graph.scalar(clipValueMin, x.dtype), graph.scalar(clipValueMax, x.dtype)],
        x.shape,
      ),
    (x, { clipValueMin, clipValueMax }) => Math.min(Math.max(x, clipValueMin), clipValueMax),
  ),
  Step: unary(step, (x, { alpha = 0 }) => (x > 0 ? 1 : alpha)),
  IsNan: test((graph, x) => graph.op("IsNaN", [x], x.shape, {}, "bool")),
  IsInf: test((graph, x) => graph.op("IsInf", [x], x.shape, {}, "bool")),
  IsFinite: test((graph, x) => graph.op("Not", [isNotFinite(graph, x, {})], x.shape)),
  LogicalNot: unary(
    (graph, x) => graph.op("Not", [x], x.shape),
    (x) => (x === 0 ? 1 : 0),
  ),
  Cast: ({ graph }: Recording, { x }: Inputs, { dtype }: { dtype: Symbolic["dtype"] }) =>
    cast(graph, x, dtype),
  Identity: (_recording: Recording, { x }: Inputs) => x,
  ZerosLike: (_recording: Recording, { x }: Inputs) => uniform(0, x.shape, x.dtype),
  OnesLike: (_recording: Recording, { x }: Inputs) => uniform(1, x.shape, x.dtype),
};
