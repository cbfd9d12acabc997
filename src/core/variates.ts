/**
 * How uniform bits become other variates: exact rejection methods, no tables of samples, no approximations.
 *
 * - normal: Ziggurat with 256 layers; layer, sign and a 53-bit mantissa come from different bits of two words.
 * - gamma: Marsaglia and Tsang's squeeze; for `shape < 1` the boost `G(shape + 1) U^(1/shape)`, in logs.
 * - beta: two gammas, in logs when a shape is below 1.
 * - Poisson and binomial: inversion below mean 10, transformed rejection (PTRS, BTRS) above.
 *
 * @see Doornik (2005), An Improved Ziggurat Method to Generate Normal Random Samples
 * @see Marsaglia and Tsang (2000), https://doi.org/10.1145/358407.358414
 * @see Hormann (1993), https://doi.org/10.1016/0167-6687(93)90997-4 (PTRS); https://doi.org/10.1080/00949659308811496 (BTRS)
 * @module
 */
import { logBinomialMass, logPoissonMass } from "./gamma-functions.js";

/** What the methods draw on. */
interface Source {
  uint32(): number;
  uniform(): number;
}

/** A standard normal variate. */
export function normalVariate(source: Source): number {
  const word = source.uint32();
  const layer = word & 255;
  const u = ((word >>> 11) * 4294967296 + source.uint32()) * 2 ** -53;
  const x = (1 - ((word >>> 7) & 2)) * u * edges[layer]; // a branch on the sign would be foretold wrong half the time
  return u < ratios[layer] ? x : normalAtEdge(source, layer, x);
}

/**
 * The standard normal variate where `x`, of either sign, fell beside the part of its layer that lies below the curve for
 * certain: one time in a hundred.
 */
export function normalAtEdge(source: Source, layer: number, x: number): number {
  if (layer === 0) return x < 0 ? -normalTail(source) : normalTail(source);
  const density = heights[layer] + source.uniform() * (heights[layer + 1] - heights[layer]);
  return density < Math.exp(-0.5 * x * x) ? x : normalVariate(source);
}

/**
 * A gamma variate of scale 1; it may underflow to 0 when `shape` is small (see `logGammaVariate`).
 *
 * @throws {RangeError} if `shape` is not a positive finite number.
 */
export function gammaVariate(source: Source, shape: number): number {
  checkShape("gamma", "shape", shape);
  return shape < 1 ? Math.exp(logGammaVariate(source, shape)) : squeezedGamma(source, shape);
}

/**
 * The logarithm of a gamma variate of scale 1.
 *
 * @throws {RangeError} if `shape` is not a positive finite number.
 */
export function logGammaVariate(source: Source, shape: number): number {
  checkShape("gamma", "shape", shape);
  if (shape >= 1) return Math.log(squeezedGamma(source, shape));
  return Math.log(squeezedGamma(source, shape + 1)) + Math.log1p(-source.uniform()) / shape;
}

/**
 * A beta variate, kept inside the open interval (0, 1).
 *
 * @throws {RangeError} if `a` or `b` is not a positive finite number.
 */
export function betaVariate(source: Source, a: number, b: number): number {
  checkShape("beta", "a", a);
  checkShape("beta", "b", b);
  let value: number;
  if (a >= 1 && b >= 1) {
    const x = squeezedGamma(source, a);
    value = x / (x + squeezedGamma(source, b));
  } else {
    const logOdds = logGammaVariate(source, a) - logGammaVariate(source, b);
    value = logOdds < 0 ? Math.exp(logOdds) / (1 + Math.exp(logOdds)) : 1 / (1 + Math.exp(-logOdds));
  }
  return Math.min(Math.max(value, Number.MIN_VALUE), 1 - 2 ** -53);
}

/**
 * A Poisson count.
 *
 * @throws {RangeError} if `rate` is not a number from 0 to 2^52.
 */
export function poissonVariate(source: Source, rate: number): number {
  if (!(rate >= 0 && rate <= 2 ** 52)) {
    throw new RangeError(`poisson: rate must be a number from 0 to 2^52, got ${rate}.`);
  }
  if (rate < 10) return invertCounts(source, Math.exp(-rate), (k) => rate / k);

  const b = 0.931 + 2.53 * Math.sqrt(rate);
  const a = -0.059 + 0.02483 * b;
  const logInverseAlpha = Math.log(1.1239 + 1.1328 / (b - 3.4));
  const squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = source.uniform() - 0.5;
    const v = source.uniform();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (Math.log(v) + logInverseAlpha - Math.log(a / (us * us) + b) <= logPoissonMass(k, rate)) return k;
  }
}

