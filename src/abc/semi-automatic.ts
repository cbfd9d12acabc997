/**
 * Semi-automatic summaries: the best summary for estimating parameters is their posterior mean, and a regression of parameters on
 * features of the data, fitted to a pilot set of simulations, estimates it. As many summaries as parameters, however
 * large the data.
 *
 * @see Fearnhead and Prangle (2012), https://arxiv.org/abs/1004.1112
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, matrix, row, takeRows } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { equalWeights } from "./abc-run.js";
import type { DataSummary } from "./distance.js";
import { fitRidge, weightedMoments } from "./ridge.js";

/** Options of `semiAutomaticSummary`. */
export interface SemiAutomaticOptions {
  /** What the regression sees: the data, the data and their squares, or features of the user's, `[N, L] -> [N, F]`. Default `"linear"`. */
  readonly features?: "linear" | "squares" | DataSummary;
  /** Penalty on the coefficients of standardised features. Default 1e-6. */
  readonly ridge?: number;
}

const optionNames: OptionNames<SemiAutomaticOptions> = { features: true, ridge: true };

/** Fitted summaries. */
export interface SemiAutomatic {
  /** The estimated posterior mean of each parameter, `[N, L] -> [N, D]`: give it to `rejectionAbc`, `smcAbc` or `abcMcmc`. */
  readonly summary: DataSummary;
  /** Share of each parameter's variance over the pilot set that its summary explains, `[D]`; near 0, the features say nothing of it; `NaN` where all are equal. */
  readonly rSquared: Float64Array;
  /** Pilot rows that were left out since they were not finite. */
  readonly dropped: number;
}

/**
 * Learns summaries from a pilot set, whose simulations are the caller's to count.
 *
 * @param pilot - simulations, `theta: [N, D]` from the prior (or the part of it that matters) and `x: [N, L]`, as `simulate` returns them.
 * @throws {TypeError} if there is no such option.
 * @throws {RangeError} if `features` is no known word, `ridge` is not positive, or there are no more usable rows than features and an intercept.
 * @throws {ShapeError} if `theta` and `x` have different row counts, or `features` gives another number of rows.
 * @example
 * const pilot = await simulate(simulator, { n: 5000, seed: "pilot" });
 * const { summary } = semiAutomaticSummary(pilot, { features: "squares" });
 * const found = await smcAbc(simulator, { observed, summary, maxSimulations: 50_000, seed: 1 });
 */
export function semiAutomaticSummary(
  pilot: { readonly theta: Matrix; readonly x: Matrix },
  options: SemiAutomaticOptions = {},
): SemiAutomatic {
  checkOptions("semiAutomaticSummary", options, optionNames);
  const { features = "linear", ridge = 1e-6 } = options;
  const { theta, x } = pilot;
  if (typeof features !== "function" && features !== "linear" && features !== "squares") {
    throw new RangeError(
      `semiAutomaticSummary: features must be "linear", "squares" or a function, got ${JSON.stringify(features)}.`,
    );
  }
  if (!(ridge > 0 && ridge < Infinity)) {
    throw new RangeError(`semiAutomaticSummary: ridge must be a positive number, got ${ridge}.`);
  }
  if (theta.rows !== x.rows) {
    throw new ShapeError(
      `semiAutomaticSummary: expected as many rows of theta as of x, got ${theta.rows} and ${x.rows}.`,
    );
  }
  const featuresOf: DataSummary =
    typeof features === "function" ? features : features === "squares" ? withSquares : (data) => data;
  const all = featuresOf(x);
  if (all.rows !== x.rows) {
    throw new ShapeError(
      `semiAutomaticSummary: features must return ${x.rows} rows for as many of x, got ${all.rows}.`,
    );
  }
  const usable = Int32Array.from({ length: x.rows }, (_, i) => i).filter(
    (i) => row(all, i).every(Number.isFinite) && row(theta, i).every(Number.isFinite),
  );
  if (usable.length <= all.cols + 1) {
    throw new RangeError(
      `semiAutomaticSummary: expected more finite rows than the ${all.cols + 1} coefficients of ${all.cols} features, ` +
        `got ${usable.length}. Simulate more, or give fewer features.`,
    );
  }
  const [design, targets] = [takeRows(all, usable), takeRows(theta, usable)];
  const weights = equalWeights(usable.length);
  const predict = fitRidge(design, targets, weights, ridge);
  const fitted = predict(design);
  const residuals = matrix(
    fitted.rows,
    fitted.cols,
    targets.data.map((value, i) => value - fitted.data[i]),
  );
  const [total, left] = [weightedMoments(targets, weights).sd, weightedMoments(residuals, weights).sd];
  return {
    summary: (data) => predict(featuresOf(data)),
    rSquared: total.map((sd, j) => 1 - (left[j] / sd) ** 2),
    dropped: x.rows - usable.length,
  };
}

/** `[x, x^2]`. */
function withSquares(x: Matrix): Matrix {
  const out = matrix(x.rows, 2 * x.cols);
  for (let i = 0; i < x.rows; i++) {
    out.data.set(row(x, i), i * out.cols);
    out.data.set(
      row(x, i).map((value) => value * value),
      i * out.cols + x.cols,
    );
  }
  return out;
}
