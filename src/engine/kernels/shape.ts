/**
 * Kernels that make, move, cut and join tensors. Most of them leave no node behind: a reshape of a number,
 * a broadcast, a transpose stay lazy until somebody needs the bytes.
 *
 * @module
 */
import type { Value } from "../graph.js";
import {
  axesOf,
  full,
  isIdentity,
  isSameShape,
  isWhole,
  reshape,
  reshaped,
  type Symbolic,
  sizeOf,
  symbolic,
  uniform,
} from "../symbol.js";
import type { Dtype } from "../types.js";
import type { Inputs, KernelTable, Recording } from "./kernel.js";

/** Replaces the one unknown dimension (-1) of a shape of `size` elements. */
function completeShape(shape: readonly number[], size: number): number[] {
  const known = shape.reduce((product, n) => (n === -1 ? product : product * n), 1);
  return shape.map((n) => (n === -1 ? size / known : n));
}

/** A tensor read through a permutation of its axes. */
export function transposed(recording: Recording, x: Symbolic, perm: readonly number[]): Symbolic {
  const shape = perm.map((axis) => x.shape[axis]);
  if (x.constant !== undefined || isIdentity(perm)) return { ...x, shape };
  const whole = x.order ?? axesOf(x.value!.shape.length);
  if (whole.length !== perm.length) {
    return { ...x, value: full(recording.graph, x), order: perm, shape };
  }
  const order = perm.map((axis) => whole[axis]);
  return { ...x, shape, order: isIdentity(order) ? undefined : order };
}

/** Rows `begin` to `begin + size` along every axis. */
export function sliced(
  { graph }: Recording,
  x: Symbolic,
  begin: readonly number[],
  size: readonly number[],
): Symbolic {
  if (x.constant !== undefined) return { ...x, shape: size };
  if (isSameShape(size, x.shape)) return x;
  // in the tensor's own layout, where no broadcast is pending
  const order = x.order ?? axesOf(x.shape.length);
  const isLaidOut = isWhole(x);
  const value = isLaidOut ? x.value! : full(graph, x);
  const axes = axesOf(x.shape.length).filter((i) => size[i] !== x.shape[i]);
  const shape = [...value.shape];
  for (const i of axes) shape[isLaidOut ? order[i] : i] = size[i];
  const sliceOf = graph.op(
    "Slice",
    [
      value,
      graph.integers(axes.map((i) => begin[i])),
      graph.integers(axes.map((i) => begin[i] + size[i])),
      graph.integers(axes.map((i) => (isLaidOut ? order[i] : i))),
    ],
    shape,
  );
  return { value: sliceOf, shape: size, dtype: x.dtype, order: isLaidOut ? x.order : undefined };
}

/** Joins tensors along `axis`. */
export function concatenated({ graph }: Recording, tensors: readonly Symbolic[], axis: number): Symbolic {
  const parts = tensors.filter((tensor) => sizeOf(tensor.shape) > 0);
  if (parts.length === 0) return tensors[0];
  const shape = [...parts[0].shape];
  shape[axis] = parts.reduce((sum, part) => sum + part.shape[axis], 0);
  if (parts.every((part) => part.constant !== undefined && part.constant === parts[0].constant)) {
    return uniform(parts[0].constant!, shape, parts[0].dtype);
  }
  if (parts.length === 1) return parts[0];
  const values = parts.map((part) => full(graph, part));
  return symbolic(graph.op("Concat", values, shape, { axis }));
}

/** Cuts a tensor along `axis` into pieces of the given sizes: one node. */
export function splitUp(
  { graph }: Recording,
  x: Symbolic,
  axis: number,
  sizes: readonly number[],
): readonly Symbolic[] {
  const shapes = sizes.map((n) => x.shape.map((m, i) => (i === axis ? n : m)));
  if (x.constant !== undefined) return shapes.map((shape) => ({ ...x, shape }));
  if (sizes.length === 1) return [x];
  const outputs = shapes.map((shape) => ({ shape, dtype: x.dtype }));
  const values = graph.ops("Split", [full(graph, x), graph.integers(sizes)], outputs, { axis });
  return values.map((value) => symbolic(value));
}

