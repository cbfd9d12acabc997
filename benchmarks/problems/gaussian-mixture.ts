/**
 * A common mean of two normals of very different width.
 *
 * `theta ~ Uniform[-10, 10]^2`, `x ~ 0.5 Normal(theta, I) + 0.5 Normal(theta, 0.01 I)`. The posterior is the
 * same mixture about `x`, cut at the box.
 *
 * @see Sisson, Fan and Tanaka (2007), https://doi.org/10.1073/pnas.0607208104
 * @see Lueckmann et al. (2021), https://arxiv.org/abs/2101.04653, appendix T.7
 * @module
 */
import { normal } from "../../src/core/distributions/normal.js";
import { logMassBetween } from "../../src/core/distributions/truncated.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import type { Key } from "../../src/core/random.js";
import { type Rng, stream } from "../../src/core/rng.js";
import { logAddExp } from "../../src/core/special.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineSimulator } from "../../src/simulator.js";
import { observationList, type Problem } from "../problem.js";
import { rejectionDraws } from "../rejection.js";

const edge = 10;
/** Standard deviations of the two components, of equal weight. */
const wide = 1;
const narrow = 0.1;

const pickSd = (rng: Rng) => (rng.uniform() < 0.5 ? wide : narrow);

/** `[N, 2] -> [N, 2]`. */
export const simulator = defineSimulator({
  name: "gaussian_mixture",
  prior: uniform({ theta1: [-edge, edge], theta2: [-edge, edge] }),
  xShape: [2],
  runBatch(theta: Matrix, keys: readonly Key[]) {
    const x = matrix(theta.rows, 2);
    for (let i = 0; i < theta.rows; i++) {
      const rng = stream(keys[i]);
      const sd = pickSd(rng);
      x.data[2 * i] = theta.data[2 * i] + sd * rng.normal();
      x.data[2 * i + 1] = theta.data[2 * i + 1] + sd * rng.normal();
    }
    return x;
  },
});

/** Log density of one component, weight included, at squared distance `square`. */
const component = (square: number, sd: number) =>
  Math.log(0.5 / (2 * Math.PI * sd * sd)) - square / (2 * sd * sd);

function logLikelihood(theta: Matrix, x: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: theta.rows }, (_, i) => {
    const [t1, t2] = row(theta, i);
    const square = (x[0] - t1) ** 2 + (x[1] - t2) ** 2;
    return logAddExp(component(square, wide), component(square, narrow));
  });
}

/** The share of each component about `x` that lies in the box, over the box's area. */
function logEvidence(x: ArrayLike<number>): number {
  const inside = (sd: number) =>
    logMassBetween(normal(x[0], sd), -edge, edge) + logMassBetween(normal(x[1], sd), -edge, edge);
  return logAddExp(inside(wide), inside(narrow)) - Math.log(2 * (2 * edge) ** 2);
}

function likelihoodGradient(theta: Matrix, x: ArrayLike<number>): Matrix {
  const out = matrix(theta.rows, 2);
  for (let i = 0; i < theta.rows; i++) {
    const d1 = x[0] - theta.data[2 * i];
    const d2 = x[1] - theta.data[2 * i + 1];
    const square = d1 * d1 + d2 * d2;
    const shareNarrow = 1 / (1 + Math.exp(component(square, wide) - component(square, narrow)));
    const precision = shareNarrow / narrow ** 2 + (1 - shareNarrow) / wide ** 2;
    out.data.set([precision * d1, precision * d2], 2 * i);
  }
  return out;
}

function exactPosterior(x: ArrayLike<number>, n: number, key: Key): Matrix {
  return rejectionDraws("gaussian_mixture", x, n, 2, key, (rng) => {
    const sd = pickSd(rng);
    const t1 = x[0] + sd * rng.normal();
    const t2 = x[1] + sd * rng.normal();
    return Math.abs(t1) < edge && Math.abs(t2) < edge ? [t1, t2] : undefined;
  });
}

/** sbibm's observations 1 to 3. */
export const problem: Problem = {
  name: "gaussian_mixture",
  title: "Common mean of a wide and a narrow normal",
  source: "Sisson et al. (2007); sbibm, https://arxiv.org/abs/2101.04653",
  simulator,
  ...observationList("gaussian_mixture", [
    { theta: [-9.527071, -1.4817104], x: [-9.472713, -1.4950509] },
    { theta: [-2.8899693, -8.7594595], x: [-2.940192, -8.682056] },
    { theta: [7.3016033, -3.2178392], x: [7.1683364, -3.0470583] },
  ]),
  logLikelihood,
  logEvidence,
  likelihoodGradient,
  exactPosterior,
};
