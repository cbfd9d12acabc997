/**
 * The gamma function and its relatives, in logs.
 *
 * Masses and densities of Poisson, binomial, gamma and beta type are computed by Loader's saddle-point
 * form: the large terms `x log x` and `log x!` are never subtracted from each other, so relative precision
 * does not decay with the size of the counts.
 *
 * @see Loader (2000), Fast and Accurate Computation of Binomial Probabilities
 * @see Abramowitz and Stegun (1964), 6.1.41 and 6.3.18
 * @module
 */

/** `log(sqrt(2 pi))`. */
export const logSqrt2Pi = 0.9189385332046727;

/**
 * `log |Gamma(x)|`, to about 1e-15 (absolute near its zeros 1 and 2, relative elsewhere); `Infinity` at
 * 0, -1, -2 ...
 */
export function logGamma(x: number): number {
  if (x <= 0) {
    if (Number.isInteger(x)) return Infinity;
    return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - logGamma(1 - x); // reflection
  }
  if (x === 1 || x === 2) return 0;
  let product = 1;
  let shifted = x;
  while (shifted < stirlingStart) product *= shifted++;
  const stirling = (shifted - 0.5) * Math.log(shifted) - shifted + logSqrt2Pi + stirlingTail(shifted);
  return stirling - (product === 1 ? 0 : Math.log(product));
}

/** `d logGamma / dx`, `x > 0`, to about 1e-15 of its scale; `NaN` at zero and below. */
export function digamma(x: number): number {
  if (!(x > 0)) return Number.NaN;
  let shift = 0;
  let shifted = x;
  while (shifted < 10) shift += 1 / shifted++;
  const r = 1 / (shifted * shifted);
  const tail =
    r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - r * (691 / 32760 - r / 12))))));
  return Math.log(shifted) - 0.5 / shifted - tail - shift;
}

/** `log B(a, b)`, the beta function, for positive `a` and `b`. */
export function logBeta(a: number, b: number): number {
  const n = a + b;
  const atMode = logBinomialMass(a, b, a / n, b / n);
  return Math.log(n / a / b) - atMode - a * Math.log1p(b / a) - b * Math.log1p(a / b);
}

/** `log [rate^k exp(-rate) / Gamma(k + 1)]` for real `k >= 0`, nats: the Poisson mass at integers. */
export function logPoissonMass(k: number, rate: number): number {
  if (k === 0) return -rate;
  if (rate === 0 || rate === Infinity || k === Infinity) return -Infinity;
  return -stirlingError(k) - deviance(k, rate) - 0.5 * Math.log(k) - logSqrt2Pi;
}

/**
 * `log [Gamma(a + b + 1) / (Gamma(a + 1) Gamma(b + 1)) x^a y^b]` for real `a, b >= 0` and `y = 1 - x`, nats:
 * the binomial mass of `a` successes in `a + b` trials. Both `x` and `y` are asked for, because the smaller
 * of them carries the precision.
 */
export function logBinomialMass(a: number, b: number, x: number, y: number): number {
  if (a === 0) return b === 0 ? 0 : b * (x < y ? Math.log1p(-x) : Math.log(y));
  if (b === 0) return a * (y < x ? Math.log1p(-y) : Math.log(x));
  if (x === 0 || y === 0) return -Infinity;
  const n = a + b;
  const errors = stirlingError(n) - stirlingError(a) - stirlingError(b);
  return (
    errors - deviance(a, n * x) - deviance(b, n * y) + 0.5 * (Math.log(n / a) - Math.log(b)) - logSqrt2Pi
  );
}

/** Above this the eight terms of `stirlingTail` are exact to double precision. */
const stirlingStart = 8;

/** `log Gamma(x) - [(x - 1/2) log x - x + log sqrt(2 pi)]` for `x >= 8`. */
function stirlingTail(x: number): number {
  const r = 1 / (x * x);
  const inner = 1 / 1188 - r * (691 / 360360 - r * (1 / 156 - r * (3617 / 122400)));
  return (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * inner)))) / x;
}

/** `log k! - log [sqrt(2 pi k) (k / e)^k]` for real `k > 0`. */
function stirlingError(k: number): number {
  if (k >= stirlingStart) return stirlingTail(k);
  return logGamma(k + 1) - (k + 0.5) * Math.log(k) + k - logSqrt2Pi;
}

/** `k log(k / m) + m - k`, without cancellation where `k` is near `m`. */
function deviance(k: number, m: number): number {
  if (Math.abs(k - m) < 0.1 * (k + m)) {
    const v = (k - m) / (k + m);
    let sum = (k - m) * v;
    let term = 2 * k * v;
    for (let j = 3; ; j += 2) {
      term *= v * v;
      const next = sum + term / j;
      if (next === sum) return sum;
      sum = next;
    }
  }
  return k * (Math.log(k) - Math.log(m)) + m - k;
}
