/**
 * A neuron that spikes or not in a hundred time bins: its threshold and how it filters a white-noise stimulus, from the
 * sums that suffice (`bernoulli_glm`) and from the bins themselves (`bernoulli_glm_raw`).
 *
 * `y_t ~ Bernoulli(sigmoid((V theta)_t))`, where row `t` of `V` is one, then the stimulus at `t`, `t - 1`, ..., `t - 8`
 * (zero before it began). The threshold is `Normal(0, 2)`; the filter is normal and smooth, with precision `F'F`,
 * `F = D D + diag(sqrt(i / 9))`, `i = 0 ... 8`, `D` the matrix of first differences.
 *
 * The data are `x = V'y`: the number of spikes, and the sums of the stimulus that went before them. They suffice, and no
 * two `y` have the same sums, so `log p(x | theta) = theta . x - sum_t softplus((V theta)_t)` is the probability of `x`
 * as of `y`. The posterior is log-concave; exact draws by rejection from a proposal about its mode.
 *
 * @see Lueckmann et al. (2021), https://arxiv.org/abs/2101.04653, appendix T.5 and T.6
 * @module
 */

import { multivariateNormal } from "../../src/core/distributions/multivariate-normal.js";
import { cholesky, inverseFromCholesky } from "../../src/core/linalg.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import type { Key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { sigmoid, softplus } from "../../src/core/special.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { defineSimulator } from "../../src/simulator.js";
import { numpyRandom } from "../numpy-random.js";
import { type PeakedPosterior, peakedDraws, peakedLogEvidence } from "../peaked-posterior.js";
import { observationList, type Problem } from "../problem.js";

const bins = 100;
/** Taps of the filter, and with the threshold the parameters. */
const taps = 9;
const dim = taps + 1;

/** `V`, `[100, 10]`. The stimulus is NumPy's normals of seed 42, in single precision. */
export function designMatrix(): Matrix {
  const stimulus = numpyRandom(42).normals(bins).map(Math.fround);
  const v = matrix(bins, dim);
  for (let t = 0; t < bins; t++) {
    v.data[t * dim] = 1;
    for (let lag = 0; lag <= Math.min(t, taps - 1); lag++) v.data[t * dim + 1 + lag] = stimulus[t - lag];
  }
  return v;
}

const design = designMatrix().data;

/** The prior's covariance, 10 rows. */
function priorCovariance(): Float64Array[] {
  const f = (i: number, j: number) => {
    const ofSquare = i === j ? 1 : i === j + 1 ? -2 : i === j + 2 ? 1 : 0; // D D
    return ofSquare + (i === j ? Math.sqrt(i / taps) : 0);
  };
  const precision = new Float64Array(dim * dim);
  precision[0] = 0.5;
  for (let i = 0; i < taps; i++) {
    for (let j = 0; j < taps; j++) {
      for (let k = 0; k < taps; k++) precision[(i + 1) * dim + j + 1] += f(k, i) * f(k, j);
    }
  }
  const covariance = matrix(dim, dim, inverseFromCholesky(cholesky(precision, dim), dim));
  return Array.from({ length: dim }, (_, i) => row(covariance, i));
}

const origin = new Float64Array(dim);
const covariance = priorCovariance();
const law = multivariateNormal(origin, covariance);
const prior = normalPrior(
  ["threshold", ...Array.from({ length: taps }, (_, lag) => `filter${lag}`)],
  origin,
  covariance,
);

/** `(V theta)_t` for all bins, `[100]`. */
function drive(theta: Float64Array): Float64Array {
  const out = new Float64Array(bins);
  for (let t = 0; t < bins; t++) {
    let sum = 0;
    for (let j = 0; j < dim; j++) sum += design[t * dim + j] * theta[j];
    out[t] = sum;
  }
  return out;
}

/** `V'y`, `[10]`. */
function sumsOf(spikes: ArrayLike<number>): Float64Array {
  const out = new Float64Array(dim);
  for (let t = 0; t < bins; t++) {
    if (spikes[t] === 0) continue;
    for (let j = 0; j < dim; j++) out[j] += spikes[t] * design[t * dim + j];
  }
  return out;
}

