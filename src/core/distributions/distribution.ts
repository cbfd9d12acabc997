/**
 * What a distribution offers, and what all of them share: plain probabilities made from logs, so that each
 * distribution states its logs once and is right in both tails.
 *
 * @module
 */
import { between } from "../bijection.js";
import type { Bijection } from "../contracts.js";
import type { Rng } from "../rng.js";

/** Plain JSON from which `distributionFromSpec` makes an equal distribution; an absent bound is `null`. */
export interface DistributionSpec {
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** Something to draw from and to score with. */
export interface Distribution<Value = number> {
  readonly spec: DistributionSpec;
  /** One draw; the same stream gives the same draw. */
  sample(rng: Rng): Value;
  /** Log density or log mass, normalised, nats; `-Infinity` outside the support. */
  logProb(x: Value): number;
}

/** A distribution of one number. */
export interface ScalarDistribution extends Distribution<number> {
  readonly isDiscrete: boolean;
  /** Ends of the support; may be infinite. */
  readonly low: number;
  readonly high: number;
  /** `NaN` where it does not exist. */
  readonly mean: number;
  /** `NaN` where it does not exist, `Infinity` where it is. */
  readonly variance: number;
  /** `P(X <= x)`. */
  cdf(x: number): number;
  /** `P(X > x)`, accurate where it is tiny. */
  survival(x: number): number;
  /** `log P(X <= x)`, accurate where the probability underflows; nats. */
  logCdf(x: number): number;
  /** `log P(X > x)`, accurate where the probability underflows; nats. */
  logSurvival(x: number): number;
  /** The smallest `x` with `P(X <= x) >= p`; `NaN` for `p` outside [0, 1]. */
  quantile(p: number): number;
}

/** A distribution of one real number that has a density. */
export interface ContinuousDistribution extends ScalarDistribution {
  readonly isDiscrete: false;
  /** The map from R onto the support. */
  readonly support: Bijection;
  /** `d logProb / dx`; 0 outside the support. */
  gradient(x: number): number;
  /** The quantile from the log probability below it and above it; the smaller carries the precision. */
  quantileOfLogs(logP: number, logQ: number): number;
}

/** A distribution of counts or indices. */
export interface DiscreteDistribution extends ScalarDistribution {
  readonly isDiscrete: true;
}

/** A distribution of a vector. */
export interface MultivariateDistribution extends Distribution<Float64Array> {
  readonly dim: number;
  readonly support: Bijection;
  readonly mean: Float64Array;
  /** `[dim, dim]`, row-major. */
  readonly covariance: Float64Array;
  /** Writes `d logProb / dx` to `out`. */
  gradient(x: Float64Array, out: Float64Array): void;
}

/** What a continuous distribution has to state: functions hold inside `(low, high)`, the rest is added. */
export type ContinuousParts = Pick<
  ContinuousDistribution,
  "spec" | "low" | "high" | "sample" | "logProb" | "gradient" | "logCdf" | "logSurvival" | "quantileOfLogs"
> & {
  /** Mean and variance; a function, because some cost an integral. */
  readonly moments: () => { readonly mean: number; readonly variance: number };
};

/** Completes a continuous distribution. */
export function continuous(parts: ContinuousParts): ContinuousDistribution {
  return new Continuous(parts);
}

// A class for its getters: in an object literal they make each distribution some thirty times dearer, and a program
// makes one for every draw. The functions are closures still, so that `distribution.cdf` can be handed on.
class Continuous implements ContinuousDistribution {
  readonly spec: DistributionSpec;
  readonly isDiscrete = false;
  readonly low: number;
  readonly high: number;
  readonly sample: ContinuousDistribution["sample"];
  readonly logProb: ContinuousDistribution["logProb"];
  readonly gradient: ContinuousDistribution["gradient"];
  readonly cdf: ContinuousDistribution["cdf"];
  readonly survival: ContinuousDistribution["survival"];
  readonly logCdf: ContinuousDistribution["logCdf"];
  readonly logSurvival: ContinuousDistribution["logSurvival"];
  readonly quantile: ContinuousDistribution["quantile"];
  readonly quantileOfLogs: ContinuousDistribution["quantileOfLogs"];
  private readonly moments: ContinuousParts["moments"];
  private known: ReturnType<ContinuousParts["moments"]> | undefined = undefined;
  private map: Bijection | undefined = undefined;

