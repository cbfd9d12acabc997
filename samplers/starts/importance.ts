/**
 * Importance weights and systematic resampling.
 *
 * @see Douc and Cappe (2005), Comparison of resampling schemes for particle filtering
 * @module
 */
import type { LogDensity } from "../../src/core/contracts.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { type Key, stream } from "../../src/core/random.js";

/** Weighted points: `theta` and `u` are `[N, D]`, the weights `[N]` sum to one. */
export interface Weighted {
  readonly theta: Matrix;
  readonly u: Matrix;
  readonly weights: Float64Array;
  readonly ess: number;
}

/**
 * Normalised importance weights `exp(logProb - proposal)`, zero where either is not finite or the point has no
 * image in unconstrained space.
 */
export function weigh(
  target: LogDensity,
  theta: Matrix,
  logProb: Float64Array,
  proposal: Float64Array,
): Weighted {
  const u = matrix(theta.rows, theta.cols);
  let largest = -Infinity;
  const weights = logProb.map((value, i) => {
    const ratio = value - proposal[i];
    if (!Number.isFinite(ratio)) return -Infinity;
    largest = Math.max(largest, ratio);
    return ratio;
  });
  for (let i = 0; i < theta.rows; i++) {
    weights[i] = Math.exp(weights[i] - largest);
    if (weights[i] === 0) continue; // most of them: their image in unconstrained space is never looked at
    const point = row(u, i);
    target.support.toUnconstrained(row(theta, i), point);
    if (!point.every(Number.isFinite)) {
      point.fill(0);
      weights[i] = 0;
    }
  }
  const total = weights.reduce((a, b) => a + b, 0);
  let squares = 0;
  for (let i = 0; i < weights.length; i++) squares += (weights[i] /= total) ** 2;
  return { theta, u, weights, ess: 1 / squares };
}

/**
 * Systematic resampling: point `i` is chosen `floor` or `ceil` of `n * weights[i]` times. Points are walked
 * through in an order that keeps neighbours together, so every region, and each separated mode, gets its share of
 * the `n` to within a few.
 *
 * @returns `[n]` indices in random order.
 */
export function resample({ u, weights }: Pick<Weighted, "u" | "weights">, n: number, key: Key): Int32Array {
  const rng = stream(key);
  const chosen = new Int32Array(n);
  const offset = rng.uniform();
  let cumulative = 0;
  let taken = 0;
  const order = neighbourOrder(u, weights);
  for (const i of order) {
    cumulative += weights[i];
    while (taken < n && offset + taken < cumulative * n) chosen[taken++] = i;
  }
  chosen.fill(order[order.length - 1], taken); // rounding may leave the last one over
  return rng.shuffle(chosen);
}

/** Points with weight, in the order of the leaves of a k-d tree: halved along the widest direction, again and again. */
function neighbourOrder(u: Matrix, weights: Float64Array): Int32Array {
  const order = Int32Array.from(weights.keys()).filter((i) => weights[i] > 0);
  const { data, cols } = u;
  const values = new Float64Array(weights.length);
  const halve = (from: number, to: number): void => {
    if (to - from <= 8) return;
    let widest = 0;
    let largest = -1;
    for (let j = 0; j < cols; j++) {
      let low = Infinity;
      let high = -Infinity;
      for (let k = from; k < to; k++) {
        const value = data[order[k] * cols + j];
        if (value < low) low = value;
        if (value > high) high = value;
      }
      if (high - low > largest) {
        largest = high - low;
        widest = j;
      }
    }
    for (let k = from; k < to; k++) values[order[k]] = data[order[k] * cols + widest];
    const middle = (from + to) >> 1;
    selectSmallest(order, values, from, to, middle);
    halve(from, middle);
    halve(middle, to);
  };
  halve(0, order.length);
  return order;
}

/** Reorders `order[from ... to - 1]` so that those before `middle` have values no larger than those behind (Hoare). */
function selectSmallest(
  order: Int32Array,
  values: Float64Array,
  from: number,
  to: number,
  middle: number,
): void {
  let low = from;
  let high = to - 1;
  while (low < high) {
    const pivot = values[order[(low + high) >> 1]];
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[order[i]] < pivot) i++;
      while (values[order[j]] > pivot) j--;
      if (i > j) break;
      const kept = order[i];
      order[i++] = order[j];
      order[j--] = kept;
    }
    if (middle <= j) high = j;
    else if (middle >= i) low = i;
    else return;
  }
}
