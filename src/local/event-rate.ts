/**
 * The number of events as a measurement of its own. Where `N ~ Poisson(nu(theta))` events are seen, each with data
 * `x ~ p(x | theta)`, the extended likelihood has a term that the events' own ratios lack,
 *
 *     log L(theta) / L(ref) = sum_i log r(x_i | theta, ref) + N log nu(theta) / nu(ref) - (nu(theta) - nu(ref)),
 *
 * with the score `(N / nu - 1) d nu / d theta` and the information `(d nu / d theta) (d nu / d theta)^T / nu`.
 *
 * @see Barlow (1990), https://doi.org/10.1016/0168-9002(90)91334-8, on extended maximum likelihood
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, on rate and kinematics
 * @module
 */
import type { LogProbAndGradient } from "../core/contracts.js";
import { ShapeError } from "../core/errors.js";
import { type Matrix, matrix, row } from "../core/matrix.js";

/** How many events are expected, as a function of the parameters. */
export interface EventRate {
  readonly names: readonly string[];
  /** `nu(theta)`, `[D] -> []`, events; positive. */
  expected(theta: Float64Array): number;
  /** `d nu / d theta`, `[D] -> [D]`, events per unit of `theta`. */
  gradient(theta: Float64Array): ArrayLike<number>;
}

/** What the number of events says of the parameters. */
export interface RateRatio {
  /** `[N, D] -> [N]`, nats; 0 at the reference point. */
  logRatio(theta: Matrix): Float64Array;
  /** Value and gradient with respect to `theta`. */
  gradient(theta: Matrix): LogProbAndGradient;
}

/** The rate at a reference point, to second order in `theta`. */
export interface RateAt {
  /** Events expected there. */
  readonly expected: number;
  /** `d nu / d theta`, `[D]`. */
  readonly slope: Float64Array;
}

/**
 * The rate term of the log likelihood ratio at an observed number of events. Added to the log ratios of the events, from
 * `estimator.observe(x)` or `model.observe(x)`, it makes the extended likelihood ratio.
 *
 * @param count - events that were seen; need not be whole where it is an expectation.
 * @throws {RangeError} if the count is negative or not finite, or `nu(thetaRef)` not positive.
 * @throws {ShapeError} if `thetaRef` has another length than the names.
 * @example
 * const rate = rateRatio(expected, [0, 0], events.rows);
 * const total = (await observed.logRatio(grid)).map((value, i) => value + rate.logRatio(grid)[i]);
 */
export function rateRatio(rate: EventRate, thetaRef: ArrayLike<number>, count: number): RateRatio {
  if (!(count >= 0 && count < Infinity)) {
    throw new RangeError(`rateRatio: expected a number of events of at least 0, got ${count}.`);
  }
  const { expected } = rateAt("rateRatio", rate, thetaRef);
  const d = rate.names.length;
  const value = (theta: Float64Array) => {
    const nu = rate.expected(theta);
    const seen = count === 0 ? 0 : count * Math.log(nu / expected); // no event is possible where none is expected
    return seen - (nu - expected);
  };
  const check = (theta: Matrix) => {
    if (theta.cols === d) return;
    throw new ShapeError(
      `rateRatio: theta has ${theta.cols} columns; expected ${d} (${rate.names.join(", ")}).`,
    );
  };
  const logRatio = (theta: Matrix) => {
    check(theta);
    return Float64Array.from({ length: theta.rows }, (_, i) => value(row(theta, i)));
  };
  return {
    logRatio,
    gradient(theta) {
      const logProb = logRatio(theta);
      const gradient = matrix(theta.rows, d);
      for (let i = 0; i < theta.rows; i++) {
        const point = row(theta, i);
        const excess = count / rate.expected(point) - 1;
        row(gradient, i).set(Array.from(rate.gradient(point), (slope) => excess * slope));
      }
      return { logProb, gradient };
    },
  };
}

/**
 * The rate and its slope at a point.
 *
 * @throws {RangeError} if the rate is not positive, or the slope not finite.
 * @throws {ShapeError} if the point or the slope has another length than the names.
 */
export function rateAt(caller: string, rate: EventRate, theta: ArrayLike<number>): RateAt {
  const point = Float64Array.from(theta);
  const d = rate.names.length;
  const [expected, slope] = [rate.expected(point), Float64Array.from(rate.gradient(point))];
  if (point.length !== d || slope.length !== d) {
    throw new ShapeError(
      `${caller}: expected a point and a slope of ${d} values (${rate.names.join(", ")}), got ${point.length} and ${slope.length}.`,
    );
  }
  if (!(expected > 0 && expected < Infinity) || !slope.every(Number.isFinite)) {
    throw new RangeError(
      `${caller}: expected a positive number of events with a finite slope at (${point.join(", ")}), got ${expected} and (${slope.join(", ")}).`,
    );
  }
  return { expected, slope };
}
