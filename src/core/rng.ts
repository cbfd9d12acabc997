/**
 * A stream of random numbers: xoshiro128++ seeded by four Threefry words of a key.
 *
 * A stream is made once per simulation row or per chain and draw, so making one costs about as much as
 * ten draws. It is the one mutable object among the core types: whoever makes a stream owns it.
 *
 * @see Blackman and Vigna (2021), https://doi.org/10.1145/3460772
 * @module
 */
import { encrypt, type Key } from "./threefry.js";
import {
  betaVariate,
  binomialVariate,
  gammaVariate,
  layerEdges,
  layerRatios,
  logGammaVariate,
  normalAtEdge,
  normalVariate,
  poissonVariate,
} from "./variates.js";

/** The four 32-bit words of a stream; plain data. `streamFrom` resumes from them bit for bit. */
export type RngState = readonly [number, number, number, number];

/** A stream of random numbers. Bad parameters throw a `RangeError` that names them. */
export interface Rng {
  /** 32 random bits as an integer in `[0, 2^32)`. */
  uint32(): number;
  /** Uniform on `[low, high)` with 53 random bits; rounding may give `high` itself. Defaults 0 and 1. */
  uniform(low?: number, high?: number): number;
  /** Normal with mean `mean` (default 0) and standard deviation `sd` (default 1). */
  normal(mean?: number, sd?: number): number;
  /** `n` independent normals, the same numbers as `n` calls of `normal`. */
  normals(n: number, mean?: number, sd?: number): Float64Array;
  /** `normals` written to `out`, which it returns. */
  fillNormals(out: Float64Array, mean?: number, sd?: number): Float64Array;
  /** Uniform among `0 ... n - 1`, without bias; `n` at most 2^53. */
  integer(n: number): number;
  /** Exponential with mean `1 / rate`. Default rate 1. */
  exponential(rate?: number): number;
  /** Gamma with mean `shape * scale`, never exactly 0. Default scale 1. */
  gamma(shape: number, scale?: number): number;
  /** The logarithm of a gamma variate of scale 1: exact where the variate itself would underflow. */
  logGamma(shape: number): number;
  /** Beta with mean `a / (a + b)`, never exactly 0 or 1. */
  beta(a: number, b: number): number;
  /** Poisson count of mean `rate`. */
  poisson(rate: number): number;
  /** Successes in `n` trials of probability `p`. */
  binomial(n: number, p: number): number;
  /** Index `i` with probability proportional to `weights[i]`. */
  categorical(weights: ArrayLike<number>): number;
  /** Student t with `df` degrees of freedom. */
  studentT(df: number): number;
  /** A uniformly random ordering of `0 ... n - 1`. */
  permutation(n: number): Int32Array;
  /** Reorders `values` in place, uniformly at random, and returns it. */
  shuffle<T extends unknown[] | Float64Array | Float32Array | Int32Array | Uint32Array>(values: T): T;
  /** Where the stream stands, written to `out` if there is one. */
  state(out?: number[]): RngState;
  /** Goes on where `state` was taken, as `streamFrom` does with a new stream. */
  resume(state: RngState): void;
}

/**
 * The stream of a key. The same key gives the same numbers on every machine.
 *
 * @example
 * const rng = stream(foldIn(key("hello"), 7));
 * const z = rng.normals(10);
 */
export function stream(key: Key): Rng {
  // Counters of foldIn have a first word below 2^21: this tag keeps streams apart from child keys.
  encrypt(key, 0x5eed0000, 0, words, 0);
  encrypt(key, 0x5eed0000, 1, words, 2);
  const [a, b, c, d] = [words[0], words[1], words[2], words[3]];
  return new Xoshiro128(a, b, c, d || Number((a | b | c) === 0)); // all zero would stay zero
}

const words = new Int32Array(4); // scratch

/**
 * The stream that goes on where `state` was taken.
 *
 * @throws {RangeError} if the state is not four 32-bit words, not all zero.
 */
export function streamFrom(state: RngState): Rng {
  const rng = new Xoshiro128(1, 0, 0, 0);
  rng.resume(state);
  return rng;
}

// A class, because closures would make each new stream several times dearer.
class Xoshiro128 implements Rng {
  constructor(
    private s0: number,
    private s1: number,
    private s2: number,
    private s3: number,
  ) {}

  uint32(): number {
    const sum = (this.s0 + this.s3) | 0;
    const result = ((sum << 7) | (sum >>> 25)) + this.s0;
    const t = this.s1 << 9;
    this.s2 ^= this.s0;
    this.s3 ^= this.s1;
    this.s1 ^= this.s2;
    this.s0 ^= this.s3;
    this.s2 ^= t;
    this.s3 = (this.s3 << 11) | (this.s3 >>> 21);
    return result >>> 0;
  }

  uniform(low = 0, high = 1): number {
    const u = ((this.uint32() >>> 11) * 4294967296 + this.uint32()) * 2 ** -53;
    return low + (high - low) * u;
  }

  normal(mean = 0, sd = 1): number {
    return mean + sd * normalVariate(this);
  }

  normals(n: number, mean = 0, sd = 1): Float64Array {
    return this.fillNormals(new Float64Array(n), mean, sd);
  }

