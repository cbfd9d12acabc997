/**
 * Distributions on an interval: beta and uniform.
 *
 * @module
 */
import { betaQuantileLogit, logBetaI, logBinomialMass, sigmoid } from "../special.js";
import { type ContinuousDistribution, checkPositive, continuous } from "./distribution.js";

/**
 * Beta distribution on (0, 1) with density proportional to `x^(a - 1) (1 - x)^(b - 1)`.
 *
 * @throws {RangeError} if a shape is not positive.
 */
export function beta(a: number, b: number): ContinuousDistribution {
  checkPositive("beta", "a", a);
  checkPositive("beta", "b", b);
  const logFactor = Math.log((a / (a + b)) * b);
  const atEdge = (own: number, other: number) =>
    own < 1 ? Infinity : own === 1 ? Math.log(other) : -Infinity;
  return continuous({
    spec: { kind: "beta", a, b },
    low: 0,
    high: 1,
    moments: () => ({ mean: a / (a + b), variance: ((a / (a + b)) * (b / (a + b))) / (a + b + 1) }),
    sample: (rng) => rng.beta(a, b),
    logProb(x) {
      if (x === 0) return atEdge(a, b);
      if (x === 1) return atEdge(b, a);
      return logBinomialMass(a, b, x, 1 - x) + logFactor - Math.log(x) - Math.log1p(-x);
    },
    gradient: (x) => (a === 1 ? 0 : (a - 1) / x) - (b === 1 ? 0 : (b - 1) / (1 - x)),
    logCdf: (x) => logBetaI(a, b, x, 1 - x),
    logSurvival: (x) => logBetaI(b, a, 1 - x, x),
    quantileOfLogs: (logP, logQ) => sigmoid(betaQuantileLogit(a, b, logP, logQ)),
  });
}

/**
 * Uniform distribution on `[low, high]`. (`uniform` itself is the box prior over named parameters.)
 *
 * @throws {RangeError} unless `low < high`, both finite.
 */
export function uniformOn(low = 0, high = 1): ContinuousDistribution {
  const width = high - low;
  if (!(width > 0 && width < Infinity)) {
    throw new RangeError(`uniformOn: low must be below high and both finite, got [${low}, ${high}].`);
  }
  const logDensity = -Math.log(width);
  return continuous({
    spec: { kind: "uniform", low, high },
    low,
    high,
    moments: () => ({ mean: low + 0.5 * width, variance: (width * width) / 12 }),
    sample: (rng) => rng.uniform(low, high),
    logProb: () => logDensity,
    gradient: () => 0,
    logCdf: (x) => Math.log((x - low) / width),
    logSurvival: (x) => Math.log((high - x) / width),
    quantileOfLogs: (logP, logQ) =>
      logP <= logQ ? low + width * Math.exp(logP) : high - width * Math.exp(logQ),
  });
}
