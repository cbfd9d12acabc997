/**
 * Any continuous distribution, cut to an interval and renormalised.
 *
 * Masses are differences of log cumulative or log survival functions, whichever is smaller at the cut, so a
 * cut far in a tail keeps its precision. Draws are rejected draws of the whole where that is cheap, and
 * inverted log probabilities elsewhere.
 *
 * @module
 */
import { between } from "../bijection.js";
import { log1mExp, logAddExp, logSubExp } from "../special.js";
import { type ContinuousDistribution, continuous } from "./distribution.js";
import { normal } from "./normal.js";

/**
 * `base` given that `low <= X <= high`.
 *
 * @param low - may be `-Infinity`. Default `-Infinity`.
 * @param high - may be `Infinity`. Default `Infinity`.
 * @throws {RangeError} unless `low < high`, or if the interval holds no mass that a double can tell from 0.
 */
export function truncated(
  base: ContinuousDistribution,
  low = -Infinity,
  high = Infinity,
): ContinuousDistribution {
  if (!(low < high)) throw new RangeError(`truncated: low must be below high, got [${low}, ${high}].`);
  const from = Math.max(low, base.low);
  const to = Math.min(high, base.high);
  const logMass = from < to ? logMassBetween(base, from, to) : -Infinity;
  if (!(logMass > -Infinity)) {
    throw new RangeError(
      `truncated: [${low}, ${high}] must hold some mass of the ${base.spec.kind} distribution, got none.`,
    );
  }
  const inRange = (x: number) => Math.min(Math.max(x, from), to);
  const quantileOfLogs = (logP: number, logQ: number) => {
    const logBelow = logAddExp(base.logCdf(from), logP + logMass);
    const logAbove = logAddExp(base.logSurvival(to), logQ + logMass);
    return inRange(base.quantileOfLogs(Math.min(logBelow, 0), Math.min(logAbove, 0)));
  };
  const result = continuous({
    spec: {
      kind: "truncated",
      base: base.spec,
      low: low === -Infinity ? null : low,
      high: high === Infinity ? null : high,
    },
    low: from,
    high: to,
    moments: () => (from === base.low && to === base.high ? base : integratedMoments(result, base)),
    sample(rng) {
      if (logMass > Math.log(0.2)) {
        for (;;) {
          const x = base.sample(rng);
          if (x >= from && x <= to) return x;
        }
      }
      const u = rng.uniform() + 2 ** -54; // never 0 or 1
      return quantileOfLogs(Math.log(u), Math.log1p(-u));
    },
    logProb: (x) => base.logProb(x) - logMass,
    gradient: base.gradient,
    logCdf: (x) => Math.min(logMassBetween(base, from, x) - logMass, 0),
    logSurvival: (x) => Math.min(logMassBetween(base, x, to) - logMass, 0),
    quantileOfLogs,
  });
  return result;
}

/**
 * Normal distribution of location `mean` and scale `sd`, cut to `[low, high]`.
 *
 * @throws {RangeError} as `normal` and `truncated` do.
 */
export function truncatedNormal(
  mean: number,
  sd: number,
  low = -Infinity,
  high = Infinity,
): ContinuousDistribution {
  return truncated(normal(mean, sd), low, high);
}

/** `log P(a < X <= b)`, accurate in both tails; `a <= b`. */
export function logMassBetween(base: ContinuousDistribution, a: number, b: number): number {
  const below = base.logCdf(a);
  const above = base.logSurvival(b);
  if (below > -Math.LN2) return logSubExp(base.logSurvival(a), above); // all of it above the median
  if (above > -Math.LN2) return logSubExp(base.logCdf(b), below); // all of it below
  return log1mExp(Math.min(logAddExp(below, above), 0));
}

/**
 * Mean and variance by the trapezoidal rule in unconstrained space, where the density is smooth and dies out
 * on both sides, so that the rule converges exponentially. At least one side of the support is finite.
 */
function integratedMoments(cut: ContinuousDistribution, base: ContinuousDistribution) {
  const { low, high } = cut;
  const isBounded = Number.isFinite(low) && Number.isFinite(high);
  const map = between(low, high);
  const [u, theta] = [new Float64Array(1), new Float64Array(1)];
  const unconstrained = (x: number) => {
    map.toUnconstrained(theta.fill(x), u);
    return u[0];
  };
  const tiny = Math.log(1e-20);
  const centre = unconstrained(cut.quantile(0.5));
  const ends = [
    unconstrained(cut.quantileOfLogs(tiny, log1mExp(tiny))),
    unconstrained(cut.quantileOfLogs(log1mExp(tiny), tiny)),
  ].sort((a, b) => a - b);
  // an end that rounds onto the edge: there the density falls like exp(-|u|)
  const start = Number.isFinite(ends[0]) ? ends[0] : centre - 45;
  const stop = Number.isFinite(ends[1]) ? ends[1] : centre + 45;
  const points = 4000;
  const sums = [0, 0, 0];
  const reference = cut.quantile(0.5); // moments about the median: no cancellation
  for (let i = 0; i <= points; i++) {
    u[0] = start + ((stop - start) * i) / points;
    map.toConstrained(u, theta);
    const weight = Math.exp(cut.logProb(theta[0]) + map.logDet(u));
    if (!(weight > 0 && weight < Infinity)) continue;
    const d = theta[0] - reference;
    sums[0] += weight;
    sums[1] += weight * d;
    sums[2] += weight * d * d;
  }
  const shift = sums[1] / sums[0];
  return {
    mean: isBounded || Number.isFinite(base.mean) ? reference + shift : base.mean,
    variance: isBounded || Number.isFinite(base.variance) ? sums[2] / sums[0] - shift * shift : base.variance,
  };
}
