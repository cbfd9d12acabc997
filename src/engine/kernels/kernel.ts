/**
 * What a kernel is: a function that lowers one TensorFlow.js kernel to nodes of the graph.
 *
 * @module
 */
import type { Graph, Value } from "../graph.js";
import { align, broadcastShape, full, type Symbolic, symbolic } from "../symbol.js";
import type { Dtype, Tf } from "../types.js";

/** Where a kernel writes its nodes. `tf` serves for its shape arithmetic only. */
export interface Recording {
  readonly graph: Graph;
  readonly tf: Tf;
  /** Whether a gradient is being taken: a backward pass will follow. */
  isDifferentiated(): boolean;
}

export type Inputs = Readonly<Record<string, Symbolic>>;

/**
 * Lowers a kernel. Inputs and attributes are named as TensorFlow.js names them; each kernel states the
 * attributes that it reads.
 */
export type Kernel = (
  recording: Recording,
  inputs: Inputs,
  attributes: never,
) => Symbolic | readonly Symbolic[];

/** Kernels by the name that TensorFlow.js calls them. */
export type KernelTable = Readonly<Record<string, Kernel>>;

/** An elementwise node over broadcasting operands, in the layout that they share. */
export function elementwise(
  graph: Graph,
  operands: readonly Symbolic[],
  lower: (...values: Value[]) => Value,
): Symbolic {
  const shape = operands.map((operand) => operand.shape).reduce(broadcastShape);
  const { values, order } = align(graph, operands, shape.length);
  const value = lower(...values);
  return { value, shape, dtype: value.dtype as Dtype, order };
}

/** Graph-building shorthand for arithmetic on values that broadcast. */
export interface Arithmetic {
  readonly unary: (type: string, x: Value) => Value;
  readonly binary: (type: string, a: Value, b: Value | number, dtype?: Dtype) => Value;
  readonly where: (condition: Value, a: Value, b: Value) => Value;
}

/** Arithmetic on values of `graph`; numbers become scalars of the left operand's type. */
export function arithmetic(graph: Graph): Arithmetic {
  return {
    unary: (type, x) => graph.op(type, [x], x.shape),
    binary: (type, a, b, dtype) => {
      const right = typeof b === "number" ? graph.scalar(b, a.dtype) : b;
      return graph.op(type, [a, right], broadcastShape(a.shape, right.shape), {}, dtype ?? a.dtype);
    },
    where: (condition, a, b) => {
      const shape = broadcastShape(condition.shape, broadcastShape(a.shape, b.shape));
      return graph.op("Where", [condition, a, b], shape, {}, a.dtype);
    },
  };
}

/** A tensor with another element type. */
export function cast(graph: Graph, x: Symbolic, dtype: Dtype): Symbolic {
  if (x.dtype === dtype) return x;
  if (x.constant !== undefined) return { ...x, constant: castNumber(x.constant, dtype), dtype };
  return { ...x, value: castValue(graph, x.value!, dtype), dtype };
}

const castCodes = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;

/** A value with another element type. */
export function castValue(graph: Graph, value: Value, dtype: keyof typeof castCodes): Value {
  if (value.dtype === dtype) return value;
  return graph.op("Cast", [value], value.shape, { to: castCodes[dtype] }, dtype);
}

/** A number as an element of type `dtype` holds it. */
export function castNumber(value: number, dtype: Dtype): number {
  if (dtype === "int32") return Math.trunc(value);
  return dtype === "bool" ? Number(value !== 0) : Math.fround(value);
}

/** A node on a whole tensor whose layout matters. */
export function whole(
  graph: Graph,
  type: string,
  x: Symbolic,
  attributes: Parameters<Graph["op"]>[3] = {},
): Symbolic {
  return symbolic(graph.op(type, [full(graph, x)], x.shape, attributes));
}
