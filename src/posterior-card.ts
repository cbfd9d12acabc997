/**
 * The report card of a posterior estimator, on held-out simulations: its own draws are all that the checks need.
 *
 * - Expected coverage (Hermans et al. 2021, https://arxiv.org/abs/2110.06581): on the diagonal when calibrated.
 * - Simulation-based calibration (Talts et al. 2018, https://arxiv.org/abs/1804.06788): uniform ranks.
 * - TARP (Lemos et al. 2023, https://arxiv.org/abs/2302.03026): the same from distances to random points.
 *
 * The card that `train` makes uses the validation rows: the network was not trained on them, but they chose the epoch
 * whose weights were kept. For a verdict that owes them nothing call `posteriorCard` with fresh simulations. Trouble is
 * data in the card and one warning each, never an exception.
 *
 * @module
 */
import { credibilitiesFromDraws, expectedCoverage } from "./calibration/expected-coverage.js";
import { sbcRanks, sbcTest } from "./calibration/sbc.js";
import { tarp } from "./calibration/tarp.js";
import { type Matrix, matrix, row, sliceRows } from "./core/matrix.js";
import { checkOptions, type OptionNames } from "./core/options.js";
import { foldIn, key as keyOf } from "./core/random.js";
import type { PosteriorEstimator } from "./estimators/posterior.js";
import { choosePairs, type ReportCard } from "./report-card.js";
import { trainingWarnings } from "./train/log.js";

/** Results of the checks; plain JSON. */
export interface PosteriorCard
  extends Pick<ReportCard, "pairs" | "heldOutLoss" | "coverage" | "sbc" | "warnings"> {
  /** Draws of each posterior. */
  readonly draws: number;
  /** Share of draws nearer to a random point than the truth; `excess` above 0 is overconfident. */
  readonly tarp: {
    readonly levels: readonly number[];
    readonly coverage: readonly number[];
    readonly excess: number;
    readonly pValue: number;
  };
}

/** Options of `posteriorCard`. */
export interface PosteriorCardOptions {
  /** Held-out pairs to use, chosen at random. Default 128. */
  readonly pairs?: number;
  /** Draws of each posterior. Default 199. */
  readonly draws?: number;
  /** Default 0. */
  readonly seed?: string | number;
  readonly signal?: AbortSignal;
}

const optionNames: OptionNames<PosteriorCardOptions> = { pairs: true, draws: true, seed: true, signal: true };

/** p-values below this make a warning: each test suspects one calibrated estimator in a hundred wrongly. */
const suspicious = 0.01;

/**
 * Checks a posterior estimator on pairs that it was not trained on.
 *
 * @param heldOut - `theta: [N, D]` from the prior, `x: [N, L]`.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if there are fewer than 20 pairs.
 * @example
 * const card = await posteriorCard(estimator, await simulate(simulator, { n: 1000, seed: "check" }), { pairs: 1000 });
 * console.log(card.coverage.bias, card.tarp.pValue, card.warnings);
 */
export async function posteriorCard(
  estimator: PosteriorEstimator,
  heldOut: { readonly theta: Matrix; readonly x: Matrix },
  options: PosteriorCardOptions = {},
): Promise<PosteriorCard> {
  checkOptions("posteriorCard", options, optionNames);
  const { draws: numDraws = 199, seed = 0, signal } = options;
  const key = keyOf(seed);
  const { theta, x } = choosePairs("posteriorCard", heldOut, options.pairs, key);
  const pairs = theta.rows;
  const draws = matrix(pairs * numDraws, theta.cols);
  const logProbDraws = matrix(pairs, numDraws);
  for (let i = 0; i < pairs; i++) {
    signal?.throwIfAborted();
    const observed = sliceRows(x, i, i + 1);
    const own = await estimator.sample(observed, numDraws, foldIn(foldIn(key, "draws"), i));
    draws.data.set(own.data, i * numDraws * theta.cols);
    row(logProbDraws, i).set((await estimator.gradient(own, observed.data)).logProb);
  }
  const logProbTruth = await estimator.logProb(theta, x);
  const { levels, coverage, bias, pValue } = expectedCoverage(
    credibilitiesFromDraws(logProbDraws, logProbTruth),
  );
  const { ranks } = sbcRanks(theta, draws, { seed });
  const sbc = sbcTest({ ranks, numDraws }, { seed });
  const random = tarp(theta, draws, { seed });
  const { logs, names } = estimator.header;
  const card = {
    pairs,
    draws: numDraws,
    heldOutLoss: logs.reduce((sum, log) => sum + log.bestValidationLoss / logs.length, 0),
    coverage: { levels: Array.from(levels), coverage: Array.from(coverage), bias, pValue },
    sbc: {
      names,
      ranks: Array.from({ length: pairs }, (_, i) => Array.from(row(ranks, i))),
      numDraws,
      pValue: sbc.pValue,
    },
    tarp: {
      levels: Array.from(random.levels),
      coverage: Array.from(random.coverage),
      excess: random.excess,
      pValue: random.pValue,
    },
  };
  return { ...card, warnings: [...trainingWarnings(logs), ...warningsOf(card)] };
}

function warningsOf({ coverage, sbc, tarp: random }: Omit<PosteriorCard, "warnings">): string[] {
  const warnings: string[] = [];
  const more = "More simulations, an ensemble or a larger network help.";
  if (coverage.pValue < suspicious) {
    const percent = (100 * Math.abs(coverage.bias)).toFixed(1);
    warnings.push(
      `Credible regions hold the truth ${coverage.bias < 0 ? "less often than they say (overconfident)" : "more often than they say (conservative)"}: ` +
        `coverage is off by ${percent} % on average (p = ${coverage.pValue.toPrecision(2)}). ${more}`,
    );
  }
  if (sbc.pValue < suspicious) {
    warnings.push(
      `The ranks of the true parameters are not uniform (p = ${sbc.pValue.toPrecision(2)}): some marginal is biased or of the wrong width.`,
    );
  }
  if (random.pValue < suspicious) {
    warnings.push(
      `Distances to random points are not those of draws from the posterior (TARP, p = ${random.pValue.toPrecision(2)}): ` +
        `it is ${random.excess > 0 ? "overconfident or shifted" : "too wide"}. ${more}`,
    );
  }
  return warnings;
}
