/**
 * Monotone rational-quadratic splines: K bins between `-bound` and `bound`, the identity beyond.
 *
 * In a bin with width `w`, height `h`, slope `s = h / w`, slopes `d0` and `d1` at its ends, and `xi = (value - left) / w`,
 *
 *     noise = bottom + h (s xi^2 + d0 t) / (s + (d0 + d1 - 2 s) t),  t = xi (1 - xi),
 *     d noise / d value = s^2 (d1 xi^2 + 2 s t + d0 (1 - xi)^2) / (s + (d0 + d1 - 2 s) t)^2.
 *
 * Values beyond the bounds are clipped before and put back behind the spline, whose outer slopes are one, so there is
 * nothing to choose between and no undefined number to choose away.
 *
 * @see Durkan, Bekasov, Murray and Papamakarios (2019), https://arxiv.org/abs/1906.04032, equations 4-8
 * @module
 */
import { ConfigError } from "../core/errors.js";
import type { Tensor, Tf } from "../engine/types.js";
import { boundedLog } from "./affine.js";
import type { ColumnMap } from "./transform.js";

/** Least width and height of a bin, as a share of the interval. */
const smallest = 1e-3;

/** The bin that a number lies in; all `[R, 1]`. */
interface Bin {
  readonly left: Tensor;
  readonly width: Tensor;
  readonly bottom: Tensor;
  readonly height: Tensor;
  /** Slope of the straight line through it, slopes at its ends, and `d0 + d1 - 2 slope`. */
  readonly slope: Tensor;
  readonly d0: Tensor;
  readonly d1: Tensor;
  readonly excess: Tensor;
}

/**
 * The spline as a column map: softmax logits of K widths and of K heights per column, then K - 1 logarithms of the inner
 * slopes. Zeros give the identity.
 *
 * @param bins - K.
 * @param bound - half the interval that is bent.
 * @throws {ConfigError} if the bins do not fit into the interval, or the bound is not positive.
 */
