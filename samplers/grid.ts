/**
 * A density of one to three parameters by quadrature: what it integrates to, its marginals, moments and independent draws,
 * without a chain. What a chain found can be held against it.
 *
 * @module
 */
import { breather } from "../src/core/breath.js";
import type { LogDensity, LongTask } from "../src/core/contracts.js";
import { type Matrix, row, sliceRows } from "../src/core/matrix.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { key as keyOf } from "../src/core/random.js";
import { densityOnCells, type GridCells, gridCells } from "./grid-cells.js";
import { checkTarget } from "./target.js";

/** Options of `grid`. */
export interface GridOptions extends LongTask {
  /**
   * Lower and upper edge of parameters, by name, cut to the support. Default: the edges of the support, and on a side where it has
   * none, how far 10,000 draws from `target.start` reach.
   */
  readonly bounds?: Readonly<Record<string, readonly [number, number]>>;
  /**
   * Number of cells of each parameter, or of all; 10 million together at most. Default 1000, 200 and 60 for one, two and three parameters.
   */
  readonly cells?: number | readonly number[];
}

const optionNames: OptionNames<GridOptions> = { bounds: true, cells: true, signal: true, onProgress: true };

/** A density that is known on a grid: normalised within its box, and one that draws for itself. */
export interface GridDensity extends LogDensity<true> {
  /** Edges, midpoints and cells. */
  readonly grid: GridCells;
  /** Log density at `grid.midpoints`, normalised, nats. */
  readonly values: Float64Array;
  /** Log of the integral of the target over the box, nats: the log evidence where the target is prior times likelihood. */
  readonly logIntegral: number;
  /** Density of a parameter at the midpoints of its axis; integrates to one. */
  marginal(name: string): Float64Array;
  /** Mean and standard deviation of a parameter. */
  moments(name: string): { readonly mean: number; readonly sd: number };
  /**
   * Independent draws of the density itself, not of its steps, `[n, D]`. Same seed, same bytes.
   *
   * @param options.seed - Default 0.
   * @throws {RangeError} if `n` is not a positive whole number, or the density not a number or infinite somewhere within a cell.
   */
  sample(n: number, options?: { readonly seed?: string | number }): Promise<Matrix>;
  /** What is wrong: those of the target, and density at an edge that is not the support's. */
  readonly warnings: readonly string[];
}

const defaultCells = [1000, 200, 60];
/** Cells that memory is meant to hold. */
const mostCells = 1e7;
/** Rows of a call of the target. */
const batch = 20_000;
/** Marginal density at an edge, as a share of its highest, from where on the box cuts off what matters. */
const most = 0.01;

/**
 * Evaluates a target on a grid over a box and normalises it.
 *
 * @param target - of one to three parameters, up to a constant; `-Infinity` is allowed.
 * @throws {TypeError} if the target is no log density, or there is no such option.
 * @throws {RangeError} for more than three parameters, impossible bounds or cells, a parameter without bounds, or a density that
 *   is positive nowhere on the grid or not a number somewhere.
 * @example
 * const exact = await grid(target, { bounds: { mass: [80, 100] } });
 * console.log(exact.logIntegral, exact.moments("mass"), (await exact.sample(1000)).rows);
 */
export async function grid(target: LogDensity, options: GridOptions = {}): Promise<GridDensity> {
  checkTarget("grid", target);
  checkOptions("grid", options, optionNames);
  const { names, dim, support } = target;
  if (dim < 1 || dim > defaultCells.length) {
    throw new RangeError(
      `grid: expected one to three parameters, got ${dim} (${names.join(", ")}). ` +
        "Use sample(hmc(target)) or importance(target) for more.",
    );
  }
  const natural = edgesOfSupport(target);
  const cells = gridCells(boxOf(target, natural, options.bounds), countsOf(options.cells, dim));
  const found = await evaluated(target, cells.midpoints, options);
  const { logProb: values, logIntegral, marginal, moments, edges, drawing } = densityOnCells(cells, found);
  const axis = (name: string) => {
    const j = names.indexOf(name);
    if (j >= 0) return j;
    throw new RangeError(`grid: there is no parameter "${name}"; there are ${names.join(", ")}.`);
  };
  const { box } = cells;
  const isInside = (theta: Float64Array) =>
    theta.every((value, j) => value >= box[j][0] && value <= box[j][1]);
  const logProb = async (theta: Matrix) => {
    const found = await target.logProb(theta);
    return found.map((value, i) => (isInside(row(theta, i)) ? value - logIntegral : -Infinity));
  };
  return {
    dim,
    names,
    support,
    normalised: true,
    ...(target.start && { start: target.start }),
    grid: cells,
    values,
    logIntegral,
    logProb,
    marginal: (name) => marginal(axis(name)),
    moments: (name) => moments(axis(name)),
    async sample(n, { seed = 0 } = {}) {
      if (!(Number.isSafeInteger(n) && n >= 1)) {
        throw new RangeError(`grid: n must be a positive whole number, got ${n}.`);
      }
      const asking = drawing(n, keyOf(seed));
      let asked = asking.next();
      while (!asked.done) asked = asking.next(await evaluated(target, asked.value));
      return asked.value;
    },
    warnings: [
      ...(target.warnings ?? []),
      ...names.flatMap((name, j) =>
        edges(j).flatMap((share, end) => {
          if (share <= most || box[j][end] === natural[j][end]) return [];
          return [
            `At ${name} = ${box[j][end].toPrecision(4)} the density is still ${(100 * share).toPrecision(2)} % of its highest: ` +
              "the box cuts it off. Widen its bounds.",
          ];
        }),
      ),
    ],
  };
}

