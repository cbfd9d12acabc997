/**
 * A multivariate normal prior over named parameters.
 *
 * @module
 */
import type { Prior } from "../core/contracts.js";
import { multivariateNormal } from "../core/distributions/multivariate-normal.js";
import { ShapeError } from "../core/errors.js";
import { matrix, row } from "../core/matrix.js";
import { foldIn, stream } from "../core/random.js";
import { checkColumns, checkNames } from "./names.js";

/**
 * Multivariate normal prior. (`normal` itself is the one-dimensional distribution.)
 *
 * @param names - D parameter names.
 * @param mean - `[D]`.
 * @param covariance - D rows of D numbers, symmetric and positive definite.
 * @throws {ShapeError} if the shapes disagree.
 * @throws {RangeError} if a name cannot be a column name or the covariance is not positive definite.
 * @example
 * const prior = normalPrior(["a", "b"], [0, 1], [[1, 0.5], [0.5, 2]]);
 */
export function normalPrior<const Name extends string>(
  names: readonly Name[],
  mean: ArrayLike<number>,
  covariance: readonly ArrayLike<number>[],
): Prior<Name> {
  const columns = checkNames("normalPrior", [...names]);
  const dim = columns.length;
  if (mean.length !== dim) {
    throw new ShapeError(`normalPrior: ${dim} names need a mean of ${dim} numbers, got ${mean.length}.`);
  }
  const distribution = multivariateNormal(mean, covariance);
  return {
    names: columns,
    dim,
    support: distribution.support,
    mean: distribution.mean,
    sd: Float64Array.from({ length: dim }, (_, j) => Math.sqrt(distribution.covariance[j * dim + j])),
    spec: { ...distribution.spec, kind: "normal", names: columns },
    sample(n, key, from = 0) {
      const theta = matrix(n, dim);
      for (let i = 0; i < n; i++) theta.data.set(distribution.sample(stream(foldIn(key, from + i))), i * dim);
      return theta;
    },
    logProb(theta) {
      checkColumns("logProb", theta, columns);
      return Float64Array.from({ length: theta.rows }, (_, i) => distribution.logProb(row(theta, i)));
    },
    gradient(theta) {
      checkColumns("gradient", theta, columns);
      const out = matrix(theta.rows, dim);
      for (let i = 0; i < theta.rows; i++) distribution.gradient(row(theta, i), row(out, i));
      return out;
    },
  };
}
