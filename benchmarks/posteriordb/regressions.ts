/**
 * Regressions of posteriordb, and the eight schools.
 *
 * @module
 */
import { logDensity } from "../../samplers/target.js";
import { identity, lowerBounded, stacked } from "../../src/core/bijection.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { foldIn, type Key, stream } from "../../src/core/random.js";
import { type ReferencePosterior, readData } from "./reference-posterior.js";

const halfLog2Pi = 0.5 * Math.log(2 * Math.PI);
const logNormal = (x: number, sd: number) => -0.5 * (x / sd) ** 2 - Math.log(sd) - halfLog2Pi;
const logCauchy = (x: number, scale: number) => -Math.log(Math.PI * scale * (1 + (x / scale) ** 2));

/** Rubin (1981): `z ~ N(0, 1)`, `theta = mu + tau z`, `y ~ N(theta, sigma)`, `mu ~ N(0, 5)`, `tau ~ Cauchy+(0, 5)`. */
export function eightSchools(folder: string): ReferencePosterior {
  const { y, sigma } = readData(folder);
  const names = [...y.map((_, j) => `z[${j + 1}]`), "mu", "tau"];
  const target = logDensity({
    names,
    support: stacked([identity(9), lowerBounded(0)]),
    start: {
      sample(n: number, key: Key): Matrix {
        const out = matrix(n, 10);
        for (let i = 0; i < n; i++) {
          const rng = stream(foldIn(key, i));
          out.data.set([...rng.normals(8), rng.normal(0, 5), Math.abs(5 * rng.studentT(1))], i * 10);
        }
        return out;
      },
      logProb: (theta: Matrix) =>
        Float64Array.from({ length: theta.rows }, (_, i) => prior(row(theta, i)) + Math.log(2)),
    },
    logProb(theta) {
      const [mu, tau] = [theta[8], theta[9]];
      return y.reduce(
        (sum, value, j) => sum + logNormal(value - mu - tau * theta[j], sigma[j]),
        prior(theta),
      );
    },
    gradient(theta, out) {
      const [mu, tau] = [theta[8], theta[9]];
      out[8] = -mu / 25;
      out[9] = (-2 * tau) / (25 + tau * tau);
      for (let j = 0; j < 8; j++) {
        const pull = (y[j] - mu - tau * theta[j]) / sigma[j] ** 2;
        out[j] = tau * pull - theta[j];
        out[8] += pull;
        out[9] += theta[j] * pull;
      }
    },
  });
  function prior(theta: Float64Array): number {
    let sum = logNormal(theta[8], 5) + logCauchy(theta[9], 5);
    for (let j = 0; j < 8; j++) sum += logNormal(theta[j], 1);
    return sum;
  }
  return {
    target,
    derive: (theta) => ({
      ...Object.fromEntries(y.map((_, j) => [`theta[${j + 1}]`, theta[8] + theta[9] * theta[j]])),
      mu: theta[8],
      tau: theta[9],
    }),
  };
}

/** Gelman and Hill: `kid_score ~ N(b1 + b2 hs + b3 iq + b4 hs iq, sigma)`, `b` flat, `sigma ~ Cauchy+(0, 2.5)`. */
export function kidScores(folder: string): ReferencePosterior {
  const { kid_score: y, mom_hs: hs, mom_iq: iq } = readData(folder);
  return regression(
    y,
    y.map((_, i) => [1, hs[i], iq[i], hs[i] * iq[i]]),
    { sigma: cauchyTerm(2.5) },
  );
}

/** Gelman and Hill: `earn ~ N(b1 + b2 height, sigma)`, all flat; the standard deviation of `b1` is near 8000. */
export function earnings(folder: string): ReferencePosterior {
  const { earn, height } = readData(folder);
  return regression(
    earn,
    height.map((value) => [1, value]),
  );
}

/** `y ~ N(X b, sigma)`, `b ~ N(0, 10)`, `sigma ~ N+(0, 10)`. */
export function syntheticRegression(folder: string): ReferencePosterior {
  const { y, X } = readData(folder);
  return regression(y, X, { beta: normalTerm(0, 10), sigma: normalTerm(0, 10) });
}

/** The log density of a number and its derivative. */
export type Term = (value: number, index: number) => readonly [value: number, slope: number];

export const normalTerm =
  (mean: number, sd: number): Term =>
  (x) => [logNormal(x - mean, sd), (mean - x) / sd ** 2];

export const cauchyTerm =
  (scale: number): Term =>
  (x) => [logCauchy(x, scale), (-2 * x) / (scale ** 2 + x ** 2)];

/**
 * Linear regression from its sufficient statistics `X'X`, `X'y` and `y'y`.
 *
 * @param prior.beta - of the coefficients; flat by default. `prior.sigma` - of the standard deviation; flat by default.
 * @param names - of the coefficients. Default `beta[1] ...`.
 */
export function regression(
  y: readonly number[],
  x: readonly (readonly number[])[],
  prior: { readonly beta?: Term; readonly sigma?: Term } = {},
  names: readonly string[] = x[0].map((_, j) => `beta[${j + 1}]`),
): ReferencePosterior {
  const flat: Term = () => [0, 0];
  const { beta: betaPrior = flat, sigma: sigmaPrior = flat } = prior;
  const d = x[0].length;
  const gram = new Float64Array(d * d);
  const cross = new Float64Array(d);
  const squares = y.reduce((sum, value) => sum + value * value, 0);
  x.forEach((line, i) => {
    for (let j = 0; j < d; j++) {
      cross[j] += line[j] * y[i];
      for (let k = 0; k < d; k++) gram[j * d + k] += line[j] * line[k];
    }
  });
  const misfit = (theta: Float64Array, j: number) => {
    let sum = cross[j];
    for (let k = 0; k < d; k++) sum -= gram[j * d + k] * theta[k];
    return sum; // X'(y - X b)
  };
  const residualSquares = (theta: Float64Array) => {
    let sum = squares;
    for (let j = 0; j < d; j++) sum -= theta[j] * (cross[j] + misfit(theta, j));
    return sum;
  };
  const target = logDensity({
    names: [...names, "sigma"],
    support: stacked([identity(d), lowerBounded(0)]),
    logProb(theta) {
      const sigma = theta[d];
      let sum = -0.5 * (residualSquares(theta) / sigma ** 2) - y.length * (Math.log(sigma) + halfLog2Pi);
      for (let j = 0; j < d; j++) sum += betaPrior(theta[j], j)[0];
      return sum + sigmaPrior(sigma, d)[0];
    },
    gradient(theta, out) {
      const sigma = theta[d];
      for (let j = 0; j < d; j++) out[j] = misfit(theta, j) / sigma ** 2 + betaPrior(theta[j], j)[1];
      out[d] = residualSquares(theta) / sigma ** 3 - y.length / sigma + sigmaPrior(sigma, d)[1];
    },
  });
  return { target, derive: (theta) => Object.fromEntries(target.names.map((name, j) => [name, theta[j]])) };
}
