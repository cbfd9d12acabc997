/**
 * Regression adjustment of ABC draws: a tolerance keeps simulations whose summaries `s` are near the observed `s_o`, not at
 * it; a regression of the parameters on the summaries tells how the parameters would move if they were.
 *
 * With `u` the parameters on the unconstrained scale of the prior, so that no draw leaves its support:
 *
 * - linear: `u = m(s) + e`, `m` linear, and `u* = u + m(s_o) - m(s)` (Beaumont et al. 2002);
 * - heteroscedastic: `u = m(s) + sigma(s) e`, where `log sigma^2` is a second linear regression, of the logarithms of the squared
 *   residuals, and `u* = m(s_o) + (u - m(s)) sigma(s_o) / sigma(s)` (Blum and Francois 2010).
 *
 * Both are fitted with Epanechnikov weights, `1 - (d / epsilon)^2` at the distance `d`, times those that the draws have,
 * and draws keep these weights. Blum and Francois take neural networks for `m` and `sigma`; here both are ridge regressions.
 *
 * @see Beaumont, Zhang and Balding (2002), https://doi.org/10.1093/genetics/162.4.2025
 * @see Blum and Francois (2010), https://arxiv.org/abs/0809.4178
 * @module
 */
import type { Prior } from "../core/contracts.js";
import { ShapeError } from "../core/errors.js";
import { type Matrix, matrix, row } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import type { AbcSample } from "./abc-run.js";
import { fitRidge, weightedMoments } from "./ridge.js";

/** Options of `adjustByRegression`. */
export interface AdjustOptions {
  /** Whether the spread around the regression may depend on the summaries. Default `"linear"`: it may not. */
  readonly method?: "linear" | "heteroscedastic";
  /** Penalty on the coefficients of standardised summaries; more of it where there are hardly more draws than summaries. Default 1e-8. */
  readonly ridge?: number;
}

const optionNames: OptionNames<AdjustOptions> = { method: true, ridge: true };

/** Adjusted draws. Draws of equal weight come from `resampleDraws`. */
export interface AdjustedDraws {
  /** `[n, D]`, inside the support of the prior. */
  readonly theta: Matrix;
  /** Epanechnikov weights times those that the draws had, `[n]`, summing to one. */
  readonly weights: Float64Array;
  /** Effective sample size of the weights. */
  readonly ess: number;
}

/** The floor of squared residuals, in parts of their mean: the logarithm of none is minus infinity. */
const smallest = 1e-12;

/**
 * Moves ABC draws to where they would be at the observation.
 *
 * @param sample - as `rejectionAbc`, `smcAbc` and `abcMcmc` return it.
 * @param prior - that of the simulator: its `support` gives the scale of the regression.
 * @throws {TypeError} if there is no such option.
 * @throws {RangeError} if there is no such `method`, `ridge` is not positive, or there are no more draws with a weight than summaries and an intercept.
 * @throws {ShapeError} if the prior has another number of parameters.
 * @example
 * const near = await rejectionAbc(simulator, { observed, quantile: 0.01, maxSimulations: 100_000, seed: 1 });
 * const { theta, weights } = adjustByRegression(near, simulator.prior, { method: "heteroscedastic" });
 */
export function adjustByRegression(
  sample: AbcSample,
  prior: Pick<Prior, "dim" | "support">,
  options: AdjustOptions = {},
): AdjustedDraws {
  checkOptions("adjustByRegression", options, optionNames);
  const { method = "linear", ridge = 1e-8 } = options;
  const { theta, summaries } = sample;
  const { rows, cols: dim } = theta;
  if (method !== "linear" && method !== "heteroscedastic") {
    throw new RangeError(
      `adjustByRegression: method must be "linear" or "heteroscedastic", got ${JSON.stringify(method)}.`,
    );
  }
  if (!(ridge > 0 && ridge < Infinity)) {
    throw new RangeError(`adjustByRegression: ridge must be a positive number, got ${ridge}.`);
  }
  if (dim !== prior.dim) {
    throw new ShapeError(`adjustByRegression: the draws have ${dim} parameters but the prior ${prior.dim}.`);
  }
  const u = unconstrained(theta, prior);
  const weights = epanechnikov(sample, u);
  const used = weights.reduce((count, weight) => count + Number(weight > 0), 0);
  if (used <= summaries.cols + 1) {
    throw new RangeError(
      `adjustByRegression: expected more draws with a weight than the ${summaries.cols + 1} coefficients of ` +
        `${summaries.cols} summaries, got ${used}. Keep more draws, or compare fewer summaries, such as those of semiAutomaticSummary.`,
    );
  }

  const observed = matrix(1, summaries.cols, sample.observedSummary);
  const mean = fitRidge(summaries, u, weights, ridge);
  const [fitted, atObserved] = [mean(summaries), mean(observed)];
  const residuals = matrix(
    rows,
    dim,
    u.data.map((value, i) => value - fitted.data[i]),
  );
  const scales = method === "linear" ? undefined : spreads(residuals, summaries, observed, weights, ridge);

  const out = matrix(rows, dim, theta.data.slice());
  const point = new Float64Array(dim);
  let squares = 0;
  for (let i = 0; i < rows; i++) {
    squares += weights[i] ** 2;
    if (weights[i] === 0) continue; // stays where it was
    for (let j = 0; j < dim; j++) {
      point[j] = atObserved.data[j] + residuals.data[i * dim + j] * (scales?.data[i * dim + j] ?? 1);
    }
    prior.support.toConstrained(point, row(out, i));
  }
  return { theta: out, weights, ess: 1 / squares };
}

/** `sigma(s_o) / sigma(s_i)` of each parameter, `[n, D]`. */
function spreads(
  residuals: Matrix,
  summaries: Matrix,
  observed: Matrix,
  weights: Float64Array,
  ridge: number,
): Matrix {
  const { rows, cols } = residuals;
  const { sd } = weightedMoments(residuals, weights); // their mean is 0
  const logSquares = matrix(rows, cols);
  for (let i = 0; i < rows * cols; i++) {
    const floor = smallest * sd[i % cols] ** 2 || Number.MIN_VALUE;
    logSquares.data[i] = Math.log(Math.max(residuals.data[i] ** 2, floor));
  }
  const logVariance = fitRidge(summaries, logSquares, weights, ridge);
  const [atRows, atObserved] = [logVariance(summaries), logVariance(observed)];
  return matrix(
    rows,
    cols,
    atRows.data.map((value, i) => Math.exp(0.5 * (atObserved.data[i % cols] - value))),
  );
}

/** Rows in unconstrained space, `NaN` or infinite where a row is on the edge of the support. */
function unconstrained(theta: Matrix, { support }: Pick<Prior, "support">): Matrix {
  const u = matrix(theta.rows, theta.cols);
  for (let i = 0; i < theta.rows; i++) support.toUnconstrained(row(theta, i), row(u, i));
  return u;
}

/** The kernel's weights times those of the sample, 0 where there is no `u`; of the sample alone where all distances are 0. */
function epanechnikov({ distances, epsilon, weights }: AbcSample, u: Matrix): Float64Array {
  const out = distances.map((distance, i) => {
    if (!row(u, i).every(Number.isFinite)) return 0;
    return weights[i] * (epsilon > 0 ? Math.max(0, 1 - (distance / epsilon) ** 2) : 1);
  });
  const sum = out.reduce((a, b) => a + b, 0);
  return sum > 0 ? out.map((weight) => weight / sum) : out;
}
