/**
 * Threefry-2x32-20, the counter-based generator behind keys: bit for bit the one that JAX uses.
 *
 * @see Salmon et al. (2011), https://doi.org/10.1145/2063384.2063405
 * @module
 */

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
