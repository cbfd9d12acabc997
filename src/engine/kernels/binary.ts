/**
 * Elementwise kernels of several operands, with the simplifications that autodiff asks for:
 * `x + 0`, `x * 1`, `x * 0`, `x / number`.
 *
 * @module
 */
import type { Value } from "../graph.js";
import { broadcastShape, isSameShape, reshape, type Symbolic, sizeOf, uniform } from "../symbol.js";
import type { Dtype } from "../types.js";
import {
  type Arithmetic,
  arithmetic,
  castNumber,
  elementwise,
  type Inputs,
  type Kernel,
  type KernelTable,
  type Recording,
} from "./kernel.js";

interface BinaryOptions {
  /** Element type of the result; the operands' where left out. */
  readonly dtype?: Dtype;
  /** A cheaper tensor that broadcasts to the result, if there is one. */
  readonly simplify?: (a: Symbolic, b: Symbolic, recording: Recording) => Symbolic | undefined;
}

type Lowering = (math: Arithmetic, a: Value, b: Value) => Value;

function binary(
  lower: string | Lowering,
  host: (a: number, b: number) => number | boolean,
  { dtype, simplify }: BinaryOptions = {},
): Kernel {
  const lowering: Lowering =
    typeof lower === "string" ? (math, a, b) => math.binary(lower, a, b, dtype) : lower;
  return (recording: Recording, { a, b }: Inputs): Symbolic => {
    const shape = broadcastShape(a.shape, b.shape);
    const type = dtype ?? a.dtype;
    if (a.constant !== undefined && b.constant !== undefined) {
      return uniform(castNumber(Number(host(a.constant, b.constant)), type), shape, type);
    }
    const simple = simplify?.(a, b, recording);
    if (simple !== undefined) return { ...simple, shape };
    const math = arithmetic(recording.graph);
    return elementwise(recording.graph, [a, b], (x, y) => lowering(math, x, y));
  };
}

/** Passing an operand through is allowed where a lazy layout stays readable at the result's rank. */
const canPass = (a: Symbolic, b: Symbolic): boolean =>
  a.order === undefined || a.shape.length >= b.shape.length;

const pass = (a: Symbolic, b: Symbolic): Symbolic | undefined => (canPass(a, b) ? a : undefined);

/** A bias added to a reshaped matrix product is added before the reshape, where `Gemm` takes it in. */
function shiftedProduct({ graph }: Recording, a: Symbolic, bias: Symbolic): Symbolic | undefined {
  const node = a.value && a.order === undefined ? graph.producer(a.value) : undefined;
  const product = node?.type === "Reshape" ? node.inputs[0] : undefined;
  if (product === undefined || graph.producer(product)?.type !== "Gemm") return undefined;
  const row = bias.order === undefined ? bias.value?.shape : undefined;
  const width = a.shape.at(-1)!;
  if (row === undefined || sizeOf(row) !== width || row.at(-1) !== width) return undefined;
  if (!isSameShape(a.value!.shape, a.shape) || bias.shape.length > a.shape.length) return undefined;
  const repeats = product.shape[1] / width; // the product may hold several pixels in a row
  if (!Number.isInteger(repeats)) return undefined;
  let shift = reshape(graph, bias.value!, [width]);
  if (repeats > 1)
    shift = graph.op("Concat", new Array(repeats).fill(shift), [product.shape[1]], { axis: 0 });
  const sum = graph.op("Add", [product, shift], product.shape);
  return { ...a, value: reshape(graph, sum, a.shape) };
}

/**
 * The backward pass of `y = x s`, `s = sigmoid(x)`, arrives as `g s + (g x) (s r)`, `r = sigmoid(-x)`.
 * It is `g (s + y r)`, two nodes less.
 */
