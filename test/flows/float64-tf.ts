/**
 * A stand-in for TensorFlow.js that computes in float64: the operators that densities use, values only. Traced functions
 * get `tf` as an argument, so the very code that the engine compiles runs here with sixteen digits.
 */
import type { Tensor, Tf } from "../../src/engine/types.js";

/** A tensor of this stand-in. */
export interface Array64 {
  readonly shape: number[];
  readonly values: Float64Array;
}

type Operand = Array64 | number;

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const array = (values: ArrayLike<number>, shape: readonly number[]): Array64 => ({
  shape: [...shape],
  values: values instanceof Float64Array ? values : Float64Array.from(values),
});
const lift = (x: Operand): Array64 => (typeof x === "number" ? array([x], []) : x);
const axisOf = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);

/** For each element of `shape` the offset of the element of an array of shape `from` that broadcasts to it. */
function offsets(from: readonly number[], shape: readonly number[]): Int32Array {
  const found = new Int32Array(sizeOf(shape));
  let stride = 1;
  let block = 1;
  for (let back = 1; back <= shape.length; back++) {
    const n = shape[shape.length - back];
    const own = from[from.length - back] ?? 1;
    if (own !== 1) for (let i = 0; i < found.length; i++) found[i] += stride * (Math.floor(i / block) % n);
    stride *= own;
    block *= n;
  }
  return found;
}

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    if (x !== y && x !== 1 && y !== 1) throw new Error(`shapes [${a}] and [${b}] do not broadcast`);
    return x === 1 ? y : x;
  });
}

const unary = (f: (x: number) => number) => (x: Operand) => array(lift(x).values.map(f), lift(x).shape);

const binary = (f: (x: number, y: number) => number) => (x: Operand, y: Operand) => {
  const [a, b] = [lift(x), lift(y)];
  if (`${a.shape}` === `${b.shape}`)
    return array(
      a.values.map((v, i) => f(v, b.values[i])),
      a.shape,
    );
  if (b.values.length === 1 && b.shape.length === 0)
    return array(
      a.values.map((v) => f(v, b.values[0])),
      a.shape,
    );
  const shape = broadcast(a.shape, b.shape);
  const [ofA, ofB] = [offsets(a.shape, shape), offsets(b.shape, shape)];
  return array(
    Float64Array.from(ofA, (at, i) => f(a.values[at], b.values[ofB[i]])),
    shape,
  );
};

function transposed({ shape, values }: Array64): Array64 {
  const [n, m] = shape.slice(-2);
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const [matrix, within] = [Math.floor(i / (n * m)), i % (n * m)];
    out[matrix * n * m + (within % m) * n + Math.floor(within / m)] = values[i];
  }
  return array(out, [...shape.slice(0, -2), m, n]);
}

function matMul(x: Array64, y: Array64, transposeX = false, transposeY = false): Array64 {
  const a = transposeX ? transposed(x) : x;
  const b = transposeY ? transposed(y) : y;
  const [n, k] = a.shape.slice(-2);
  const m = b.shape.at(-1)!;
  const batch = sizeOf(a.shape.slice(0, -2));
  if (b.shape.at(-2) !== k || sizeOf(b.shape.slice(0, -2)) !== batch) {
    throw new Error(`matrices [${a.shape}] and [${b.shape}] do not multiply`);
  }
  const out = new Float64Array(batch * n * m);
  for (let i = 0; i < batch * n; i++) {
    for (let l = 0; l < k; l++) {
      const factor = a.values[i * k + l];
      const from = (Math.floor(i / n) * k + l) * m;
      for (let j = 0; j < m; j++) out[i * m + j] += factor * b.values[from + j];
    }
  }
  return array(out, [...a.shape.slice(0, -1), m]);
}

/** Reduces one axis by a function of its elements. */
function along(x: Array64, axis: number, keep: boolean, f: (values: Float64Array) => number): Array64 {
  const at = axisOf(axis, x.shape.length);
  const n = x.shape[at];
  const inner = sizeOf(x.shape.slice(at + 1));
  const outer = x.values.length / n / inner;
  const line = new Float64Array(n);
  const out = Float64Array.from({ length: outer * inner }, (_, i) => {
    const start = Math.floor(i / inner) * n * inner + (i % inner);
    for (let j = 0; j < n; j++) line[j] = x.values[start + j * inner];
    return f(line);
  });
  return array(out, keep ? x.shape.with(at, 1) : x.shape.toSpliced(at, 1));
}

const logSumExp = (values: Float64Array) => {
  const top = Math.max(...values);
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
};

