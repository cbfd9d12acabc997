/**
 * The standard error of the unbiased MMD^2, a U-statistic of the pairs `z_i = (x_i, y_i)` with the kernel
 *
 *     h(z, z') = k(x, x') + k(y, y') - k(x, y') - k(x', y)
 *
 * whose variance is, with `g(t) = E k(t, x) - E k(t, y)`,
 *
 *     4 (1 - 1 / (N - 1)) (Var g(x) / n + Var g(y) / m) + 2 Var h / (N (N - 1)),     N = min(n, m)
 *
 * The first part rules where the distributions differ, the second where they are equal. Both are estimated from random
 * rows: `Var g` is the covariance, over rows, of two estimates of `g` from disjoint others, in which the noise of
 * neither counts; `Var h` is taken over disjoint pairs. Where the distributions are equal the error comes out too large, by a
 * half for 200 rows: the estimate of the first part, then 0, is not let below it.
 *
 * @see Gretton et al. (2012), https://jmlr.org/papers/v13/gretton12a.html, corollary 16
 * @see Serfling (1980), Approximation Theorems of Mathematical Statistics, section 5.2
 * @module
 */
import { type Matrix, takeRows } from "../core/matrix.js";
import { foldIn, type Key } from "../core/random.js";
import { stream } from "../core/rng.js";

/** Rows at which `g` is looked at, rows that each estimate of it averages over, and pairs behind `Var h`. */
const looked = 512;
const averaged = 512;
const paired = 4096;

/** Standard error of MMD^2 with the kernel `exp(-scale d^2)`; `NaN` for fewer than four rows. */
export function mmdStandardError(x: Matrix, y: Matrix, scale: number, key: Key): number {
  const n = Math.min(x.rows, y.rows);
  if (n < 4) return Number.NaN;
  const [a, b] = [x, y].map((sample, i) => {
    const order = stream(foldIn(key, i)).permutation(sample.rows);
    return takeRows(sample, order.subarray(0, Math.max(looked + 2 * averaged, 2 * paired)));
  });
  const k = (u: Matrix, i: number, v: Matrix, j: number) => {
    let square = 0;
    for (let c = 0; c < u.cols; c++) square += (u.data[i * u.cols + c] - v.data[j * v.cols + c]) ** 2;
    return Math.exp(-scale * square);
  };

  const rows = Math.min(looked, Math.floor(n / 2));
  const half = Math.min(averaged, Math.floor((n - rows) / 2));
  const g = (sample: Matrix, i: number, from: number) => {
    let sum = 0;
    for (let j = from; j < from + half; j++) sum += k(sample, i, a, j) - k(sample, i, b, j);
    return sum / half;
  };
  const varianceOfG = (sample: Matrix) => {
    const estimates = [rows, rows + half].map((from) =>
      Float64Array.from({ length: rows }, (_, i) => g(sample, i, from)),
    );
    return covariance(estimates[0], estimates[1]);
  };
  const h = Float64Array.from({ length: Math.min(paired, Math.floor(n / 2)) }, (_, i) => {
    const [even, odd] = [2 * i, 2 * i + 1];
    return k(a, even, a, odd) + k(b, even, b, odd) - k(a, even, b, odd) - k(a, odd, b, even);
  });
  const first = Math.max(0, varianceOfG(a) / x.rows + varianceOfG(b) / y.rows);
  return Math.sqrt(4 * (1 - 1 / (n - 1)) * first + (2 * covariance(h, h)) / (n * (n - 1)));
}

function covariance(u: Float64Array, v: Float64Array): number {
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [uMean, vMean] = [mean(u), mean(v)];
  return u.reduce((sum, value, i) => sum + (value - uMean) * (v[i] - vMean), 0) / (u.length - 1);
}
