/** Densities with known moments for the tests of the samplers. */
import { logDensity } from "../../samplers/target.js";
import { between, stacked } from "../../src/core/bijection.js";
import type { LogDensity, Prior } from "../../src/core/contracts.js";
import { cholesky, inverseFromCholesky, logDetCholesky } from "../../src/core/linalg.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { foldIn, type Key, stream } from "../../src/core/random.js";
import { logSumExp } from "../../src/core/special.js";

/** An isotropic normal to start from. */
export function normalStart(dim: number, sd = 3): Pick<Prior, "sample" | "logProb"> {
  return {
    sample(n: number, key: Key) {
      const out = matrix(n, dim);
      for (let i = 0; i < n; i++) out.data.set(stream(foldIn(key, i)).normals(dim, 0, sd), i * dim);
      return out;
    },
    logProb: (theta: Matrix) =>
      Float64Array.from({ length: theta.rows }, (_, i) =>
        row(theta, i).reduce(
          (sum, v) => sum - 0.5 * (v / sd) ** 2 - Math.log(sd * Math.sqrt(2 * Math.PI)),
          0,
        ),
      ),
  };
}

/** A uniform box to start from. */
export function boxStart(dim: number, low: number, high: number): Pick<Prior, "sample" | "logProb"> {
  return {
    sample(n: number, key: Key) {
      const out = matrix(n, dim);
      for (let i = 0; i < n; i++) {
        const rng = stream(foldIn(key, i));
        for (let j = 0; j < dim; j++) out.data[i * dim + j] = rng.uniform(low, high);
      }
      return out;
    },
    logProb: (theta: Matrix) =>
      Float64Array.from({ length: theta.rows }, (_, i) =>
        row(theta, i).every((v) => v >= low && v <= high) ? -dim * Math.log(high - low) : -Infinity,
      ),
  };
}

/** `N(mean, covariance)`, unnormalised. */
export function normalTarget(
  mean: number[],
  covariance: number[][],
  start?: LogDensity["start"],
): LogDensity {
  const dim = mean.length;
  const precision = inverseFromCholesky(cholesky(Float64Array.from(covariance.flat()), dim), dim);
  const gradient = (theta: Float64Array, out: Float64Array) => {
    for (let i = 0; i < dim; i++) {
      out[i] = 0;
      for (let j = 0; j < dim; j++) out[i] -= precision[i * dim + j] * (theta[j] - mean[j]);
    }
  };
  const scratch = new Float64Array(dim);
  return logDensity({
    names: mean.map((_, i) => `x${i + 1}`),
    start,
    logProb(theta) {
      gradient(theta, scratch);
      return 0.5 * scratch.reduce((sum, g, i) => sum + g * (theta[i] - mean[i]), 0);
    },
    gradient,
  });
}

/**
 * Four narrow correlated modes at `(+-a, +-a)` in the first two of five dimensions with weights
 * 0.1, 0.2, 0.3, 0.4, inside the box `[-3, 3]^5` from which it is started.
 */
export function fourModes(): LogDensity & { modeOf(theta: Float64Array): number } {
  const dim = 5;
  const a = 1.5;
  const sd = [0.15, 0.1, 0.3, 0.3, 0.3];
  const rho = 0.8; // of the last two
  const weights = [0.1, 0.2, 0.3, 0.4];
  const covariance = Float64Array.from({ length: dim * dim }, (_, k) => {
    const [i, j] = [Math.floor(k / dim), k % dim];
    return (i === j ? 1 : i >= 3 && j >= 3 ? rho : 0) * sd[i] * sd[j];
  });
  const factor = cholesky(covariance, dim);
  const precision = inverseFromCholesky(factor, dim);
  const norm = -0.5 * logDetCholesky(factor, dim) - (dim / 2) * Math.log(2 * Math.PI);
  const centre = (k: number, i: number) => (i === 0 ? (k & 1 ? a : -a) : i === 1 ? (k & 2 ? a : -a) : 0);
  const slope = (theta: Float64Array, k: number, i: number) => {
    let sum = 0;
    for (let j = 0; j < dim; j++) sum -= precision[i * dim + j] * (theta[j] - centre(k, j));
    return sum;
  };
  const terms = (theta: Float64Array) =>
    weights.map((w, k) => {
      let square = 0;
      for (let i = 0; i < dim; i++) square -= slope(theta, k, i) * (theta[i] - centre(k, i));
      return Math.log(w) + norm - 0.5 * square;
    });
  return {
    ...logDensity({
      names: ["x1", "x2", "x3", "x4", "x5"],
      support: stacked(Array.from({ length: dim }, () => between(-3, 3))),
      start: boxStart(dim, -3, 3),
      logProb: (theta) => logSumExp(terms(theta)),
      gradient(theta, out) {
        const t = terms(theta);
        const total = logSumExp(t);
        for (let i = 0; i < dim; i++) {
          out[i] = 0;
          for (let k = 0; k < 4; k++) out[i] += Math.exp(t[k] - total) * slope(theta, k, i);
        }
      },
    }),
    modeOf: (theta) => Number(theta[0] > 0) + 2 * Number(theta[1] > 0),
  };
}

/** A coupled, anharmonic potential. */
export const quartic = logDensity({
  names: ["x", "y"],
  logProb: ([x, y]) => -0.25 * x ** 4 - 0.5 * (x - y) ** 2,
  gradient([x, y], out) {
    out[0] = -(x ** 3) - (x - y);
    out[1] = x - y;
  },
});
