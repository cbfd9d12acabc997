/**
 * Smooth one-to-one maps between R^D and the supports of parameters. Chains and flows live in R^D; the
 * log determinant makes densities there out of densities on the support.
 *
 * Every map here acts on coordinates one by one, so its Jacobian is diagonal and `logDet` is a sum:
 *
 * | support        | `theta = T(u)`                        | `log dT/du`                            |
 * | -------------- | ------------------------------------- | -------------------------------------- |
 * | R              | `u`                                   | `0`                                    |
 * | `(low, inf)`   | `low + exp(u)`                        | `u`                                    |
 * | `(-inf, high)` | `high - exp(u)`                       | `u`                                    |
 * | `(low, high)`  | `low + (high - low) sigmoid(u)`       | `log(high - low) - softplus(+-u)`      |
 *
 * @see Stan Reference Manual, Constraint Transforms
 * @module
 */
import type { Bijection } from "./contracts.js";
import { copy } from "./linalg.js";
import { sigmoid, softplus } from "./special.js";

/** The map of one coordinate. */
export interface Coordinate {
  toConstrained(u: number): number;
  toUnconstrained(theta: number): number;
  logSlope(u: number): number;
  /**
   * Writes `gradient * slope + d logSlope / du` to `out[i]`, and returns `logSlope`, which shares its exponential: chains take
   * both step after step. The product is 0 for a gradient of 0, even where the slope overflows.
   */
  pullback(u: number, gradient: number, out: Float64Array, i: number): number;
}

/**
 * The identity on R^dim.
 *
 * @throws {RangeError} if `dim` is not a positive integer.
 */
export function identity(dim = 1): Bijection {
  if (!(Number.isInteger(dim) && dim > 0)) {
    throw new RangeError(`identity: dim must be a positive integer, got ${dim}.`);
  }
  return coordinatewise(Array.from({ length: dim }, () => identityCoordinate));
}

/**
 * R onto `(low, high)` by a scaled logistic function, accurate next to both edges. `theta` itself reaches an
 * edge only where no double lies between.
 *
 * @throws {RangeError} unless `low < high`, both finite.
 */
export function interval(low: number, high: number): Bijection {
  if (!(low < high && Number.isFinite(high - low))) {
    throw new RangeError(`interval: low must be below high and both finite, got [${low}, ${high}].`);
  }
  return coordinatewise([new Interval(low, high)]);
}

// A class, because chains call it at every step, and closures of each prior would be calls of unknown functions there.
class Interval implements Coordinate {
  private readonly width: number;
  private readonly logWidth: number;

  constructor(
    private readonly low: number,
    private readonly high: number,
  ) {
    this.width = high - low;
    this.logWidth = Math.log(this.width);
  }

  // measured from the nearer edge, so that nothing is lost to rounding there
  toConstrained(u: number): number {
    return u < 0 ? this.low + this.width * sigmoid(u) : this.high - this.width * sigmoid(-u);
  }

  toUnconstrained(theta: number): number {
    return Math.log((theta - this.low) / (this.high - theta));
  }

  logSlope(u: number): number {
    return this.logWidth - Math.abs(u) - 2 * softplus(-Math.abs(u)); // even in u
  }

  pullback(u: number, gradient: number, out: Float64Array, i: number): number {
    const size = Math.abs(u);
    const e = Math.exp(-size);
    const larger = 1 / (1 + e);
    const smaller = e / (1 + e);
    const up = u >= 0 ? larger : smaller;
    const down = u >= 0 ? smaller : larger;
    out[i] = scaled(gradient, this.width * up * down) + (down - up);
    return this.logWidth - size - 2 * Math.log1p(e);
  }
}

/**
 * R onto `(low, infinity)` by the exponential function.
 *
 * @throws {RangeError} if `low` is not finite.
 */
export function lowerBounded(low: number): Bijection {
  if (!Number.isFinite(low)) throw new RangeError(`lowerBounded: low must be finite, got ${low}.`);
  return coordinatewise([
    {
      toConstrained: (u) => low + Math.exp(u),
      toUnconstrained: (theta) => Math.log(theta - low),
      logSlope: (u) => u,
      pullback(u, gradient, out, i) {
        out[i] = scaled(gradient, Math.exp(u)) + 1;
        return u;
      },
    },
  ]);
}

/**
 * R onto `(-infinity, high)`.
 *
 * @throws {RangeError} if `high` is not finite.
 */
export function upperBounded(high: number): Bijection {
  if (!Number.isFinite(high)) throw new RangeError(`upperBounded: high must be finite, got ${high}.`);
  return coordinatewise([
    {
      toConstrained: (u) => high - Math.exp(u),
      toUnconstrained: (theta) => Math.log(high - theta),
      logSlope: (u) => u,
      pullback(u, gradient, out, i) {
        out[i] = scaled(gradient, -Math.exp(u)) + 1;
        return u;
      },
    },
  ]);
}

