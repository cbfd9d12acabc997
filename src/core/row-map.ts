/**
 * Bijections as chains go through them step after step: from and to rows of a table without views of it, a gradient
 * together with the log determinant, and each in one loop. The numbers are those of the bijection, bit for bit.
 *
 * @module
 */
import { type Coordinate, identityCoordinate, isCoordinatewise } from "./bijection.js";
import type { Bijection } from "./contracts.js";

/** A bijection and the rows of a table. */
export interface RowMap {
  /** Writes `T(u)` to `theta` from index `at` on; returns whether all of it is finite. */
  constrain(u: Float64Array, theta: Float64Array, at: number): boolean;
  logDet(u: Float64Array): number;
  /** Writes `Bijection.pullback` of the gradient from index `at` on to `out`; returns `logDet(u)`. */
  pullback(u: Float64Array, gradient: Float64Array, at: number, out: Float64Array): number;
}

/** The rows of a bijection. */
export function rowMap(map: Bijection): RowMap {
  if (!isCoordinatewise(map)) return new AnyRows(map);
  if (map.coordinates.every((coordinate) => coordinate === identityCoordinate)) return new PlainRows();
  return new CoordinateRows(map.coordinates);
}

// Classes, because closures would be compiled anew for every target.

/** Of the identity. */
class PlainRows implements RowMap {
  constrain(u: Float64Array, theta: Float64Array, at: number): boolean {
    let allFinite = true;
    for (let i = 0; i < u.length; i++) {
      const value = u[i];
      theta[at + i] = value;
      if (!Number.isFinite(value)) allFinite = false;
    }
    return allFinite;
  }

  logDet(): number {
    return 0;
  }

  pullback(_: Float64Array, gradient: Float64Array, at: number, out: Float64Array): number {
    for (let i = 0; i < out.length; i++) out[i] = gradient[at + i];
    return 0;
  }
}

/** Of a map that acts on coordinates one by one. */
class CoordinateRows implements RowMap {
  constructor(private readonly coordinates: readonly Coordinate[]) {}

  constrain(u: Float64Array, theta: Float64Array, at: number): boolean {
    const coordinates = this.coordinates;
    let allFinite = true;
    for (let i = 0; i < u.length; i++) {
      const value = coordinates[i].toConstrained(u[i]);
      theta[at + i] = value;
      if (!Number.isFinite(value)) allFinite = false;
    }
    return allFinite;
  }

  logDet(u: Float64Array): number {
    const coordinates = this.coordinates;
    let sum = 0;
    for (let i = 0; i < u.length; i++) sum += coordinates[i].logSlope(u[i]);
    return sum;
  }

  pullback(u: Float64Array, gradient: Float64Array, at: number, out: Float64Array): number {
    const coordinates = this.coordinates;
    let sum = 0;
    for (let i = 0; i < u.length; i++) sum += coordinates[i].pullback(u[i], gradient[at + i], out, i);
    return sum;
  }
}

/** Of any other map, whose rows are copied. */
class AnyRows implements RowMap {
  private readonly row: Float64Array;

  constructor(private readonly map: Bijection) {
    this.row = new Float64Array(map.dim);
  }

  constrain(u: Float64Array, theta: Float64Array, at: number): boolean {
    const row = this.row;
    this.map.toConstrained(u, row);
    theta.set(row, at);
    return row.every(Number.isFinite);
  }

  logDet(u: Float64Array): number {
    return this.map.logDet(u);
  }

  pullback(u: Float64Array, gradient: Float64Array, at: number, out: Float64Array): number {
    const row = this.row;
    for (let i = 0; i < row.length; i++) row[i] = gradient[at + i];
    this.map.pullback(u, row, out);
    return this.map.logDet(u);
  }
}
