/**
 * Kernels that pick elements by index, and their adjoints, which add elements by index.
 *
 * @module
 */
import type { Value } from "../graph.js";
import {
  axesOf,
  broadcastable,
  full,
  reshape,
  reshaped,
  type Symbolic,
  sizeOf,
  symbolic,
  uniform,
} from "../symbol.js";
import type { Dtype } from "../types.js";
import { castValue, type Inputs, type KernelTable, type Recording } from "./kernel.js";

function gather(
  { graph }: Recording,
  { x, indices }: Inputs,
  { axis, batchDims = 0 }: { axis: number; batchDims?: number },
): Symbolic {
  const at = axis < 0 ? axis + x.shape.length : axis;
  const shape = [...x.shape.slice(0, at), ...indices.shape.slice(batchDims), ...x.shape.slice(at + 1)];
  if (x.constant !== undefined) return { ...x, shape };
  if (batchDims === 0) {
    return symbolic(graph.op("Gather", [full(graph, x), full(graph, indices)], shape, { axis: at }));
  }
  // batched: one long axis of (batch, picked axis) pairs, addressed by flat row numbers
  const batch = sizeOf(x.shape.slice(0, batchDims));
  const middle = sizeOf(x.shape.slice(batchDims, at));
  const n = x.shape[at];
  const inner = sizeOf(x.shape.slice(at + 1));
  const picks = sizeOf(indices.shape.slice(batchDims));
  const rows = full(graph, reshaped(graph, x, [batch * middle * n, inner]));
  const starts = graph.constant(
    "int32",
    [batch, middle, 1],
    axesOf(batch * middle).map((i) => i * n),
  );
  const picked = full(graph, reshaped(graph, indices, [batch, 1, picks]));
  const flat = graph.op("Add", [picked, starts], [batch, middle, picks]);
  const taken = graph.op("Gather", [rows, flat], [batch, middle, picks, inner], { axis: 0 });
  return symbolic(reshape(graph, taken, shape));
}

function gatherNd({ graph }: Recording, { params, indices }: Inputs): Symbolic {
  const depth = indices.shape.at(-1)!;
  const shape = [...indices.shape.slice(0, -1), ...params.shape.slice(depth)];
  const where = castValue(graph, full(graph, indices), "int64");
  return symbolic(graph.op("GatherND", [full(graph, params), where], shape));
}

/** Zeros of `shape` plus `updates` added at `indices`. */
function scatterAdd(
  { graph }: Recording,
  shape: readonly number[],
  indices: Value,
  updates: Symbolic,
): Symbolic {
  const zeros = full(graph, uniform(0, shape, updates.dtype));
  const where = castValue(graph, indices, "int64");
  return symbolic(graph.op("ScatterND", [zeros, where, full(graph, updates)], shape, { reduction: "add" }));
}

function segmentSum(
  recording: Recording,
  { x, segmentIds }: Inputs,
  { numSegments }: { numSegments: number },
): Symbolic {
  const shape = [numSegments, ...x.shape.slice(segmentIds.shape.length)];
  const ids = full(recording.graph, reshaped(recording.graph, segmentIds, [...segmentIds.shape, 1]));
  return scatterAdd(recording, shape, ids, x);
}

function oneHot(
  { graph }: Recording,
  { indices }: Inputs,
  {
    depth,
    onValue = 1,
    offValue = 0,
    dtype = "float32",
  }: { depth: number; onValue?: number; offValue?: number; dtype?: Dtype },
): Symbolic {
  const shape = [...indices.shape, depth];
  const column = broadcastable(graph, reshaped(graph, indices, [...indices.shape, 1]));
  const classes = graph.constant("int32", [depth], axesOf(depth));
  const viewed = column.shape.length === 0 ? [depth] : shape;
  const isHit = graph.op("Equal", [column, classes], viewed, {}, "bool");
  if (onValue === 1 && offValue === 0) return symbolic(castValue(graph, isHit, dtype), shape);
  const operands = [isHit, graph.scalar(onValue, dtype), graph.scalar(offValue, dtype)];
  return symbolic(graph.op("Where", operands, viewed, {}, dtype), shape);
}

/** For each value, how many entries of the sorted row are below it (or not above it). */
function searchSorted(
  { graph }: Recording,
  { sortedSequence, values }: Inputs,
  { side }: { side: "left" | "right" },
): Symbolic {
  const [batch, n] = sortedSequence.shape;
  const m = values.shape[1];
  const knots = full(graph, reshaped(graph, sortedSequence, [batch, 1, n]));
  const points = full(graph, reshaped(graph, values, [batch, m, 1]));
  const isBelow = graph.op(
    side === "left" ? "Less" : "LessOrEqual",
    [knots, points],
    [batch, m, n],
    {},
    "bool",
  );
  const operands = [castValue(graph, isBelow, "int32"), graph.integers([2])];
  return symbolic(graph.op("ReduceSum", operands, [batch, m], { keepdims: 0 }));
}

function topK(
  { graph }: Recording,
  { x }: Inputs,
  { k, sorted }: { k: number; sorted: boolean },
): readonly Symbolic[] {
  const shape = [...x.shape.slice(0, -1), k];
  const [values, indices] = graph.ops(
    "TopK",
    [full(graph, x), graph.integers([k])],
    [
      { shape, dtype: x.dtype },
      { shape, dtype: "int64" },
    ],
    { axis: -1, sorted: Number(sorted) },
  );
  return [symbolic(values), symbolic(castValue(graph, indices, "int32"))];
}

/** Kernels that pick or add elements by index. */
export const gatherKernels: KernelTable = {
  GatherV2: gather,
  GatherNd: gatherNd,
  OneHot: oneHot,
  UnsortedSegmentSum: segmentSum,
  ScatterNd: (recording: Recording, { indices, updates }: Inputs, { shape }: { shape: readonly number[] }) =>
    scatterAdd(recording, shape, full(recording.graph, indices), updates),
  SearchSorted: searchSorted,
  TopK: topK,
};
