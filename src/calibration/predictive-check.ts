/**
 * Posterior predictive check: does the model, with the parameters it was given, make data like those observed?
 *
 * A discrepancy `T(x, theta)` is computed for the observed and for a replicated data row at each posterior draw;
 * its p-value is the probability that the replicated one is at least as large. Values near 0 or 1 mean that
 * the model does not describe that side of the data. The data are used twice, so that p-values of a right model
 * crowd towards 1/2: an alarm is to be taken seriously, silence proves little.
 *
 * @see Gelman, Meng and Stern (1996), http://www3.stat.sinica.edu.tw/statistica/j6n4/j6n41/j6n41.htm
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, row } from "../core/matrix.js";
import { sortedQuantile } from "../core/quantile.js";

/** A measure of misfit or any other number of interest, of a data row `[L]` and the parameters `[D]` of the draw. */
export type Discrepancy = (x: Float64Array, theta: Float64Array) => number;

/** How one discrepancy fared. */
export interface DiscrepancyCheck {
  /** Means over the draws. */
  readonly observed: number;
  readonly replicated: number;
  /** Probability that the replicated discrepancy is at least the observed one, ties counted half. */
  readonly pValue: number;
}

/** What `predictiveCheck` reports. */
export interface PredictiveCheck {
  /** Quantiles of the predictive law per data column, `[L]` each. */
  readonly band: {
    readonly lower95: Float64Array;
    readonly lower68: Float64Array;
    readonly median: Float64Array;
    readonly upper68: Float64Array;
    readonly upper95: Float64Array;
  };
  /** Two-sided p-value of each data column by itself, `[L]`. */
  readonly perColumn: Float64Array;
  /**
   * By name. `chiSquared` is always there: squared distances from the predictive means in units of the
   * predictive standard deviations, summed over columns.
   */
  readonly discrepancies: Readonly<Record<string, DiscrepancyCheck>>;
}

/**
 * Compares what was observed with data simulated at posterior draws.
 *
 * @param observed - `[L]`.
 * @param replicated - one simulated row per posterior draw, `[S, L]`, `S >= 2`.
 * @param options - each has a default.
 * @param options.theta - the draws, `[S, D]`; needed by discrepancies that look at theta.
 * @param options.discrepancies - by name. Default none beside `chiSquared`.
 * @throws {ShapeError} if widths or row counts do not fit.
 * @throws {RangeError} if a value is not finite or a discrepancy is not a number.
 * @example
 * const draws = drawsMatrix(await sample(hmc(target))); // or await target.sample(1000), of a posterior estimator
 * const { x } = await simulator.simulate(draws, split(key("replicate"), draws.rows));
 * const { perColumn, discrepancies } = predictiveCheck(observed, x, { theta: draws });
 */
export function predictiveCheck(
  observed: ArrayLike<number>,
  replicated: Matrix,
  {
    theta,
    discrepancies = {},
  }: { readonly theta?: Matrix; readonly discrepancies?: Readonly<Record<string, Discrepancy>> } = {},
): PredictiveCheck {
  const { rows, cols } = replicated;
  check(observed, replicated, theta);
  const at = Float64Array.from(observed);
  const means = new Float64Array(cols);
  const variances = new Float64Array(cols);
  const perColumn = new Float64Array(cols);
  const shares = { lower95: 0.025, lower68: 0.16, median: 0.5, upper68: 0.84, upper95: 0.975 };
  const band = Object.fromEntries(
    Object.keys(shares).map((name) => [name, new Float64Array(cols)]),
  ) as Record<keyof typeof shares, Float64Array>;
  for (let j = 0; j < cols; j++) {
    const values = Float64Array.from({ length: rows }, (_, s) => replicated.data[s * cols + j]).sort();
    means[j] = values.reduce((sum, value) => sum + value, 0) / rows;
    variances[j] = values.reduce((sum, value) => sum + (value - means[j]) ** 2, 0) / (rows - 1);
    const below = values.reduce((sum, value) => sum + tie(value, at[j]), 0);
    perColumn[j] = twoSided(below, rows);
    for (const [name, share] of Object.entries(shares))
      band[name as keyof typeof shares][j] = sortedQuantile(values, share);
  }
  const chiSquared: Discrepancy = (x) => {
    let sum = 0;
    for (let j = 0; j < cols; j++) {
      const difference = (x[j] - means[j]) ** 2;
      if (difference > 0) sum += difference / variances[j]; // infinite where the model allows one value only
    }
    return sum;
  };
  const empty = new Float64Array(0);
  const compare = (name: string, discrepancy: Discrepancy): DiscrepancyCheck => {
    let observedSum = 0;
    let replicatedSum = 0;
    let larger = 0;
    for (let s = 0; s < rows; s++) {
      const parameters = theta === undefined ? empty : row(theta, s);
      const ours = discrepancy(at, parameters);
      const theirs = discrepancy(row(replicated, s), parameters);
      if (Number.isNaN(ours) || Number.isNaN(theirs)) {
        throw new RangeError(
          `predictiveCheck: the discrepancy "${name}" must be a number, but at draw ${s} it is ${ours} for observed and ${theirs} for replicated.`,
        );
      }
      observedSum += ours;
      replicatedSum += theirs;
      larger += tie(ours, theirs);
    }
    return { observed: observedSum / rows, replicated: replicatedSum / rows, pValue: larger / rows };
  };
  const all = { chiSquared, ...discrepancies };
  return {
    band,
    perColumn,
    discrepancies: Object.fromEntries(Object.entries(all).map(([name, f]) => [name, compare(name, f)])),
  };
}

/** 1 if `a < b`, 1/2 if equal. */
const tie = (a: number, b: number) => (a < b ? 1 : a === b ? 0.5 : 0);

/** Twice the smaller tail, with the observed value counted among the `n` others: never 0. */
function twoSided(below: number, n: number): number {
  return Math.min(1, (2 * (Math.min(below, n - below) + 0.5)) / (n + 1));
}

function check(observed: ArrayLike<number>, replicated: Matrix, theta: Matrix | undefined): void {
  if (observed.length !== replicated.cols) {
    throw new ShapeError(
      `predictiveCheck: observed has ${observed.length} values but replicated has ${replicated.cols} columns.`,
    );
  }
  if (replicated.rows < 2) {
    throw new ShapeError(`predictiveCheck: replicated must have at least 2 rows, got ${replicated.rows}.`);
  }
  if (theta !== undefined && theta.rows !== replicated.rows) {
    throw new ShapeError(
      `predictiveCheck: theta has ${theta.rows} rows but replicated has ${replicated.rows}; give one per draw.`,
    );
  }
  for (const [name, values] of [
    ["observed", Array.from(observed)] as const,
    ["replicated", replicated.data] as const,
  ]) {
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new RangeError(
        `predictiveCheck: ${name} must be finite, but value ${bad} is ${values[bad]}. Leave such rows out.`,
      );
    }
  }
}
