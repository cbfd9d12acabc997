/**
 * Where chains begin on posteriors that are known.
 *
 * @module
 */
import type { LogDensity } from "../../src/core/contracts.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { foldIn, type Key, stream } from "../../src/core/random.js";
import type { Reference } from "./reference-posterior.js";

/** Starting points as Stan draws them: uniform on `[-2, 2]` in unconstrained space. */
export function coldStart(target: LogDensity, chains: number, key: Key): Matrix {
  const theta = matrix(chains, target.dim);
  for (let c = 0; c < chains; c++) {
    const rng = stream(foldIn(key, c));
    const u = Float64Array.from({ length: target.dim }, () => rng.uniform(-2, 2));
    target.support.toConstrained(u, row(theta, c));
  }
  return theta;
}

/**
 * A density to start from for targets that have no prior that can be drawn from: a normal in unconstrained space about the
 * reference's mean, three times as wide as its standard deviation in each coordinate.
 */
export function wideStart(
  { dim, support }: LogDensity,
  { unconstrained }: Reference,
): NonNullable<LogDensity["start"]> {
  const { mean } = unconstrained;
  const sd = unconstrained.sd.map((value) => 3 * value);
  return {
    sample(n, from) {
      const theta = matrix(n, dim);
      for (let i = 0; i < n; i++) {
        const rng = stream(foldIn(from, i));
        const u = Float64Array.from(mean, (centre, j) => rng.normal(centre, sd[j]));
        support.toConstrained(u, row(theta, i));
      }
      return theta;
    },
    logProb(theta) {
      const u = new Float64Array(dim);
      return Float64Array.from({ length: theta.rows }, (_, i) => {
        support.toUnconstrained(row(theta, i), u);
        if (!u.every(Number.isFinite)) return -Infinity;
        return u.reduce(
          (sum, value, j) =>
            sum - 0.5 * ((value - mean[j]) / sd[j]) ** 2 - Math.log(sd[j] * Math.sqrt(2 * Math.PI)),
          -support.logDet(u),
        );
      });
    },
  };
}

/** Starting points: the reference's unconstrained mean and three times its standard deviation, per coordinate. */
export function nearReference(
  target: LogDensity,
  { unconstrained }: Reference,
  chains: number,
  key: Key,
): Matrix {
  const theta = matrix(chains, target.dim);
  for (let c = 0; c < chains; c++) {
    const rng = stream(foldIn(key, c));
    const u = Float64Array.from(
      unconstrained.mean,
      (mean, j) => mean + 3 * unconstrained.sd[j] * rng.normal(),
    );
    target.support.toConstrained(u, row(theta, c));
  }
  return theta;
}
