/**
 * Smooth monotone maps of single columns that bring skewed or heavy-tailed data near the bell shape that networks like:
 * the logarithm where all values are positive, the inverse hyperbolic sine where tails are long on both sides. Most columns
 * need none.
 *
 * A column is mapped where that raises the log likelihood of a normal distribution, fitted to it, by more than `leastGain`
 * per row: small gains say little, and would bend data that depend on the parameters along a straight line.
 *
 * @see Box and Cox (1964), https://doi.org/10.1111/j.2517-6161.1964.tb00553.x, section 3 (the profile likelihood)
 * @module
 */
import { type Matrix, matrix } from "../core/matrix.js";
import { sortedQuantile } from "../core/quantile.js";

/** What happens to one column; plain JSON. */
export type TailMap =
  | { readonly kind: "identity" }
  /** `log(x)` from `from` on, the least value of the training rows; below it goes on along the tangent. */
  | { readonly kind: "log"; readonly from: number }
  /** `asinh((x - center) / scale)`. */
  | { readonly kind: "asinh"; readonly center: number; readonly scale: number };

/** Maps come from at most this many evenly spaced rows. */
const mostRows = 100_000;

/** Gain per row, nats, from which a column is mapped. */
const leastGain = 0.25;

const identity: TailMap = { kind: "identity" };

/**
 * Chooses the map of each column of training rows `[N, C]`, N at least 1.
 *
 * @returns `undefined` where no column needs one, so that there is nothing to keep.
 */
export function fitTailMaps(rows: Matrix): readonly TailMap[] | undefined {
  const count = Math.min(rows.rows, mostRows);
  const maps = Array.from({ length: rows.cols }, (_, j) => {
    const column = Float64Array.from(
      { length: count },
      (_, i) => rows.data[Math.floor((i * rows.rows) / count) * rows.cols + j],
    );
    const sorted = column.slice().sort();
    const [low, q1, center, q3, high] = [0.025, 0.25, 0.5, 0.75, 0.975].map((p) => sortedQuantile(sorted, p));
    const scale = Math.max((q3 - q1) / 1.349, (high - low) / 3.92);
    const candidates: TailMap[] = [];
    if (sorted[0] > 0) candidates.push({ kind: "log", from: sorted[0] });
    if (scale > 0) candidates.push({ kind: "asinh", center, scale });
    const plain = normalFit(column, identity);
    let best = identity;
    let most = leastGain;
    for (const map of candidates) {
      const gain = normalFit(column, map) - plain;
      if (gain > most) [best, most] = [map, gain];
    }
    return best;
  });
  return maps.some(({ kind }) => kind !== "identity") ? maps : undefined;
}

/** Mean log density of the column under a normal distribution fitted to what `map` makes of it, up to a constant. */
function normalFit(column: Float64Array, map: TailMap): number {
  const mapped = column.map((x) => value(map, x));
  const mean = average(mapped);
  const variance = average(mapped.map((y) => (y - mean) ** 2));
  return average(column.map((x) => logSlope(map, x))) - Math.log(variance) / 2;
}

const average = (values: Float64Array): number => values.reduce((sum, x) => sum + x, 0) / values.length;

function value(map: TailMap, x: number): number {
  switch (map.kind) {
    case "identity":
      return x;
    case "log":
      return x >= map.from ? Math.log(x) : Math.log(map.from) + (x - map.from) / map.from;
    case "asinh":
      return Math.asinh((x - map.center) / map.scale);
  }
}

/** Logarithm of the slope at `x`. */
function logSlope(map: TailMap, x: number): number {
  switch (map.kind) {
    case "identity":
      return 0;
    case "log":
      return -Math.log(Math.max(x, map.from));
    case "asinh":
      return -Math.log(map.scale) - Math.log1p(((x - map.center) / map.scale) ** 2) / 2;
  }
}

function inverse(map: TailMap, y: number): number {
  switch (map.kind) {
    case "identity":
      return y;
    case "log": {
      const beyond = y - Math.log(map.from);
      return beyond >= 0 ? Math.exp(y) : map.from * (1 + beyond);
    }
    case "asinh":
      return map.center + map.scale * Math.sinh(y);
  }
}

/** Maps rows `[N, C]`, a new matrix; the rows themselves where there are no maps. */
export function applyTailMaps(rows: Matrix, maps: readonly TailMap[] | undefined): Matrix {
  return maps ? each(rows, maps, value) : rows;
}

/** The way back, a new matrix; the rows themselves where there are no maps. */
export function invertTailMaps(rows: Matrix, maps: readonly TailMap[] | undefined): Matrix {
  return maps ? each(rows, maps, inverse) : rows;
}

/** `log |det|` of the maps at each row, `[N]`: what a density of mapped rows gains on the scale of the rows. */
export function tailMapsLogDet(rows: Matrix, maps: readonly TailMap[] | undefined): Float64Array {
  const logDet = new Float64Array(rows.rows);
  if (!maps) return logDet;
  const slopes = each(rows, maps, logSlope);
  for (let at = 0; at < slopes.data.length; at++) logDet[Math.floor(at / rows.cols)] += slopes.data[at];
  return logDet;
}

function each(rows: Matrix, maps: readonly TailMap[], f: (map: TailMap, x: number) => number): Matrix {
  const out = matrix(rows.rows, rows.cols);
  for (let at = 0; at < out.data.length; at++) out.data[at] = f(maps[at % rows.cols], rows.data[at]);
  return out;
}
