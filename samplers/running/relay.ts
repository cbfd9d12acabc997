/**
 * Numbers of chains, row after row, in an array with room for another number of draws.
 *
 * @module
 */

/** `[chains, from, width]` from draw `skip` on, copied to `[chains, to, width]`. */
export function relay(
  data: Float64Array,
  chains: number,
  from: number,
  to: number,
  width: number,
  skip = 0,
): Float64Array {
  const out = new Float64Array(chains * to * width);
  const length = Math.min(from - skip, to) * width;
  for (let c = 0; c < chains; c++) {
    const start = (c * from + skip) * width;
    out.set(data.subarray(start, start + length), c * to * width);
  }
  return out;
}
