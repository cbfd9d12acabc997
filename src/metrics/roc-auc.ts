/**
 * The area under the receiver operating characteristic: the probability that a random row of class 1 scores
 * higher than a random row of class 0, ties counted half,
 *
 *     AUC = sum_{i in 1, j in 0} w_i w_j (1[s_i > s_j] + 1/2 1[s_i = s_j]) / (sum_{i in 1} w_i sum_{j in 0} w_j)
 *
 * exactly, by one sort.
 *
 * @see Hanley and McNeil (1982), https://doi.org/10.1148/radiology.143.1.7063747
 * @module
 */
import { ShapeError } from "../core/errors.js";

/**
 * Exact AUC; 0.5 means that the scores do not tell the classes apart.
 *
 * @param scores - larger means more like class 1, `[N]`.
 * @param labels - 0 or 1, `[N]`.
 * @param weights - non-negative, `[N]`. Default all 1.
 * @throws {ShapeError} if the lengths differ.
 * @throws {RangeError} if a score is `NaN`, a label is not 0 or 1, a weight is negative or not finite, or a
 *   class has no weight.
 */
export function rocAuc(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights?: ArrayLike<number>,
): number {
  const n = scores.length;
  if (labels.length !== n || (weights !== undefined && weights.length !== n)) {
    throw new ShapeError(
      `rocAuc: expected as many labels and weights as scores (${n}), ` +
        `got ${labels.length} labels and ${weights?.length ?? "no"} weights.`,
    );
  }
  for (let i = 0; i < n; i++) {
    if (Number.isNaN(scores[i]))
      throw new RangeError(`rocAuc: scores must be numbers, but scores[${i}] is NaN.`);
    if (labels[i] !== 0 && labels[i] !== 1) {
      throw new RangeError(`rocAuc: labels must be 0 or 1, but labels[${i}] is ${labels[i]}.`);
    }
    if (weights !== undefined && !(weights[i] >= 0 && weights[i] < Infinity)) {
      throw new RangeError(`rocAuc: weights must be finite and >= 0, but weights[${i}] is ${weights[i]}.`);
    }
  }
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((i, j) => scores[i] - scores[j]);
  const total = [0, 0];
  let wins = 0;
  for (let start = 0; start < n; ) {
    const tied = [0, 0];
    const score = scores[order[start]];
    let end = start;
    for (; end < n && scores[order[end]] === score; end++) {
      tied[labels[order[end]]] += weights?.[order[end]] ?? 1;
    }
    wins += tied[1] * (total[0] + tied[0] / 2);
    total[0] += tied[0];
    total[1] += tied[1];
    start = end;
  }
  if (!(total[0] > 0 && total[1] > 0)) {
    throw new RangeError(
      `rocAuc: both classes need weight, got ${total[0]} for class 0 and ${total[1]} for class 1.`,
    );
  }
  return wins / (total[0] * total[1]);
}
