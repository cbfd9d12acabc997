/**
 * Reductions, softmax and running sums. A sum over an axis that was only broadcast is a product, and a mean
 * is a sum times a number, so that gradients of means stay numbers as long as they can.
 *
 * @module
 */
import type { Graph, Value } from "../graph.js";
import {
  axesOf,
  full,
  invert,
  reshape,
  reshaped,
  type Symbolic,
  sizeOf,
  symbolic,
  uniform,
  viewShape,
} from "../symbol.js";
import type { Dtype } from "../types.js";
import {
  arithmetic,
  cast,
  castNumber,
  castValue,
  type Inputs,
  type Kernel,
  type KernelTable,
  type Recording,
  whole,
} from "./kernel.js";

type Axes = number | readonly number[] | null | undefined;
type Reduction = "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd";

/** Axes as sorted non-negative numbers; all axes when none is named. */
function parseAxes(axes: Axes, rank: number): number[] {
  if (axes === null || axes === undefined) return axesOf(rank);
  return [axes].flat().map((axis) => (axis < 0 ? axis + rank : axis));
}

/** What `n` equal elements reduce to. */
function reduceNumber(type: Reduction, x: number, n: number): number {
  if (type === "ReduceSum") return x * n;
  return type === "ReduceProd" ? x ** n : x;
}

function reduced(
  { graph }: Recording,
  type: Reduction,
  x: Symbolic,
  axes: readonly number[],
  keepDims: boolean | undefined,
): Symbolic {
  const isGone = x.shape.map((_, i) => axes.includes(i));
  const shape =
    keepDims === true ? x.shape.map((n, i) => (isGone[i] ? 1 : n)) : x.shape.filter((_, i) => !isGone[i]);
  if (x.constant !== undefined) {
    const count = axes.reduce((product, axis) => product * x.shape[axis], 1);
    return uniform(castNumber(reduceNumber(type, x.constant, count), x.dtype), shape, x.dtype);
  }

  const rank = x.shape.length;
  const view = viewShape(x);
  const seen = [...new Array<number>(rank - view.length).fill(1), ...view];
  const spread = axes.reduce((product, i) => (seen[i] === 1 ? product * x.shape[i] : product), 1);
  if (type === "ReduceProd" && spread !== 1) {
    const repeated = { ...x, value: full(graph, x), order: undefined };
    return reduced({ graph } as Recording, type, repeated, axes, keepDims);
  }

  // reduce in the layout of the value: axis i of the tensor is axis physical[i] of the value
  const order = x.order ?? axesOf(rank);
  const value = x.order === undefined ? reshape(graph, x.value!, seen) : x.value!;
  const physical = axes.filter((i) => seen[i] !== 1).map((i) => order[i]);
  const kept = value.shape.map((n, axis) => (physical.includes(axis) ? 1 : n));
  let result =
    physical.length === 0
      ? value
      : (leadingSum(graph, type, value, physical, kept) ??
        graph.op(type, [value, graph.integers(physical.toSorted((a, b) => a - b))], kept, { keepdims: 1 }));
  if (type === "ReduceSum" && spread !== 1) result = arithmetic(graph).binary("Mul", result, spread);
  if (keepDims === true) return { value: result, shape, dtype: x.dtype, order: x.order };

  const inverse = invert(order);
  const left = axesOf(rank).filter((axis) => !isGone[inverse[axis]]); // physical axes that stay, in their order
  const squeezed = reshape(
    graph,
    result,
    left.map((axis) => result.shape[axis]),
  );
  const layout = order.filter((_, i) => !isGone[i]).map((axis) => left.indexOf(axis));
  const isPlain = layout.every((axis, i) => axis === i);
  return { value: squeezed, shape, dtype: x.dtype, order: isPlain ? undefined : layout };
}

const LONGEST_ONES = 65536; // rows of the vector of ones that becomes part of the model

/** A float sum over leading axes as a product with a row of ones: gradients of biases, faster than `ReduceSum`. */
function leadingSum(
  graph: Graph,
  type: Reduction,
  value: Value,
  axes: readonly number[],
  kept: readonly number[],
): Value | undefined {
  const rows = sizeOf(value.shape.slice(0, axes.length));
  const columns = sizeOf(value.shape.slice(axes.length));
  const isLeading = axes.every((axis) => axis < axes.length);
  if (type !== "ReduceSum" || value.dtype !== "float32" || !isLeading) return undefined;
  if (columns < 2 || rows > LONGEST_ONES) return undefined;
  const ones = graph.constant("float32", [1, rows], new Float32Array(rows).fill(1));
  const sums = graph.op("Gemm", [ones, reshape(graph, value, [rows, columns])], [1, columns]);
  return reshape(graph, sums, kept);
}

