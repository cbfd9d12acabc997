/**
 * The normal distribution and the log-normal.
 *
 * @module
 */
import { logNormalCdf, logSqrt2Pi, normalQuantile, normalQuantileOfLog } from "../special.js";
import { type ContinuousDistribution, checkFinite, checkPositive, continuous } from "./distribution.js";

/**
 * Normal distribution. Defaults: standard.
 *
 * @param mean - mean; finite.
 * @param sd - standard deviation; `> 0`.
 * @throws {RangeError} if a parameter is out of range.
 */
export function normal(mean = 0, sd = 1): ContinuousDistribution {
  checkFinite("normal", "mean", mean);
  checkPositive("normal", "sd", sd);
  const logScale = -Math.log(sd) - logSqrt2Pi;
  return continuous({
    spec: { kind: "normal", mean, sd },
    low: -Infinity,
    high: Infinity,
    moments: () => ({ mean, variance: sd * sd }),
    sample: (rng) => rng.normal(mean, sd),
    logProb(x) {
      const z = (x - mean) / sd;
      return logScale - 0.5 * z * z;
    },
    gradient: (x) => (mean - x) / (sd * sd),
    logCdf: (x) => logNormalCdf((x - mean) / sd),
    logSurvival: (x) => logNormalCdf((mean - x) / sd),
    quantileOfLogs: (logP, logQ) => mean + sd * standardQuantile(logP, logQ),
  });
}

/**
 * Log-normal distribution: `log X` is normal with mean `mu` and standard deviation `sigma`.
 *
 * @throws {RangeError} if a parameter is out of range.
 */
export function logNormal(mu = 0, sigma = 1): ContinuousDistribution {
  checkFinite("logNormal", "mu", mu);
  checkPositive("logNormal", "sigma", sigma);
  const logScale = -Math.log(sigma) - logSqrt2Pi;
  const z = (x: number) => (Math.log(x) - mu) / sigma;
  return continuous({
    spec: { kind: "logNormal", mu, sigma },
    low: 0,
    high: Infinity,
    moments: () => ({
      mean: Math.exp(mu + 0.5 * sigma * sigma),
      variance: Math.expm1(sigma * sigma) * Math.exp(2 * mu + sigma * sigma),
    }),
    sample: (rng) => Math.exp(rng.normal(mu, sigma)),
    logProb: (x) => (x === 0 || x === Infinity ? -Infinity : logScale - Math.log(x) - 0.5 * z(x) ** 2),
    gradient: (x) => (x === 0 ? 0 : -(1 + z(x) / sigma) / x),
    logCdf: (x) => logNormalCdf(z(x)),
    logSurvival: (x) => logNormalCdf(-z(x)),
    quantileOfLogs: (logP, logQ) => Math.exp(mu + sigma * standardQuantile(logP, logQ)),
  });
}

function standardQuantile(logP: number, logQ: number): number {
  const smaller = Math.min(logP, logQ);
  const z = smaller > -600 ? normalQuantile(Math.exp(smaller)) : normalQuantileOfLog(smaller);
  return logP <= logQ ? z : -z;
}
