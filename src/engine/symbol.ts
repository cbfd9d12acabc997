/**
 * Symbolic tensors: what a traced TensorFlow.js tensor stands for.
 *
 * Three things are kept lazy, because autodiff makes plenty of them and most vanish:
 * - a tensor whose elements are all equal is a number (`constant`);
 * - a broadcast is not done: `value` may be smaller than `shape`, if it broadcasts to it;
 * - a transpose is not done: `order` says how the axes of `value` are to be read,
 *   `tensor = transpose(value, order)`. Convolutions work channels-first inside a channels-last program
 *   this way, and matrix products absorb their operands' transposes.
 *
 * @module
 */
import type { Graph, Value } from "./graph.js";
import type { Dtype } from "./types.js";

/** A tensor inside a trace; exactly one of `constant` and `value` is set. */
export interface Symbolic {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  /** The number that every element equals. */
  readonly constant?: number;
  readonly value?: Value;
  /** Axis `order[i]` of `value` is axis `i` of the tensor (before broadcasting). */
  readonly order?: readonly number[];
}

/** Number of elements of a shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

export const isSameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);

/** Axes `0 .. rank - 1`. */
export const axesOf = (rank: number): number[] => Array.from({ length: rank }, (_, i) => i);

/** The permutation that undoes `order`. */
export function invert(order: readonly number[]): number[] {
  const inverse = new Array<number>(order.length);
  order.forEach((axis, i) => {
    inverse[axis] = i;
  });
  return inverse;
}

export const isIdentity = (order: readonly number[]): boolean => order.every((axis, i) => axis === i);

/** The shape that numpy's rules give two operands. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return axesOf(rank).map((i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    return x === 1 ? y : x;
  });
}

/** A tensor whose elements all equal `constant`. */
export function uniform(constant: number, shape: readonly number[], dtype: Dtype = "float32"): Symbolic {
  return { constant, shape, dtype };
}

/** The tensor that a value of the graph holds. */
export function symbolic(value: Value, shape: readonly number[] = value.shape): Symbolic {
  return { value, shape, dtype: value.dtype as Dtype };
}

/** The shape of `value` as the tensor reads it: its axes reordered, not yet broadcast. */
export function viewShape({ value, order }: Symbolic): readonly number[] {
  if (value === undefined) return [];
  return order === undefined ? value.shape : order.map((axis) => value.shape[axis]);
}

/** Whether nothing is lazy about the tensor but its layout: no broadcast is pending. */
export const isWhole = (tensor: Symbolic): boolean =>
  tensor.constant === undefined && isSameShape(viewShape(tensor), tensor.shape);

/** A value that broadcasts to the tensor by numpy's rules: a pending transpose is done, a broadcast is not. */
export function broadcastable(graph: Graph, tensor: Symbolic): Value {
  if (tensor.constant !== undefined) return graph.scalar(tensor.constant, tensor.dtype);
  return tensor.order === undefined ? tensor.value! : transpose(graph, tensor.value!, tensor.order);
}

/** A value of exactly the tensor's shape. */
export function full(graph: Graph, tensor: Symbolic): Value {
  const value = broadcastable(graph, tensor);
  if (isSameShape(value.shape, tensor.shape)) return value;
  if (value.data !== undefined && sizeOf(value.shape) === 1 && sizeOf(tensor.shape) <= 64) {
    const copies = new Array<number>(sizeOf(tensor.shape)).fill(Number(value.data[0]));
    return graph.constant(value.dtype, tensor.shape, copies);
  }
  if (sizeOf(value.shape) === sizeOf(tensor.shape)) return reshape(graph, value, tensor.shape);
  return graph.op("Expand", [value, graph.integers(tensor.shape)], tensor.shape);
}

/** A value read through `order`, as a node; chains of transposes collapse. */
export function transpose(graph: Graph, value: Value, order: readonly number[]): Value {
  if (isIdentity(order)) return value;
  const node = graph.producer(value);
  if (node?.type === "Transpose") {
    const inner = node.attributes.perm as readonly number[];
    return transpose(
      graph,
      node.inputs[0],
      order.map((axis) => inner[axis]),
    );
  }
  const shape = order.map((axis) => value.shape[axis]);
  const moved = order.filter((axis) => value.shape[axis] !== 1);
  if (moved.every((axis, i) => i === 0 || axis > moved[i - 1])) return reshape(graph, value, shape);
  return graph.op("Transpose", [value], shape, { perm: order });
}

/** A value with another shape, as a node; chains of reshapes collapse. */
export function reshape(graph: Graph, value: Value, shape: readonly number[]): Value {
  if (isSameShape(value.shape, shape)) return value;
  const node = graph.producer(value);
  if (node?.type === "Reshape") return reshape(graph, node.inputs[0], shape);
  if (value.data !== undefined && value.data.length <= 64) {
    return graph.constant(value.dtype, shape, Array.from(value.data, Number));
  }
  return graph.op("Reshape", [value, graph.integers(shape)], shape);
}

/** A tensor with another shape of the same size. */
export function reshaped(graph: Graph, tensor: Symbolic, shape: readonly number[]): Symbolic {
  if (tensor.constant !== undefined) return { ...tensor, shape };
  if (isSameShape(tensor.shape, shape)) return tensor;
  const value = tensor.value!;
  if (sizeOf(value.shape) === 1) return symbolic(reshape(graph, value, []), shape);
  return symbolic(reshape(graph, full(graph, tensor), shape));
}

/**
 * Brings the operands of an elementwise operator into one layout, so that a network of convolutions stays
 * channels-first from end to end.
 *
 * @returns values that broadcast against each other, and the order in which the result is to be read.
 */
export function align(
  graph: Graph,
  operands: readonly Symbolic[],
  rank: number,
): { readonly values: Value[]; readonly order?: readonly number[] } {
  let lead: Symbolic | undefined;
  for (const operand of operands) {
    if (operand.order?.length !== rank) continue;
    if (lead === undefined || sizeOf(operand.value!.shape) > sizeOf(lead.value!.shape)) lead = operand;
  }
  const others = operands.filter(({ order }) => order === undefined);
  const largest = Math.max(...others.map((operand) => sizeOf(viewShape(operand))));
  if (lead === undefined || sizeOf(lead.value!.shape) <= largest) {
    return { values: operands.map((operand) => broadcastable(graph, operand)) };
  }
  const order = lead.order!;
  const inverse = invert(order);
  const values = operands.map((operand) => {
    if (operand.constant !== undefined) return broadcastable(graph, operand);
    if (operand.order !== undefined && operand.order.join() === order.join()) return operand.value!;
    const value = broadcastable(graph, operand);
    if (sizeOf(value.shape) === 1) return reshape(graph, value, []);
    const padded = [...new Array<number>(rank - value.shape.length).fill(1), ...value.shape];
    return transpose(graph, reshape(graph, value, padded), inverse);
  });
  return { values, order };
}
