/**
 * Smooth densities of draws on a grid, and the levels that enclose a given probability.
 *
 * One dimension: the draws are counted on a grid and smoothed by a Gaussian whose width is Botev's
 * improved Sheather-Jones choice, which follows the data and not a normal shape, so two modes stay two.
 * The smoothing is done on the cosine transform, whose mirror at the ends of the grid keeps a density that is
 * cut off by a prior's edge from sagging there.
 *
 * Two dimensions: the Gaussian is aligned with the principal axes of the draws (a ridge stays narrow),
 * with the one-dimensional choice along each axis.
 *
 * @see Botev, Grotowski & Kroese (2010), https://doi.org/10.1214/10-AOS799
 * @module
 */

/** A density at the middles of equal cells. */
export interface Density1 {
  /** Cell middles, `[G]`. */
  readonly x: Float64Array;
  /** Density, `[G]`; sums with the cell width to 1. */
  readonly density: Float64Array;
}

/** A density at the middles of the cells of a `[rows, cols]` grid; `cols` runs along x. */
export interface Density2 {
  readonly cols: number;
  readonly rows: number;
  /** Outer edges of the grid. */
  readonly xRange: readonly [number, number];
  readonly yRange: readonly [number, number];
  /** `[rows, cols]`, row 0 at the lowest y; sums with the cell area to 1. */
  readonly density: Float64Array;
}

/** Options of the smoothers. */
export interface SmoothOptions {
  /** Number of independent draws that `values` are worth. Default: the number of distinct values. */
  readonly size?: number;
  /** Edge of the support on each axis, where mass must not leak; `-Infinity`/`Infinity` where there is none. */
  readonly bounds?: readonly (readonly [number, number])[];
}

const open = [-Infinity, Infinity] as const;

/** Smooths draws of one parameter; `grid` cells. */
export function density1(values: Float64Array, { size, bounds }: SmoothOptions = {}, grid = 256): Density1 {
  const [lower, upper] = gridRange(values, bounds?.[0] ?? open);
  const width = (upper - lower) / grid;
  const spectrum = cosineTransform(countCells(values, lower, upper, grid));
  const sigma = bandwidth1(values, size ?? distinct(values), bounds?.[0]) / (upper - lower);
  const density = new Float64Array(grid);
  for (let i = 0; i < grid; i++) {
    let sum = 1;
    for (let k = 1; k < grid; k++) {
      const damping = Math.exp(-0.5 * (k * Math.PI * sigma) ** 2);
      if (damping < 1e-12) break;
      sum += 2 * spectrum[k] * damping * Math.cos((Math.PI * k * (i + 0.5)) / grid);
    }
    density[i] = Math.max(0, sum) / (upper - lower);
  }
  return { x: density.map((_, i) => lower + (i + 0.5) * width), density };
}

/** Smooths draws of two parameters; `grid` cells on each axis. */
export function density2(
  x: Float64Array,
  y: Float64Array,
  { size, bounds }: SmoothOptions = {},
  grid = 96,
): Density2 {
  const xRange = gridRange(x, bounds?.[0] ?? open);
  const yRange = gridRange(y, bounds?.[1] ?? open);
  const dx = (xRange[1] - xRange[0]) / grid;
  const dy = (yRange[1] - yRange[0]) / grid;

  const counts = new Float64Array(grid * grid);
  for (let i = 0; i < x.length; i++) {
    const col = Math.floor((x[i] - xRange[0]) / dx);
    const row = Math.floor((y[i] - yRange[0]) / dy);
    if (col >= 0 && row >= 0 && col <= grid && row <= grid) {
      counts[Math.min(row, grid - 1) * grid + Math.min(col, grid - 1)] += 1;
    }
  }

  const kernel = kernel2(x, y, { size: size ?? distinct(x), bounds }, dx, dy, grid);
  const density = new Float64Array(grid * grid);
  for (let row = 0; row < grid; row++) {
    for (let col = 0; col < grid; col++) {
      const count = counts[row * grid + col];
      if (count === 0) continue;
      for (let j = -kernel.reachY; j <= kernel.reachY; j++) {
        const target = mirror(row + j, grid) * grid;
        const line = (j + kernel.reachY) * (2 * kernel.reachX + 1) + kernel.reachX;
        for (let i = -kernel.reachX; i <= kernel.reachX; i++) {
          density[target + mirror(col + i, grid)] += count * kernel.weights[line + i];
        }
      }
    }
  }
  const total = density.reduce((sum, value) => sum + value, 0) * dx * dy;
  return { cols: grid, rows: grid, xRange, yRange, density: density.map((value) => value / total) };
}

