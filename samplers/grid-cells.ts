/**
 * A density on a regular grid of cells: its integral, marginals and moments by the midpoint rule, and independent draws.
 *
 * A draw picks a cell with its midpoint probability, a point uniformly within the cell, and accepts with
 * probability proportional to `p(point) / p(midpoint)`. So draws follow the density itself, not its steps;
 * what remains of the grid is a bound on that ratio, taken from a pilot sample, and a thousandth of the
 * proposals is spread over all cells alike, so that no corner of the box is out of reach.
 *
 * @module
 */
import { type Matrix, matrix, row } from "../src/core/matrix.js";
import { countAtMost } from "../src/core/quantile.js";
import { foldIn, type Key } from "../src/core/random.js";
import { stream } from "../src/core/rng.js";

/** A box cut into equal cells. */
export interface GridCells {
  /** Lower and upper edge per axis. */
  readonly box: readonly (readonly [number, number])[];
  /** Number of cells per axis. */
  readonly cells: readonly number[];
  /** Midpoints of the cells along each axis. */
  readonly axes: readonly Float64Array[];
  /** All midpoints, last axis fastest, `[product of cells, axes]`. */
  readonly midpoints: Matrix;
}

/** Cuts a box into cells. */
export function gridCells(
  box: readonly (readonly [number, number])[],
  cells: readonly number[],
): GridCells & {
  /** Position along axis `j` of a cell, given its row in `midpoints`. */
  place(cell: number, j: number): number;
} {
  const axes = box.map(([low, high], j) => {
    const width = (high - low) / cells[j];
    return Float64Array.from({ length: cells[j] }, (_, i) => low + (i + 0.5) * width);
  });
  const strides = cells.map((_, j) => cells.slice(j + 1).reduce((product, count) => product * count, 1));
  const total = cells.reduce((product, count) => product * count, 1);
  const place = (cell: number, j: number) => Math.floor(cell / strides[j]) % cells[j];
  const midpoints = matrix(total, box.length);
  for (let cell = 0; cell < total; cell++) {
    for (let j = 0; j < box.length; j++) midpoints.data[cell * box.length + j] = axes[j][place(cell, j)];
  }
  return { box, cells, axes, midpoints, place };
}

/** A density on cells. */
export interface DensityOnCells {
  /** Normalised log density at the midpoints, nats. */
  readonly logProb: Float64Array;
  /** Log of the integral of the density over the box, nats. */
  readonly logIntegral: number;
  /** Density of axis `j` at its midpoints; integrates to one. */
  marginal(j: number): Float64Array;
  /** Mean and standard deviation of axis `j`. */
  moments(j: number): { readonly mean: number; readonly sd: number };
  /** Marginal density of axis `j` in its first and its last cell, as a share of its highest. */
  edges(j: number): readonly [number, number];
  /** Yields points `[N, axes]`, wants their log density `[N]`, as often as it takes to return `[n, axes]` draws. */
  drawing(n: number, key: Key): Generator<Matrix, Matrix, Float64Array>;
}

/** Share of the proposals that is spread evenly over the box. */
const evenShare = 1e-3;

/** Draws that measure by how much the density exceeds that of its cell. */
const pilot = 20_000;

/**
 * @param logDensity - at the midpoints, up to a constant, nats; `-Infinity` is allowed.
 * @throws {RangeError} if the density is nowhere positive and finite.
 */
export function densityOnCells(
  { box, cells, axes, place }: ReturnType<typeof gridCells>,
  logDensity: Float64Array,
): DensityOnCells {
  const total = logDensity.length;
  const widths = box.map(([low, high], j) => (high - low) / cells[j]);
  let highest = -Infinity;
  for (const value of logDensity) highest = Math.max(highest, value);
  if (!Number.isFinite(highest)) {
    throw new RangeError(
      `grid: the density must be positive and finite somewhere on the grid, its largest log is ${highest}.`,
    );
  }
  const cumulative = new Float64Array(total);
  let sum = 0;
  for (let cell = 0; cell < total; cell++) cumulative[cell] = sum += Math.exp(logDensity[cell] - highest);
  const volume = widths.reduce((product, width) => product * width, 1);
  const logIntegral = highest + Math.log(sum * volume);
  const logProb = logDensity.map((value) => value - logIntegral);

  const marginal = (j: number) => {
    const out = new Float64Array(cells[j]);
    for (let cell = 0; cell < total; cell++) {
      out[place(cell, j)] += (Math.exp(logProb[cell]) * volume) / widths[j];
    }
    return out;
  };

  /** `count` proposals and how much the density exceeds the proposal's at each. */
  function* propose(count: number, key: Key) {
    const rng = stream(key);
    const points = matrix(count, box.length);
    const logProposal = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const cell =
        rng.uniform() < evenShare
          ? Math.min(total - 1, Math.floor(rng.uniform() * total))
          : Math.min(total - 1, countAtMost(cumulative, rng.uniform() * sum));
      const point = row(points, i);
      for (let j = 0; j < box.length; j++)
        point[j] = axes[j][place(cell, j)] + (rng.uniform() - 0.5) * widths[j];
      logProposal[i] = Math.log((1 - evenShare) * Math.exp(logProb[cell]) + evenShare / (total * volume));
    }
    const found: Float64Array = yield points;
    return { points, ratio: found.map((value, i) => Math.exp(value - logIntegral - logProposal[i])), rng };
  }

  return {
    logProb,
    logIntegral,
    marginal,
    moments(j) {
      const density = marginal(j);
      const expect = (f: (value: number) => number) =>
        density.reduce((acc, p, i) => acc + p * f(axes[j][i]), 0) * widths[j];
      const mean = expect((value) => value);
      return { mean, sd: Math.sqrt(expect((value) => (value - mean) ** 2)) };
    },
    edges(j) {
      const density = marginal(j);
      const highestOfAll = density.reduce((a, b) => Math.max(a, b));
      return [density[0] / highestOfAll, density[density.length - 1] / highestOfAll];
    },
    *drawing(n, key) {
      const out = matrix(n, box.length);
      const { ratio: first } = yield* propose(pilot, foldIn(key, 0));
      const bound = first.reduce((a, b) => Math.max(a, b), 1);
      for (let filled = 0, batch = 1; filled < n; batch++) {
        const { points, ratio, rng } = yield* propose(
          Math.ceil(1.2 * bound * (n - filled)) + 16,
          foldIn(key, batch),
        );
        for (let i = 0; i < points.rows && filled < n; i++) {
          if (rng.uniform() * bound < ratio[i]) out.data.set(row(points, i), filled++ * box.length);
        }
      }
      return out;
    },
  };
}