function padded(
  { graph }: Recording,
  { x }: Inputs,
  { paddings, constantValue }: { paddings: readonly (readonly [number, number])[]; constantValue: number },
): Symbolic {
  const shape = x.shape.map((n, i) => n + paddings[i][0] + paddings[i][1]);
  if (isSameShape(shape, x.shape)) return x;
  if (x.constant === constantValue) return { ...x, shape };
  const ends = [...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)];
  const operands = [full(graph, x), graph.integers(ends), graph.scalar(constantValue, x.dtype)];
  return symbolic(graph.op("Pad", operands, shape));
}

function mirrored(
  { graph }: Recording,
  { x }: Inputs,
  { paddings, mode }: { paddings: readonly (readonly [number, number])[]; mode: "reflect" | "symmetric" },
): Symbolic {
  // Gather along each axis: ONNX's Pad knows "reflect" but not "symmetric"
  const skip = mode === "reflect" ? 1 : 0;
  let value = full(graph, x);
  paddings.forEach(([before, after], axis) => {
    if (before === 0 && after === 0) return;
    const n = x.shape[axis];
    const rows = axesOf(before + n + after).map((i) => {
      const at = i - before;
      if (at < 0) return skip - 1 - at;
      return at < n ? at : 2 * n - 1 - skip - at;
    });
    const shape = value.shape.map((m, i) => (i === axis ? rows.length : m));
    value = graph.op("Gather", [value, graph.integers(rows)], shape, { axis });
  });
  return symbolic(value);
}

function tiled({ graph }: Recording, { x }: Inputs, { reps }: { reps: readonly number[] }): Symbolic {
  const shape = x.shape.map((n, i) => n * reps[i]);
  if (x.constant !== undefined || x.shape.every((n, i) => n === 1 || reps[i] === 1)) return { ...x, shape };
  return symbolic(graph.op("Tile", [full(graph, x), graph.integers(reps)], shape));
}

function reversed(
  { graph }: Recording,
  { x }: Inputs,
  { dims }: { dims: number | readonly number[] },
): Symbolic {
  if (x.constant !== undefined) return x;
  let value: Value = full(graph, x);
  for (const dim of [dims].flat()) {
    const axis = dim < 0 ? dim + x.shape.length : dim;
    const n = x.shape[axis];
    if (n === 1) continue;
    const rows = graph.integers(axesOf(n).map((i) => n - 1 - i));
    value = graph.op("Gather", [value, rows], x.shape, { axis });
  }
  return symbolic(value, x.shape);
}

