/**
 * Exact posteriors in one to three dimensions by quadrature: the density on a regular grid of cells, its
 * marginals and evidence by the midpoint rule, and independent draws from it.
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

/** A density on a grid over a box. */
export interface GridDensity {
  /** Lower and upper edge per axis. */
  readonly box: readonly (readonly [number, number])[];
  readonly cells: readonly number[];
  /** Midpoints of the cells along each axis. */
  readonly axes: readonly Float64Array[];
  /** Normalised log density at the midpoints, last axis fastest, nats. */
  readonly logProb: Float64Array;
  /** Log of the integral of `exp(logDensity)` over the box, nats. */
  readonly logEvidence: number;
  /** Density of axis `j` at its midpoints; integrates to one. */
  marginal(j: number): Float64Array;
  /** Mean and standard deviation of axis `j`. */
  moments(j: number): { readonly mean: number; readonly sd: number };
  /** `n` independent draws, `[n, axes]`. */
  draws(n: number, key: Key): Matrix;
}

/** Share of the proposals that is spread evenly over the box. */
const evenShare = 1e-3;

/**
 * Evaluates a log density on a grid.
 *
 * @param logDensity - `[N, axes] -> [N]`, nats, up to a constant; `-Infinity` is allowed.
 * @param box - lower and upper edge per axis.
 * @param cells - number of cells per axis.
 * @throws {RangeError} if the density is nowhere positive and finite.
 */
export function gridDensity(
  logDensity: (theta: Matrix) => Float64Array,
  box: readonly (readonly [number, number])[],
  cells: readonly number[],
): GridDensity {
  const widths = box.map(([low, high], j) => (high - low) / cells[j]);
  const axes = box.map(([low], j) =>
    Float64Array.from({ length: cells[j] }, (_, i) => low + (i + 0.5) * widths[j]),
  );
  const strides = cells.map((_, j) => cells.slice(j + 1).reduce((product, count) => product * count, 1));
  const total = cells.reduce((product, count) => product * count, 1);
  const place = (cell: number, j: number) => Math.floor(cell / strides[j]) % cells[j];

  const midpoints = matrix(total, box.length);
  for (let cell = 0; cell < total; cell++) {
    for (let j = 0; j < box.length; j++) midpoints.data[cell * box.length + j] = axes[j][place(cell, j)];
  }
  const raw = logDensity(midpoints);
  let highest = -Infinity;
  for (const value of raw) highest = Math.max(highest, value);
  if (!Number.isFinite(highest)) {
    throw new RangeError(
      `gridDensity: the density must be positive and finite somewhere on the grid, its largest log is ${highest}.`,
    );
  }
  const cumulative = new Float64Array(total);
  let sum = 0;
  for (let cell = 0; cell < total; cell++) cumulative[cell] = sum += Math.exp(raw[cell] - highest);
  const volume = widths.reduce((product, width) => product * width, 1);
  const logEvidence = highest + Math.log(sum * volume);
  const logProb = raw.map((value) => value - logEvidence);

  const marginal = (j: number) => {
    const out = new Float64Array(cells[j]);
    for (let cell = 0; cell < total; cell++) {
      out[place(cell, j)] += (Math.exp(logProb[cell]) * volume) / widths[j];
    }
    return out;
  };

  /** `count` proposals and how much the density exceeds the proposal's at each. */
  const propose = (count: number, key: Key) => {
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
    const ratio = logDensity(points).map((value, i) => Math.exp(value - logEvidence - logProposal[i]));
    return { points, ratio, rng };
  };

  return {
    box,
    cells,
    axes,
    logProb,
    logEvidence,
    marginal,
    moments(j) {
      const density = marginal(j);
      const expect = (f: (value: number) => number) =>
        density.reduce((acc, p, i) => acc + p * f(axes[j][i]), 0) * widths[j];
      const mean = expect((value) => value);
      return { mean, sd: Math.sqrt(expect((value) => (value - mean) ** 2)) };
    },
    draws(n, key) {
      const out = matrix(n, box.length);
      const bound = propose(20_000, foldIn(key, 0)).ratio.reduce((a, b) => Math.max(a, b), 1);
      for (let filled = 0, batch = 1; filled < n; batch++) {
        const { points, ratio, rng } = propose(
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