/**
 * The number of successes in `n` trials.
 *
 * @throws {RangeError} if `n` is not an integer from 0 to 2^52 or `p` not a probability.
 */
export function binomialVariate(source: Source, n: number, p: number): number {
  if (!(Number.isInteger(n) && n >= 0 && n <= 2 ** 52)) {
    throw new RangeError(`binomial: n must be an integer from 0 to 2^52, got ${n}.`);
  }
  if (!(p >= 0 && p <= 1)) throw new RangeError(`binomial: p must be a number from 0 to 1, got ${p}.`);
  return p > 0.5 ? n - fewSuccesses(source, n, 1 - p) : fewSuccesses(source, n, p);
}

/** Binomial variate for `p <= 1/2`. */
function fewSuccesses(source: Source, n: number, p: number): number {
  if (n === 0 || p === 0) return 0;
  const q = 1 - p;
  if (n * p < 10) {
    return invertCounts(source, Math.exp(n * Math.log1p(-p)), (k) => ((n - k + 1) / k) * (p / q));
  }
  const sd = Math.sqrt(n * p * q);
  const b = 1.15 + 2.53 * sd;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const alpha = (2.83 + 5.1 / b) * sd;
  const squeeze = 0.92 - 4.2 / b;
  const mode = Math.floor((n + 1) * p);
  const logMode = logBinomialMass(mode, n - mode, p, q);
  for (;;) {
    const u = source.uniform() - 0.5;
    const v = source.uniform();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + n * p + 0.5);
    if (us >= 0.07 && v <= squeeze) return k;
    if (k < 0 || k > n) continue;
    if (Math.log((v * alpha) / (a / (us * us) + b)) <= logBinomialMass(k, n - k, p, q) - logMode) return k;
  }
}

/** Searches the cumulative mass from 0 upwards; `ratio(k)` is `mass(k) / mass(k - 1)`. For means below 10. */
function invertCounts(source: Source, massAtZero: number, ratio: (k: number) => number): number {
  for (;;) {
    let left = source.uniform();
    let mass = massAtZero;
    for (let k = 0; mass > 0; ) {
      if (left < mass) return k;
      left -= mass;
      mass *= ratio(++k);
    } // reached only when rounding leaves a remainder beyond the last mass: draw again
  }
}

/** Gamma variate of scale 1 for `shape >= 1`. */
function squeezedGamma(source: Source, shape: number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normalVariate(source);
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root * root * root;
    const u = source.uniform();
    const x2 = x * x;
    if (u < 1 - 0.0331 * x2 * x2 || Math.log(u) < 0.5 * x2 + d * (1 - v + Math.log(v))) return d * v;
  }
}

/** Where the lowest layer of the Ziggurat ends, and the area of each layer. */
const tailStart = 3.6541528853610088;
const layerArea = 0.004928673233974658;

/** A normal variate beyond `tailStart` (Marsaglia 1964). */
function normalTail(source: Source): number {
  for (;;) {
    const x = -Math.log1p(-source.uniform()) / tailStart;
    const y = -Math.log1p(-source.uniform());
    if (2 * y > x * x) return tailStart + x;
  }
}

const { edges, heights, ratios } = layers();

/** Right edge of each layer, and the share of the layer below the curve for certain; `[256]`. */
export { edges as layerEdges, ratios as layerRatios };

function layers() {
  const density = (x: number) => Math.exp(-0.5 * x * x);
  const edges = new Float64Array(257);
  edges[0] = layerArea / density(tailStart); // the lowest layer holds the tail
  edges[1] = tailStart;
  for (let i = 2; i < 256; i++) {
    edges[i] = Math.sqrt(-2 * Math.log(layerArea / edges[i - 1] + density(edges[i - 1])));
  }
  return {
    edges,
    heights: edges.map(density),
    ratios: Float64Array.from({ length: 256 }, (_, i) => edges[i + 1] / edges[i]),
  };
}

function checkShape(caller: string, name: string, value: number): void {
  if (!(value > 0 && value < Infinity)) {
    throw new RangeError(`${caller}: ${name} must be a positive finite number, got ${value}.`);
  }
}
