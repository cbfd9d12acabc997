/**
 * The report card of a ratio estimator: what can be checked on held-out simulations without any sampling,
 * because draws from the prior weighted by the ratio are draws from the posterior.
 *
 * - Expectations: `E_p(x)[r(x | theta)] = 1` for every theta; it fails where the classifier is saturated or NRE-B.
 * - Expected coverage (Hermans et al. 2021, https://arxiv.org/abs/2110.06581): on the diagonal when calibrated.
 * - Simulation-based calibration (Talts et al. 2018, https://arxiv.org/abs/1804.06788): uniform ranks.
 *
 * The card that `train` makes uses the validation rows: the network was not trained on them, but they chose the epoch
 * whose weights were kept, so their loss is a little too good. For a verdict that owes them nothing call `reportCard`
 * with fresh simulations.
 *
 * Trouble is data in the card and one warning each, never an exception.
 *
 * @module
 */
import { credibilitiesFromRatios, expectedCoverage } from "./calibration/expected-coverage.js";
import { sbcTest } from "./calibration/sbc.js";
import type { Prior } from "./core/contracts.js";
import { ConfigError } from "./core/errors.js";
import { type Matrix, matrix, row, sliceRows, takeRows } from "./core/matrix.js";
import { checkOptions, type OptionNames } from "./core/options.js";
import { foldIn, type Key, key as keyOf, stream } from "./core/random.js";
import { logSumExp } from "./core/special.js";
import type { RatioEstimator } from "./estimators/ratio.js";
import { trainingWarnings } from "./train/log.js";

/** Results of the checks; plain JSON. */
export interface ReportCard {
  /** Held-out pairs, and prior draws that stand for each posterior. */
  readonly pairs: number;
  readonly priorDraws: number;
  /** Median over pairs of the effective number of posterior draws among them. */
  readonly effectiveDraws: number;
  /**
   * Loss on the validation rows of training, which also chose the epoch; nats per row, the mean over the members of
   * an ensemble.
   */
  readonly heldOutLoss: number;
  /**
   * Mean of `r(x, theta)` over independent pairs, with its standard error; 1 for an exact ratio. Left out where the
   * ratio is not one to the evidence (a reference point, NRE-B).
   */
  readonly expectation?: { readonly mean: number; readonly standardError: number };
  /**
   * Standard deviation of `log r` between the members of an ensemble, nats, averaged over the pairs: what the initial
   * weights and batches alone decide. Left out for one network. With NRE-B it holds the members' unknown `c(x)` too.
   */
  readonly ensembleSpread?: number;
  /** Coverage at each credible level; `bias` below 0 is overconfident. */
  readonly coverage: {
    readonly levels: readonly number[];
    readonly coverage: readonly number[];
    readonly bias: number;
    readonly pValue: number;
  };
  /** Rank of each true parameter among `numDraws` posterior draws, `[pairs][D]`, and the worst p-value. */
  readonly sbc: {
    readonly names: readonly string[];
    readonly ranks: readonly (readonly number[])[];
    readonly numDraws: number;
    readonly pValue: number;
  };
  readonly warnings: readonly string[];
}

/** Options of `reportCard`. */
export interface ReportCardOptions {
  /** Held-out pairs to use, chosen at random. Default 128. */
  readonly pairs?: number;
  /** Prior draws for each. Default 2048. */
  readonly priorDraws?: number;
  readonly seed?: string | number;
  /** Default: the prior of the estimator. */
  readonly prior?: Prior;
  readonly signal?: AbortSignal;
}

const optionNames: OptionNames<ReportCardOptions> = {
  pairs: true,
  priorDraws: true,
  seed: true,
  prior: true,
  signal: true,
};

/** Fewer held-out pairs than this say nothing. */
export const fewestPairs = 20;

/** Ranks run from 0 to this. */
export const numDraws = 99;

/**
 * Checks a ratio estimator on pairs that it was not trained on: best on simulations that training has never seen, its
 * validation rows chose the epoch.
 *
 * @param heldOut - `theta: [N, D]`, `x: [N, L]`, joint draws.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if there is no prior, or fewer than 20 pairs.
 * @example
 * const card = await reportCard(estimator, await simulate(simulator, { n: 1000, seed: "check" }), { pairs: 1000 });
 * console.log(card.coverage.bias, card.warnings);
 */
