/**
 * The classifier two-sample test (C2ST): how often a trained classifier tells two samples apart, on rows that
 * it has not seen.
 *
 * @see Lopez-Paz and Oquab (2017), https://arxiv.org/abs/1610.06545
 * @see Lueckmann et al. (2021), https://arxiv.org/abs/2101.04653, appendix M
 * @module
 */
import type { Matrix } from "../core/matrix.js";
import { rocAucWithError } from "./auc-error.js";
import { accuracy } from "./classifier.js";
import {
  crossValidate,
  foldsStandardError,
  mean,
  type TwoSampleOptions,
  type TwoSampleResult,
} from "./cross-validation.js";

/** The result of `c2st`. */
export interface C2st extends TwoSampleResult {
  /** Mean accuracy over the folds: 0.5 is indistinguishable, 1 is worst. */
  readonly accuracy: number;
  /** Of `accuracy`: the spread of the folds or the binomial error of the unseen rows, whichever is larger. */
  readonly standardError: number;
  /** Mean area under the ROC curve of the same classifiers. */
  readonly auc: number;
  /** Of `auc`: the spread of the folds or DeLong's error, whichever is larger. */
  readonly aucStandardError: number;
}

/**
 * Classifier two-sample test as sbibm defines it: two hidden layers of `10 D` units, no early stopping.
 *
 * @param reference - draws from the truth, `[N, D]`.
 * @param other - draws to be judged, `[M, D]`; as many as the reference, for 0.5 to mean equal.
 * @throws {ShapeError} if the samples differ in width or have fewer than 50 rows.
 * @throws {RangeError} if a value is not finite.
 * @example
 * const { accuracy, definition } = await c2st(exactDraws, draws, { seed: 1, quick: true });
 */
export async function c2st(reference: Matrix, other: Matrix, options: TwoSampleOptions = {}): Promise<C2st> {
  const hidden = [10 * reference.cols, 10 * reference.cols];
  const { scores, ...result } = await crossValidate("c2st", reference, other, options, { hidden });
  const perFold = Float64Array.from(scores, ({ logits, labels }) => accuracy(logits, labels));
  const binomial = scores.map(({ labels }, i) => Math.sqrt((perFold[i] * (1 - perFold[i])) / labels.length));
  const curves = scores.map(({ logits, labels }) => rocAucWithError(logits, labels));
  const areas = Float64Array.from(curves, ({ auc }) => auc);
  return {
    accuracy: mean(perFold),
    standardError: foldsStandardError(perFold, binomial),
    auc: mean(areas),
    aucStandardError: foldsStandardError(
      areas,
      curves.map(({ standardError }) => standardError),
    ),
    perFold,
    ...result,
  };
}