function siluSlope({ graph }: Recording, first: Symbolic, second: Symbolic): Symbolic | undefined {
  const factors = (value: Value | undefined): readonly (readonly Value[])[] => {
    const node = value && graph.producer(value);
    return node?.type === "Mul" ? [node.inputs, node.inputs.toReversed()] : [];
  };
  if (first.order?.join() !== second.order?.join()) return undefined;
  for (const [g, s] of factors(first.value)) {
    for (const [gx, slope] of factors(second.value)) {
      const x = factors(gx).find(([left]) => left === g)?.[1];
      const r = factors(slope).find(([left]) => left === s)?.[1];
      const isWhole = [g, s, x, r].every((value) => value && isSameShape(value.shape, first.value!.shape));
      if (!isWhole) continue;
      const math = arithmetic(graph);
      const sum = math.binary("Add", s, math.binary("Mul", math.binary("Mul", x!, s), r!));
      return { ...first, value: math.binary("Mul", g, sum) };
    }
  }
  return undefined;
}

const negated = ({ graph }: Recording, x: Symbolic): Symbolic => ({
  ...x,
  value: arithmetic(graph).unary("Neg", x.value!),
});

const multiply: Lowering = (math, a, b) => math.binary(a.dtype === "bool" ? "And" : "Mul", a, b);

const floorDivide: Lowering = (math, a, b) => {
  const quotient = math.binary("Div", a, b);
  if (a.dtype === "float32") return math.unary("Floor", quotient);
  // integers divide towards zero: step down where there is a remainder of the other sign
  const remainder = math.binary("Sub", a, math.binary("Mul", quotient, b));
  const isOff = math.binary("Less", math.binary("Mul", math.unary("Sign", remainder), b), 0, "bool");
  return math.where(isOff, math.binary("Sub", quotient, 1), quotient);
};

const modulo: Lowering = (math, a, b) =>
  math.binary("Sub", a, math.binary("Mul", floorDivide(math, a, b), b));

/** Powers by a constant exponent that need no `Pow`. */
const cheapPowers: Readonly<Record<string, (math: Arithmetic, x: Value) => Value>> = {
  "1": (_math, x) => x,
  "2": (math, x) => math.binary("Mul", x, x),
  "3": (math, x) => math.binary("Mul", math.binary("Mul", x, x), x),
  "0.5": (math, x) => math.unary("Sqrt", x),
  "-1": (math, x) => math.unary("Reciprocal", x),
  "-0.5": (math, x) => math.unary("Reciprocal", math.unary("Sqrt", x)),
  "1.5": (math, x) => math.binary("Mul", x, math.unary("Sqrt", x)),
};

const power: Kernel = ({ graph }: Recording, { a, b }: Inputs): Symbolic => {
  const shape = broadcastShape(a.shape, b.shape);
  if (b.constant === 0) return uniform(1, shape, a.dtype);
  if (a.constant !== undefined && b.constant !== undefined) {
    return uniform(castNumber(a.constant ** b.constant, a.dtype), shape, a.dtype);
  }
  const math = arithmetic(graph);
  const cheap =
    a.dtype === "float32" && b.constant !== undefined ? cheapPowers[String(b.constant)] : undefined;
  if (cheap !== undefined && canPass(a, b)) {
    return { ...elementwise(graph, [a], (x) => cheap(math, x)), shape };
  }
  return elementwise(graph, [a, b], (x, y) => math.binary("Pow", x, y));
};

/** `atan2(y, x)` by the quadrant of `(x, y)`; ONNX has `Atan` alone. */
const arcTangent: Kernel = ({ graph }: Recording, { a, b }: Inputs): Symbolic =>
  elementwise(graph, [a, b], (y, x) => {
    const math = arithmetic(graph);
    const angle = math.unary("Atan", math.binary("Div", y, x));
    const isLeft = math.binary("Less", x, 0, "bool");
    const isBelow = math.binary("Less", y, 0, "bool");
    const turned = math.where(
      isBelow,
      math.binary("Sub", angle, Math.PI),
      math.binary("Add", angle, Math.PI),
    );
    const isOrigin = math.binary(
      "And",
      math.binary("Equal", x, 0, "bool"),
      math.binary("Equal", y, 0, "bool"),
    );
    const zero = graph.scalar(0);
    return math.where(isOrigin, zero, math.where(isLeft, turned, angle));
  });

const select: Kernel = ({ graph }: Recording, { condition, t, e }: Inputs): Symbolic => {
  const shape = broadcastShape(t.shape, e.shape);
  if (condition.constant !== undefined) {
    const taken = condition.constant !== 0 ? t : e;
    if (taken.shape.length === shape.length) return { ...taken, shape };
  }
  const math = arithmetic(graph);
  return elementwise(graph, [condition, t, e], (c, x, y) => math.where(c, x, y));
};

