/**
 * Isotonic regression: the non-decreasing sequence nearest to given values in weighted squares,
 *
 *     minimise sum_i w_i (f_i - y_i)^2   subject to   f_1 <= f_2 <= ... <= f_n,
 *
 * by pooling adjacent violators: neighbours in the wrong order become one block with their weighted mean, until none are.
 * One pass, `O(n)`.
 *
 * @see Ayer et al. (1955), https://doi.org/10.1214/aoms/1177728423; Best and Chakravarti (1990), https://doi.org/10.1007/BF01580873
 * @module
 */
import { ShapeError } from "../core/errors.js";

/** A stretch of rows with one value. */
export interface IsotonicBlock {
  /** First row, and one past the last. */
  readonly from: number;
  readonly to: number;
  /** Their weighted mean. */
  readonly value: number;
}

/**
 * Fits rows that stand in order.
 *
 * @param y - `[N]`.
 * @param weights - positive, `[N]`. Default all 1.
 * @returns blocks with strictly increasing values that cover all rows.
 * @throws {ShapeError} if there are no rows or not as many weights.
 * @throws {RangeError} if a value is not finite or a weight not positive.
 * @example
 * isotonicBlocks([1, 3, 2, 4]); // 1, then 2.5 for two rows, then 4
 */
export function isotonicBlocks(y: ArrayLike<number>, weights?: ArrayLike<number>): IsotonicBlock[] {
  const n = y.length;
  if (n === 0 || (weights && weights.length !== n)) {
    throw new ShapeError(
      `isotonicBlocks: expected values and as many weights, got ${n} values and ${weights?.length ?? "no"} weights.`,
    );
  }
  const blocks: { from: number; weight: number; value: number }[] = [];
  for (let i = 0; i < n; i++) {
    const weight = weights?.[i] ?? 1;
    if (!Number.isFinite(y[i]) || !(weight > 0 && weight < Infinity)) {
      throw new RangeError(
        `isotonicBlocks: expected finite values with positive weights, got ${y[i]} with weight ${weight} in row ${i}.`,
      );
    }
    let block = { from: i, weight, value: y[i] };
    for (let last = blocks.at(-1); last && last.value >= block.value; last = blocks.at(-1)) {
      blocks.pop();
      const total = last.weight + block.weight;
      const value = last.value + (block.value - last.value) * (block.weight / total);
      block = { from: last.from, weight: total, value };
    }
    blocks.push(block);
  }
  return blocks.map(({ from, value }, b) => ({ from, to: blocks[b + 1]?.from ?? n, value }));
}
