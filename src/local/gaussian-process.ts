/**
 * Interpolation by a Gaussian process with the Matern 3/2 kernel, `k(r) = (1 + sqrt(3) r) exp(-sqrt(3) r)`, one length
 * scale for each dimension, a constant mean and independent noise. Length scales and noise maximise the marginal
 * likelihood; mean and amplitude are profiled out, which has a closed form.
 *
 * @see Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, eqs. 2.25-2.26, 4.17 and 5.8
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { cholesky, dot, logDetCholesky, solveCholesky, solveLower } from "../core/linalg.js";
import { type Matrix, row } from "../core/matrix.js";

/** A fitted process. */
export interface GaussianProcess {
  /** `[D]`, in units of the points. */
  readonly lengthScales: Float64Array;
  /** Standard deviation of the process, and of the noise of a value, in units of the values. */
  readonly amplitude: number;
  readonly noise: number;
  /** Nats, at the maximum. */
  readonly logMarginalLikelihood: number;
  /** `[M, D]` to mean and standard deviation (without noise), `[M]` each. */
  predict(points: Matrix): { readonly mean: Float64Array; readonly sd: Float64Array };
}

/** Length scales in units of the points' range, and noise variances in units of the amplitude's, between which to look. */
const lengthRange = [0.05, 20] as const;
const noiseRange = [1e-8, 1] as const;
const sweeps = 4;

/**
 * Fits a process.
 *
 * @param points - `[N, D]`, at least 3 that are not all the same.
 * @param values - `[N]`.
 * @throws {ShapeError} if there are too few points, or values of another number.
 * @throws {RangeError} if a point or a value is not finite.
 */
export function gaussianProcess(points: Matrix, values: ArrayLike<number>): GaussianProcess {
  const [n, d] = [points.rows, points.cols];
  if (n < 3 || values.length !== n) {
    throw new ShapeError(
      `gaussianProcess: expected at least 3 points and as many values, got ${n} and ${values.length}.`,
    );
  }
  if (!points.data.every(Number.isFinite) || !Array.from(values).every(Number.isFinite)) {
    throw new RangeError("gaussianProcess: expected finite points and values.");
  }
  const ranges = Array.from({ length: d }, (_, j) => {
    const column = Array.from({ length: n }, (_row, i) => points.data[i * d + j]);
    return Math.max(...column) - Math.min(...column) || 1;
  });
  const y = Float64Array.from(values);
  const limits = [...ranges.map(() => lengthRange), noiseRange].map((range) => range.map(Math.log));
  const toLengths = (at: readonly number[]) => ranges.map((range, j) => range * Math.exp(at[j]));
  const fitAt = (at: readonly number[]) => profile(points, y, toLengths(at), Math.exp(at[d]));

  let at: number[] = [...ranges.map(() => Math.log(0.5)), Math.log(1e-4)];
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (let k = 0; k <= d; k++) {
      const moved = (value: number) => at.map((old, j) => (j === k ? value : old));
      const best = maximise((value) => fitAt(moved(value)).logLikelihood, limits[k][0], limits[k][1]);
      if (fitAt(moved(best)).logLikelihood > fitAt(at).logLikelihood) at = moved(best);
    }
  }
  const lengths = toLengths(at);
  const { factor, mean, weights, variance, logLikelihood } = fitAt(at);
  return {
    lengthScales: Float64Array.from(lengths),
    amplitude: Math.sqrt(variance),
    noise: Math.sqrt(variance * Math.exp(at[d])),
    logMarginalLikelihood: logLikelihood,
    predict(wanted) {
      if (wanted.cols !== d) {
        throw new ShapeError(`gaussianProcess: the points have ${wanted.cols} columns; expected ${d}.`);
      }
      const out = { mean: new Float64Array(wanted.rows), sd: new Float64Array(wanted.rows) };
      for (let i = 0; i < wanted.rows; i++) {
        const k = Float64Array.from({ length: n }, (_, r) => kernel(row(points, r), row(wanted, i), lengths));
        out.mean[i] = mean + dot(k, weights);
        const half = solveLower(factor, k);
        out.sd[i] = Math.sqrt(variance * Math.max(0, 1 - dot(half, half)));
      }
      return out;
    },
  };
}

function kernel(a: Float64Array, b: Float64Array, lengths: readonly number[]): number {
  const r = Math.sqrt(3 * lengths.reduce((sum, length, j) => sum + ((a[j] - b[j]) / length) ** 2, 0));
  return (1 + r) * Math.exp(-r);
}

/** The likelihood at given length scales and relative noise, with the best mean and amplitude. */
function profile(points: Matrix, y: Float64Array, lengths: readonly number[], noise: number) {
  const n = points.rows;
  const k = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      k[i * n + j] = kernel(row(points, i), row(points, j), lengths) + (i === j ? noise : 0);
    }
  }
  const factor = cholesky(k, n);
  const [ones, solved] = [
    solveCholesky(factor, new Float64Array(n).fill(1)),
    solveCholesky(factor, y.slice()),
  ];
  const sum = (v: Float64Array) => v.reduce((a, b) => a + b, 0);
  const mean = sum(solved) / sum(ones);
  const weights = solved.map((value, i) => value - mean * ones[i]);
  const scale = Math.max(...y.map(Math.abs), Number.MIN_VALUE);
  // values that are all the same have no amplitude: a floor keeps the logarithm finite
  const variance = Math.max(dot(y, weights) / n, (1e-12 * scale) ** 2, Number.MIN_VALUE);
  const logLikelihood = -0.5 * (n * (1 + Math.log(2 * Math.PI * variance)) + logDetCholesky(factor, n));
  return { factor, mean, weights, variance, logLikelihood };
}

/** Where `f` is largest on `[low, high]`: the best of a grid, refined by golden sections. */
function maximise(f: (x: number) => number, low: number, high: number): number {
  const cells = 8;
  const grid = Array.from({ length: cells + 1 }, (_, i) => low + ((high - low) * i) / cells);
  const values = grid.map(f);
  const best = values.indexOf(Math.max(...values));
  let [a, b] = [grid[Math.max(0, best - 1)], grid[Math.min(cells, best + 1)]];
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [c, e] = [b - ratio * (b - a), a + ratio * (b - a)];
  let [fc, fe] = [f(c), f(e)];
  for (let i = 0; i < 20; i++) {
    if (fc >= fe) {
      [b, e, fe] = [e, c, fc];
      c = b - ratio * (b - a);
      fc = f(c);
    } else {
      [a, c, fc] = [c, e, fe];
      e = a + ratio * (b - a);
      fe = f(e);
    }
  }
  return (a + b) / 2;
}
