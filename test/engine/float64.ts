/**
 * Plain float64 mathematics for the engine's tests: arrays as index functions, and derivatives of orders one
 * and two by central differences. Nothing here knows TensorFlow.js.
 */

/** An array as a function of its indices. */
export type At = (...index: number[]) => number;

/** Reads a flat row-major array by its indices. */
export function at(values: ArrayLike<number>, shape: readonly number[]): At {
  return (...index) => values[index.reduce((offset, i, axis) => offset * shape[axis] + i, 0)];
}

/** The flat array of `shape` whose elements are `f(...index)`. */
export function over(shape: readonly number[], f: At): number[] {
  const [n, ...rest] = shape;
  if (n === undefined) return [f()];
  return Array.from({ length: n }, (_, i) => over(rest, (...index) => f(i, ...index))).flat();
}

/** `f(0) + ... + f(n - 1)`. */
export function total(n: number, f: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += f(i);
  return sum;
}

/** Values spread evenly over `[low, high]` in an order that looks random (the golden ratio's), as float32. */
export function spread(n: number, low = -1, high = 1, start = 0.29): Float32Array {
  const golden = (Math.sqrt(5) - 1) / 2;
  return Float32Array.from({ length: n }, (_, i) => low + (high - low) * ((start + golden * (i + 1)) % 1));
}

/** The error function by its series, exact to 1e-15 for |x| < 3. */
export function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export const sigmoid = (x: number) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
export const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** `log(exp(values[0]) + ...)`. */
export function logSumExp(values: readonly number[]): number {
  const top = Math.max(...values);
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

/**
 * Width of the differences. With the five-point formula the truncation error of both orders is near
 * `STEP^4 = 2e-11` and the rounding error of the second `2e-16 / STEP^2 = 5e-11`, both far below float32.
 */
const STEP = 2e-3;

/** Derivative of `f` along `direction`, five points. */
function along(f: (x: Float64Array) => number, x: Float64Array, direction: ArrayLike<number>): number {
  const from = (t: number) => f(x.map((value, i) => value + t * direction[i]));
  return (8 * (from(STEP) - from(-STEP)) - (from(2 * STEP) - from(-2 * STEP))) / (12 * STEP);
}

/** Gradient of `f` at `x` by central differences. */
export function gradientOf(f: (x: Float64Array) => number, x: ArrayLike<number>): number[] {
  const point = Float64Array.from(x);
  return Array.from(point, (_, i) =>
    along(
      f,
      point,
      Array.from(point, (_value, j) => Number(i === j)),
    ),
  );
}

/** Hessian of `f` at `x` times `direction`, by central differences of central differences. */
export function curvatureOf(
  f: (x: Float64Array) => number,
  x: ArrayLike<number>,
  direction: ArrayLike<number>,
): number[] {
  return gradientOf((point) => along(f, point, direction), x);
}

/** Largest difference of two arrays, relative to the largest magnitude of the second (at least `floor`). */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>, floor = 0.1): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  let scale = floor;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= worst)) worst = difference; // NaN is the worst
    scale = Math.max(scale, Math.abs(b[i]));
  }
  return worst / scale;
}
