/**
 * Special functions that are right in the tails. Probabilities are offered as logs wherever a plain number
 * would underflow or round to 1. Nats throughout.
 *
 * The normal distribution is computed by Cody's rational approximations and inverted by Wichura's AS 241
 * (both near 1e-16), the latter polished by Newton's method where the argument is a log probability.
 *
 * @see Cody (1969), https://doi.org/10.1090/S0025-5718-1969-0247736-4
 * @see Wichura (1988), https://doi.org/10.2307/2347330
 * @module
 */
import { logSqrt2Pi } from "./gamma-functions.js";

export {
  digamma,
  logBeta,
  logBinomialMass,
  logGamma,
  logPoissonMass,
  logSqrt2Pi,
} from "./gamma-functions.js";
export {
  betaQuantileLogit,
  gammaQuantileLog,
  logBetaI,
  logGammaP,
  logGammaQ,
} from "./incomplete-functions.js";

/** `log(sum(exp(values)))`; `-Infinity` for no values. */
export function logSumExp(values: ArrayLike<number>): number {
  let largest = -Infinity;
  for (let i = 0; i < values.length; i++) {
    if (!(values[i] <= largest)) largest = values[i];
    if (Number.isNaN(largest)) return Number.NaN;
  }
  if (!Number.isFinite(largest)) return largest;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i] - largest);
  return largest + Math.log(sum);
}

/** `log(exp(a) + exp(b))`. */
export function logAddExp(a: number, b: number): number {
  if (a === b) return a + Math.LN2;
  return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
}

/** `log(exp(a) - exp(b))` for `a >= b`; `NaN` otherwise. */
export function logSubExp(a: number, b: number): number {
  if (b === -Infinity) return a;
  return a === b ? -Infinity : a + log1mExp(b - a);
}

/** `log(1 - exp(x))` for `x <= 0`. */
export function log1mExp(x: number): number {
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x));
}

/** `log(1 + exp(x))`. */
export function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

/** `1 / (1 + exp(-x))`, with full relative precision where it is tiny. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** `log(p / (1 - p))`; infinite at 0 and 1. */
export function logit(p: number): number {
  return Math.log(p) - Math.log1p(-p);
}

/** The error function. */
export function erf(x: number): number {
  if (Math.abs(x) * Math.SQRT2 <= centre) return 2 * centralMass(x * Math.SQRT2);
  return Math.sign(x) * (1 - erfc(Math.abs(x)));
}

/** `1 - erf(x)`, with full relative precision in the upper tail. */
export function erfc(x: number): number {
  return 2 * normalCdf(-x * Math.SQRT2);
}

/** `P(Z <= x)` for a standard normal. */
export function normalCdf(x: number): number {
  if (Math.abs(x) <= centre) return 0.5 + centralMass(x);
  const tail = Math.exp(logTail(Math.abs(x)));
  return x < 0 ? tail : 1 - tail;
}

/** `log P(Z <= x)` for a standard normal, accurate for any `x`. */
export function logNormalCdf(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) <= centre) return Math.log(0.5 + centralMass(x));
  return x < 0 ? logTail(-x) : Math.log1p(-Math.exp(logTail(x)));
}

/** The `x` with `P(Z <= x) = p`; infinite at 0 and 1, `NaN` outside. */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * horner(r, centreTop)) / horner(r, centreBottom);
  }
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : Number.NaN;
  return q < 0 ? -tailQuantile(Math.log(p)) : tailQuantile(Math.log1p(-p));
}

/** The `x` with `log P(Z <= x) = logP`, however far in the tail. */
export function normalQuantileOfLog(logP: number): number {
  if (logP > -Math.LN2) return -normalQuantileOfLog(log1mExp(logP));
  if (logP === -Infinity) return -Infinity;
  let x = logP > -1.4 ? normalQuantile(Math.exp(logP)) : -tailQuantile(logP);
  for (let i = 0; i < 20; i++) {
    const value = logNormalCdf(x);
    const step = (value - logP) * Math.exp(value + 0.5 * x * x + logSqrt2Pi);
    x -= step; // log P is concave: Newton's method converges from either side
    if (Math.abs(step) <= 4e-16 * Math.abs(x) + 1e-300) break;
  }
  return x;
}

