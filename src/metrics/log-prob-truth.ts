/**
 * Scores that need no exact draws.
 *
 * The negative log probability of the truth, `mean_i -log q(theta_i | x_i)` over held-out pairs, is minimised in
 * expectation by the exact posterior (Gneiting and Raftery 2007), so that of two methods the one with less knows
 * more. A ratio estimator gives `q` up to a factor:
 *
 *     log q(theta | x) = log r(x, theta) + log p(theta) - log Z(x),   Z(x) = E_p(theta) r(x, theta)
 *
 * and `Z` is estimated by draws `theta_s` from the prior, or from any proposal `g` that covers the posterior:
 * `Z = mean_s r(x, theta_s) p(theta_s) / g(theta_s)`, whose logarithm errs by `sqrt((S / ESS - 1) / S)` (delta method),
 * `ESS = (sum w)^2 / sum w^2` being the effective number of draws, and falls short by half of the square of that.
 *
 * @see Gneiting and Raftery (2007), https://doi.org/10.1198/016214506000001437
 * @see Papamakarios and Murray (2016), https://arxiv.org/abs/1605.06376
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, row } from "../core/matrix.js";

/** A mean over pairs. */
export interface MeanScore {
  readonly value: number;
  /** Of the mean, from the spread over pairs; `NaN` for a single pair. */
  readonly standardError: number;
  readonly numPairs: number;
}

/**
 * Mean negative log probability of the truth.
 *
 * @param logProb - normalised log densities of the posteriors at the true parameters, nats, `[N]`; `-Infinity` where a
 *   posterior excludes the truth, and then the score is infinite.
 * @throws {RangeError} if there is none, or one is `NaN` or `+Infinity`.
 * @example
 * const { logProb } = normaliseLogRatios(logRatio, logRatioTruth, { logPriorTruth });
 * const { value, standardError } = negativeLogProbTruth(logProb);
 */
export function negativeLogProbTruth(logProb: ArrayLike<number>): MeanScore {
  check("negativeLogProbTruth", "logProb", logProb, (value) => value < Infinity);
  return meanScore(Float64Array.from(logProb, (value) => -value));
}

/** What `normaliseLogRatios` reports, one entry per pair. */
export interface NormalisedLogRatios {
  /** `log q(theta_i | x_i)`, nats, `[N]`. */
  readonly logProb: Float64Array;
  /** `log Z(x_i)`, nats, `[N]`: near 0 for a ratio that is right. */
  readonly logEvidenceRatio: Float64Array;
  /** Standard error of `logEvidenceRatio`, and so of `logProb`, `[N]`. */
  readonly standardError: Float64Array;
  /** Effective number of draws behind each, `[N]`. Below 100 or so take more, or a closer proposal. */
  readonly effectiveDraws: Float64Array;
}

/**
 * Normalised log densities at the truth from log ratios at draws of the prior or of a proposal.
 *
 * @param logRatio - `log r(x_i, theta_s)` at `S` draws, one row per pair, `[N, S]`; the draws may differ by row.
 * @param logRatioTruth - `log r(x_i, theta_i)`, `[N]`.
 * @param options.logPriorTruth - log prior density of the true parameters, `[N]`.
 * @param options.logWeight - `log p(theta_s) - log g(theta_s)` of draws from a proposal, `[N, S]`. Default 0: from the prior.
 * @throws {ShapeError} if counts differ, or there are no draws.
 * @throws {RangeError} if a value is `NaN` or `+Infinity`, or all ratios of a pair vanish.
 */
export function normaliseLogRatios(
  logRatio: Matrix,
  logRatioTruth: ArrayLike<number>,
  { logPriorTruth, logWeight }: { readonly logPriorTruth: ArrayLike<number>; readonly logWeight?: Matrix },
): NormalisedLogRatios {
  const caller = "normaliseLogRatios";
  const { rows, cols } = logRatio;
  if (logRatioTruth.length !== rows || logPriorTruth.length !== rows) {
    throw new ShapeError(
      `${caller}: logRatio has ${rows} rows but there are ${logRatioTruth.length} log ratios and ` +
        `${logPriorTruth.length} log priors of the truth; give one per pair.`,
    );
  }
  if (cols === 0) throw new ShapeError(`${caller}: expected at least one draw per pair, got 0.`);
  if (logWeight !== undefined && (logWeight.rows !== rows || logWeight.cols !== cols)) {
    throw new ShapeError(
      `${caller}: logWeight must be [${rows}, ${cols}] as logRatio is, got [${logWeight.rows}, ${logWeight.cols}].`,
    );
  }
  const below = (value: number) => value < Infinity;
  check(caller, "logRatio", logRatio.data, below);
  check(caller, "logRatioTruth", logRatioTruth, below);
  check(caller, "logPriorTruth", logPriorTruth, below);
  if (logWeight !== undefined) check(caller, "logWeight", logWeight.data, below);

  const logEvidenceRatio = new Float64Array(rows);
  const effectiveDraws = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    const weights = Float64Array.from(row(logRatio, i));
    if (logWeight !== undefined) for (let s = 0; s < cols; s++) weights[s] += logWeight.data[i * cols + s];
    const highest = weights.reduce((a, b) => Math.max(a, b));
    if (highest === -Infinity) {
      throw new RangeError(`${caller}: all ratios of pair ${i} vanish; draw where the posterior lies.`);
    }
    let sum = 0;
    let squares = 0;
    for (const value of weights) {
      const weight = Math.exp(value - highest);
      sum += weight;
      squares += weight * weight;
    }
    logEvidenceRatio[i] = highest + Math.log(sum / cols);
    effectiveDraws[i] = (sum * sum) / squares;
  }
  return {
    logProb: logEvidenceRatio.map((logZ, i) => logRatioTruth[i] + logPriorTruth[i] - logZ),
    logEvidenceRatio,
    standardError: effectiveDraws.map((ess) => Math.sqrt(Math.max(0, 1 / ess - 1 / cols))),
    effectiveDraws,
  };
}

/**
 * Mean squared error of a learned log ratio where the true one is known, nats squared.
 *
 * @param logRatio - learned, `[N]`.
 * @param truth - exact, `[N]`.
 * @throws {ShapeError} if the counts differ.
 * @throws {RangeError} if there is none, or one is not finite.
 */
export function logRatioMse(logRatio: ArrayLike<number>, truth: ArrayLike<number>): MeanScore {
  if (logRatio.length !== truth.length) {
    throw new ShapeError(
      `logRatioMse: ${logRatio.length} learned log ratios but ${truth.length} true ones; give both at the same points.`,
    );
  }
  check("logRatioMse", "logRatio", logRatio, Number.isFinite);
  check("logRatioMse", "truth", truth, Number.isFinite);
  return meanScore(Float64Array.from(logRatio, (value, i) => (value - truth[i]) ** 2));
}

function meanScore(values: Float64Array): MeanScore {
  const numPairs = values.length;
  const value = values.reduce((sum, v) => sum + v, 0) / numPairs;
  const squares = values.reduce((sum, v) => sum + (v - value) ** 2, 0);
  return { value, standardError: Math.sqrt(squares / (numPairs - 1) / numPairs), numPairs };
}

function check(
  caller: string,
  name: string,
  values: ArrayLike<number>,
  isGood: (value: number) => boolean,
): void {
  if (values.length === 0) throw new RangeError(`${caller}: ${name} must hold at least one value, got none.`);
  const bad = Array.prototype.findIndex.call(values, (value: number) => !isGood(value));
  if (bad >= 0)
    throw new RangeError(`${caller}: ${name} must be finite, but value ${bad} is ${values[bad]}.`);
}