/** Where each parameter's support ends; infinite where it does not. */
function edgesOfSupport({ dim, support }: LogDensity): (readonly [number, number])[] {
  const end = (u: number) => {
    const theta = new Float64Array(dim);
    support.toConstrained(new Float64Array(dim).fill(u), theta);
    return theta.map((value) => (Math.abs(value) < 1e200 ? value : u));
  };
  const [low, high] = [end(-1e300), end(1e300)];
  return Array.from({ length: dim }, (_, j) => [Math.min(low[j], high[j]), Math.max(low[j], high[j])]);
}

function boxOf(
  { names, dim, start }: LogDensity,
  natural: readonly (readonly [number, number])[],
  bounds: GridOptions["bounds"] = {},
): [number, number][] {
  for (const name of Object.keys(bounds)) {
    if (!names.includes(name)) {
      throw new RangeError(
        `grid: bounds are given for "${name}", but the parameters are ${names.join(", ")}.`,
      );
    }
  }
  const isEnd = (value: number) => Math.abs(value) < 1e200;
  const isBounded = (ends: readonly [number, number]) => ends.every(isEnd);
  const draws = names.every((name, j) => bounds[name] || isBounded(natural[j]))
    ? undefined
    : start?.sample(10_000, keyOf("bounds"));
  return names.map((name, j) => {
    const [from, to] = natural[j];
    const given = bounds[name];
    if (given) {
      const [low, high] = given;
      if (!(low < high && Number.isFinite(high - low))) {
        throw new RangeError(`grid: bounds of ${name} must be finite and rise, got [${low}, ${high}].`);
      }
      if (low < to && high > from) return [Math.max(low, from), Math.min(high, to)];
      throw new RangeError(
        `grid: bounds of ${name}, [${low}, ${high}], lie outside its support, which is from ${from} to ${to}.`,
      );
    }
    if (isBounded(natural[j])) return [from, to];
    if (!draws) {
      throw new RangeError(
        `grid: ${name} has no bounds and the target no start to draw from; pass bounds: { ${name}: [low, high] }.`,
      );
    }
    let [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < draws.rows; i++) {
      low = Math.min(low, draws.data[i * dim + j]);
      high = Math.max(high, draws.data[i * dim + j]);
    }
    return [isEnd(from) ? from : low, isEnd(to) ? to : high];
  });
}

function countsOf(cells: GridOptions["cells"], dim: number): number[] {
  const counts = Array.from({ length: dim }, (_, j) =>
    typeof cells === "object" ? cells[j] : (cells ?? defaultCells[dim - 1]),
  );
  if (
    (typeof cells === "object" && cells.length !== dim) ||
    !counts.every((n) => Number.isSafeInteger(n) && n >= 2)
  ) {
    throw new RangeError(
      `grid: cells must be a whole number of at least 2, or ${dim} of them, got ${JSON.stringify(cells)}.`,
    );
  }
  const total = counts.reduce((product, count) => product * count, 1);
  if (total > mostCells) {
    throw new RangeError(
      `grid: at most ${mostCells} cells, got ${counts.join(" x ")} = ${total}: pass fewer, or narrower bounds.`,
    );
  }
  return counts;
}

async function evaluated(
  target: LogDensity,
  points: Matrix,
  { signal, onProgress }: LongTask = {},
): Promise<Float64Array> {
  const out = new Float64Array(points.rows);
  const breathe = breather();
  for (let from = 0; from < points.rows; from += batch) {
    signal?.throwIfAborted();
    const part = sliceRows(points, from, Math.min(points.rows, from + batch));
    out.set(await target.logProb(part), from);
    onProgress?.({ done: from + part.rows, total: points.rows });
    await breathe();
  }
  const wrong = out.findIndex((value) => !(value < Infinity));
  if (wrong >= 0) {
    const where = target.names.map((name, j) => `${name} ${row(points, wrong)[j].toPrecision(4)}`).join(", ");
    throw new RangeError(
      `grid: the log density is ${Number.isNaN(out[wrong]) ? "not a number" : "infinite"} at ${where}. ` +
        "Return -Infinity where the density is zero, or narrow the bounds.",
    );
  }
  return out;
}