export async function reportCard(
  estimator: RatioEstimator,
  heldOut: { readonly theta: Matrix; readonly x: Matrix },
  options: ReportCardOptions = {},
): Promise<ReportCard> {
  checkOptions("reportCard", options, optionNames);
  const { seed = 0, priorDraws = 2048, signal } = options;
  const prior = options.prior ?? estimator.prior;
  if (!prior) throw new ConfigError("reportCard: the simulations came without a prior; pass one.");
  const key = keyOf(seed);
  const { theta, x } = choosePairs("reportCard", heldOut, options.pairs, key);
  const pairs = theta.rows;
  const draws = prior.sample(priorDraws, foldIn(key, "report card"));
  const logPrior = { draws: prior.logProb(draws), truth: prior.logProb(theta) };
  const truth = await estimator.logRatio(theta, x);
  const grid = matrix(pairs, priorDraws);
  const isEnsemble = estimator.weights.length > 1;
  let spread = 0;
  for (let i = 0; i < pairs; i++) {
    signal?.throwIfAborted();
    const observed = estimator.observe(sliceRows(x, i, i + 1));
    row(grid, i).set(await observed.logRatio(draws));
    if (isEnsemble) spread += (await observed.spread(sliceRows(theta, i, i + 1)))[0] / pairs;
  }

  const { credibilities, effectiveDraws } = credibilitiesFromRatios(grid, truth, { logPrior });
  const { levels, coverage, bias, pValue } = expectedCoverage(credibilities);
  const ranks = weightedRanks(theta, draws, grid);
  const sbc = sbcTest({ ranks, numDraws }, { seed });
  const { logs, reference, loss } = estimator.header;
  const card = {
    pairs,
    priorDraws,
    effectiveDraws: median(effectiveDraws),
    heldOutLoss: logs.reduce((sum, log) => sum + log.bestValidationLoss / logs.length, 0),
    ...(reference === "evidence" && loss.gamma < Infinity && { expectation: meanRatio(grid) }),
    ...(isEnsemble && { ensembleSpread: spread }),
    coverage: { levels: Array.from(levels), coverage: Array.from(coverage), bias, pValue },
    sbc: {
      names: estimator.header.names,
      ranks: Array.from({ length: pairs }, (_, i) => Array.from(row(ranks, i))),
      numDraws,
      pValue: sbc.pValue,
    },
  };
  const outside = logPrior.truth.filter((value) => value === -Infinity).length;
  return {
    ...card,
    warnings: [...outsideWarnings(outside, pairs), ...trainingWarnings(logs), ...warningsOf(card)],
  };
}

/**
 * Pairs to check an estimator on, chosen at random, because a table may be in some order.
 *
 * @throws {ConfigError} if there are fewer than 20, naming the caller.
 */
export function choosePairs(
  caller: string,
  heldOut: { readonly theta: Matrix; readonly x: Matrix },
  wanted: number | undefined,
  key: Key,
): { readonly theta: Matrix; readonly x: Matrix } {
  const pairs = Math.min(wanted ?? 128, heldOut.theta.rows);
  if (!(pairs >= fewestPairs)) {
    throw new ConfigError(`${caller}: expected at least ${fewestPairs} held-out pairs, got ${pairs}.`);
  }
  const chosen = stream(foldIn(key, "pairs")).permutation(heldOut.theta.rows).subarray(0, pairs);
  return { theta: takeRows(heldOut.theta, chosen), x: takeRows(heldOut.x, chosen) };
}

/** Where each true parameter stands in its weighted posterior, as a rank from 0 to `numDraws`. */
function weightedRanks(theta: Matrix, draws: Matrix, grid: Matrix): Matrix {
  const ranks = matrix(theta.rows, theta.cols);
  for (let i = 0; i < theta.rows; i++) {
    const logRatio = row(grid, i);
    const total = logSumExp(logRatio);
    const weights = logRatio.map((value) => Math.exp(value - total));
    for (let j = 0; j < theta.cols; j++) {
      const at = i * theta.cols + j;
      ranks.data[at] = weightedRank(theta.data[at], draws, j, weights);
    }
  }
  return ranks;
}

