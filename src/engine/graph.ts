/**
 * A dataflow graph under construction. Equal nodes are made once (hash-consing), so what a gradient
 * recomputes costs nothing; every value carries its shape, so no shape inference is needed later.
 *
 * Names are numbered per graph, never globally: the same function always gives the same bytes. Inputs live
 * behind a prefix that internal names do not have, so a user's input can be called anything.
 *
 * @module
 */
import type { Dtype } from "./types.js";

/** Element types inside a graph; `int64` is for the shape and axis arguments of ONNX. */
export type ElementType = Dtype | "int64";
export type ConstantArray = Float32Array | Int32Array | Uint8Array | BigInt64Array;

/** A tensor in the graph. A dimension of -1 is known only at run time (a graph input with a named axis). */
export interface Value {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: ElementType;
  /** Contents of a constant. */
  readonly data?: ConstantArray;
}

/** An attribute of a node: integer, integers, text, `{ float }` or `{ graph }` (the body of a loop). */
export type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly graph: Graph };
export type Attributes = Readonly<Record<string, Attribute>>;

export interface Node {
  readonly type: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
}

/** What a node yields. */
export interface OutputSpec {
  readonly shape: readonly number[];
  readonly dtype: ElementType;
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly inputs: readonly { readonly value: Value; readonly axes: readonly (number | string)[] }[];
  readonly outputs: readonly { readonly value: Value; readonly axes: readonly (number | string)[] }[];
  /** Declares an input; an axis given by a name is free at run time. */
  input(name: string, dtype: ElementType, axes: readonly (number | string)[]): Value;
  /** Declares an output. Inputs, constants and values that are an output already pass through a copy. */
  output(value: Value, axes?: readonly (number | string)[]): Value;
  /** A constant; small ones are shared. */
  constant(dtype: ElementType, shape: readonly number[], values: ArrayLike<number>): Value;
  scalar(value: number, dtype?: ElementType): Value;
  /** A vector of 64-bit integers: axes, shapes, offsets. */
  integers(values: readonly number[]): Value;
  /** Adds a node with one output, or finds the equal one. */
  op(
    type: string,
    inputs: readonly Value[],
    shape: readonly number[],
    attributes?: Attributes,
    dtype?: ElementType,
  ): Value;
  /** Adds a node with several outputs, or finds the equal one. */
  ops(
    type: string,
    inputs: readonly Value[],
    outputs: readonly OutputSpec[],
    attributes?: Attributes,
  ): readonly Value[];
  /** The node that makes a value; `undefined` for inputs and constants. */
  producer(value: Value): Node | undefined;
}

const SHARED_BYTES = 2 ** 18; // constants up to this size are compared by content

/** Builds an empty graph; a loop body names its parent so that no name is used twice. */
export function createGraph(parent?: Graph): Graph {
  const counter = parent === undefined ? { next: 0 } : counters.get(parent)!;
  const nodes: Node[] = [];
  const inputs: { value: Value; axes: readonly (number | string)[] }[] = [];
  const outputs: { value: Value; axes: readonly (number | string)[] }[] = [];
  const known = new Map<string, readonly Value[]>();
  const constants = new Map<string, Value>();
  const producers = new Map<Value, Node>();
  const fresh = (prefix: string) => `${prefix}${counter.next++}`;

  const graph: Graph = {
    nodes,
    inputs,
    outputs,

    input(name, dtype, axes) {
      const value = { name: `in:${name}`, shape: axes.map((n) => (typeof n === "number" ? n : -1)), dtype };
      inputs.push({ value, axes });
      return value;
    },

    output(value, axes = value.shape) {
      const isTaken = outputs.some((output) => output.value === value) || !producers.has(value);
      const copy = isTaken ? append("Identity", [value], [value], {}) : [value];
      outputs.push({ value: copy[0], axes });
      return copy[0];
    },

    constant(dtype, shape, values) {
      const data = toArray(dtype, values);
      const key =
        data.byteLength <= SHARED_BYTES ? `${dtype}|${shape}|${latin.decode(bytesOf(data))}` : undefined;
      const shared = key === undefined ? undefined : constants.get(key);
      if (shared !== undefined) return shared;
      const value = { name: fresh("c"), shape: [...shape], dtype, data };
      if (key !== undefined) constants.set(key, value);
      return value;
    },
    scalar: (value, dtype = "float32") => graph.constant(dtype, [], [value]),
    integers: (values) => graph.constant("int64", [values.length], values),

    op(type, operands, shape, attributes = {}, dtype = operands[0].dtype) {
      return graph.ops(type, operands, [{ shape, dtype }], attributes)[0];
    },
    ops(type, operands, results, attributes = {}) {
      const hasBody = Object.values(attributes).some(
        (value) => typeof value === "object" && "graph" in value,
      );
      if (hasBody) return append(type, operands, results, attributes);
      const names = operands.map((operand) => operand.name);
      if (commutative.has(type)) names.sort();
      const key = `${type}|${names}|${JSON.stringify(attributes)}|${results.length}`;
      const same = known.get(key);
      if (same !== undefined) return same;
      const made = append(type, operands, results, attributes);
      known.set(key, made);
      return made;
    },
    producer: (value) => producers.get(value),
  };

  function append(
    type: string,
    operands: readonly Value[],
    results: readonly OutputSpec[],
    attributes: Attributes,
  ): readonly Value[] {
    const made = results.map(({ shape, dtype }) => ({ name: fresh("t"), shape: [...shape], dtype }));
    const node = { type, inputs: operands, outputs: made, attributes };
    nodes.push(node);
    for (const value of made) producers.set(value, node);
    return made;
  }

  counters.set(graph, counter);
  return graph;
}

const commutative: ReadonlySet<string> = new Set(["Add", "Mul", "Max", "Min", "And", "Or", "Equal"]);
const latin = new TextDecoder("latin1"); // one character a byte
const counters = new WeakMap<Graph, { next: number }>();

/** The bytes of a typed array, as a view. */
export function bytesOf(data: ConstantArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function toArray(dtype: ElementType, values: ArrayLike<number>): ConstantArray {
  if (dtype === "float32") return Float32Array.from(values);
  if (dtype === "int32") return Int32Array.from(values);
  if (dtype === "bool") return Uint8Array.from(values);
  return BigInt64Array.from(Array.from(values, BigInt));
}
