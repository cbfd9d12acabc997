/**
 * Regularised incomplete gamma and beta functions and their inverses, in logs: both tails keep full
 * relative precision until the logarithm itself overflows.
 *
 * Series and continued fractions (modified Lentz), with prefactors in saddle-point form. The inverses are
 * Newton's method on the log probability as a function of `log x` or `logit x`, inside a bracket. The work
 * grows with the square root of the shapes; near the median of shapes beyond about 1e10 the answer is `NaN`.
 *
 * @see Abramowitz and Stegun (1964), 6.5.29, 6.5.31, 26.5.8
 * @see Press et al. (2007), Numerical Recipes, 5.2 and 6.2-6.4
 * @module
 */
import { logBeta, logBinomialMass, logGamma, logPoissonMass } from "./gamma-functions.js";
import { roughBetaQuantile, roughGammaQuantile } from "./jstat.js";

/** `log P(a, x)`, the regularised lower incomplete gamma function, for `a > 0`, `x >= 0`. */
export function logGammaP(a: number, x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : Number.NaN;
  if (x === Infinity) return 0;
  return x < a + 1 ? lowerSeries(a, x) : logComplement(upperFraction(a, x));
}

/** `log Q(a, x) = log(1 - P(a, x))`. */
export function logGammaQ(a: number, x: number): number {
  if (!(x > 0)) return x === 0 ? 0 : Number.NaN;
  if (x === Infinity) return -Infinity;
  return x < a + 1 ? logComplement(lowerSeries(a, x)) : upperFraction(a, x);
}

/**
 * `log I_x(a, b)`, the regularised incomplete beta function, for `a, b > 0`. The complement is
 * `logBetaI(b, a, y, x)`; pass `y = 1 - x` where it is known better than by subtraction.
 */
export function logBetaI(a: number, b: number, x: number, y = 1 - x): number {
  if (!(x >= 0 && y >= 0)) return Number.NaN;
  if (x === 0) return -Infinity;
  if (y === 0) return 0;
  return x * (a + b + 2) < a + 1 ? betaFraction(a, b, x, y) : logComplement(betaFraction(b, a, y, x));
}

/**
 * `log x` of the quantile of a gamma variate of shape `a` and scale 1, from the log probability below it and
 * the log probability above it; the smaller of the two carries the precision.
 */
export function gammaQuantileLog(a: number, logP: number, logQ: number): number {
  if (logP === -Infinity || logQ === -Infinity) return logP < logQ ? -Infinity : Infinity;
  // P(a, x) = x^a / Gamma(a + 1) (1 - O(x)): a lower bound, and exact to doubles where x is below their epsilon
  const leading = (logP + logGamma(a + 1)) / a;
  if (leading < -40) return leading;
  const rough = roughGammaQuantile(Math.exp(logP), a);
  const start = rough > 0 && rough < Infinity ? Math.log(rough) : leading;
  const logSlope = (s: number) => logPoissonMass(a, Math.exp(s)) + Math.log(a); // of P in log x
  if (logP <= logQ) return invert((s) => logGammaP(a, Math.exp(s)), logSlope, logP, start);
  return invert((s) => -logGammaQ(a, Math.exp(s)), logSlope, -logQ, start);
}

/** The same for a beta variate: `logit x` from the log probabilities below and above. */
export function betaQuantileLogit(a: number, b: number, logP: number, logQ: number): number {
  if (logP === -Infinity || logQ === -Infinity) return logP < logQ ? -Infinity : Infinity;
  if (logP > logQ) return -betaQuantileLogit(b, a, logQ, logP);
  // I_x(a, b) = x^a / (a B(a, b)) (1 + O(b x)): where b x is below the epsilon of doubles the rest is exact
  const leading = (logP + Math.log(a) + logBeta(a, b)) / a;
  if (leading < -40 - Math.log(Math.max(1, b))) return leading;
  const rough = roughBetaQuantile(Math.exp(logP), a, b);
  const start = rough > 0 && rough < 1 ? Math.log(rough) - Math.log1p(-rough) : Math.log(a / b);
  const at = (s: number) => [1 / (1 + Math.exp(-s)), 1 / (1 + Math.exp(s))] as const;
  const logSlope = (s: number) => {
    const [x, y] = at(s);
    return logBinomialMass(a, b, x, y) + Math.log((a / (a + b)) * b);
  };
  return invert((s) => logBetaI(a, b, ...at(s)), logSlope, logP, start);
}