/**
 * The density level whose region encloses the fraction `mass` of the draws: the `1 - mass` quantile of the
 * density at the draws.
 */
export function levelOfDraws(field: Density2, x: Float64Array, y: Float64Array, mass: number): number {
  const heights = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) heights[i] = interpolate(field, x[i], y[i]);
  heights.sort();
  return heights[Math.min(heights.length - 1, Math.floor((1 - mass) * heights.length))];
}

/** The density level whose region holds the fraction `mass` of the sum over equal cells. */
export function levelOfGrid(density: ArrayLike<number>, mass: number): number {
  const sorted = Float64Array.from(density).sort().reverse();
  const target = mass * sorted.reduce((sum, value) => sum + value, 0);
  let sum = 0;
  for (let i = 0; i < sorted.length; i++) {
    sum += sorted[i];
    if (sum >= target) return sorted[i];
  }
  return sorted[sorted.length - 1];
}

/** Bilinear between cell middles, constant outside them. */
export function interpolate({ cols, rows, xRange, yRange, density }: Density2, x: number, y: number): number {
  const u = clamp(((x - xRange[0]) / (xRange[1] - xRange[0])) * cols - 0.5, 0, cols - 1);
  const v = clamp(((y - yRange[0]) / (yRange[1] - yRange[0])) * rows - 0.5, 0, rows - 1);
  const i = Math.min(Math.floor(u), cols - 2);
  const j = Math.min(Math.floor(v), rows - 2);
  const lower = density[j * cols + i] * (1 - u + i) + density[j * cols + i + 1] * (u - i);
  const upper = density[(j + 1) * cols + i] * (1 - u + i) + density[(j + 1) * cols + i + 1] * (u - i);
  return lower * (1 - v + j) + upper * (v - j);
}

/**
 * Botev's bandwidth, in units of `values`; never below 0.4 of the normal-reference width, so that repeated
 * values (rejected proposals) are not taken for spikes. The normal reference itself where the equation has no root.
 */
function bandwidth1(values: Float64Array, size: number, bounds: readonly [number, number] = open): number {
  const reference = 1.06 * standardDeviation(values) * size ** -0.2;
  const grid = 256;
  const [lower, upper] = gridRange(values, bounds);
  const spectrum = cosineTransform(countCells(values, lower, upper, grid));
  const squares = Float64Array.from(spectrum, (value) => value * value);
  const root = solveFixedPoint(squares, size);
  return root === undefined ? reference : Math.max(0.4 * reference, Math.sqrt(root) * (upper - lower));
}

/** The root `t = sigma^2` of Botev's equation `t = xi gamma^[5](t)` by bisection on a log scale. */
function solveFixedPoint(squares: Float64Array, size: number): number | undefined {
  const roughness = (order: number, t: number) => {
    let sum = 0;
    for (let k = 1; k < squares.length; k++) {
      sum += (k * k) ** order * squares[k] * Math.exp(-((k * Math.PI) ** 2) * t);
    }
    return 2 * Math.PI ** (2 * order) * sum;
  };
  const excess = (t: number) => {
    let f = roughness(7, t);
    for (let s = 6; s >= 2; s--) {
      let odd = 1;
      for (let i = 3; i <= 2 * s - 1; i += 2) odd *= i;
      const factor = ((1 + 0.5 ** (s + 0.5)) / 3) * 2 * (odd / Math.sqrt(2 * Math.PI));
      f = roughness(s, (factor / (size * f)) ** (2 / (3 + 2 * s)));
    }
    return t - (2 * size * Math.sqrt(Math.PI) * f) ** -0.4;
  };
  let [low, high] = [1e-7, 0.1];
  if (!(excess(low) < 0 && excess(high) > 0)) return undefined;
  for (let i = 0; i < 40; i++) {
    const middle = Math.sqrt(low * high);
    if (excess(middle) < 0) low = middle;
    else high = middle;
  }
  return Math.sqrt(low * high);
}

