/**
 * Densities given on a regular grid, as exact posteriors by quadrature are, and their marginals.
 *
 * @module
 */
import { ShapeError } from "../../core/errors.js";
import { requireFinite } from "./checks.js";
import type { Density1, Density2 } from "./density.js";

/** A density on the product of equally spaced axes. */
export interface DensityGrid {
  /** Points of each axis, ascending and equally spaced, at least two. */
  readonly axes: readonly ArrayLike<number>[];
  /** Density at all points, last axis fastest; need not be normalised. */
  readonly density: ArrayLike<number>;
}

/**
 * Checks a grid.
 *
 * @throws {ShapeError} if the number of axes is not `dim`, or the density does not fill the grid.
 * @throws {RangeError} if an axis is not ascending and equally spaced, or the density is negative or zero everywhere.
 */
export function requireGrid(what: string, { axes, density }: DensityGrid, dim: number): void {
  if (axes.length !== dim)
    throw new ShapeError(`${what} has ${axes.length} axes but ${dim} parameters are named.`);
  axes.forEach((points, k) => {
    requireFinite(`${what}, axis ${k},`, points);
    const step = (points[points.length - 1] - points[0]) / (points.length - 1);
    for (let i = 1; i < points.length; i++) {
      // 1e-6: linspace in float64 is exact to 1e-13, axes read from text to a few digits
      if (!(step > 0) || Math.abs(points[i] - points[i - 1] - step) > 1e-6 * step) {
        throw new RangeError(`${what}: axis ${k} must be ascending and equally spaced.`);
      }
    }
    if (points.length < 2) throw new RangeError(`${what}: axis ${k} needs at least two points.`);
  });
  const cells = axes.reduce((product, points) => product * points.length, 1);
  if (density.length !== cells) {
    throw new ShapeError(`${what} has ${cells} points but ${density.length} densities.`);
  }
  requireFinite(`${what}, density,`, density);
  let sum = 0;
  for (let i = 0; i < cells; i++) {
    if (density[i] < 0)
      throw new RangeError(`${what}: density is ${density[i]} at point ${i}; expected >= 0.`);
    sum += density[i];
  }
  if (sum === 0) throw new RangeError(`${what}: density is zero everywhere.`);
}

/** Marginal density of axis `i`, normalised. */
export function gridMarginal1(grid: DensityGrid, i: number): Density1 {
  const x = Float64Array.from(grid.axes[i]);
  const sums = sumOver(grid, (index) => index[i], x.length);
  const step = x[1] - x[0];
  const total = sums.reduce((a, b) => a + b, 0) * step;
  return { x, density: sums.map((value) => value / total) };
}

/** Marginal density of axes `i` (x) and `j` (y), normalised; points become cell middles. */
export function gridMarginal2(grid: DensityGrid, i: number, j: number): Density2 {
  const cols = grid.axes[i].length;
  const rows = grid.axes[j].length;
  const sums = sumOver(grid, (index) => index[j] * cols + index[i], cols * rows);
  const [xRange, yRange] = [edges(grid.axes[i]), edges(grid.axes[j])];
  const area = ((xRange[1] - xRange[0]) / cols) * ((yRange[1] - yRange[0]) / rows);
  const total = sums.reduce((a, b) => a + b, 0) * area;
  return { cols, rows, xRange, yRange, density: sums.map((value) => value / total) };
}

function sumOver({ axes, density }: DensityGrid, slot: (index: readonly number[]) => number, slots: number) {
  const sums = new Float64Array(slots);
  const index = axes.map(() => 0);
  for (let i = 0; i < density.length; i++) {
    sums[slot(index)] += density[i];
    for (let k = axes.length - 1; k >= 0; k--) {
      if (++index[k] < axes[k].length) break;
      index[k] = 0;
    }
  }
  return sums;
}

function edges(points: ArrayLike<number>): [number, number] {
  const half = (points[1] - points[0]) / 2;
  return [points[0] - half, points[points.length - 1] + half];
}