/**
 * Solves `value(s) = target` for an increasing `value` that is a log probability (or minus one):
 * with slope `exp(logSlope + |value|)`. Newton's method, its steps limited and kept inside a bracket.
 */
function invert(
  value: (s: number) => number,
  logSlope: (s: number) => number,
  target: number,
  start: number,
): number {
  let low = -Infinity;
  let high = Infinity;
  let s = start;
  let longestStep = 1; // doubled by each step that wants to be longer: a flat start must not throw s far out
  for (let i = 0; i < 500; i++) {
    const v = value(s);
    if (v === target) return s;
    if (v < target) low = s;
    else high = s;
    const newton = -(v - target) / Math.exp(logSlope(s) + Math.abs(v));
    const isNear = Math.abs(v - target) <= 1e-6 * Math.abs(target);
    if (isNear && Math.abs(newton) <= 2e-16 * Math.max(1, Math.abs(s))) return s + newton;
    let next = s + newton;
    if (!(Math.abs(newton) <= longestStep)) {
      next = s + (v < target ? longestStep : -longestStep);
      longestStep *= 2;
    }
    if (!(next > low && next < high)) {
      const isBracketed = low > -Infinity && high < Infinity;
      next = isBracketed ? 0.5 * (low + high) : s + (v < target ? longestStep : -longestStep);
      if (isBracketed && !(next > low && next < high)) return next; // neighbouring doubles
    }
    s = next;
  }
  return s;
}

/** Terms before a series gives up: about ten times the square root of the largest shape that is served. */
const longest = 3_000_000;

/** `log P(a, x)` by the series `sum x^n / ((a + 1) ... (a + n))`; quick for `x < a + 1`. */
function lowerSeries(a: number, x: number): number {
  let term = 1;
  let sum = 1;
  for (let n = 1; n < longest; n++) {
    term *= x / (a + n);
    sum += term;
    if (term <= sum * 1e-17) return logPoissonMass(a, x) + Math.log(sum);
  }
  return Number.NaN;
}

/** `log Q(a, x)` by its continued fraction; quick for `x > a + 1`. */
function upperFraction(a: number, x: number): number {
  const fraction = lentz(
    x + 1 - a,
    (n) => -n * (n - a),
    (n) => x + 1 - a + 2 * n,
  );
  return logPoissonMass(a, x) + Math.log(a) - Math.log(fraction);
}

/** `log I_x(a, b)` by its continued fraction; quick for `x < (a + 1) / (a + b + 2)`. */
function betaFraction(a: number, b: number, x: number, y: number): number {
  const numerator = (n: number) => {
    const m = n >> 1;
    if (n % 2 === 0) return (m * (b - m) * x) / ((a + n - 1) * (a + n));
    return (-(a + m) * (a + b + m) * x) / ((a + n - 1) * (a + n));
  };
  const fraction = lentz(1, numerator, () => 1);
  // x^a y^b / (a B(a, b)), from the binomial mass of a successes in a + b trials
  return logBinomialMass(a, b, x, y) + Math.log(b / (a + b)) - Math.log(fraction);
}

/** `b0 + a1 / (b1 + a2 / (b2 + ...))`. */
function lentz(b0: number, a: (n: number) => number, b: (n: number) => number): number {
  const tiny = 1e-300;
  let f = b0 || tiny;
  let c = f;
  let d = 0;
  for (let n = 1; n < longest; n++) {
    d = b(n) + a(n) * d || tiny;
    c = b(n) + a(n) / c || tiny;
    d = 1 / d;
    f *= c * d;
    if (Math.abs(c * d - 1) < 2e-16) return f;
  }
  return Number.NaN;
}

/** `log(1 - exp(x))`, with rounding above 0 taken as 0. */
function logComplement(x: number): number {
  if (x >= 0) return -Infinity;
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x));
}