/**
 * R onto the open interval from `low` to `high`, either of which may be infinite.
 *
 * @throws {RangeError} unless `low < high`.
 */
export function between(low: number, high: number): Bijection {
  if (!(low < high)) throw new RangeError(`between: low must be below high, got [${low}, ${high}].`);
  if (low === -Infinity) return high === Infinity ? identity(1) : upperBounded(high);
  return high === Infinity ? lowerBounded(low) : interval(low, high);
}

/**
 * Maps side by side: the first acts on the first coordinates, and so on; dimensions and log determinants add.
 *
 * @throws {RangeError} if there are no parts.
 */
export function stacked(parts: readonly Bijection[]): Bijection {
  if (parts.length === 0) throw new RangeError("stacked: needs at least one bijection, got none.");
  if (parts.length === 1) return parts[0];
  if (parts.every(isCoordinatewise)) return coordinatewise(parts.flatMap((part) => part.coordinates));
  const ends: number[] = [];
  let dim = 0;
  for (const part of parts) ends.push((dim += part.dim));
  const block = (i: number, values: Float64Array) => values.subarray(ends[i] - parts[i].dim, ends[i]);
  return {
    dim,
    toConstrained(u, theta) {
      for (let i = 0; i < parts.length; i++) parts[i].toConstrained(block(i, u), block(i, theta));
    },
    toUnconstrained(theta, u) {
      for (let i = 0; i < parts.length; i++) parts[i].toUnconstrained(block(i, theta), block(i, u));
    },
    logDet(u) {
      let sum = 0;
      for (let i = 0; i < parts.length; i++) sum += parts[i].logDet(block(i, u));
      return sum;
    },
    pullback(u, gradient, out) {
      for (let i = 0; i < parts.length; i++) {
        parts[i].pullback(block(i, u), block(i, gradient), block(i, out));
      }
    },
  };
}

/**
 * First `inner`, then `outer`: `theta = outer(inner(u))`.
 *
 * @throws {RangeError} if the dimensions differ.
 */
export function composed(outer: Bijection, inner: Bijection): Bijection {
  if (outer.dim !== inner.dim) {
    throw new RangeError(`composed: dimensions must agree, got ${outer.dim} after ${inner.dim}.`);
  }
  const { dim } = outer;
  const middle = new Float64Array(dim);
  const partial = new Float64Array(dim);
  return {
    dim,
    toConstrained(u, theta) {
      inner.toConstrained(u, middle);
      outer.toConstrained(middle, theta);
    },
    toUnconstrained(theta, u) {
      outer.toUnconstrained(theta, middle);
      inner.toUnconstrained(middle, u);
    },
    logDet(u) {
      inner.toConstrained(u, middle);
      return inner.logDet(u) + outer.logDet(middle);
    },
    pullback(u, gradient, out) {
      inner.toConstrained(u, middle);
      outer.pullback(middle, gradient, partial); // d/dm [f(outer(m)) + logDet outer(m)]
      inner.pullback(u, partial, out);
    },
  };
}

/** A bijection that acts on each coordinate alone: stacks of these need no views of their arguments. */
interface Coordinatewise extends Bijection {
  readonly coordinates: readonly Coordinate[];
}

export const isCoordinatewise = (map: Bijection): map is Coordinatewise => "coordinates" in map;

export const identityCoordinate: Coordinate = {
  toConstrained: (u) => u,
  toUnconstrained: (theta) => theta,
  logSlope: () => 0,
  pullback(_, gradient, out, i) {
    out[i] = gradient;
    return 0;
  },
};

const scaled = (gradient: number, slope: number): number => (gradient === 0 ? 0 : gradient * slope);

function coordinatewise(coordinates: readonly Coordinate[]): Coordinatewise {
  const dim = coordinates.length;
  if (coordinates.every((map) => map === identityCoordinate)) return { dim, coordinates, ...wholeIdentity };
  return {
    dim,
    coordinates,
    toConstrained(u, theta) {
      for (let i = 0; i < dim; i++) theta[i] = coordinates[i].toConstrained(u[i]);
    },
    toUnconstrained(theta, u) {
      for (let i = 0; i < dim; i++) u[i] = coordinates[i].toUnconstrained(theta[i]);
    },
    logDet(u) {
      let sum = 0;
      for (let i = 0; i < dim; i++) sum += coordinates[i].logSlope(u[i]);
      return sum;
    },
    pullback(u, gradient, out) {
      for (let i = 0; i < dim; i++) coordinates[i].pullback(u[i], gradient[i], out, i);
    },
  };
}

/** The identity without a call for each coordinate: chains on an unbounded target use it at every step. */
const wholeIdentity: Omit<Bijection, "dim"> = {
  toConstrained: (u, theta) => copy(u, theta),
  toUnconstrained: (theta, u) => copy(theta, u),
  logDet: () => 0,
  pullback: (_, gradient, out) => copy(gradient, out),
};