function slice(x: Array64, begin: readonly number[], size: readonly number[]): Array64 {
  // axis by axis: runs of whole inner blocks
  return size.reduce((part, n, axis) => {
    const inner = sizeOf(part.shape.slice(axis + 1));
    const outer = sizeOf(part.shape.slice(0, axis));
    const stride = part.shape[axis] * inner;
    const out = new Float64Array(outer * n * inner);
    for (let i = 0; i < outer; i++) {
      const from = i * stride + begin[axis] * inner;
      out.set(part.values.subarray(from, from + n * inner), i * n * inner);
    }
    return n === part.shape[axis] ? part : array(out, part.shape.with(axis, n));
  }, x);
}

function concat(parts: readonly Array64[], axis: number): Array64 {
  const at = axisOf(axis, parts[0].shape.length);
  const outer = sizeOf(parts[0].shape.slice(0, at));
  const out = new Float64Array(parts.reduce((sum, { values }) => sum + values.length, 0));
  let to = 0;
  for (let i = 0; i < outer; i++) {
    for (const { values } of parts) {
      const run = values.length / outer;
      out.set(values.subarray(i * run, (i + 1) * run), to);
      to += run;
    }
  }
  const width = parts.reduce((sum, { shape }) => sum + shape[at], 0);
  return array(out, parts[0].shape.with(at, width));
}

function split(x: Array64, into: number | readonly number[], axis: number): Array64[] {
  const sizes = typeof into === "number" ? Array<number>(into).fill(x.shape[axis] / into) : into;
  let from = 0;
  return sizes.map((n) => {
    const begin = x.shape.map((_, i) => (i === axis ? from : 0));
    from += n;
    return slice(x, begin, x.shape.with(axis, n));
  });
}

const full = (value: number) => (shape: number[]) =>
  array(new Float64Array(sizeOf(shape)).fill(value), shape);
const sub = binary((x, y) => x - y);
const exp = unary(Math.exp);
const logSoftmax = (x: Array64) => sub(x, along(x, -1, true, logSumExp));
const sum = (x: Array64, axis?: number, keep = false) =>
  axis === undefined
    ? array([x.values.reduce((a, b) => a + b, 0)], [])
    : along(x, axis, keep, (line) => line.reduce((a, b) => a + b, 0));

const operators = {
  tensor1d: (values: ArrayLike<number>) => array(values, [values.length]),
  tensor2d: (values: number[] | number[][], shape?: number[]) =>
    array((values as number[]).flat(), shape ?? [values.length, (values as number[][])[0].length]),
  ones: full(1),
  zeros: full(0),
  onesLike: (x: Array64) => full(1)(x.shape),
  add: binary((x, y) => x + y),
  sub,
  mul: binary((x, y) => x * y),
  div: binary((x, y) => x / y),
  maximum: binary(Math.max),
  minimum: binary(Math.min),
  neg: unary((x) => -x),
  exp,
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  square: unary((x) => x * x),
  tanh: unary(Math.tanh),
  relu: unary((x) => Math.max(x, 0)),
  step: unary((x) => Number(x > 0)),
  clipByValue: (x: Array64, low: number, high: number) =>
    unary((value) => Math.min(Math.max(value, low), high))(x),
  matMul,
  reshape: (x: Array64, shape: number[]) => array(x.values, shape),
  slice,
  concat,
  split,
  pad: (x: Array64, ends: readonly (readonly [number, number])[]) =>
    ends.reduce((padded, [before, after], axis) => {
      const zeros = (n: number) => full(0)(padded.shape.with(axis, n));
      return concat([zeros(before), padded, zeros(after)], axis);
    }, x),
  gather: (x: Array64, indices: Array64, axis: number) =>
    concat(
      Array.from(indices.values, (index) => split(x, x.shape[axis], axis)[index]),
      axis,
    ),
  tile: (x: Array64, times: readonly number[]) =>
    times.reduce((tiled, n, axis) => concat(Array<Array64>(n).fill(tiled), axis), x),
  sum,
  mean: (x: Array64) => array([sum(x).values[0] / x.values.length], []),
  logSumExp: (x: Array64, axis: number) => along(x, axis, false, logSumExp),
  softmax: (x: Array64) => exp(logSoftmax(x)),
  logSoftmax,
  cumsum: (x: Array64, axis: number) => {
    const parts = split(x, x.shape[axis], axis);
    return concat(
      parts.map((_, i) => parts.slice(0, i + 1).reduce(binary((a, b) => a + b))),
      axis,
    );
  },
  customGrad: (f: (...inputs: unknown[]) => { value: Array64 }) => (x: Array64) =>
    f(x, () => undefined).value,
};

/** The stand-in, for functions that take TensorFlow.js. */
export const tf64 = operators as unknown as Tf;

/** Values as a tensor. */
export const tensor64 = (values: ArrayLike<number>, shape: readonly number[]) =>
  array(values, shape) as unknown as Tensor;

/** What a tensor holds. */
export const values64 = (x: Tensor) => (x as unknown as Array64).values;
