/**
 * Morphing: a polynomial in theta is known everywhere once it is known at as many points as it has monomials,
 *
 *     P(theta) = sum_b w_b(theta) P(theta_b),   w_b(theta) = sum_c (M^-1)_cb theta^n_c,   M_bc = theta_b^n_c.
 *
 * Squared amplitudes that are linear in `k` couplings are of order 2, with `(k + 1)(k + 2) / 2` monomials.
 *
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, section II.C
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { type Matrix, matrix, row } from "../core/matrix.js";

/** Basis points and what interpolates between them. */
export interface MorphingBasis {
  /** Powers of each monomial, `[C, D]`; the constant first. */
  readonly powers: readonly (readonly number[])[];
  /** `M^-1`, `[C, C]`: monomials by basis points. */
  readonly inverse: Matrix;
  /** Condition number of `M` in the maximum norm: errors of the components grow by as much at worst. */
  readonly condition: number;
  /** `w_b(theta)`, `[N, D] -> [N, C]`; each row sums to one, and at a basis point has a single 1. */
  weights(theta: Matrix): Matrix;
}

/** Worse conditioned bases lose all digits that float32 has. */
const worstCondition = 1e6;

/** Powers of all monomials in `dim` variables up to `order`, by degree. */
export function monomialPowers(dim: number, order: number): number[][] {
  const of = (left: number, degree: number): number[][] =>
    left === 1
      ? [[degree]]
      : Array.from({ length: degree + 1 }, (_, k) => degree - k).flatMap((first) =>
          of(left - 1, degree - first).map((rest) => [first, ...rest]),
        );
  return Array.from({ length: order + 1 }, (_, degree) => of(dim, degree)).flat();
}

/**
 * Builds the weights of basis points.
 *
 * @param points - `[C, D]`; there must be as many as monomials.
 * @param options.order - highest degree. Default 2.
 * @throws {ConfigError} if the order is not a positive whole number, there are more or fewer points than monomials, or the
 *   points do not tell all monomials apart (a condition number beyond 1e6).
 * @example
 * const { weights, condition } = morphingBasis(fromRows([[-1], [0], [1]]));
 */
export function morphingBasis(
  points: Matrix,
  { order = 2 }: { readonly order?: number } = {},
): MorphingBasis {
  if (!Number.isSafeInteger(order) || order < 1) {
    throw new ConfigError(`morphingBasis: order must be a positive whole number, got ${order}.`);
  }
  const powers = monomialPowers(points.cols, order);
  if (points.rows !== powers.length || !points.data.every(Number.isFinite)) {
    throw new ConfigError(
      `morphingBasis: a polynomial of order ${order} in ${points.cols} parameters needs ${powers.length} finite basis points, got ${points.rows}.`,
    );
  }
  const monomials = (theta: Matrix) => {
    const out = matrix(theta.rows, powers.length);
    for (let i = 0; i < theta.rows; i++) {
      const point = row(theta, i);
      row(out, i).set(powers.map((own) => own.reduce((product, power, j) => product * point[j] ** power, 1)));
    }
    return out;
  };
  const m = monomials(points);
  const inverse = inverted(m);
  const condition = inverse ? norm(m) * norm(inverse) : Infinity;
  if (!inverse || !(condition < worstCondition)) {
    throw new ConfigError(
      `morphingBasis: these ${points.rows} points do not tell all monomials apart (condition number ${condition.toPrecision(2)}, ` +
        "at most 1e6); spread them out, off any common curve of that order.",
    );
  }
  return { powers, inverse, condition, weights: (theta) => product(monomials(theta), inverse) };
}

function product(a: Matrix, b: Matrix): Matrix {
  const out = matrix(a.rows, b.cols);
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.cols; k++) {
      for (let j = 0; j < b.cols; j++) row(out, i)[j] += row(a, i)[k] * row(b, k)[j];
    }
  }
  return out;
}

/** Largest sum of magnitudes in a row. */
const norm = (a: Matrix) =>
  Math.max(...Array.from({ length: a.rows }, (_, i) => row(a, i).reduce((sum, v) => sum + Math.abs(v), 0)));

/** Gauss-Jordan elimination with row pivots; nothing where a pivot vanishes. */
function inverted(m: Matrix): Matrix | undefined {
  const n = m.rows;
  const rows = Array.from({ length: n }, (_, i) => [
    ...row(m, i),
    ...Array.from({ length: n }, (_, j) => Number(i === j)),
  ]);
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let i = c; i < n; i++) if (Math.abs(rows[i][c]) > Math.abs(rows[pivot][c])) pivot = i;
    [rows[c], rows[pivot]] = [rows[pivot], rows[c]];
    const value = rows[c][c];
    if (value === 0) return undefined;
    rows[c] = rows[c].map((v) => v / value);
    for (let i = 0; i < n; i++) {
      const factor = rows[i][c];
      if (i !== c && factor !== 0) rows[i] = rows[i].map((v, j) => v - factor * rows[c][j]);
    }
  }
  return matrix(n, n, Float64Array.from(rows.flatMap((values) => values.slice(n))));
}