export function spline(bins: number, bound: number): ColumnMap {
  if (!Number.isInteger(bins) || bins < 2 || bins * smallest >= 1 || !(bound > 0 && bound < Infinity)) {
    throw new ConfigError(
      `spline: expected 2 to ${1 / smallest - 1} bins and a positive bound, got ${bins} and ${bound}.`,
    );
  }
  const inner = bins - 1;
  const floor = 2 * bound * smallest;
  const free = 2 * bound - bins * floor; // what the shares divide among them
  const picks = pickMatrices(bins);

  /** The bin of each number in `at: [B, n]`, by its left and right or by its lower and upper edge. */
  function binOf(tf: Tf, at: Tensor, raw: Tensor, axis: 0 | 1): Bin {
    const [rows, count] = at.shape;
    const cells = rows * count;
    const [logits, logSlopes] = tf.split(raw, [count * 2 * bins, count * inner], 1);
    const shares = tf.softmax(tf.reshape(logits, [cells, 2, bins])); // widths, heights
    // knots lie where the shares so far say: one product with a matrix of ones makes all running sums
    const ofAxis = tf.reshape(tf.slice(shares, [0, axis, 0], [cells, 1, bins]), [cells, bins]);
    const knots = tf.add(
      tf.matMul(ofAxis as never, tf.tensor2d(scaled(picks.runningSums, free)) as never),
      tf.tensor1d(Array.from({ length: inner }, (_, i) => (i + 1) * floor - bound)),
    );
    const isAbove = tf.step(tf.sub(tf.reshape(at, [cells, 1]), knots)); // [R, K - 1], no slope
    const isBin = tf.add(
      tf.matMul(isAbove as never, tf.tensor2d(picks.bin) as never),
      tf.tensor1d(picks.first),
    ); // [R, K]
    const isBelow = tf.pad(isAbove, [
      [0, 0],
      [0, 1],
    ]);
    // widths and heights side by side up to the end; one sum for each mask, so that their slopes need none
    const sumOver = (mask: Tensor) =>
      tf.mul(tf.sum(tf.mul(shares, tf.reshape(mask, [cells, 1, bins])), -1), free);
    const [width, height] = tf.split(tf.add(sumOver(isBin), floor), 2, 1);
    const start = tf.sub(tf.mul(tf.sum(isAbove, 1, true), floor), bound);
    const [left, bottom] = tf.split(tf.add(sumOver(isBelow), start), 2, 1);
    // the inner knot at the left of bin k is number k - 1, the one at its right number k; outer slopes are one
    const ends = tf.concat(
      [1, 0].map((from) => tf.slice(isBin, [0, from], [cells, inner])),
      1,
    );
    const chosen = tf.mul(tf.reshape(logSlopes, [cells, 1, inner]), tf.reshape(ends, [cells, 2, inner]));
    const [d0, d1] = tf.split(tf.exp(boundedLog(tf, tf.sum(chosen, -1))), 2, 1);
    const slope = tf.div(height, width);
    return { left, width, bottom, height, slope, d0, d1, excess: tf.sub(tf.add(d0, d1), tf.mul(slope, 2)) };
  }

  return {
    columns: (count) => [2 * bins, inner].flatMap((width) => repeated(count, width)),

    forward(tf, value, raw) {
      const inside = tf.clipByValue(value, -bound, bound);
      const { left, width, bottom, height, slope, d0, d1, excess } = binOf(tf, inside, raw, 0);
      const xi = tf.clipByValue(tf.div(tf.sub(tf.reshape(inside, left.shape), left), width), 0, 1);
      const t = tf.mul(xi, tf.sub(1, xi));
      const bend = tf.mul(excess, t);
      const below = tf.add(slope, bend);
      // s xi^2 + d0 t, and d1 xi^2 + 2 s t + d0 (1 - xi)^2, with xi^2 = xi - t
      const above = tf.add(tf.mul(slope, xi), tf.mul(tf.sub(d0, slope), t));
      const rise = tf.sub(tf.add(d0, tf.mul(tf.sub(d1, d0), xi)), bend);
      const bent = tf.add(bottom, tf.mul(height, tf.div(above, below)));
      const ratio = tf.div(slope, below);
      const logDet = tf.log(tf.mul(tf.mul(rise, ratio), ratio));
      return {
        noise: tf.add(tf.reshape(bent, value.shape), tf.sub(value, inside)),
        logDet: tf.reshape(logDet, value.shape),
      };
    },

    inverse(tf, noise, raw) {
      const inside = tf.clipByValue(noise, -bound, bound);
      const { left, width, bottom, height, slope, d0, excess } = binOf(tf, inside, raw, 1);
      const eta = tf.clipByValue(tf.div(tf.sub(tf.reshape(inside, left.shape), bottom), height), 0, 1);
      const bend = tf.mul(excess, eta);
      const a = tf.add(tf.sub(slope, d0), bend);
      const b = tf.sub(d0, bend);
      const c = tf.mul(slope, eta);
      const discriminant = tf.maximum(tf.add(tf.square(b), tf.mul(tf.mul(a, c), 4)), 0);
      const xi = tf.div(tf.mul(c, 2), tf.maximum(tf.add(b, tf.sqrt(discriminant)), 1e-12));
      const value = tf.add(left, tf.mul(tf.clipByValue(xi, 0, 1), width));
      return tf.add(tf.reshape(value, noise.shape), tf.sub(noise, inside));
    },
  };
}

/** Column numbers, each `width` times. */
const repeated = (count: number, width: number): number[] =>
  Array.from({ length: count * width }, (_, i) => Math.floor(i / width));

const scaled = (m: readonly (readonly number[])[], by: number): number[][] =>
  m.map((row) => row.map((x) => x * by));

/** Constant matrices for K bins. */
function pickMatrices(bins: number) {
  const inner = bins - 1;
  const make = (rows: number, columns: number, f: (i: number, j: number) => number) =>
    Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => f(i, j)));
  return {
    /** Shares to running sums without the last. */
    runningSums: make(bins, inner, (i, j) => Number(i <= j)),
    /** Which inner knots lie below, to which bin it is. */
    bin: make(inner, bins, (i, j) => Number(j === i + 1) - Number(j === i)),
    first: Array.from({ length: bins }, (_, j) => Number(j === 0)),
  };
}