  // `normalVariate` and `uint32` written out, with the words in variables: chains and noise ask for nothing more often
  fillNormals(out: Float64Array, mean = 0, sd = 1): Float64Array {
    let { s0, s1, s2, s3 } = this;
    for (let i = 0; i < out.length; i++) {
      let sum = (s0 + s3) | 0;
      const word = (((sum << 7) | (sum >>> 25)) + s0) | 0;
      let t = s1 << 9;
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= t;
      s3 = (s3 << 11) | (s3 >>> 21);
      sum = (s0 + s3) | 0;
      const low = (((sum << 7) | (sum >>> 25)) + s0) >>> 0;
      t = s1 << 9;
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= t;
      s3 = (s3 << 11) | (s3 >>> 21);
      const layer = word & 255;
      const u = ((word >>> 11) * 4294967296 + low) * 2 ** -53;
      const x = (1 - ((word >>> 7) & 2)) * u * layerEdges[layer];
      if (u < layerRatios[layer]) {
        out[i] = mean + sd * x;
        continue;
      }
      this.set(s0, s1, s2, s3);
      out[i] = mean + sd * normalAtEdge(this, layer, x);
      ({ s0, s1, s2, s3 } = this);
    }
    this.set(s0, s1, s2, s3);
    return out;
  }

  private set(s0: number, s1: number, s2: number, s3: number): void {
    this.s0 = s0;
    this.s1 = s1;
    this.s2 = s2;
    this.s3 = s3;
  }

  integer(n: number): number {
    if (!(Number.isInteger(n) && n >= 1 && n <= 2 ** 53)) {
      throw new RangeError(`integer: n must be an integer from 1 to 2^53, got ${n}.`);
    }
    let value: number;
    if (n <= 2 ** 32) {
      const shift = Math.clz32(n - 1); // rejection from the next power of two: no bias
      do value = n === 1 ? 0 : this.uint32() >>> shift;
      while (value >= n);
      return value;
    }
    const width = 2 ** Math.ceil(Math.log2(n));
    do value = Math.floor(this.uniform() * width);
    while (value >= n);
    return value;
  }

  exponential(rate = 1): number {
    if (!(rate > 0)) throw new RangeError(`exponential: rate must be a positive number, got ${rate}.`);
    return -Math.log1p(-this.uniform()) / rate;
  }

  gamma(shape: number, scale = 1): number {
    if (!(scale > 0)) throw new RangeError(`gamma: scale must be a positive number, got ${scale}.`);
    return Math.max(gammaVariate(this, shape) * scale, Number.MIN_VALUE);
  }

  logGamma(shape: number): number {
    return logGammaVariate(this, shape);
  }

  beta(a: number, b: number): number {
    return betaVariate(this, a, b);
  }

  poisson(rate: number): number {
    return poissonVariate(this, rate);
  }

  binomial(n: number, p: number): number {
    return binomialVariate(this, n, p);
  }

  categorical(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) {
      if (!(weights[i] >= 0)) {
        throw new RangeError(`categorical: weights must be non-negative, got ${weights[i]} at index ${i}.`);
      }
      total += weights[i];
    }
    if (!(total > 0 && total < Infinity)) {
      throw new RangeError(`categorical: weights must have a positive finite sum, got ${total}.`);
    }
    let left = this.uniform() * total;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] === 0) continue;
      if (left < weights[i]) return i;
      left -= weights[i];
      last = i; // reached only when rounding leaves a remainder
    }
    return last;
  }

  studentT(df: number): number {
    if (!(df > 0)) throw new RangeError(`studentT: df must be a positive number, got ${df}.`);
    if (df === Infinity) return this.normal();
    const logScale = 0.5 * (Math.log(df / 2) - logGammaVariate(this, df / 2));
    return this.normal() * Math.exp(logScale);
  }

  permutation(n: number): Int32Array {
    if (!(Number.isInteger(n) && n >= 0 && n < 2 ** 31)) {
      throw new RangeError(`permutation: n must be an integer from 0 to 2^31 - 1, got ${n}.`);
    }
    const order = new Int32Array(n);
    for (let i = 0; i < n; i++) order[i] = i;
    return this.shuffle(order);
  }

  shuffle<T extends unknown[] | Float64Array | Float32Array | Int32Array | Uint32Array>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = values[i];
      values[i] = values[j];
      values[j] = kept;
    }
    return values;
  }

  state(out: number[] = [0, 0, 0, 0]): RngState {
    out[0] = this.s0 >>> 0;
    out[1] = this.s1 >>> 0;
    out[2] = this.s2 >>> 0;
    out[3] = this.s3 >>> 0;
    return out as unknown as RngState;
  }

  resume(state: RngState): void {
    // spelt out, because samplers resume a stream in the middle of every draw
    const a = state[0];
    const b = state[1];
    const c = state[2];
    const d = state[3];
    const areWords = a >>> 0 === a && b >>> 0 === b && c >>> 0 === c && d >>> 0 === d;
    if (state.length !== 4 || !areWords || (a | b | c | d) === 0) {
      throw new RangeError(`streamFrom: state must be four 32-bit words, not all zero, got [${state}].`);
    }
    this.set(a | 0, b | 0, c | 0, d | 0);
  }
}
