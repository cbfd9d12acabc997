/**
 * Distributions of counts and indices: Bernoulli, Poisson, binomial, categorical.
 *
 * @module
 */
import type { Rng } from "../rng.js";
import { logBetaI, logBinomialMass, logGammaP, logGammaQ, logPoissonMass } from "../special.js";
import { type DiscreteDistribution, type DistributionSpec, discrete } from "./distribution.js";

/**
 * Bernoulli distribution: 1 with probability `probability`, else 0. Making one costs next to nothing, so a program
 * may make one for every draw.
 *
 * @throws {RangeError} if `probability` is outside [0, 1].
 */
export function bernoulli(probability: number): DiscreteDistribution {
  if (!(probability >= 0 && probability <= 1)) {
    throw new RangeError(`bernoulli: probability must be a number from 0 to 1, got ${probability}.`);
  }
  return new Bernoulli(probability);
}

// A class, because the closures of `discrete` would cost many times the draw.
class Bernoulli implements DiscreteDistribution {
  constructor(private readonly probability: number) {}

  get spec(): DistributionSpec {
    return { kind: "bernoulli", probability: this.probability };
  }
  get isDiscrete(): true {
    return true;
  }
  get low(): number {
    return 0;
  }
  get high(): number {
    return 1;
  }
  get mean(): number {
    return this.probability;
  }
  get variance(): number {
    return this.probability * (1 - this.probability);
  }

  sample(rng: Rng): number {
    return rng.uniform() < this.probability ? 1 : 0;
  }

  logProb(x: number): number {
    if (x === 1) return Math.log(this.probability);
    if (x === 0) return Math.log1p(-this.probability);
    return Number.isNaN(x) ? x : -Infinity;
  }

  cdf(x: number): number {
    return x < 0 ? 0 : x < 1 ? 1 - this.probability : x >= 1 ? 1 : Number.NaN;
  }

  survival(x: number): number {
    return x < 0 ? 1 : x < 1 ? this.probability : x >= 1 ? 0 : Number.NaN;
  }

  logCdf(x: number): number {
    return x >= 0 && x < 1 ? Math.log1p(-this.probability) : Math.log(this.cdf(x));
  }

  logSurvival(x: number): number {
    return Math.log(this.survival(x));
  }

  quantile(p: number): number {
    return p >= 0 && p <= 1 ? Number(p > 1 - this.probability) : Number.NaN;
  }
}

/**
 * Poisson distribution of mean `rate`.
 *
 * @throws {RangeError} if `rate` is negative or not finite.
 */
export function poisson(rate: number): DiscreteDistribution {
  if (!(rate >= 0 && rate < Infinity)) {
    throw new RangeError(`poisson: rate must be a non-negative finite number, got ${rate}.`);
  }
  return discrete({
    spec: { kind: "poisson", rate },
    low: 0,
    high: Infinity,
    mean: rate,
    variance: rate,
    sample: (rng) => rng.poisson(rate),
    logProb: (k) => logPoissonMass(k, rate),
    logCdf: (k) => logGammaQ(k + 1, rate),
    logSurvival: (k) => logGammaP(k + 1, rate),
  });
}

/**
 * Binomial distribution: successes in `trials` trials of probability `probability`.
 *
 * @throws {RangeError} if `trials` is not a non-negative integer or `probability` is outside [0, 1].
 */
export function binomial(trials: number, probability: number): DiscreteDistribution {
  if (!(Number.isInteger(trials) && trials >= 0)) {
    throw new RangeError(`binomial: trials must be a non-negative integer, got ${trials}.`);
  }
  if (!(probability >= 0 && probability <= 1)) {
    throw new RangeError(`binomial: probability must be a number from 0 to 1, got ${probability}.`);
  }
  const [p, q] = [probability, 1 - probability];
  return discrete({
    spec: { kind: "binomial", trials, probability },
    low: 0,
    high: trials,
    mean: trials * p,
    variance: trials * p * q,
    sample: (rng) => rng.binomial(trials, p),
    logProb: (k) => logBinomialMass(k, trials - k, p, q),
    logCdf: (k) => logBetaI(trials - k, k + 1, q, p),
    logSurvival: (k) => logBetaI(k + 1, trials - k, p, q),
  });
}

/**
 * Distribution of an index `0 ... n - 1`.
 *
 * @param probabilities - non-negative; divided by their sum.
 * @throws {RangeError} if one is negative or not finite, or all are zero.
 */
export function categorical(probabilities: ArrayLike<number>): DiscreteDistribution {
  const p = normalised("categorical", "probabilities", probabilities);
  const n = p.length;
  const sumFrom = (from: number, to: number) => p.subarray(from, to).reduce((sum, value) => sum + value, 0);
  let mean = 0;
  for (let i = 0; i < n; i++) mean += i * p[i];
  let variance = 0;
  for (let i = 0; i < n; i++) variance += (i - mean) ** 2 * p[i];
  return discrete({
    spec: { kind: "categorical", probabilities: Array.from(probabilities) },
    low: 0,
    high: n - 1,
    mean,
    variance,
    sample: (rng) => rng.categorical(p),
    logProb: (k) => Math.log(p[k]),
    logCdf: (k) => Math.log(sumFrom(0, k + 1)),
    logSurvival: (k) => Math.log(sumFrom(k + 1, n)),
  });
}

/**
 * Weights divided by their sum.
 *
 * @throws {RangeError} if one is negative or not finite, or all are zero.
 */
export function normalised(caller: string, name: string, weights: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(weights);
  const total = values.reduce((sum, value) => sum + value, 0);
  if (!values.every((value) => value >= 0) || !(total > 0 && total < Infinity)) {
    throw new RangeError(
      `${caller}: ${name} must be non-negative numbers with a positive finite sum, got [${values}].`,
    );
  }
  return values.map((value) => value / total);
}