  constructor(parts: ContinuousParts) {
    const { low, high } = parts;
    const inside = (x: number) => x >= low && x <= high;
    const logCdf = (x: number) => (x <= low ? -Infinity : x >= high ? 0 : parts.logCdf(x));
    const logSurvival = (x: number) => (x <= low ? 0 : x >= high ? -Infinity : parts.logSurvival(x));
    const quantileOfLogs = (logP: number, logQ: number) => {
      if (logP === -Infinity) return low;
      return logQ === -Infinity ? high : parts.quantileOfLogs(logP, logQ);
    };
    this.spec = parts.spec;
    this.low = low;
    this.high = high;
    this.sample = parts.sample;
    this.logProb = (x) => (inside(x) ? parts.logProb(x) : Number.isNaN(x) ? Number.NaN : -Infinity);
    this.gradient = (x) => (inside(x) ? parts.gradient(x) : Number.isNaN(x) ? Number.NaN : 0);
    this.cdf = (x) => Math.exp(logCdf(x));
    this.survival = (x) => Math.exp(logSurvival(x));
    this.logCdf = logCdf;
    this.logSurvival = logSurvival;
    this.quantile = (p) => (p >= 0 && p <= 1 ? quantileOfLogs(Math.log(p), Math.log1p(-p)) : Number.NaN);
    this.quantileOfLogs = quantileOfLogs;
    this.moments = parts.moments;
  }

  get mean(): number {
    return (this.known ??= this.moments()).mean;
  }

  get variance(): number {
    return (this.known ??= this.moments()).variance;
  }

  get support(): Bijection {
    return (this.map ??= between(this.low, this.high));
  }
}

/** What a distribution of counts has to state; functions hold at integers in `[low, high]`. */
export type DiscreteParts = Pick<
  DiscreteDistribution,
  "spec" | "low" | "high" | "mean" | "variance" | "sample" | "logProb" | "logCdf" | "logSurvival"
>;

/** Completes a distribution of counts. */
export function discrete(parts: DiscreteParts): DiscreteDistribution {
  const { low, high } = parts;
  const logCdf = (x: number) => (x < low ? -Infinity : x >= high ? 0 : parts.logCdf(Math.floor(x)));
  const logSurvival = (x: number) => (x < low ? 0 : x >= high ? -Infinity : parts.logSurvival(Math.floor(x)));
  const reaches = (k: number, p: number) =>
    p <= 0.5 ? logCdf(k) >= Math.log(p) : logSurvival(k) <= Math.log1p(-p);
  return {
    ...parts,
    isDiscrete: true,
    logProb(x) {
      if (Number.isNaN(x)) return x;
      return x >= low && x <= high && Number.isInteger(x) ? parts.logProb(x) : -Infinity;
    },
    cdf: (x) => Math.exp(logCdf(x)),
    survival: (x) => Math.exp(logSurvival(x)),
    logCdf,
    logSurvival,
    quantile(p) {
      if (!(p >= 0 && p <= 1)) return Number.NaN;
      if (p === 0) return low;
      if (p === 1) return high;
      let below = low - 1; // never reaches p
      let step = 1;
      while (below + step < high && !reaches(below + step, p)) {
        below += step;
        step *= 2;
      }
      let above = Math.min(below + step, high); // reaches p
      while (above - below > 1) {
        const middle = Math.floor((above + below) / 2);
        if (reaches(middle, p)) above = middle;
        else below = middle;
      }
      return above;
    },
  };
}

/**
 * Checks a parameter that must be positive and finite.
 *
 * @throws {RangeError} otherwise, naming the distribution and the parameter.
 */
export function checkPositive(caller: string, name: string, value: number): void {
  if (!(value > 0 && value < Infinity)) {
    throw new RangeError(`${caller}: ${name} must be a positive finite number, got ${value}.`);
  }
}

/**
 * Checks a parameter that must be finite.
 *
 * @throws {RangeError} otherwise, naming the distribution and the parameter.
 */
export function checkFinite(caller: string, name: string, value: number): void {
  if (!Number.isFinite(value))
    throw new RangeError(`${caller}: ${name} must be a finite number, got ${value}.`);
}