/** Spikes per bin, or their sums. */
function neuron(name: string, width: number, summarise: (spikes: Float64Array) => Float64Array) {
  return defineSimulator({
    name,
    prior,
    xShape: [width],
    runBatch(theta: Matrix, keys: readonly Key[]) {
      const x = matrix(theta.rows, width);
      for (let i = 0; i < theta.rows; i++) {
        const rng = stream(keys[i]);
        const spikes = drive(row(theta, i)).map((value) => (rng.uniform() < sigmoid(value) ? 1 : 0));
        x.data.set(summarise(spikes), i * width);
      }
      return x;
    },
  });
}

function logMass(theta: Float64Array, sums: ArrayLike<number>): number {
  let sum = 0;
  for (let j = 0; j < dim; j++) sum += theta[j] * sums[j];
  const values = drive(theta);
  for (let t = 0; t < bins; t++) sum -= softplus(values[t]);
  return sum;
}

/** The posterior given the sums; theta is its own coordinate. */
function posterior(name: string, sums: ArrayLike<number>): PeakedPosterior {
  return {
    name,
    prior: law,
    logLikelihood: (theta) => logMass(theta, sums),
    expand(theta, gradient, information) {
      const p = drive(theta).map(sigmoid);
      for (let j = 0; j < dim; j++) gradient[j] += sums[j];
      for (let t = 0; t < bins; t++) {
        const weight = p[t] * (1 - p[t]);
        for (let j = 0; j < dim; j++) {
          const v = design[t * dim + j];
          gradient[j] -= p[t] * v;
          for (let k = 0; k < dim; k++) information[j * dim + k] += weight * v * design[t * dim + k];
        }
      }
    },
  };
}

/** sbibm's observations 1 to 3: the parameters, and a digit per bin. */
const recorded = [
  {
    theta: [
      1.215716, 2.1386335, 3.6156292, 3.3703978, 0.3342961, -1.5749966, -2.4357948, -2.1009881, -1.1669482,
      0.3189116,
    ],
    spikes:
      "1101111111100000011111110001110111100000111100001110001111001100011111001110000000111000111110000111",
  },
  {
    theta: [
      1.4452896, -1.5240457, -2.6627376, -2.057486, -1.0255841, -0.33056775, 0.4173284, -0.39998925,
      0.09306164, 0.39093223,
    ],
    spikes:
      "1000000000011111111111001111111000011111100111111111110100110011100000100001111111110011011110111111",
  },
  {
    theta: [
      3.36486, -1.2955767, -2.9428666, -1.9589074, -0.4040539, 1.5390506, 2.267678, 0.876409, -0.21845521,
      -1.8844459,
    ],
    spikes:
      "1100111111111111110111111111011101111111100111110011110001111011110001110001110111100111110111111110",
  },
];

/** A problem whose data are `summarise(spikes)`; `suffice` makes the sums of them. */
function glm(
  name: string,
  title: string,
  width: number,
  summarise: (spikes: Float64Array) => Float64Array,
  suffice: (x: ArrayLike<number>) => ArrayLike<number>,
): Problem {
  const observed = recorded.map(({ theta, spikes }) => ({
    theta,
    x: Array.from(summarise(Float64Array.from(spikes, Number))),
  }));
  return {
    name,
    title,
    source: "sbibm, https://arxiv.org/abs/2101.04653",
    simulator: neuron(name, width, summarise),
    ...observationList(name, observed),
    publishedAs: "bernoulli_glm",
    logLikelihood(theta, x) {
      const sums = suffice(x);
      return Float64Array.from({ length: theta.rows }, (_, i) => logMass(row(theta, i), sums));
    },
    logEvidence: (x) => peakedLogEvidence(posterior(name, suffice(x))),
    likelihoodGradient(theta, x) {
      const { expand } = posterior(name, suffice(x));
      const out = matrix(theta.rows, dim);
      const information = new Float64Array(dim * dim);
      for (let i = 0; i < theta.rows; i++) expand(row(theta, i), row(out, i), information);
      return out;
    },
    exactPosterior: (x, n, key) => peakedDraws(posterior(name, suffice(x)), n, key),
  };
}

/** From the ten sums. */
export const bernoulliGlm = glm(
  "bernoulli_glm",
  "Threshold and filter of a neuron, from sums that suffice",
  dim,
  sumsOf,
  (x) => x,
);

/** From the hundred bins. */
export const bernoulliGlmRaw = glm(
  "bernoulli_glm_raw",
  "Threshold and filter of a neuron, from its spikes",
  bins,
  (spikes) => spikes,
  sumsOf,
);
