/**
 * The bridge from a prior to a target: densities between `start` and `target`,
 *
 *     log p_beta(u) = (1 - beta) log start(u) + beta log target(u) = log start(u) + beta logLikelihood(u),
 *
 * from `beta = 0` to 1. The likelihood is what the target has more than its start: `logProb - start.logProb`. For
 * a posterior that starts at its prior that is the likelihood, for a learned ratio `log r`, and for any other target with a
 * `start` the weight of importance sampling. Both densities are those in unconstrained space, with `log |det J|`.
 *
 * @see Neal (2001), Annealed importance sampling, https://doi.org/10.1023/A:1008923215028, eq. 3
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { matrix } from "../src/core/matrix.js";
import { checkTarget } from "./target.js";

/**
 * `log start` of one point in unconstrained space, nats.
 *
 * @throws {TypeError} if the target is no log density, or has no `start`, naming `caller`.
 */
export function startDensity(caller: string, target: LogDensity): (u: Float64Array) => number {
  checkTarget(caller, target);
  const { start, support, dim } = target;
  if (!start) {
    throw new TypeError(
      `${caller}: target has no start to temper from; give it its prior as start, as posterior(...) and ` +
        "logDensity({ start, ... }) do.",
    );
  }
  return (u) => {
    const theta = matrix(1, dim); // the prior may keep what it is given
    support.toConstrained(u, theta.data);
    return start.logProb(theta)[0] + support.logDet(u);
  };
}

/** `log p_beta` of the two densities; `-Infinity` where the start or, for `beta > 0`, the target has no density. */
export function logTempered(beta: number, logStart: number, logProb: number): number {
  if (beta === 0) return logStart;
  if (beta === 1) return logProb;
  return Number.isFinite(logStart) ? (1 - beta) * logStart + beta * logProb : Number.NEGATIVE_INFINITY;
}

/** The log likelihood, nats; `-Infinity` where one of the densities is no finite number. */
export function logLikelihood(logStart: number, logProb: number): number {
  const value = logProb - logStart;
  return Number.isFinite(value) ? value : Number.NEGATIVE_INFINITY;
}
