/**
 * Expected coverage: how often the true `theta` lies in the highest-density region of credible level `c`,
 * averaged over the joint of parameters and data. Calibrated posteriors lie on the diagonal; below it regions
 * are too small and the posterior overconfident, above it conservative.
 *
 * The credibility of a true `theta` is the posterior mass where the density is higher than at it; coverage at
 * level `c` is the share of pairs whose credibility is at most `c`.
 *
 * @see Hermans et al. (2021), https://arxiv.org/abs/2110.06581
 * @see Miller et al. (2021), https://arxiv.org/abs/2107.01214
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, row } from "../core/matrix.js";
import { countAtMost } from "../core/quantile.js";
import { ksUniform } from "./uniformity.js";

/** The coverage of a set of held-out pairs; ready for `coverageFigure`. */
export interface ExpectedCoverage {
  /** Credible levels, ascending in [0, 1]. */
  readonly levels: Float64Array;
  /** Share of pairs whose region of that level holds the truth. */
  readonly coverage: Float64Array;
  readonly numPairs: number;
  /** Mean of coverage minus level over [0, 1]: below 0 overconfident, above 0 conservative. */
  readonly bias: number;
  /** Kolmogorov-Smirnov p-value of the credibilities against the uniform law. */
  readonly pValue: number;
}

/**
 * Coverage from the credibilities of true parameters.
 *
 * @param credibilities - one per held-out pair, in [0, 1].
 * @param options - each has a default.
 * @param options.levels - ascending levels to report at. Default 0, 0.01 ... 1.
 * @throws {RangeError} if there is no credibility, or one is outside [0, 1].
 * @example
 * const curve = expectedCoverage(credibilitiesFromDraws(logProbDraws, logProbTruth));
 */
export function expectedCoverage(
  credibilities: ArrayLike<number>,
  { levels = Array.from({ length: 101 }, (_, i) => i / 100) }: { readonly levels?: ArrayLike<number> } = {},
): ExpectedCoverage {
  const numPairs = credibilities.length;
  if (numPairs === 0) throw new RangeError("expectedCoverage: expected credibilities, got none.");
  const sorted = Float64Array.from(credibilities).sort();
  const bad = sorted.find((value) => !(value >= 0 && value <= 1));
  if (bad !== undefined)
    throw new RangeError(`expectedCoverage: credibilities must lie in [0, 1], got ${bad}.`);
  const coverage = Float64Array.from(levels, (level) => countAtMost(sorted, level) / numPairs);
  // The area under the coverage curve is the mean of 1 - credibility; the diagonal's is 1/2.
  const bias = 0.5 - sorted.reduce((sum, value) => sum + value, 0) / numPairs;
  return { levels: Float64Array.from(levels), coverage, numPairs, bias, pValue: ksUniform(sorted).pValue };
}

/**
 * Credibilities from posterior draws: the share of draws of higher density than the truth, as
 * `(higher + ties / 2 + 1/2) / (S + 1)`, which is uniform to order `1 / S` for a calibrated posterior.
 *
 * @param logProbDraws - log density of the posterior at its own draws, one row per pair, `[N, S]`; up to a
 *   constant per row.
 * @param logProbTruth - the same density at the true parameters, `[N]`.
 * @throws {ShapeError} if the counts differ.
 * @throws {RangeError} if a log density is `NaN`.
 */
export function credibilitiesFromDraws(logProbDraws: Matrix, logProbTruth: ArrayLike<number>): Float64Array {
  checkPairs("credibilitiesFromDraws", logProbDraws, logProbTruth);
  return Float64Array.from(logProbTruth, (truth, i) => {
    let higher = 0;
    for (const value of row(logProbDraws, i)) higher += value > truth ? 1 : value === truth ? 0.5 : 0;
    return (higher + 0.5) / (logProbDraws.cols + 1);
  });
}

/** What `credibilitiesFromRatios` reports. */
export interface RatioCredibilities {
  /** `[N]`, in [0, 1]. */
  readonly credibilities: Float64Array;
  /**
   * Effective number of prior draws behind each, `[N]`: `(sum r)^2 / sum r^2`. Below 100 or so take more draws.
   */
  readonly effectiveDraws: Float64Array;
}

/**
 * Credibilities from an amortised ratio without any sampling: draws from the prior, weighted by the ratio, are
 * draws from the posterior. One batch of prior draws serves all pairs.
 *
 * @param logRatio - `log r(x_i, theta_s)` at `S` prior draws, one row per pair, `[N, S]`; up to a constant per row.
 * @param logRatioTruth - `log r(x_i, theta_i)`, `[N]`, with the same constants.
 * @param options.logPrior - log prior density of the draws, `[S]`, and of the true parameters, `[N]`. Leave it
 *   out for a uniform prior.
 * @throws {ShapeError} if the counts differ.
 * @throws {RangeError} if a log ratio is `NaN`.
 */
export function credibilitiesFromRatios(
  logRatio: Matrix,
  logRatioTruth: ArrayLike<number>,
  {
    logPrior,
  }: { readonly logPrior?: { readonly draws: ArrayLike<number>; readonly truth: ArrayLike<number> } } = {},
): RatioCredibilities {
  checkPairs("credibilitiesFromRatios", logRatio, logRatioTruth);
  const { rows, cols } = logRatio;
  if (logPrior && (logPrior.draws.length !== cols || logPrior.truth.length !== rows)) {
    throw new ShapeError(
      `credibilitiesFromRatios: logPrior must hold ${cols} draws and ${rows} truths, ` +
        `got ${logPrior.draws.length} and ${logPrior.truth.length}.`,
    );
  }
  const credibilities = new Float64Array(rows);
  const effectiveDraws = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    const ratios = row(logRatio, i);
    const truth = logRatioTruth[i] + (logPrior?.truth[i] ?? 0);
    let highest = -Infinity;
    for (const value of ratios) highest = Math.max(highest, value);
    let sum = 0;
    let squares = 0;
    let higher = 0;
    for (let s = 0; s < cols; s++) {
      const weight = Math.exp(ratios[s] - highest);
      const density = ratios[s] + (logPrior?.draws[s] ?? 0);
      sum += weight;
      squares += weight * weight;
      higher += density > truth ? weight : density === truth ? weight / 2 : 0;
    }
    credibilities[i] = Math.min(1, higher / sum); // rounding
    effectiveDraws[i] = (sum * sum) / squares;
  }
  return { credibilities, effectiveDraws };
}

function checkPairs(caller: string, table: Matrix, truth: ArrayLike<number>): void {
  if (table.rows !== truth.length) {
    throw new ShapeError(
      `${caller}: ${table.rows} rows of draws but ${truth.length} true values; give one row per pair.`,
    );
  }
  if (table.cols === 0) throw new ShapeError(`${caller}: expected at least one draw per pair, got 0.`);
  // NaN compares as lower than everything, and would count for or against the estimator in silence
  const badTruth = Array.from(truth).findIndex(Number.isNaN);
  if (badTruth >= 0) {
    throw new RangeError(
      `${caller}: the true parameters of pair ${badTruth} have the log density NaN, expected a number. Leave the pair out, ` +
        "and look why the density fails there.",
    );
  }
  const badDraw = table.data.findIndex(Number.isNaN);
  if (badDraw >= 0) {
    throw new RangeError(
      `${caller}: draw ${badDraw % table.cols} of pair ${Math.floor(badDraw / table.cols)} has the log density NaN, ` +
        "expected a number. Leave the pair out, and look why the density fails there.",
    );
  }
}