const sum: Kernel = (
  recording: Recording,
  { x }: Inputs,
  { axis, keepDims }: { axis: Axes; keepDims?: boolean },
) => {
  const numbers = x.dtype === "bool" ? cast(recording.graph, x, "int32") : x;
  return reduced(recording, "ReduceSum", numbers, parseAxes(axis, x.shape.length), keepDims);
};

const mean: Kernel = (
  recording: Recording,
  { x }: Inputs,
  { axis, keepDims }: { axis: Axes; keepDims?: boolean },
) =>
  reduced(
    recording,
    "ReduceMean",
    cast(recording.graph, x, "float32"),
    parseAxes(axis, x.shape.length),
    keepDims,
  );

const extremum =
  (type: Reduction): Kernel =>
  (
    recording: Recording,
    { x }: Inputs,
    attributes: { axis?: Axes; reductionIndices?: Axes; keepDims?: boolean },
  ) => {
    const axes = parseAxes(attributes.reductionIndices ?? attributes.axis, x.shape.length);
    return reduced(recording, type, x, axes, attributes.keepDims);
  };

/** `all` is the minimum of zeros and ones, `any` the maximum. */
const logical =
  (type: Reduction): Kernel =>
  (recording: Recording, { x }: Inputs, { axis, keepDims }: { axis: Axes; keepDims?: boolean }) => {
    const numbers = cast(recording.graph, x, "int32");
    return cast(
      recording.graph,
      reduced(recording, type, numbers, parseAxes(axis, x.shape.length), keepDims),
      "bool",
    );
  };

const position =
  (type: "ArgMax" | "ArgMin"): Kernel =>
  ({ graph }: Recording, { x }: Inputs, { axis }: { axis: Axes }) => {
    const [at] = parseAxes(axis, x.shape.length);
    const shape = x.shape.toSpliced(at, 1);
    const found = graph.op(type, [full(graph, x)], shape, { axis: at, keepdims: 0 }, "int64");
    return symbolic(castValue(graph, found, "int32"));
  };

const MATRIX_CUMSUM = 64; // up to here a product with a triangular matrix is faster than ONNX's CumSum

const cumulative: Kernel = (
  recording: Recording,
  { x }: Inputs,
  { axis, exclusive, reverse }: { axis: number; exclusive: boolean; reverse: boolean },
) => {
  const { graph } = recording;
  const rank = x.shape.length;
  const at = axis < 0 ? axis + rank : axis;
  const n = x.shape[at];
  if (at === rank - 1 && n <= MATRIX_CUMSUM && x.dtype === "float32") {
    const triangle = runningSums(graph, n, exclusive, reverse);
    const rows = full(graph, reshaped(graph, x, [sizeOf(x.shape) / n, n]));
    return symbolic(reshape(graph, graph.op("Gemm", [rows, triangle], rows.shape), x.shape));
  }
  const operands = [full(graph, x), graph.constant("int64", [], [at])];
  const flags = { exclusive: Number(exclusive), reverse: Number(reverse) };
  return symbolic(graph.op("CumSum", operands, x.shape, flags as Readonly<Record<string, number>>));
};

/** `[n, n]` matrix of zeros and ones that turns a row into its running sums. */
function runningSums(graph: Graph, n: number, exclusive: boolean, reverse: boolean) {
  const ones: number[] = [];
  for (let from = 0; from < n; from++) {
    for (let to = 0; to < n; to++) {
      const isBefore = reverse ? from > to : from < to;
      ones.push(Number(isBefore || (from === to && !exclusive)));
    }
  }
  return graph.constant("float32" satisfies Dtype, [n, n], ones);
}

/** Reductions, softmax and running sums. */
export const reduceKernels: KernelTable = {
  Sum: sum,
  Mean: mean,
  Max: extremum("ReduceMax"),
  Min: extremum("ReduceMin"),
  Prod: extremum("ReduceProd"),
  All: logical("ReduceMin"),
  Any: logical("ReduceMax"),
  ArgMax: position("ArgMax"),
  ArgMin: position("ArgMin"),
  Softmax: ({ graph }: Recording, { logits }: Inputs, { dim }: { dim: number }) =>
    whole(graph, "Softmax", logits, { axis: dim }),
  LogSoftmax: ({ graph }: Recording, { logits }: Inputs, { axis }: { axis: number }) =>
    whole(graph, "LogSoftmax", logits, { axis }),
  Cumsum: cumulative,
};
