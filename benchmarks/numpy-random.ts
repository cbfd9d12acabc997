/**
 * The random numbers of NumPy's `RandomState`, for problems that others published as a seed: Mersenne Twister words,
 * doubles of 53 bits, normals by the polar method, permutations by Fisher and Yates.
 *
 * For nothing else: our own numbers come from keys (`src/core/random.ts`).
 *
 * @see Matsumoto and Nishimura (1998), https://doi.org/10.1145/272991.272995
 * @see NumPy, legacy random generation, https://numpy.org/doc/stable/reference/random/legacy.html
 * @module
 */

/** What is asked of a `RandomState`. */
export interface NumpyRandom {
  /** Standard normals, as `randn(n)`. */
  normals(n: number): Float64Array;
  /** As `permutation(n)`, for `n` from 1 to 2^31. */
  permutation(n: number): Int32Array;
}

const length = 624;

/**
 * `numpy.random.RandomState(seed)`.
 *
 * @param seed - integer from 0 to `2^32 - 1`.
 * @example
 * numpyRandom(42).normals(1); // 0.4967141530112327
 */
export function numpyRandom(seed: number): NumpyRandom {
  const words = new Uint32Array(length);
  words[0] = seed;
  for (let i = 1; i < length; i++) {
    words[i] = Math.imul(1812433253, words[i - 1] ^ (words[i - 1] >>> 30)) + i;
  }
  let at = length;

  const twist = () => {
    for (let k = 0; k < length; k++) {
      const word = (words[k] & 0x80000000) | (words[(k + 1) % length] & 0x7fffffff);
      words[k] = words[(k + 397) % length] ^ (word >>> 1) ^ (word & 1 ? 0x9908b0df : 0);
    }
    at = 0;
  };
  const uint32 = () => {
    if (at === length) twist();
    let word = words[at++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  };
  const uniform = () => ((uint32() >>> 5) * 2 ** 26 + (uint32() >>> 6)) * 2 ** -53;

  let kept: number | undefined;
  const normal = () => {
    if (kept !== undefined) {
      const value = kept;
      kept = undefined;
      return value;
    }
    for (;;) {
      const first = 2 * uniform() - 1;
      const second = 2 * uniform() - 1;
      const square = first * first + second * second;
      if (square >= 1 || square === 0) continue;
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      kept = scale * first;
      return scale * second;
    }
  };
  /** Uniform from 0 to `largest`, by rejection from the bits that it needs. */
  const upTo = (largest: number) => {
    const mask = 2 ** (32 - Math.clz32(largest)) - 1;
    for (;;) {
      const value = (uint32() & mask) >>> 0;
      if (value <= largest) return value;
    }
  };

  return {
    normals(n) {
      const out = new Float64Array(n);
      for (let i = 0; i < n; i++) out[i] = normal();
      return out;
    },
    permutation(n) {
      const order = Int32Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const j = upTo(i);
        [order[i], order[j]] = [order[j], order[i]];
      }
      return order;
    },
  };
}
