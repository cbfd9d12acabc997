/**
 * Autocovariance of a chain by the fast Fourier transform: `O(N log N)` instead of `O(N^2)`.
 *
 * @module
 */

/**
 * Biased autocovariance at lags `0 ... N - 1`: `sum_i (x_i - mean)(x_{i+lag} - mean) / N`.
 *
 * @param x - one chain, `[N]`.
 * @returns `[N]`; element 0 is the variance with divisor `N`.
 */
export function autocovariance(x: ArrayLike<number>): Float64Array {
  const n = x.length;
  let size = 1;
  while (size < 2 * n) size *= 2; // zero padding keeps the circular transform from wrapping around
  let mean = 0;
  for (let i = 0; i < n; i++) mean += x[i];
  mean /= n;
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  for (let i = 0; i < n; i++) re[i] = x[i] - mean;
  fourier(re, im);
  for (let k = 0; k < size; k++) {
    re[k] = re[k] * re[k] + im[k] * im[k];
    im[k] = 0;
  }
  fourier(re, im); // the power spectrum is real and even: the inverse is the transform itself over `size`
  const out = new Float64Array(n);
  for (let lag = 0; lag < n; lag++) out[lag] = re[lag] / size / n;
  return out;
}

/** Autocorrelation at lags `0 ... N - 1`: the autocovariance over its first element. */
export function autocorrelation(x: ArrayLike<number>): Float64Array {
  const acov = autocovariance(x);
  const variance = acov[0];
  return acov.map((value) => value / variance);
}

/** In-place radix-2 transform; the length must be a power of two. */
function fourier(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  const { cos, sin } = roots(n);
  for (let half = 1; half < n; half *= 2) {
    const stride = n / (2 * half);
    for (let start = 0; start < n; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const a = start + k;
        const b = a + half;
        const wr = cos[k * stride];
        const wi = sin[k * stride];
        const tr = re[b] * wr - im[b] * wi;
        const ti = re[b] * wi + im[b] * wr;
        re[b] = re[a] - tr;
        im[b] = im[a] - ti;
        re[a] += tr;
        im[a] += ti;
      }
    }
  }
}

let cached: { n: number; cos: Float64Array; sin: Float64Array } | undefined;

/** Roots of unity of order `n`; the last table is kept, because all chains have one length. */
function roots(n: number) {
  if (cached?.n !== n) {
    const half = Math.max(1, n / 2);
    const cos = new Float64Array(half);
    const sin = new Float64Array(half);
    for (let k = 0; k < half; k++) {
      cos[k] = Math.cos((-2 * Math.PI * k) / n);
      sin[k] = Math.sin((-2 * Math.PI * k) / n);
    }
    cached = { n, cos, sin };
  }
  return cached;
}
