/**
 * Random numbers from keys. A `Key` is split and folded with Threefry-2x32-20, exactly as JAX does; a
 * `Rng` runs xoshiro128++ seeded by four words of the key. Streams are never shared: chain `c` uses
 * `foldIn(key, c)`, simulation `i` uses `foldIn(root, i)`, so any number of workers gives the same bytes.
 * `split(key)[i]` and `foldIn(key, i)` are the same key, as in JAX: use one of them for one purpose. The
 * stream of a key is tagged, so it never coincides with the key's children.
 *
 * @see Salmon et al. (2011), https://doi.org/10.1145/2063384.2063405
 * @see Blackman and Vigna (2021), https://doi.org/10.1145/3460772
 * @module
 */
import seedrandom from "seedrandom";
import { type Key, threefry2x32 } from "./threefry.js";

export { type Rng, type RngState, stream, streamFrom } from "./rng.js";
export { type Key, threefry2x32 } from "./threefry.js";

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
  if (typeof seed !== "string") {
    throw new TypeError(`key: seed must be a string or a non-negative integer, got ${seed}.`); // else from the clock
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
