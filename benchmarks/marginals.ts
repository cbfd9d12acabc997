/**
 * Marginal densities of a posterior whose density can be evaluated up to a constant, such as ratio times prior, on a grid
 * and without smoothing: the mean over draws of the conditional density of one parameter given the draw's others,
 *
 *     p(theta_j | x) = E[ p(theta_j | theta_-j, x) ],   p(t | theta_-j, x) = f(t, theta_-j) / integral f(t', theta_-j) dt'
 *
 * with each integral a midpoint sum over the grid. The constant cancels, so a ratio to a reference point will do; the draws
 * say no more than where the other parameters lie.
 *
 * @see Gelfand and Smith (1990), https://doi.org/10.1080/01621459.1990.10476213, equation 8
 * @module
 */
import { column, type Matrix, matrix, row } from "../src/core/matrix.js";
import { extent } from "../src/report/figures/checks.js";
import type { KeptTable } from "./group.js";
import type { Prepared } from "./method.js";
import type { Problem } from "./problem.js";
import { evenlySpaced } from "./sampling.js";

/** A log density of `theta`, `[N, D] -> [N]`, nats, up to a constant; `-Infinity` is allowed. */
type LogDensityOf = (theta: Matrix) => Float64Array | Promise<Float64Array>;

/** Draws whose conditionals are averaged: the exact likelihood costs less than a network. */
const conditionals = { learned: 250, exact: 1000 };

/** Cells of each parameter's grid. */
const cells = 128;

/** Columns of a table of marginals: the number of the parameter from 0, its value, and both densities there. */
export const marginalColumns = ["parameter", "theta", "learned", "exact"] as const;

/**
 * Marginal densities on the midpoints of a grid.
 *
 * @param logDensity - of all parameters.
 * @param draws - of the same density, `[n, D]`.
 * @param axes - midpoints of equal cells, for each parameter; what lies outside is taken to be zero.
 * @returns a density for each parameter, as long as its axis; integrates to one.
 */
export async function gridMarginals(
  logDensity: LogDensityOf,
  draws: Matrix,
  axes: readonly Float64Array[],
): Promise<Float64Array[]> {
  const marginals: Float64Array[] = [];
  for (const [j, axis] of axes.entries()) {
    const points = matrix(draws.rows * axis.length, draws.cols);
    for (let i = 0; i < points.rows; i++) {
      const point = row(points, i);
      point.set(row(draws, Math.floor(i / axis.length)));
      point[j] = axis[i % axis.length];
    }
    const logs = await logDensity(points);
    const width = axis[1] - axis[0];
    const mean = new Float64Array(axis.length);
    for (let s = 0; s < draws.rows; s++) {
      const own = logs.subarray(s * axis.length, (s + 1) * axis.length);
      const highest = own.reduce((a, b) => Math.max(a, b));
      const density = own.map((value) => Math.exp(value - highest));
      const scale = density.reduce((a, b) => a + b) * width * draws.rows;
      density.forEach((value, i) => {
        mean[i] += value / scale;
      });
    }
    marginals.push(mean);
  }
  return marginals;
}

/**
 * The learned marginals of one observation beside the exact ones, as rows of `marginalColumns`.
 *
 * @param draws - of the method, and `exact` ones, `[n, D]`; 250 and 1,000 are used.
 * @returns `undefined` where the method has no density.
 */
export async function marginalsTable(
  problem: Problem,
  observed: Float64Array,
  method: Prepared,
  { draws, exact }: { readonly draws: Matrix; readonly exact: Matrix },
): Promise<KeptTable | undefined> {
  const density = method.logDensity ?? method.logProb;
  if (density === undefined) return undefined;
  const { prior } = problem.simulator;
  const axes = prior.names.map((_, j) => axisOf(problem, j, [column(draws, j), column(exact, j)]));
  const learned = await gridMarginals(
    (theta) => density(theta, observed),
    evenlySpaced(draws, conditionals.learned),
    axes,
  );
  const truth = await gridMarginals(
    (theta) => {
      const logPrior = prior.logProb(theta);
      return problem.logLikelihood(theta, observed).map((value, i) => value + logPrior[i]);
    },
    evenlySpaced(exact, conditionals.exact),
    axes,
  );
  const values = matrix(prior.dim * cells, marginalColumns.length);
  for (let i = 0; i < values.rows; i++) {
    const [j, cell] = [Math.floor(i / cells), i % cells];
    row(values, i).set([j, axes[j][cell], learned[j][cell], truth[j][cell]]);
  }
  return { names: marginalColumns, values };
}

/** Midpoints over all draws and a little more, within the prior's box where it is one. */
function axisOf(problem: Problem, j: number, values: readonly Float64Array[]): Float64Array {
  const [from, to] = extent(values.flatMap((each) => Array.from(each)));
  const pad = 0.1 * (to - from);
  const box = priorBox(problem)?.[j] ?? [-Infinity, Infinity];
  const low = Math.max(from - pad, box[0]);
  const width = (Math.min(to + pad, box[1]) - low) / cells;
  return Float64Array.from({ length: cells }, (_, i) => low + (i + 0.5) * width);
}

/** Lower and upper edge of each parameter where the prior is uniform on a box. */
export function priorBox({ simulator }: Problem): readonly (readonly [number, number])[] | undefined {
  const { kind, low, high } = simulator.prior.spec;
  if (kind !== "uniform") return undefined;
  return (low as readonly number[]).map((edge, j) => [edge, (high as readonly number[])[j]] as const);
}
