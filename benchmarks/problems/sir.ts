/**
 * An epidemic: how fast people infect each other and recover, from ten counts of the ill among a thousand tested.
 *
 *     dS/dt = -beta S I / N,   dI/dt = beta S I / N - gamma I,   I(0) = 1,   N = 10^6
 *
 * `beta ~ LogNormal(log 0.4, 0.5)`, `gamma ~ LogNormal(log 0.125, 0.2)`, per day, and
 * `x_j ~ Binomial(1000, I(t_j) / N)` on the days 0, 17, ..., 153.
 *
 * In shares of N these are the two species of Lotka and Volterra, with prey that is not born: `a = 0`, `b = d = beta`,
 * `c = gamma`. The likelihood is a product of ten binomials; exact draws by rejection from a proposal about the mode.
 *
 * @see Kermack and McKendrick (1927), https://doi.org/10.1098/rspa.1927.0118
 * @see Lueckmann et al. (2021), https://arxiv.org/abs/2101.04653, appendix T.9
 * @module
 */
import { logNormal } from "../../src/core/distributions/normal.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import type { Key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { logGamma } from "../../src/core/special.js";
import { independent } from "../../src/prior/independent.js";
import { defineSimulator } from "../../src/simulator.js";
import { logNormalPosterior } from "../peaked-posterior.js";
import { observationList, type Problem } from "../problem.js";
import { twoSpecies } from "./two-species.js";

const population = 1_000_000;
const tested = 1000;
const days = Array.from({ length: 10 }, (_, j) => 17 * j);
/** Location and scale of the logarithms of beta and gamma. */
const laws = [
  [Math.log(0.4), 0.5],
  [Math.log(0.125), 0.2],
] as const;

const shares = twoSpecies([(population - 1) / population, 1 / population], days);

/** Ten counts per row, `[N, 2] -> [N, 10]`. */
export const simulator = defineSimulator({
  name: "sir",
  prior: independent({ beta: logNormal(...laws[0]), gamma: logNormal(...laws[1]) }),
  xShape: [days.length],
  runBatch(theta: Matrix, keys: readonly Key[]) {
    const x = matrix(theta.rows, days.length);
    for (let i = 0; i < theta.rows; i++) {
      const [beta, gamma] = row(theta, i);
      const solution = shares.numbers([0, beta, gamma, beta]);
      const rng = stream(keys[i]);
      for (let j = 0; j < days.length; j++) {
        x.data[i * days.length + j] = rng.binomial(tested, clip(solution[2 * j + 1]));
      }
    }
    return x;
  },
});

/** Rounding may take a share of the ill past one, or past none. */
const clip = (share: number) => Math.min(Math.max(share, Number.MIN_VALUE), 1);

/** `log p(x | beta, gamma)` less the binomial coefficients. */
function logMass(beta: number, gamma: number, x: ArrayLike<number>): number {
  if (!(beta > 0 && gamma > 0)) return -Infinity;
  const solution = shares.numbers([0, beta, gamma, beta]);
  let sum = 0;
  for (let j = 0; j < days.length; j++) {
    const p = clip(solution[2 * j + 1]);
    if (x[j] > 0) sum += x[j] * Math.log(p);
    if (x[j] < tested) sum += (tested - x[j]) * Math.log1p(-p);
  }
  return sum;
}

const logChoose = (k: number) => logGamma(tested + 1) - logGamma(k + 1) - logGamma(tested - k + 1);
const logCoefficients = (x: ArrayLike<number>) =>
  Array.from(x).reduce((sum, count) => sum + logChoose(count), 0);

/** Per day: the share `p` of the ill, its derivatives by beta and gamma, and `x`. */
function visit(
  [beta, gamma]: Float64Array,
  x: ArrayLike<number>,
  each: (p: number, byBeta: number, byGamma: number, count: number) => void,
): void {
  const solution = shares.sensitivities([0, beta, gamma, beta]);
  for (let j = 0; j < days.length; j++) {
    const [p, , byB, byC, byD] = solution.subarray(10 * j + 5);
    each(clip(p), byB + byD, byC, x[j]);
  }
}

const posterior = (x: ArrayLike<number>) =>
  logNormalPosterior({
    name: "sir",
    laws,
    logLikelihood: ([beta, gamma]) => logMass(beta, gamma, x),
    expand(theta, gradient, information) {
      visit(theta, x, (p, byBeta, byGamma, count) => {
        const residual = count / p - (tested - count) / (1 - p);
        const weight = tested / (p * (1 - p));
        gradient[0] += residual * byBeta;
        gradient[1] += residual * byGamma;
        information[0] += weight * byBeta * byBeta;
        information[1] += weight * byBeta * byGamma;
        information[2] += weight * byGamma * byBeta;
        information[3] += weight * byGamma * byGamma;
      });
    },
  });

/** sbibm's observations 1 to 3. */
export const problem: Problem = {
  name: "sir",
  title: "Infection and recovery in an epidemic, from ten counts",
  source: "sbibm, https://arxiv.org/abs/2101.04653",
  simulator,
  ...observationList("sir", [
    { theta: [0.61479264, 0.19172086], x: [0, 1, 352, 40, 3, 0, 0, 0, 0, 0] },
    { theta: [0.6667743, 0.09215801], x: [0, 21, 373, 85, 17, 5, 0, 0, 0, 0] },
    { theta: [0.7916269, 0.11864327], x: [0, 72, 232, 34, 2, 0, 0, 0, 0, 0] },
  ]),
  logLikelihood(theta, x) {
    const constant = logCoefficients(x);
    return Float64Array.from({ length: theta.rows }, (_, i) => {
      const [beta, gamma] = row(theta, i);
      return constant + logMass(beta, gamma, x);
    });
  },
  logEvidence: (x) => logCoefficients(x) + posterior(x).logEvidence(),
  likelihoodGradient: (theta, x) => posterior(x).likelihoodGradient(theta),
  exactPosterior: (x, n, key) => posterior(x).draws(n, key),
};