interface StridedSlice {
  readonly begin: number[];
  readonly end: number[];
  readonly strides: number[];
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

function stridedSlice({ graph, tf }: Recording, { x }: Inputs, a: StridedSlice): Symbolic {
  const plan = tf.slice_util.sliceInfo(
    [...x.shape],
    a.begin,
    a.end,
    a.strides,
    a.beginMask,
    a.endMask,
    a.ellipsisMask,
    a.newAxisMask,
    a.shrinkAxisMask,
  );
  if (x.constant !== undefined) return { ...x, shape: plan.finalShape };
  const ends = plan.end.map((end, i) => (plan.strides[i] < 0 && end < 0 ? -(2 ** 31) : end));
  const value = graph.op(
    "Slice",
    [
      full(graph, x),
      graph.integers(plan.begin),
      graph.integers(ends),
      graph.integers(axesOf(x.shape.length)),
      graph.integers(plan.strides),
    ],
    plan.finalShapeSparse,
  );
  return symbolic(reshape(graph, value, plan.finalShape));
}

/** An array known while tracing. */
function literal({ graph }: Recording, values: readonly number[], dtype: Dtype): Symbolic {
  return symbolic(graph.constant(dtype, [values.length], values));
}

/** Kernels that make, move, cut and join tensors. */
export const shapeKernels: KernelTable = {
  Reshape: ({ graph }: Recording, { x }: Inputs, { shape }: { shape: readonly number[] }) =>
    reshaped(graph, x, completeShape(shape, sizeOf(x.shape))),
  ExpandDims: ({ graph }: Recording, { input }: Inputs, { dim }: { dim: number }) => {
    const at = dim < 0 ? input.shape.length + 1 + dim : dim;
    return reshaped(graph, input, input.shape.toSpliced(at, 0, 1));
  },
  Transpose: (recording: Recording, { x }: Inputs, { perm }: { perm: readonly number[] }) =>
    transposed(recording, x, perm),
  BroadcastTo: ({ graph }: Recording, { x }: Inputs, { shape }: { shape: readonly number[] }) =>
    x.order !== undefined && x.shape.length !== shape.length
      ? { value: full(graph, x), shape, dtype: x.dtype }
      : { ...x, shape },
  Tile: tiled,
  Slice: (
    recording: Recording,
    { x }: Inputs,
    { begin, size }: { begin: number | number[]; size: number | number[] },
  ) => {
    const [from, extent] = recording.tf.slice_util.parseSliceParams(x as never, begin, size);
    return sliced(recording, x, from, extent);
  },
  StridedSlice: stridedSlice,
  Concat: (recording: Recording, inputs: Inputs, { axis }: { axis: number }) => {
    const tensors = Object.values(inputs);
    return concatenated(recording, tensors, axis < 0 ? axis + tensors[0].shape.length : axis);
  },
  Pack: (recording: Recording, inputs: Inputs, { axis }: { axis: number }) => {
    const tensors = Object.values(inputs);
    const at = axis < 0 ? axis + tensors[0].shape.length + 1 : axis;
    const expanded = tensors.map((x) => reshaped(recording.graph, x, x.shape.toSpliced(at, 0, 1)));
    return concatenated(recording, expanded, at);
  },
  Unpack: (recording: Recording, { value }: Inputs, { axis }: { axis: number }) => {
    const at = axis < 0 ? axis + value.shape.length : axis;
    const pieces = splitUp(recording, value, at, new Array<number>(value.shape[at]).fill(1));
    return pieces.map((piece) => reshaped(recording.graph, piece, piece.shape.toSpliced(at, 1)));
  },
  SplitV: (
    recording: Recording,
    { x }: Inputs,
    { numOrSizeSplits, axis }: { numOrSizeSplits: number | number[]; axis: number },
  ) => {
    const at = axis < 0 ? axis + x.shape.length : axis;
    const sizes = recording.tf.backend_util.prepareSplitSize(x as never, numOrSizeSplits, at);
    return splitUp(recording, x, at, sizes);
  },
  PadV2: padded,
  MirrorPad: mirrored,
  Reverse: reversed,
  Fill: (
    _recording: Recording,
    _inputs: Inputs,
    { shape, value, dtype }: { shape: readonly number[]; value: number; dtype?: Dtype },
  ) => uniform(dtype === "int32" ? Math.trunc(value) : Math.fround(Number(value)), shape, dtype ?? "float32"),
  Range: (
    recording: Recording,
    _inputs: Inputs,
    { start, stop, step, dtype }: { start: number; stop: number; step: number; dtype?: Dtype },
  ) => {
    const count = Math.max(0, Math.ceil((stop - start) / step));
    const values = axesOf(count).map((i) => start + i * step);
    return literal(recording, values, dtype ?? "float32");
  },
  LinSpace: (
    recording: Recording,
    _inputs: Inputs,
    { start, stop, num }: { start: number; stop: number; num: number },
  ) => {
    const values = axesOf(num).map((i) => (num === 1 ? start : start + ((stop - start) * i) / (num - 1)));
    return literal(recording, values, "float32");
  },
};
