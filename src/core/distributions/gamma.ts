/**
 * Gamma, exponential and chi-squared distributions.
 *
 * @module
 */
import { gammaQuantileLog, log1mExp, logGammaP, logGammaQ, logPoissonMass } from "../special.js";
import {
  type ContinuousDistribution,
  checkPositive,
  continuous,
  type DistributionSpec,
} from "./distribution.js";

/**
 * Gamma distribution with density proportional to `x^(shape - 1) exp(-rate x)`, mean `shape / rate`.
 *
 * @param shape - `> 0`.
 * @param rate - inverse scale, `> 0`. Default 1.
 * @throws {RangeError} if a parameter is out of range.
 */
export function gamma(shape: number, rate = 1): ContinuousDistribution {
  checkPositive("gamma", "shape", shape);
  checkPositive("gamma", "rate", rate);
  return gammaWithSpec({ kind: "gamma", shape, rate }, shape, rate);
}

/**
 * Chi-squared distribution: the sum of `df` squared standard normals.
 *
 * @throws {RangeError} if `df` is not positive.
 */
export function chiSquared(df: number): ContinuousDistribution {
  checkPositive("chiSquared", "df", df);
  return gammaWithSpec({ kind: "chiSquared", df }, df / 2, 0.5);
}

function gammaWithSpec(spec: DistributionSpec, shape: number, rate: number): ContinuousDistribution {
  return continuous({
    spec,
    low: 0,
    high: Infinity,
    moments: () => ({ mean: shape / rate, variance: shape / (rate * rate) }),
    sample: (rng) => rng.gamma(shape, 1 / rate),
    logProb(x) {
      if (x === Infinity) return -Infinity;
      if (x === 0) return shape < 1 ? Infinity : shape === 1 ? Math.log(rate) : -Infinity;
      return logPoissonMass(shape, rate * x) + Math.log(shape) - Math.log(x);
    },
    gradient: (x) => (shape === 1 ? 0 : (shape - 1) / x) - rate,
    logCdf: (x) => logGammaP(shape, rate * x),
    logSurvival: (x) => logGammaQ(shape, rate * x),
    quantileOfLogs: (logP, logQ) => Math.exp(gammaQuantileLog(shape, logP, logQ)) / rate,
  });
}

/**
 * Exponential distribution with mean `1 / rate`.
 *
 * @throws {RangeError} if `rate` is not positive.
 */
export function exponential(rate = 1): ContinuousDistribution {
  checkPositive("exponential", "rate", rate);
  return continuous({
    spec: { kind: "exponential", rate },
    low: 0,
    high: Infinity,
    moments: () => ({ mean: 1 / rate, variance: 1 / (rate * rate) }),
    sample: (rng) => rng.exponential(rate),
    logProb: (x) => Math.log(rate) - rate * x,
    gradient: () => -rate,
    logCdf: (x) => log1mExp(-rate * x),
    logSurvival: (x) => -rate * x,
    quantileOfLogs: (logP, logQ) => -(logP < logQ ? Math.log1p(-Math.exp(logP)) : logQ) / rate,
  });
}
