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
