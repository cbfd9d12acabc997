/**
 * Random numbers from keys. A `Key` is split and folded with Threefry-2x32-20, exactly as JAX does; a
 * `Rng` runs xoshiro128++ seeded by four words of the key. Streams are never shared: chain `c` uses
 * `foldIn(key, c)`, simulation `i` uses `foldIn(root, i)`, so any number of workers gives the same bytes.
 * Use a key for exactly one purpose: `split(key)[i]`, `foldIn(key, i)` and the bit stream coincide.
 *
 * @see Salmon et al. (2011), https://doi.org/10.1145/2063384.2063405
 * @see Blackman and Vigna (2021), https://doi.org/10.1145/3460772
 * @module
 */
import seedrandom from "seedrandom";

/** Two unsigned 32-bit words; plain data. */
export type Key = readonly [number, number];

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** One Threefry-2x32 block of 20 rounds: encrypts the counter `(c0, c1)` under `key`. */
export function threefry2x32(key: Key, c0: number, c1: number): Key {
  const words = [key[0] | 0, key[1] | 0, (0x1bd11bda ^ key[0] ^ key[1]) | 0];
  let x0 = (c0 + words[0]) | 0;
  let x1 = (c1 + words[1]) | 0;
  for (let group = 0; group < 5; group++) {
    const offset = (group & 1) * 4;
    for (let i = 0; i < 4; i++) {
      const r = rotations[offset + i];
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << r) | (x1 >>> (32 - r))) ^ x0;
    }
    x0 = (x0 + words[(group + 1) % 3]) | 0;
    x1 = (x1 + words[(group + 2) % 3] + group + 1) | 0;
  }
  return [x0 >>> 0, x1 >>> 0];
}

/**
 * Turns a seed into a key: a non-negative integer as JAX's `PRNGKey` does, a string through `seedrandom`.
 *
 * @throws {RangeError} if a number is not a non-negative safe integer.
 */
export function key(seed: string | number): Key {
  if (typeof seed === "number") {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`key: seed must be a string or a non-negative integer, got ${seed}.`);
    }
    return [Math.floor(seed / 2 ** 32), seed >>> 0];
  }
  const words = seedrandom(seed);
  return [words.int32() >>> 0, words.int32() >>> 0];
}

/** `n` independent keys. */
export function split(parent: Key, n = 2): Key[] {
  return Array.from({ length: n }, (_, i) => foldIn(parent, i));
}

/**
 * The child of a key that belongs to `data`: an index below 2^53, or a purpose in words.
 *
 * @throws {RangeError} if `data` is a number that is not a non-negative safe integer.
 */
export function foldIn(parent: Key, data: number | string): Key {
  if (typeof data === "string") {
    const purpose = key(data);
    return threefry2x32(threefry2x32(parent, 0, purpose[0]), 0, purpose[1]);
  }
  if (!Number.isSafeInteger(data) || data < 0) {
    throw new RangeError(`foldIn: data must be a non-negative integer or a string, got ${data}.`);
  }
  return threefry2x32(parent, Math.floor(data / 2 ** 32), data >>> 0);
}