/** Where a value stands among weighted draws of parameter `j`, as a rank from 0 to `numDraws`. */
export function weightedRank(value: number, draws: Matrix, j: number, weights: Float64Array): number {
  let below = 0;
  for (let s = 0; s < draws.rows; s++) {
    if (draws.data[s * draws.cols + j] < value) below += weights[s];
  }
  return Math.min(numDraws, Math.floor(below * (numDraws + 1)));
}

/** Mean of the ratio over all pairs of a held-out x and a prior draw; the error counts the x as the sample. */
function meanRatio(grid: Matrix): { mean: number; standardError: number } {
  const perRow = Float64Array.from(
    { length: grid.rows },
    (_, i) => Math.exp(logSumExp(row(grid, i))) / grid.cols,
  );
  const mean = perRow.reduce((a, b) => a + b, 0) / grid.rows;
  const squares = perRow.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardError: Math.sqrt(squares / (grid.rows - 1) / grid.rows) };
}

/** The upper median. */
export function median(values: Float64Array): number {
  const sorted = values.slice().sort();
  return sorted[Math.floor(sorted.length / 2)];
}

/** With fewer effective draws per posterior, their own noise makes credibilities and ranks look uncalibrated. */
const enoughDraws = 50;

/** p-values below this make a warning: each of the two tests suspects one calibrated estimator in a hundred wrongly. */
const suspicious = 0.01;

/** Tells that held-out parameters are no draws from the prior. */
export function outsideWarnings(outside: number, pairs: number): string[] {
  if (outside === 0) return [];
  return [
    `${outside} of ${pairs} true parameters lie outside the prior: the pairs are not draws from it, and coverage and ranks mean nothing. ` +
      "Pass the prior that the parameters were drawn from.",
  ];
}

/**
 * What coverage and ranks say, one sentence each.
 *
 * @param remedy - of overconfidence.
 */
export function calibrationWarnings(
  card: Pick<ReportCard, "priorDraws" | "effectiveDraws" | "coverage" | "sbc">,
  remedy: string,
): string[] {
  const warnings: string[] = [];
  const { bias, pValue } = card.coverage;
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const coarse = card.effectiveDraws < enoughDraws;
  if (coarse) {
    warnings.push(
      `Posteriors are so much narrower than the prior that only ${card.effectiveDraws.toFixed(0)} of ${card.priorDraws} prior draws ` +
        "stand for each: coverage and ranks are too coarse to judge. Make a report card with more prior draws.",
    );
  }
  if (!coarse && pValue < suspicious) {
    warnings.push(
      `Credible regions ${bias < 0 ? "hold the truth less often than they say (overconfident)" : "hold the truth more often than they say (conservative)"}: ` +
        `coverage is off by ${percent(Math.abs(bias))} on average (p = ${pValue.toPrecision(2)}). ` +
        (bias < 0 ? remedy : "More simulations sharpen it."),
    );
  }
  if (!coarse && card.sbc.pValue < suspicious) {
    warnings.push(
      `The ranks of the true parameters are not uniform (p = ${card.sbc.pValue.toPrecision(2)}): some marginal is biased or of the wrong width.`,
    );
  }
  return warnings;
}

function warningsOf(card: Omit<ReportCard, "warnings">): string[] {
  const warnings = calibrationWarnings(card, "More simulations, an ensemble or the balance penalty help.");
  const { mean, standardError } = card.expectation ?? { mean: 1, standardError: 0 };
  if (Math.abs(mean - 1) > Math.max(0.1, 4 * standardError)) {
    warnings.push(
      `The ratio averages ${mean.toPrecision(3)} +- ${standardError.toPrecision(1)} instead of 1 over independent pairs: ` +
        "posteriors may be right, but ratios as such and sums over many observations are not.",
    );
  }
  return warnings;
}
