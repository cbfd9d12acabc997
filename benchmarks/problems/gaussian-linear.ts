/**
 * The mean of a ten-dimensional normal, with a conjugate prior (`gaussian_linear`) and with a box
 * (`gaussian_linear_uniform`).
 *
 * `x ~ Normal(theta, 0.1 I)`; `theta ~ Normal(0, 0.1 I)` or `theta ~ Uniform[-1, 1]^10`. The posterior is
 * `Normal(x / 2, 0.05 I)`, or `Normal(x, 0.1 I)` cut at the box.
 *
 * @see Lueckmann et al. (2021), https://arxiv.org/abs/2101.04653, appendix T.1 and T.2
 * @module
 */
import type { Prior } from "../../src/core/contracts.js";
import { normal } from "../../src/core/distributions/normal.js";
import { logMassBetween } from "../../src/core/distributions/truncated.js";
import { type Matrix, matrix } from "../../src/core/matrix.js";
import type { Key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { independent } from "../../src/prior/independent.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineSimulator } from "../../src/simulator.js";
import { observationList, type Problem } from "../problem.js";

const dim = 10;
const variance = 0.1;
const sd = Math.sqrt(variance);
const names = Array.from({ length: dim }, (_, j) => `theta${j + 1}`);
const each = <T>(piece: T): Record<string, T> => Object.fromEntries(names.map((name) => [name, piece]));

/** Adds normal noise of variance 0.1 to each parameter. */
function noisyMean(name: string, prior: Prior) {
  return defineSimulator({
    name,
    prior,
    xShape: [dim],
    runBatch(theta: Matrix, keys: readonly Key[]) {
      const x = matrix(theta.rows, dim);
      for (let i = 0; i < theta.rows; i++) {
        const rng = stream(keys[i]);
        for (let j = i * dim; j < (i + 1) * dim; j++) x.data[j] = theta.data[j] + sd * rng.normal();
      }
      return x;
    },
  });
}

function logLikelihood(theta: Matrix, x: ArrayLike<number>): Float64Array {
  const constant = (-dim / 2) * Math.log(2 * Math.PI * variance);
  return Float64Array.from({ length: theta.rows }, (_, i) => {
    let square = 0;
    for (let j = 0; j < dim; j++) square += (x[j] - theta.data[i * dim + j]) ** 2;
    return constant - square / (2 * variance);
  });
}

function likelihoodGradient(theta: Matrix, x: ArrayLike<number>): Matrix {
  return matrix(
    theta.rows,
    dim,
    theta.data.map((value, i) => (x[i % dim] - value) / variance),
  );
}

/** `log Normal(value; 0, variance)`. */
const logNormal = (value: number, variance: number) =>
  -(Math.log(2 * Math.PI * variance) + value ** 2 / variance) / 2;

/** Sum of what each of the independent data says. */
function sumOver(x: ArrayLike<number>, term: (value: number) => number): number {
  return Array.from(x).reduce((sum, value) => sum + term(value), 0);
}

/** One draw of `Normal(centre, 0.1)` on [-1, 1], by rejection from the uniform: exact in any tail. */
function truncatedDraw(rng: { uniform(): number }, centre: number): number {
  const nearest = Math.max(-1, Math.min(1, centre));
  for (;;) {
    const value = 2 * rng.uniform() - 1;
    const exponent = ((nearest - centre) ** 2 - (value - centre) ** 2) / (2 * variance);
    if (Math.log(rng.uniform()) < exponent) return value;
  }
}

/** With the conjugate normal prior; sbibm's observations 1 to 3. */
export const gaussianLinear: Problem = {
  name: "gaussian_linear",
  title: "Mean of a ten-dimensional normal, conjugate prior",
  source: "sbibm, https://arxiv.org/abs/2101.04653",
  simulator: noisyMean("gaussian_linear", independent(each(normal(0, sd)))),
  ...observationList("gaussian_linear", [
    {
      theta: [
        0.27184236, 0.6762953, 0.17189318, -0.04218617, -0.82151634, 0.024290232, -0.24255924, -0.16438946,
        -0.13595216, 0.26958188,
      ],
      x: [
        1.0471346, 0.5566712, -0.23618454, 0.027879834, -1.0051446, -0.007930746, 0.06117077, -0.29286885,
        -0.38539964, 0.2449614,
      ],
    },
    {
      theta: [
        0.3231766, -0.48194557, -0.158818, 0.24477085, -0.05232675, -0.17622235, 0.11508731, -0.59824085,
        0.4403286, 0.054832038,
      ],
      x: [
        -0.106687605, -0.8015651, -0.07332335, 0.4009537, 0.62297356, -0.18687348, 0.7087778, 0.1921165,
        0.6718195, 0.097826496,
      ],
    },
    {
      theta: [
        0.7524056, -0.40969732, -0.4214273, 0.5400569, 0.106762305, 0.44723606, 0.15044528, -0.44408217,
        0.03280716, -0.7424394,
      ],
      x: [
        0.46684834, -1.0391812, -0.4221986, -0.043471217, 0.06795333, 0.44685173, 0.034785576, -0.48691356,
        -0.14388148, -0.60066223,
      ],
    },
  ]),
  logLikelihood,
  logEvidence: (x) => sumOver(x, (value) => logNormal(value, 2 * variance)),
  likelihoodGradient,
  exactPosterior(x, n, key) {
    const rng = stream(key);
    const data = new Float64Array(n * dim);
    for (let i = 0; i < data.length; i++) data[i] = x[i % dim] / 2 + Math.sqrt(variance / 2) * rng.normal();
    return matrix(n, dim, data);
  },
};

/** With the uniform prior; sbibm's observations 1 to 3. */
export const gaussianLinearUniform: Problem = {
  name: "gaussian_linear_uniform",
  title: "Mean of a ten-dimensional normal, uniform prior",
  source: "sbibm, https://arxiv.org/abs/2101.04653",
  simulator: noisyMean("gaussian_linear_uniform", uniform(each([-1, 1] as const))),
  ...observationList("gaussian_linear_uniform", [
    {
      theta: [
        -0.95270705, -0.14817107, 0.9824493, 0.41320384, 0.99042416, -0.74023414, 0.7862458, 0.043799043,
        -0.6261761, -0.76511395,
      ],
      x: [
        -0.53739023, -0.23864163, 0.81923723, 0.6407443, 0.41616207, -0.09746933, 1.1292295, -0.05842293,
        -0.97055256, -0.9423423,
      ],
    },
    {
      theta: [
        -0.28899693, -0.8759459, 0.95357263, -0.6195792, -0.9145992, 0.18952191, 0.3366685, 0.027963042,
        -0.57398486, 0.36814296,
      ],
      x: [
        0.019115955, -0.4197468, 0.98860306, -0.6720742, -1.2154121, -0.11650029, 0.35099706, -0.16472842,
        0.08806163, 1.239455,
      ],
    },
    {
      theta: [
        0.73016036, -0.3217839, 0.7436297, -0.98562, 0.5888654, 0.55506134, -0.02393043, -0.34145534,
        -0.9468237, -0.99791837,
      ],
      x: [
        0.4030226, -0.7874718, 0.47823936, -1.4466298, 1.0304383, 0.36987883, 0.41743642, -0.6283107,
        -0.7926628, -1.3377644,
      ],
    },
  ]),
  logLikelihood,
  logEvidence: (x) => sumOver(x, (value) => logMassBetween(normal(value, sd), -1, 1) - Math.log(2)),
  likelihoodGradient,
  exactPosterior(x, n, key) {
    const rng = stream(key);
    const data = new Float64Array(n * dim);
    for (let i = 0; i < data.length; i++) data[i] = truncatedDraw(rng, x[i % dim]);
    return matrix(n, dim, data);
  },
};
