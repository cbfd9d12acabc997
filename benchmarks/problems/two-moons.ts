/**
 * Two moons: a posterior of two crescents, with structure on a scale of 0.01.
 *
 * `theta ~ Uniform[-1, 1]^2`, `x = p + (-|t1 + t2|, -t1 + t2) / sqrt(2)`, `p = (r cos a + 0.25, r sin a)`,
 * `a ~ Uniform(-pi/2, pi/2)`, `r ~ Normal(0.1, sd 0.01)`.
 *
 * The exact posterior: `theta -> (|t1 + t2|, -t1 + t2) / sqrt(2)` is a rotation but for one sign, so under the
 * uniform prior draw `p`, solve for the two, toss the sign, and keep what lies in the box. The probability that it
 * lies there, halved (two signs, over an area of four), is the evidence.
 *
 * @see Greenberg, Nonnenmacher and Macke (2019), https://arxiv.org/abs/1905.07488
 * @see Lueckmann et al. (2021), https://arxiv.org/abs/2101.04653, appendix T.8
 * @module
 */
import { normal } from "../../src/core/distributions/normal.js";
import { logMassBetween } from "../../src/core/distributions/truncated.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import type { Key } from "../../src/core/random.js";
import { type Rng, stream } from "../../src/core/rng.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineSimulator } from "../../src/simulator.js";
import { observationList, type Problem } from "../problem.js";
import { rejectionDraws } from "../rejection.js";

const offset = 0.25;
const radius = 0.1;
const thickness = 0.01;

/** One point of the crescent, which does not depend on theta. */
function crescent(rng: Rng): readonly [number, number] {
  const angle = Math.PI * (rng.uniform() - 0.5);
  const r = radius + thickness * rng.normal();
  return [r * Math.cos(angle) + offset, r * Math.sin(angle)];
}

/** `[N, 2] -> [N, 2]`. */
export const simulator = defineSimulator({
  name: "two_moons",
  prior: uniform({ theta1: [-1, 1], theta2: [-1, 1] }),
  xShape: [2],
  runBatch(theta: Matrix, keys: readonly Key[]) {
    const x = matrix(theta.rows, 2);
    for (let i = 0; i < theta.rows; i++) {
      const [p1, p2] = crescent(stream(keys[i]));
      const t1 = theta.data[2 * i];
      const t2 = theta.data[2 * i + 1];
      x.data[2 * i] = p1 - Math.abs(t1 + t2) * Math.SQRT1_2;
      x.data[2 * i + 1] = p2 + (t2 - t1) * Math.SQRT1_2;
    }
    return x;
  },
});

/** In polar coordinates about `(0.25, 0)` the crescent's density is `Normal(r) / (pi r)`, on the right half. */
function logLikelihood(theta: Matrix, x: ArrayLike<number>): Float64Array {
  const constant = -Math.log(thickness * Math.sqrt(2 * Math.PI)) - Math.log(Math.PI);
  return Float64Array.from({ length: theta.rows }, (_, i) => {
    const [t1, t2] = row(theta, i);
    const right = x[0] + Math.abs(t1 + t2) * Math.SQRT1_2 - offset;
    const up = x[1] - (t2 - t1) * Math.SQRT1_2;
    if (right <= 0) return -Infinity;
    const r = Math.hypot(right, up);
    return constant - Math.log(r) - ((r - radius) / thickness) ** 2 / 2;
  });
}

/** Angles of the evidence's quadrature; its integrand is continuous. */
const angles = 2000;

/**
 * With `s = |t1 + t2| / sqrt(2)` and `d = (t2 - t1) / sqrt(2)` the box is `s + |d| < sqrt(2)`: for each angle of the
 * crescent an interval of radii.
 */
function logEvidence(x: ArrayLike<number>): number {
  const law = normal(radius, thickness);
  let sum = 0;
  for (let i = 0; i < angles; i++) {
    const angle = Math.PI * ((i + 0.5) / angles - 0.5);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    let low = Math.max(0, (x[0] - offset) / cos); // s >= 0
    let high = Infinity;
    for (const sign of [-1, 1]) {
      const slope = cos + sign * sin; // slope * r < limit is s - sign * d < sqrt(2), since d = x2 - r sin
      const limit = Math.SQRT2 + x[0] - offset + sign * x[1];
      if (slope > 0) high = Math.min(high, limit / slope);
      else if (slope < 0) low = Math.max(low, limit / slope);
      else if (limit <= 0) high = 0;
    }
    if (high > low) sum += Math.exp(logMassBetween(law, low, high));
  }
  return Math.log(sum / angles / 2);
}

function exactPosterior(x: ArrayLike<number>, n: number, key: Key): Matrix {
  return rejectionDraws("two_moons", x, n, 2, key, (rng) => {
    const [p1, p2] = crescent(rng);
    const sum = p1 - x[0]; // |t1 + t2| / sqrt(2)
    const signed = rng.uniform() < 0.5 ? -sum : sum;
    const difference = x[1] - p2; // (t2 - t1) / sqrt(2)
    const t1 = (signed - difference) * Math.SQRT1_2;
    const t2 = (signed + difference) * Math.SQRT1_2;
    return sum >= 0 && Math.abs(t1) < 1 && Math.abs(t2) < 1 ? [t1, t2] : undefined;
  });
}

/** sbibm's observations 1 to 3. */
export const problem: Problem = {
  name: "two_moons",
  title: "A posterior of two crescents",
  source: "Greenberg et al. (2019), https://arxiv.org/abs/1905.07488; observations of sbibm",
  simulator,
  ...observationList("two_moons", [
    { theta: [-0.8176656, -0.5756806], x: [-0.6396706, 0.16234657] },
    { theta: [-0.28899693, -0.8759459], x: [-0.5676688, -0.33194834] },
    { theta: [0.73016036, -0.3217839], x: [0.0030109584, -0.6457662] },
  ]),
  logLikelihood,
  logEvidence,
  exactPosterior,
};
