/**
 * Area under the ROC curve of a classifier between two samples: the second column of the AALR paper's table 2.
 *
 * @see Hermans, Begy and Louppe (2020), https://arxiv.org/abs/1903.04057
 * @module
 */
import type { Matrix } from "../core/matrix.js";
import { rocAucWithError } from "./auc-error.js";
import {
  crossValidate,
  foldsStandardError,
  mean,
  type TwoSampleOptions,
  type TwoSampleResult,
} from "./cross-validation.js";

/** The result of `classifierAuc`. */
export interface ClassifierAuc extends TwoSampleResult {
  /** Mean area over the folds: 0.5 is indistinguishable, 1 is worst. */
  readonly auc: number;
  /** Of `auc`: the spread of the folds or DeLong's error, whichever is larger. */
  readonly standardError: number;
}

/**
 * ROC AUC between two samples: hidden layers of 50 and 50 units, early stopping. The paper does not say which
 * classifier it used.
 *
 * @param reference - draws from the truth, `[N, D]`.
 * @param other - draws to be judged, `[M, D]`.
 * @throws {ShapeError} if the samples differ in width or have fewer than 50 rows.
 * @throws {RangeError} if a value is not finite.
 * @see Hermans, Begy and Louppe (2020), https://arxiv.org/abs/1903.04057, table 2
 */
export async function classifierAuc(
  reference: Matrix,
  other: Matrix,
  options: TwoSampleOptions = {},
): Promise<ClassifierAuc> {
  const network = { hidden: [50, 50], earlyStopping: true };
  const { scores, ...result } = await crossValidate("classifierAuc", reference, other, options, network);
  const curves = scores.map(({ logits, labels }) => rocAucWithError(logits, labels));
  const perFold = Float64Array.from(curves, ({ auc }) => auc);
  const errors = curves.map(({ standardError }) => standardError);
  return { auc: mean(perFold), standardError: foldsStandardError(perFold, errors), perFold, ...result };
}
