/**
 * Sample quantiles of type 7 of Hyndman and Fan (1996), linear between order statistics, the default of NumPy and R; and
 * how many sorted values lie below a given one.
 *
 * @module
 */

/** The `p` quantile of `values` in any order, `p` in `[0, 1]`; `NaN` of nothing. */
export function quantile(values: ArrayLike<number>, p: number): number {
  return sortedQuantile(Float64Array.from(values).sort(), p);
}

/** The same, of values in ascending order. Equal neighbours give their value without rounding. */
export function sortedQuantile(sorted: ArrayLike<number>, p: number): number {
  if (sorted.length === 0) return Number.NaN;
  const position = p * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

/** How many of the ascending values are at most `value`: the index of the first one above it. */
export function countAtMost(sorted: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
