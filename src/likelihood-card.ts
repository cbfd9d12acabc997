/**
 * The report card of a likelihood estimator, on held-out simulations and without a chain: draws from the prior weighted by the
 * likelihood are draws from the posterior, as on the card of a ratio, and one batch of them serves all pairs. Where too few of
 * them carry the weight of a pair's posterior, they are refined for this pair by a few rounds of adaptive importance sampling,
 * so that posteriors far narrower than the prior are judged, too. A pair costs at most `priorDraws` + 6,000 evaluations.
 *
 * - Expected coverage (Hermans et al. 2021, https://arxiv.org/abs/2110.06581): on the diagonal when calibrated.
 * - Simulation-based calibration (Talts et al. 2018, https://arxiv.org/abs/1804.06788): uniform ranks.
 *
 * The card that `train` makes uses the validation rows, which chose the epoch whose weights were kept. For a verdict that owes
 * them nothing call `likelihoodCard` with fresh simulations. Trouble is data in the card and one warning each.
 *
 * @see Cappe et al. (2004), https://doi.org/10.1198/106186004X12803
 * @module
 */
import { type Weighted, weigh } from "../samplers/starts/importance.js";
import { refine } from "../samplers/starts/refine.js";
import { expectedCoverage } from "./calibration/expected-coverage.js";
import { sbcTest } from "./calibration/sbc.js";
import type { Prior } from "./core/contracts.js";
import { ConfigError } from "./core/errors.js";
import { type Matrix, matrix, row, sliceRows } from "./core/matrix.js";
import { checkOptions, type OptionNames } from "./core/options.js";
import { foldIn, type Key, key as keyOf } from "./core/random.js";
import type { LikelihoodEstimator } from "./estimators/likelihood.js";
import { posterior } from "./posterior.js";
import {
  calibrationWarnings,
  choosePairs,
  median,
  numDraws,
  outsideWarnings,
  type ReportCard,
  type ReportCardOptions,
  weightedRank,
} from "./report-card.js";
import { trainingWarnings } from "./train/log.js";

/** Results of the checks; plain JSON. */
export interface LikelihoodCard
  extends Pick<
    ReportCard,
    "pairs" | "priorDraws" | "effectiveDraws" | "heldOutLoss" | "coverage" | "sbc" | "warnings"
  > {
  /** Pairs whose posterior is so narrow that draws from the prior were refined. */
  readonly refined: number;
}

/** Options of `likelihoodCard`, as of `reportCard`; `priorDraws` are 1024 by default. */
export type LikelihoodCardOptions = ReportCardOptions;

const optionNames: OptionNames<LikelihoodCardOptions> = {
  pairs: true,
  priorDraws: true,
  seed: true,
  prior: true,
  signal: true,
};

/** A pair's posterior is refined until this many effective draws stand for it. */
const enough = 200;
const refinedDraws = 1000;

/**
 * Checks a likelihood estimator on pairs that it was not trained on.
 *
 * @param heldOut - `theta: [N, D]` from the prior, `x: [N, L]`.
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if there is no prior, or fewer than 20 pairs.
 * @example
 * const card = await likelihoodCard(estimator, await simulate(simulator, { n: 1000, seed: "check" }), { pairs: 1000 });
 * console.log(card.coverage.bias, card.sbc.pValue, card.warnings);
 */
export async function likelihoodCard(
  estimator: LikelihoodEstimator,
  heldOut: { readonly theta: Matrix; readonly x: Matrix },
  options: LikelihoodCardOptions = {},
): Promise<LikelihoodCard> {
  checkOptions("likelihoodCard", options, optionNames);
  const { seed = 0, priorDraws = 1024, signal } = options;
  const prior = options.prior ?? estimator.prior;
  if (!prior) throw new ConfigError("likelihoodCard: the simulations came without a prior; pass one.");
  const key = keyOf(seed);
  const { theta, x } = choosePairs("likelihoodCard", heldOut, options.pairs, key);
  const pairs = theta.rows;
  const shared = prior.sample(priorDraws, foldIn(key, "report card"));
  const logPrior = { draws: prior.logProb(shared), truth: prior.logProb(theta) };

  const ranks = matrix(pairs, theta.cols);
  const credibilities = new Float64Array(pairs);
  const effective = new Float64Array(pairs);
  let refined = 0;
  for (let i = 0; i < pairs; i++) {
    signal?.throwIfAborted();
    const own = sliceRows(theta, i, i + 1);
    const found = await posteriorOf(estimator, prior, sliceRows(x, i, i + 1), own, {
      shared,
      logPrior: logPrior.draws,
      key: foldIn(foldIn(key, "refine"), i),
    });
    refined += Number(found.isRefined);
    effective[i] = found.ess;
    credibilities[i] = found.credibility;
    for (let j = 0; j < theta.cols; j++) {
      ranks.data[i * theta.cols + j] = weightedRank(own.data[j], found.theta, j, found.weights);
    }
  }

  const { levels, coverage, bias, pValue } = expectedCoverage(credibilities);
  const sbc = sbcTest({ ranks, numDraws }, { seed });
  const { logs, names } = estimator.header;
  const card = {
    pairs,
    priorDraws,
    refined,
    effectiveDraws: median(effective),
    heldOutLoss: logs.reduce((sum, log) => sum + log.bestValidationLoss / logs.length, 0),
    coverage: { levels: Array.from(levels), coverage: Array.from(coverage), bias, pValue },
    sbc: {
      names,
      ranks: Array.from({ length: pairs }, (_, i) => Array.from(row(ranks, i))),
      numDraws,
      pValue: sbc.pValue,
    },
  };
  const outside = logPrior.truth.filter((value) => value === -Infinity).length;
  return {
    ...card,
    warnings: [
      ...outsideWarnings(outside, pairs),
      ...trainingWarnings(logs),
      ...calibrationWarnings(card, "More simulations, an ensemble or a larger network help."),
    ],
  };
}

/** Weighted draws from the posterior of one pair, and the mass where its density is above that at the truth. */
async function posteriorOf(
  estimator: LikelihoodEstimator,
  prior: Prior,
  observed: Matrix,
  truth: Matrix,
  { shared, logPrior, key }: { readonly shared: Matrix; readonly logPrior: Float64Array; readonly key: Key },
): Promise<Weighted & { readonly credibility: number; readonly isRefined: boolean }> {
  const target = posterior(estimator, { observed, prior });
  const [limit] = await target.logProb(truth);
  let logProb = await target.logProb(shared);
  let draws = weigh(target, shared, logProb, logPrior);
  if (!(draws.ess > 0)) {
    // the data are impossible at every draw: no region holds the truth
    return { ...draws, weights: new Float64Array(shared.rows), ess: 0, credibility: 1, isRefined: false };
  }
  const isRefined = draws.ess < enough;
  if (isRefined) {
    const size = { size: refinedDraws, enough };
    const { points } = await refine(
      target,
      { theta: shared, logProb },
      (at) => target.logProb(at),
      key,
      size,
    );
    draws = points;
    logProb = points.logProb;
  }
  let above = 0;
  draws.weights.forEach((weight, s) => {
    if (!(logProb[s] < limit)) above += logProb[s] === limit ? weight / 2 : weight;
  });
  return { ...draws, credibility: Math.min(1, above), isRefined }; // rounding
}
