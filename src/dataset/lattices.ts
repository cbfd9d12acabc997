/**
 * Columns whose values lie on a lattice, `from + k step`: counts, grades, readings of a scale. A density of measured numbers
 * that is trained on such a column grows without bound at the values, and what it says of them is the shape of its spikes.
 *
 * The cure is uniform dequantisation: rows are spread over the cells around their values, `x + step U(-1/2, 1/2)`, with fresh
 * noise in every epoch. The mean of the trained density `q` over a cell is then that of the value,
 *
 *     p(x | theta) = integral of q(x + step u | theta) du over [-1/2, 1/2]^L,
 *
 * per unit of the column; the probability itself where the step is one. It is taken at the points of a Latin hypercube.
 *
 * @see Theis, van den Oord and Bethge (2016), https://arxiv.org/abs/1511.01844, section 3.1
 * @see Ho et al. (2019), https://arxiv.org/abs/1902.00275
 * @module
 */
import { type Matrix, matrix } from "../core/matrix.js";
import { foldIn, type Key, key } from "../core/random.js";
import { stream } from "../core/rng.js";

/** The lattice of one column; plain JSON. */
export interface Lattice {
  /** Its least value in the training rows. */
  readonly from: number;
  /** Distance of neighbours, positive. */
  readonly step: number;
}

/** The lattice of each column, `null` where it is measured; plain JSON. */
export type Lattices = readonly (Lattice | null)[];

/** Lattices come from at most this many evenly spaced rows. */
const mostRows = 100_000;

/** Rounding errors of values, relative to the largest: those of float32, with some room. */
const rounding = 1e-6;

/** Points of a cell at which its mean is taken. */
const points = 16;

/**
 * Finds the lattice of each column of training rows `[N, C]`, N at least 1. A column has one where all values are whole
 * numbers, or multiples of another step from the least of them and each twice there on average.
 *
 * @returns `undefined` where all columns are measured, so that there is nothing to keep.
 */
export function fitLattices(rows: Matrix): Lattices | undefined {
  const count = Math.min(rows.rows, mostRows);
  const lattices = Array.from({ length: rows.cols }, (_, j) => {
    const values = new Set<number>();
    for (let i = 0; i < count; i++) {
      values.add(rows.data[Math.floor((i * rows.rows) / count) * rows.cols + j]);
    }
    return latticeOf(Float64Array.from(values).sort(), count);
  });
  return lattices.some((lattice) => lattice !== null) ? lattices : undefined;
}

/** The lattice of different values in their order, which `count` rows have. */
function latticeOf(values: Float64Array, count: number): Lattice | null {
  const from = values[0];
  const isWhole = values.every(Number.isSafeInteger);
  if (!isWhole && (values.length < 2 || 2 * values.length > count)) return null;
  const error = isWhole ? 0 : rounding * Math.max(Math.abs(from), Math.abs(values[values.length - 1]));
  if (values.length < 2) return { from, step: 1 };
  let rough = 0;
  for (let k = 1; k < values.length; k++) {
    rough = commonStep(values[k] - values[k - 1], rough, error);
    if (rough <= 10 * error) return null;
  }
  const range = values[values.length - 1] - from;
  const step = range / Math.round(range / rough); // rounding errors of the gaps would add up
  const isOn = (value: number) => {
    const place = (value - from) / step;
    return Math.abs(place - Math.round(place)) < 0.1;
  };
  return values.every(isOn) ? { from, step } : null;
}

/** Euclid's greatest common divisor; what is below `error` counts as nothing. */
function commonStep(a: number, b: number, error: number): number {
  while (b > error) {
    const rest = a - b * Math.round(a / b);
    [a, b] = [b, Math.abs(rest)];
  }
  return a;
}

/** Spreads rows `[N, C]` over the cells around them, a new matrix; the rows themselves where there are no lattices. */
export function dequantise(rows: Matrix, lattices: Lattices | undefined, noise: Key): Matrix {
  if (!lattices) return rows;
  const rng = stream(noise);
  return moved(rows, (x, j) => x + (lattices[j] ? lattices[j].step * (rng.uniform() - 0.5) : 0));
}

/** The nearest points of the lattices, a new matrix; the rows themselves where there are none. */
export function ontoLattices(rows: Matrix, lattices: Lattices | undefined): Matrix {
  if (!lattices) return rows;
  return moved(rows, (x, j) => {
    const lattice = lattices[j];
    return lattice ? lattice.from + lattice.step * Math.round((x - lattice.from) / lattice.step) : x;
  });
}

/**
 * Points of the cells around rows `[N, C]`: as many matrices of the same shape as a mean over a cell takes; the rows
 * themselves, alone, where there are no lattices. The points of a cell have their places in each column's interval in turn.
 */
export function cellPoints(rows: Matrix, lattices: Lattices | undefined): readonly Matrix[] {
  if (!lattices) return [rows];
  const orders = lattices.map((_, j) => stream(foldIn(key("cell points"), j)).permutation(points));
  return Array.from({ length: points }, (_, k) =>
    moved(rows, (x, j) => x + (lattices[j] ? lattices[j].step * ((orders[j][k] + 0.5) / points - 0.5) : 0)),
  );
}

function moved(rows: Matrix, move: (x: number, column: number) => number): Matrix {
  const out = matrix(rows.rows, rows.cols);
  for (let at = 0; at < out.data.length; at++) out.data[at] = move(rows.data[at], at % rows.cols);
  return out;
}