const addAll: Kernel = (recording: Recording, inputs: Inputs): Symbolic =>
  Object.values(inputs).reduce((a, b) => binaryKernels.Add(recording, { a, b }, {} as never) as Symbolic);

const prelu: Kernel = ({ graph }: Recording, { x, alpha }: Inputs): Symbolic => {
  const math = arithmetic(graph);
  return elementwise(graph, [x, alpha], (value, slope) =>
    math.binary("Add", math.unary("Relu", value), math.binary("Mul", slope, math.binary("Min", value, 0))),
  );
};

/** `dy * (min(y, 0) + 1)`: the derivative of elu in terms of its value `y`. */
const eluGradient: Kernel = ({ graph }: Recording, { dy, y }: Inputs): Symbolic => {
  const math = arithmetic(graph);
  return elementwise(graph, [dy, y], (g, value) =>
    math.binary("Mul", g, math.binary("Add", math.binary("Min", value, 0), 1)),
  );
};

const comparison = (type: string, host: (a: number, b: number) => boolean): Kernel =>
  binary(type, host, { dtype: "bool" });

/** Elementwise kernels of two or more operands. */
export const binaryKernels: KernelTable = {
  Add: binary("Add", (a, b) => a + b, {
    simplify: (a, b, recording) => {
      if (a.constant === 0) return pass(b, a);
      if (b.constant === 0) return pass(a, b);
      return (
        shiftedProduct(recording, a, b) ??
        shiftedProduct(recording, b, a) ??
        siluSlope(recording, a, b) ??
        siluSlope(recording, b, a)
      );
    },
  }),
  Sub: binary("Sub", (a, b) => a - b, {
    simplify: (a, b, recording) => {
      if (b.constant === 0) return pass(a, b);
      return a.constant === 0 && canPass(b, a) ? negated(recording, b) : undefined;
    },
  }),
  Multiply: binary(multiply, (a, b) => a * b, {
    simplify: (a, b, recording) => {
      for (const [x, y] of [
        [a, b],
        [b, a],
      ]) {
        if (x.constant === 0) return x;
        if (x.constant === 1) return pass(y, x);
        if (x.constant === -1 && canPass(y, x)) return negated(recording, y);
      }
      return undefined;
    },
  }),
  RealDiv: binary("Div", (a, b) => a / b, {
    simplify: (a, b, { graph }) => {
      if (a.constant === 0) return a;
      if (b.constant === 1) return pass(a, b);
      if (b.constant === undefined || !canPass(a, b)) return undefined;
      return { ...a, value: arithmetic(graph).binary("Mul", a.value!, 1 / b.constant) };
    },
  }),
  FloorDiv: binary(floorDivide, (a, b) => Math.floor(a / b)),
  Mod: binary(modulo, (a, b) => a - Math.floor(a / b) * b),
  Maximum: binary("Max", Math.max),
  Minimum: binary("Min", Math.min),
  SquaredDifference: binary(
    (math, a, b) => {
      const difference = math.binary("Sub", a, b);
      return math.binary("Mul", difference, difference);
    },
    (a, b) => (a - b) ** 2,
  ),
  Pow: power,
  Atan2: arcTangent,
  Greater: comparison("Greater", (a, b) => a > b),
  GreaterEqual: comparison("GreaterOrEqual", (a, b) => a >= b),
  Less: comparison("Less", (a, b) => a < b),
  LessEqual: comparison("LessOrEqual", (a, b) => a <= b),
  Equal: comparison("Equal", (a, b) => a === b),
  NotEqual: binary(
    (math, a, b) => math.unary("Not", math.binary("Equal", a, b, "bool")),
    (a, b) => a !== b,
    { dtype: "bool" },
  ),
  LogicalAnd: comparison("And", (a, b) => a !== 0 && b !== 0),
  LogicalOr: comparison("Or", (a, b) => a !== 0 || b !== 0),
  Select: select,
  AddN: addAll,
  Prelu: prelu,
  EluGrad: eluGradient,
};
