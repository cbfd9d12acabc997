/**
 * Exact posteriors of problems in one to three dimensions by quadrature. What `grid` of the samplers does, for densities that
 * answer at once.
 *
 * @module
 */
import { type DensityOnCells, densityOnCells, type GridCells, gridCells } from "../samplers/grid-cells.js";
import type { Matrix } from "../src/core/matrix.js";
import type { Key } from "../src/core/random.js";

/** A density on a grid over a box. */
export interface GridDensity
  extends Omit<GridCells, "midpoints">,
    Pick<DensityOnCells, "logProb" | "marginal" | "moments"> {
  /** Log of the integral of `exp(logDensity)` over the box, nats. */
  readonly logEvidence: number;
  /** `n` independent draws, `[n, axes]`. */
  draws(n: number, key: Key): Matrix;
}

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
  const grid = gridCells(box, cells);
  const { logProb, logIntegral, marginal, moments, drawing } = densityOnCells(
    grid,
    logDensity(grid.midpoints),
  );
  return {
    box,
    cells,
    axes: grid.axes,
    logProb,
    logEvidence: logIntegral,
    marginal,
    moments,
    draws(n, key) {
      const asking = drawing(n, key);
      let asked = asking.next();
      while (!asked.done) asked = asking.next(logDensity(asked.value));
      return asked.value;
    },
  };
}
