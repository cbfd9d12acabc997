/**
 * A target in the coordinates that a flow learns in: unconstrained, and whitened so that what is known of its place and shape
 * beforehand need not be learned,
 *
 *     theta = T(center + L v),     log p(v) = log p(theta) + log |det dT/du| + log |det L|.
 *
 * @module
 */
import type { LogDensity } from "../core/contracts.js";
import { logDetCholesky, multiplyLower } from "../core/linalg.js";
import { type Matrix, matrix, row } from "../core/matrix.js";

/** Where a target lies in unconstrained space, and how it is shaped there. */
export interface Whitening {
  /** `[D]`. */
  readonly center: Float64Array;
  /** Lower triangular, `[D, D]`. */
  readonly lower: Float64Array;
}

/** A target over `v`. */
export interface WhitenedTarget {
  readonly whitening: Whitening;
  /** `log |det L|`, nats. */
  readonly logScale: number;
  /** `[N, D] -> [N, D]`, on the scale of `theta`. */
  toTheta(v: Matrix): Matrix;
  /** `log p(v)`, `[N]`, nats: `-Infinity` where the target is zero, `NaN` where it or the point is no number. */
  logProb(v: Matrix): Promise<Float64Array>;
  /** The same, and `d log p(v) / dv`, `[N, D]`. */
  gradient(v: Matrix): Promise<{ readonly logProb: Float64Array; readonly gradient: Matrix }>;
}

/** Puts a target into whitened coordinates. */
export function whitenedTarget(target: LogDensity, whitening: Whitening): WhitenedTarget {
  const { dim, support } = target;
  const { center, lower } = whitening;
  const logScale = logDetCholesky(lower, dim) / 2; // that of L, half of that of L L'

  const unconstrained = (v: Matrix): Matrix => {
    const u = matrix(v.rows, dim);
    for (let i = 0; i < v.rows; i++) {
      const point = multiplyLower(lower, row(v, i), row(u, i));
      for (let j = 0; j < dim; j++) point[j] += center[j];
    }
    return u;
  };
  const constrained = (u: Matrix): Matrix => {
    const theta = matrix(u.rows, dim);
    for (let i = 0; i < u.rows; i++) support.toConstrained(row(u, i), row(theta, i));
    return theta;
  };
  /** The density over `v` from that over `theta`; an infinite one, as at the edge of a support, is no number. */
  const moved = (logProb: Float64Array, u: Matrix) =>
    logProb.map((value, i) => {
      if (value === -Infinity) return value;
      const sum = value + support.logDet(row(u, i)) + logScale;
      return Number.isFinite(sum) ? sum : Number.NaN;
    });

  return {
    whitening,
    logScale,
    toTheta: (v) => constrained(unconstrained(v)),
    async logProb(v) {
      const u = unconstrained(v);
      return moved(await target.logProb(constrained(u)), u);
    },
    async gradient(v) {
      const u = unconstrained(v);
      const { logProb, gradient } = await target.gradient!(constrained(u));
      const out = matrix(v.rows, dim);
      const slope = new Float64Array(dim);
      for (let i = 0; i < v.rows; i++) {
        support.pullback(row(u, i), row(gradient, i), slope);
        multiplyTransposed(lower, slope, row(out, i));
      }
      return { logProb: moved(logProb, u), gradient: out };
    },
  };
}

/** `out = L' x` of a lower triangular `L`. */
function multiplyTransposed(lower: Float64Array, x: Float64Array, out: Float64Array): void {
  const n = x.length;
  for (let j = 0; j < n; j++) {
    let sum = 0;
    for (let i = j; i < n; i++) sum += lower[i * n + j] * x[i];
    out[j] = sum;
  }
}