/**
 * Gaussian weights on the grid. The principal axes of two standardised variables are their sum and their
 * difference, whatever the correlation; without correlation the axes are the parameters themselves.
 */
function kernel2(
  x: Float64Array,
  y: Float64Array,
  { size = 1, bounds }: SmoothOptions,
  dx: number,
  dy: number,
  grid: number,
) {
  const [sx, sy] = [standardDeviation(x), standardDeviation(y)];
  const [mx, my] = [mean(x), mean(y)];
  const u = x.map((value) => (value - mx) / sx);
  const v = y.map((value) => (value - my) / sy);
  const correlation = u.reduce((sum, value, i) => sum + value * v[i], 0) / u.length;
  const turned = Math.abs(correlation) >= 0.3;
  const turn = (a: number, b: number) => (turned ? [(a + b) / Math.SQRT2, (a - b) / Math.SQRT2] : [a, b]);

  // The normal reference is 1.06 n^(-1/5) in one dimension and n^(-1/6) in two.
  const scale = size ** (1 / 5 - 1 / 6) / 1.06;
  const along = u.map((value, i) => turn(value, v[i])[0]);
  const across = u.map((value, i) => turn(value, v[i])[1]);
  const standard = ([lower, upper]: readonly [number, number] = open, center: number, sd: number) =>
    turned ? open : ([(lower - center) / sd, (upper - center) / sd] as const);
  const h1 = scale * bandwidth1(along, size, standard(bounds?.[0], mx, sx));
  const h2 = scale * bandwidth1(across, size, standard(bounds?.[1], my, sy));

  const wide = turned ? Math.hypot(h1, h2) / Math.SQRT2 : undefined;
  const reachX = Math.min(grid, Math.ceil((4 * (wide ?? h1) * sx) / dx));
  const reachY = Math.min(grid, Math.ceil((4 * (wide ?? h2) * sy) / dy));
  const weights = new Float64Array((2 * reachX + 1) * (2 * reachY + 1));
  for (let j = -reachY, k = 0; j <= reachY; j++) {
    for (let i = -reachX; i <= reachX; i++, k++) {
      const [a, b] = turn((i * dx) / sx, (j * dy) / sy);
      weights[k] = Math.exp(-0.5 * ((a / h1) ** 2 + (b / h2) ** 2));
    }
  }
  return { reachX, reachY, weights };
}

/** The draws with a tenth of their spread as room, cut at the support where they come near to its edge. */
export function gridRange(values: Float64Array, [lower, upper]: readonly [number, number]): [number, number] {
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const room = max > min ? 0.1 * (max - min) : Math.abs(min) * 0.1 || 1;
  return [Math.max(Math.min(lower, min), min - room), Math.min(Math.max(upper, max), max + room)];
}

/** Fractions of `values` in equal cells. */
function countCells(values: Float64Array, lower: number, upper: number, grid: number): Float64Array {
  const counts = new Float64Array(grid);
  const scale = grid / (upper - lower);
  for (const value of values) {
    counts[clamp(Math.floor((value - lower) * scale), 0, grid - 1)] += 1 / values.length;
  }
  return counts;
}

/** `sum_i p_i cos(pi k (i + 1/2) / G)`. */
function cosineTransform(p: Float64Array): Float64Array {
  const period = 4 * p.length;
  const cosines = Float64Array.from({ length: period }, (_, i) => Math.cos((2 * Math.PI * i) / period));
  return p.map((_, k) => {
    let sum = 0;
    for (let i = 0; i < p.length; i++) sum += p[i] * cosines[(k * (2 * i + 1)) % period];
    return sum;
  });
}

function mirror(i: number, n: number): number {
  const j = i < 0 ? -i - 1 : i >= n ? 2 * n - i - 1 : i;
  return clamp(j, 0, n - 1);
}

function clamp(value: number, lower: number, upper: number): number {
  return Math.min(upper, Math.max(lower, value));
}

function distinct(values: Float64Array): number {
  return new Set(values).size;
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation; for a constant a fraction of it, which smooths it into a visible bump. */
function standardDeviation(values: Float64Array): number {
  const center = mean(values);
  const variance = values.reduce((sum, value) => sum + (value - center) ** 2, 0) / values.length;
  return Math.sqrt(variance) || 0.02 * Math.abs(center) || 0.2;
}