/** Below this the mass next to the centre is computed directly. */
const centre = 0.67448975;

/** `P(0 <= Z <= x)` for `|x| <= centre`, negative for negative `x`. */
function centralMass(x: number): number {
  const s = x * x;
  return (x * horner(s, massTop)) / horner(s, massBottom);
}

/** `log P(Z > y)` for `y > centre`. */
function logTail(y: number): number {
  let scaled: number;
  if (y <= 5.656854249492381) {
    scaled = horner(y, middleTop) / horner(y, middleBottom);
  } else {
    const s = 1 / (y * y);
    scaled = (0.3989422804014327 - (s * horner(s, farTop)) / horner(s, farBottom)) / y;
  }
  return -0.5 * y * y + Math.log(scaled);
}

/** The `x >= 0` with `log P(Z > x) = logQ` for `logQ < log 0.08`; exact to doubles down to `logQ = -700`. */
function tailQuantile(logQ: number): number {
  const r = Math.sqrt(-logQ);
  if (r <= 5) return horner(r - 1.6, nearTop) / horner(r - 1.6, nearBottom);
  if (r > 27) return Math.sqrt(-2 * logQ - Math.log(-4 * Math.PI * logQ)); // beyond doubles: a start for Newton
  return horner(r - 5, farQuantileTop) / horner(r - 5, farQuantileBottom);
}

/** Polynomial with the highest power first. */
function horner(x: number, coefficients: readonly number[]): number {
  let value = coefficients[0];
  for (let i = 1; i < coefficients.length; i++) value = value * x + coefficients[i];
  return value;
}

// Cody's coefficients: P(0 < Z < x) near 0, exp(x^2 / 2) P(Z > x) up to sqrt(32), and its remainder beyond.
const massTop = [
  0.06568233791820745, 2.2352520354606837, 161.02823106855587, 1067.6894854603709, 18154.98125334356,
];
const massBottom = [1, 47.202581904688245, 976.0985517377767, 10260.932208618979, 45507.78933502673];
const middleTop = [
  1.0765576773720192e-8, 0.39894151208813466, 8.883149794388377, 93.50665613217785, 597.2702763948002,
  2494.5375852903726, 6848.190450536283, 11602.65143764735, 9842.714838383978,
];
const middleBottom = [
  1, 22.266688044328117, 235.387901782625, 1519.3775994075547, 6485.558298266761, 18615.571640885097,
  34900.95272114598, 38912.00328609327, 19685.429676859992,
];
const farTop = [
  0.02307344176494017, 0.215898534057957, 0.12740116116024736, 0.022235277870649807, 0.0014216191932278934,
  2.9112874951168793e-5,
];
const farBottom = [
  1, 1.284260096144911, 0.4682382124808651, 0.06598813786892856, 0.003782396332020828, 7.297515550839662e-5,
];
// Wichura's coefficients: centre, |p - 1/2| > 0.425, and beyond r = 5.
const centreTop = [
  2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946,
  1971.5909503065513, 133.14166789178438, 3.3871328727963665,
];
const centreBottom = [
  5226.495278852855, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751,
  687.1870074920579, 42.31333070160091, 1,
];
const nearTop = [
  0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
  5.769497221460691, 4.630337846156546, 1.4234371107496835,
];
const nearBottom = [
  1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
  1.6763848301838038, 2.053191626637759, 1,
];
const farQuantileTop = [
  2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124,
  0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103,
];
const farQuantileBottom = [
  2.0442631033899397e-15, 1.4215117583164457e-7, 1.8463183175100548e-5, 0.0007868691311456132,
  0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1,
];
