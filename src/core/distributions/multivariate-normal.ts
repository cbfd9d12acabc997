/**
 * The multivariate normal distribution, through the Cholesky factor of its covariance.
 *
 * @module
 */
import { identity } from "../bijection.js";
import { ShapeError } from "../errors.js";
import {
  cholesky,
  dot,
  isSymmetric,
  logDetCholesky,
  multiplyLower,
  solveCholesky,
  solveLower,
} from "../linalg.js";
import { logSqrt2Pi } from "../special.js";
import { checkFinite, type MultivariateDistribution } from "./distribution.js";

/**
 * Multivariate normal distribution.
 *
 * @param mean - `[D]`.
 * @param covariance - D rows of D numbers; symmetric and positive definite.
 * @throws {ShapeError} if the shapes disagree.
 * @throws {RangeError} if a number is not finite or the covariance is not symmetric and positive definite.
 */
export function multivariateNormal(
  mean: ArrayLike<number>,
  covariance: readonly ArrayLike<number>[],
): MultivariateDistribution {
  const dim = mean.length;
  const centre = Float64Array.from(mean);
  if (dim === 0 || covariance.length !== dim || covariance.some((row) => row.length !== dim)) {
    throw new ShapeError(
      `multivariateNormal: a mean of ${dim} numbers needs a [${dim}, ${dim}] covariance, ` +
        `got rows of [${covariance.map((row) => row.length)}] numbers.`,
    );
  }
  const flat = Float64Array.from(covariance.flatMap((row) => Array.from(row)));
  for (const value of centre) checkFinite("multivariateNormal", "mean", value);
  for (const value of flat) checkFinite("multivariateNormal", "covariance", value);
  if (!isSymmetric(flat, dim)) {
    throw new RangeError(
      "multivariateNormal: covariance must be symmetric, but it differs from its transpose.",
    );
  }
  const factor = cholesky(flat, dim);
  const logScale = -dim * logSqrt2Pi - 0.5 * logDetCholesky(factor, dim);
  const deviation = (x: Float64Array) => x.map((value, i) => value - centre[i]);
  return {
    spec: {
      kind: "multivariateNormal",
      mean: Array.from(centre),
      covariance: covariance.map((row) => Array.from(row)),
    },
    dim,
    support: identity(dim),
    mean: centre,
    covariance: flat,
    sample: (rng) =>
      multiplyLower(factor, rng.normals(dim), new Float64Array(dim)).map((v, i) => v + centre[i]),
    logProb(x) {
      const z = solveLower(factor, deviation(x));
      return logScale - 0.5 * dot(z, z);
    },
    gradient(x, out) {
      const solved = solveCholesky(factor, deviation(x));
      for (let i = 0; i < dim; i++) out[i] = -solved[i];
    },
  };
}
