/**
 * Small dense linear algebra on row-major `[n, n]` arrays: Cholesky factors, triangular solves and rank-one
 * changes. Factors are lower triangular, `A = L L^T`, with zeros above the diagonal.
 *
 * @see Golub and Van Loan (2013), Matrix Computations, 4.2 and 6.5.4
 * @module
 */
import { ShapeError } from "./errors.js";

/**
 * The Cholesky factor `L` of a symmetric positive definite matrix; only the lower triangle is read.
 *
 * @param a - `[n, n]`, row-major.
 * @returns `L`, `[n, n]`.
 * @throws {RangeError} if the matrix is not positive definite; the message names the pivot.
 */
export function cholesky(a: Float64Array, n: number): Float64Array {
  checkSquare("cholesky", a, n);
  const l = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j];
      for (let k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      if (i > j) l[i * n + j] = sum / l[j * n + j];
      else if (sum > 0 && sum < Infinity) l[j * n + j] = Math.sqrt(sum);
      else {
        throw new RangeError(
          `cholesky: the matrix must be positive definite, but pivot ${j} is ${sum}. ` +
            `Check that no row depends on the others, or add a small number to the diagonal.`,
        );
      }
    }
  }
  return l;
}

/** Solves `L x = b` in place: `x` holds `b` on entry and the solution on return. */
export function solveLower(l: Float64Array, x: Float64Array): Float64Array {
  const n = x.length;
  for (let i = 0; i < n; i++) {
    let sum = x[i];
    for (let k = 0; k < i; k++) sum -= l[i * n + k] * x[k];
    x[i] = sum / l[i * n + i];
  }
  return x;
}

/** Solves `L^T x = b` in place. */
export function solveLowerTransposed(l: Float64Array, x: Float64Array): Float64Array {
  const n = x.length;
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i];
    for (let k = i + 1; k < n; k++) sum -= l[k * n + i] * x[k];
    x[i] = sum / l[i * n + i];
  }
  return x;
}

/** Solves `L L^T x = b` in place, given the Cholesky factor of `A`: `x = A^-1 b`. */
export function solveCholesky(l: Float64Array, x: Float64Array): Float64Array {
  return solveLowerTransposed(l, solveLower(l, x));
}

/** `L z` for lower triangular `L`, written to `out` (may not be `z`). */
export function multiplyLower(l: Float64Array, z: Float64Array, out: Float64Array): Float64Array {
  const n = z.length;
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = 0; k <= i; k++) sum += l[i * n + k] * z[k];
    out[i] = sum;
  }
  return out;
}

/** Copies a vector; faster than `set` for a handful of numbers, which is why chains use it at every step. */
export function copy(from: Float64Array, to: Float64Array): void {
  for (let i = 0; i < from.length; i++) to[i] = from[i];
}

/** `log det(L L^T)`, nats. */
export function logDetCholesky(l: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += Math.log(l[i * n + i]);
  return 2 * sum;
}

/** The inverse of `L L^T`, `[n, n]`. */
export function inverseFromCholesky(l: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  const unit = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    unit.fill(0)[j] = 1;
    inverse.set(solveCholesky(l, unit), j * n); // a column of a symmetric matrix is its row
  }
  return symmetrise(inverse, n);
}

/**
 * The Cholesky factor of `L L^T + sign v v^T`, in place of `L`; `v` is used as working space.
 *
 * @param sign - `+1` adds (always possible), `-1` subtracts.
 * @throws {RangeError} if subtracting leaves a matrix that is not positive definite; `L` is then spoilt.
 */
export function choleskyUpdate(l: Float64Array, v: Float64Array, sign: 1 | -1 = 1): Float64Array {
  const n = v.length;
  checkSquare("choleskyUpdate", l, n);
  for (let k = 0; k < n; k++) {
    const pivot = l[k * n + k];
    // (pivot - v)(pivot + v) keeps its sign where the square of a small difference would not
    const squared = sign === 1 ? pivot * pivot + v[k] * v[k] : (pivot - v[k]) * (pivot + v[k]);
    if (!(squared > 0 && squared < Infinity)) {
      throw new RangeError(
        `choleskyUpdate: the ${sign === 1 ? "updated" : "downdated"} matrix must be positive definite, ` +
          `but pivot ${k} is ${squared}.`,
      );
    }
    const r = Math.sqrt(squared);
    const c = r / pivot;
    const s = v[k] / pivot;
    l[k * n + k] = r;
    for (let i = k + 1; i < n; i++) {
      const updated = (l[i * n + k] + sign * s * v[i]) / c;
      v[i] = c * v[i] - s * updated;
      l[i * n + k] = updated;
    }
  }
  return l;
}

/** `A x` for a square matrix, written to `out` (may not be `x`). */
export function multiply(a: Float64Array, x: Float64Array, out: Float64Array): Float64Array {
  const n = x.length;
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a[i * n + k] * x[k];
    out[i] = sum;
  }
  return out;
}

/** Sum of products of two vectors of equal length. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** The `[n, n]` identity. */
export function identityMatrix(n: number): Float64Array {
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) a[i * n + i] = 1;
  return a;
}

/** Replaces a matrix by the mean of itself and its transpose, in place. */
export function symmetrise(a: Float64Array, n: number): Float64Array {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      a[i * n + j] = a[j * n + i] = 0.5 * (a[i * n + j] + a[j * n + i]);
    }
  }
  return a;
}

/** Whether a matrix equals its transpose to within `tolerance` of its largest diagonal entry. */
export function isSymmetric(a: Float64Array, n: number, tolerance = 1e-12): boolean {
  let scale = 0;
  for (let i = 0; i < n; i++) scale = Math.max(scale, Math.abs(a[i * n + i]));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      if (!(Math.abs(a[i * n + j] - a[j * n + i]) <= tolerance * scale)) return false;
    }
  }
  return true;
}

function checkSquare(caller: string, a: Float64Array, n: number): void {
  if (a.length !== n * n) {
    throw new ShapeError(`${caller}: a [${n}, ${n}] matrix has ${n * n} numbers, got ${a.length}.`);
  }
}
