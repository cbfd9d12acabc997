/**
 * What R-hat and the effective sample size share: splitting chains, ranks, quantiles.
 * Chains are matrices `[chains, draws]`.
 *
 * @module
 */
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { quantile } from "../../src/core/quantile.js";
import { normalQuantile } from "../../src/core/special.js";

/** First and last halves of each chain as chains of their own, `[2 * chains, floor(draws / 2)]`; an odd middle draw is dropped. */
export function splitChains(x: Matrix): Matrix {
  const half = Math.floor(x.cols / 2);
  const out = matrix(2 * x.rows, half);
  for (let c = 0; c < x.rows; c++) {
    const chain = row(x, c);
    out.data.set(chain.subarray(0, half), 2 * c * half);
    out.data.set(chain.subarray(x.cols - half), (2 * c + 1) * half);
  }
  return out;
}

/** Average ranks of all entries, from 1; equal values share the mean of their ranks. */
export function averageRanks(values: Float64Array): Float64Array {
  const n = values.length;
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  order.sort((a, b) => values[a] - values[b]);
  const ranks = new Float64Array(n);
  for (let from = 0; from < n; ) {
    let to = from + 1;
    while (to < n && values[order[to]] === values[order[from]]) to++;
    const rank = (from + 1 + to) / 2;
    for (let i = from; i < to; i++) ranks[order[i]] = rank;
    from = to;
  }
  return ranks;
}

/** Normal scores of the ranks, `Phi^-1((rank - 3/8) / (S + 1/4))`, `S` entries. */
export function rankNormalise(x: Matrix): Matrix {
  const ranks = averageRanks(x.data);
  const size = ranks.length;
  // the ranks are multiples of one half, so most of the quantiles are asked for many times over
  const scores = new Float64Array(2 * size + 1).fill(Number.NaN);
  for (let i = 0; i < size; i++) {
    const slot = 2 * ranks[i];
    if (Number.isNaN(scores[slot])) scores[slot] = normalQuantile((ranks[i] - 0.375) / (size + 0.25));
    ranks[i] = scores[slot];
  }
  return { data: ranks, rows: x.rows, cols: x.cols };
}

/** Distances from the median of all entries. */
export function fold(x: Matrix): Matrix {
  const middle = quantile(x.data, 0.5);
  return { ...x, data: x.data.map((value) => Math.abs(value - middle)) };
}

/** 1 where `low <= x <= high`, else 0. */
export function indicator(x: Matrix, low: number, high: number): Matrix {
  return { ...x, data: x.data.map((value) => Number(value >= low && value <= high)) };
}

/** Mean of a chain. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** Variance with divisor `n - 1`. */
export function variance(values: ArrayLike<number>): number {
  const centre = mean(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] - centre) ** 2;
  return sum / (values.length - 1);
}

/** Whether every entry is a finite number and there are enough of them. */
export function isUsable(x: Matrix, minDraws: number, minChains: number): boolean {
  return x.rows >= minChains && x.cols >= minDraws && x.data.every(Number.isFinite);
}
