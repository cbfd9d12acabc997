/**
 * The standard error of an area under the ROC curve. With `V_i` the share of class 0 that scores below row `i` of
 * class 1, and `U_j` the share of class 1 that scores above row `j` of class 0, ties counted half,
 *
 *     AUC = mean_i V_i = mean_j U_j,     var AUC = Var V / n1 + Var U / n0
 *
 * With weights the means are weighted, and `Var V / n1` becomes `sum w^2 (V - AUC)^2 / (sum w)^2`, times `n1 / (n1 - 1)`.
 *
 * @see DeLong, DeLong and Clarke-Pearson (1988), https://doi.org/10.2307/2531595
 * @see Sun and Xu (2014), https://doi.org/10.1109/LSP.2014.2337313, by ranks in O(n log n)
 * @module
 */
import { rocAuc } from "./roc-auc.js";

/** An area and its error. */
export interface AucWithError {
  readonly auc: number;
  /** `NaN` where a class has a single row. */
  readonly standardError: number;
}

/**
 * Exact AUC and its standard error over new rows, the scores of each row being fixed.
 *
 * @param scores - larger means more like class 1, `[N]`.
 * @param labels - 0 or 1, `[N]`.
 * @param weights - non-negative, `[N]`. Default all 1.
 * @throws {ShapeError} and {RangeError} as `rocAuc`.
 * @example
 * const { auc, standardError } = rocAucWithError(logits, labels);
 */
export function rocAucWithError(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights?: ArrayLike<number>,
): AucWithError {
  const auc = rocAuc(scores, labels, weights);
  const n = scores.length;
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((i, j) => scores[i] - scores[j]);
  const sizes = [0, 0];
  const totals = [0, 0];
  for (let i = 0; i < n; i++) {
    sizes[labels[i]]++;
    totals[labels[i]] += weights?.[i] ?? 1;
  }
  const below = [0, 0];
  const squares = [0, 0]; // of the deviations of U and V from their mean, which is the area for both
  for (let start = 0; start < n; ) {
    const tied = [0, 0];
    const tiedSquares = [0, 0];
    let end = start;
    for (; end < n && scores[order[end]] === scores[order[start]]; end++) {
      const weight = weights?.[order[end]] ?? 1;
      tied[labels[order[end]]] += weight;
      tiedSquares[labels[order[end]]] += weight * weight;
    }
    const above = totals[1] - below[1] - tied[1];
    squares[0] += tiedSquares[0] * ((above + tied[1] / 2) / totals[1] - auc) ** 2;
    squares[1] += tiedSquares[1] * ((below[0] + tied[0] / 2) / totals[0] - auc) ** 2;
    below[0] += tied[0];
    below[1] += tied[1];
    start = end;
  }
  const variance = (label: number) => {
    const size = sizes[label];
    return (squares[label] / (size - 1) / size) * (size / totals[label]) ** 2;
  };
  return { auc, standardError: Math.sqrt(variance(0) + variance(1)) };
}
