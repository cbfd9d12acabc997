/**
 * Predators and prey in continuous numbers: four rates from ten noisy counts of each. The process of single births and
 * deaths is another problem, `lotka_volterra_jumps`.
 *
 *     dX/dt = alpha X - beta X Y,   dY/dt = -gamma Y + delta X Y,   X(0) = 30,   Y(0) = 1
 *
 * `alpha, gamma ~ LogNormal(-0.125, 0.5)`, `beta, delta ~ LogNormal(-3, 0.5)`, and the data are
 * `LogNormal(log u, 0.1)` about `u = X` at the times 0, 2.1, ..., 18.9, then about `u = Y`, with `u` kept between
 * 1e-10 and 1e4.
 *
 * Given the solution the likelihood is log-normal; exact draws by rejection from a proposal about the mode.
 *
 * @see Lueckmann et al. (2021), https://arxiv.org/abs/2101.04653, appendix T.10
 * @module
 */
import { logNormal } from "../../src/core/distributions/normal.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import type { Key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { logSqrt2Pi } from "../../src/core/special.js";
import { independent } from "../../src/prior/independent.js";
import { defineSimulator } from "../../src/simulator.js";
import { logNormalPosterior } from "../peaked-posterior.js";
import { observationList, type Problem } from "../problem.js";
import { twoSpecies } from "./two-species.js";

const times = Array.from({ length: 10 }, (_, j) => 2.1 * j);
const numbers = 2 * times.length;
const noise = 0.1;
const [lowest, highest] = [1e-10, 1e4];
/** Location and scale of the logarithms of alpha, beta, gamma and delta. */
const laws = [
  [-0.125, 0.5],
  [-3, 0.5],
  [-0.125, 0.5],
  [-3, 0.5],
] as const;

const pond = twoSpecies([30, 1], times);

/** Ten numbers of prey, then ten of predators, per row, `[N, 4] -> [N, 20]`. */
export const simulator = defineSimulator({
  name: "lotka_volterra",
  prior: independent({
    alpha: logNormal(...laws[0]),
    beta: logNormal(...laws[1]),
    gamma: logNormal(...laws[2]),
    delta: logNormal(...laws[3]),
  }),
  xShape: [numbers],
  runBatch(theta: Matrix, keys: readonly Key[]) {
    const x = matrix(theta.rows, numbers);
    for (let i = 0; i < theta.rows; i++) {
      const [alpha, beta, gamma, delta] = row(theta, i);
      const solution = pond.numbers([alpha, beta, gamma, delta]);
      const rng = stream(keys[i]);
      for (let j = 0; j < numbers; j++) {
        x.data[i * numbers + j] = clip(solution[place(j)]) * Math.exp(noise * rng.normal());
      }
    }
    return x;
  },
});

/** Where datum `j` stands among the pairs of the solution. */
const place = (j: number) => (j < times.length ? 2 * j : 2 * (j - times.length) + 1);

const clip = (u: number) => Math.min(Math.max(u, lowest), highest);

/** Minus half the sum of squares, in units of the noise. */
function halfSquares(theta: Float64Array, logX: Float64Array): number {
  const [alpha, beta, gamma, delta] = theta;
  if (!(alpha > 0 && beta > 0 && gamma > 0 && delta > 0)) return -Infinity;
  const solution = pond.numbers([alpha, beta, gamma, delta]);
  let sum = 0;
  for (let j = 0; j < numbers; j++) sum += (logX[j] - Math.log(clip(solution[place(j)]))) ** 2;
  return -sum / (2 * noise * noise);
}

/** The density's factor that theta is not in. */
const logConstant = (logX: Float64Array) =>
  -numbers * (logSqrt2Pi + Math.log(noise)) - logX.reduce((sum, value) => sum + value, 0);

function posterior(x: ArrayLike<number>) {
  const logX = Float64Array.from(x, Math.log);
  const slopes = new Float64Array(4);
  return logNormalPosterior({
    name: "lotka_volterra",
    laws,
    logLikelihood: (theta) => halfSquares(theta, logX),
    expand([alpha, beta, gamma, delta], gradient, information) {
      const solution = pond.sensitivities([alpha, beta, gamma, delta]);
      for (let j = 0; j < numbers; j++) {
        const at = 5 * place(j);
        const u = solution[at];
        if (u < lowest || u > highest) continue; // the density is flat there
        for (let k = 0; k < 4; k++) slopes[k] = solution[at + 1 + k] / u;
        const residual = logX[j] - Math.log(u);
        for (let k = 0; k < 4; k++) {
          gradient[k] += (residual * slopes[k]) / noise ** 2;
          for (let l = 0; l < 4; l++) information[4 * k + l] += (slopes[k] * slopes[l]) / noise ** 2;
        }
      }
    },
  });
}

/** sbibm's observations 1 to 3. */
export const problem: Problem = {
  name: "lotka_volterra",
  title: "Rates of predators and prey, from ten noisy numbers of each",
  source: "sbibm, https://arxiv.org/abs/2101.04653",
  simulator,
  ...observationList("lotka_volterra", [
    {
      theta: [0.6859157, 0.10761319, 0.88789904, 0.116794825],
      x: [
        31.783262, 1.1971166, 0.29703617, 0.71145046, 2.9415865, 11.482614, 36.09036, 0.46229604, 0.38081983,
        0.9173736, 0.8910395, 27.039942, 4.356176, 0.78444487, 0.17100818, 0.1325878, 8.727008, 16.97251,
        2.7902339, 0.47567415,
      ],
    },
    {
      theta: [0.52359414, 0.04218707, 1.0599382, 0.11769616],
      x: [
        30.08668, 2.746265, 0.5838125, 1.142794, 3.2575288, 8.075945, 23.771442, 5.4086976, 0.4585322,
        0.987719, 0.91488636, 66.98573, 10.695971, 1.1389576, 0.2448028, 0.10622074, 0.6781424, 62.156113,
        12.377046, 1.5941441,
      ],
    },
    {
      theta: [0.43880925, 0.04499132, 1.3667454, 0.09482003],
      x: [
        29.817589, 15.506567, 3.1521552, 5.370312, 11.032685, 25.982658, 10.994634, 2.7282712, 6.0364275,
        13.030881, 0.9317687, 55.62827, 10.093268, 1.1273358, 0.35653123, 1.127195, 41.040802, 8.807568,
        1.0806826, 0.3567817,
      ],
    },
  ]),
  logLikelihood(theta, x) {
    const logX = Float64Array.from(x, Math.log);
    const constant = logConstant(logX);
    return Float64Array.from({ length: theta.rows }, (_, i) => constant + halfSquares(row(theta, i), logX));
  },
  logEvidence: (x) => logConstant(Float64Array.from(x, Math.log)) + posterior(x).logEvidence(),
  likelihoodGradient: (theta, x) => posterior(x).likelihoodGradient(theta),
  exactPosterior: (x, n, key) => posterior(x).draws(n, key),
};
