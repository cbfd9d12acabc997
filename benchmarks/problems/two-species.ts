/**
 * Two species that meet, in continuous numbers: prey and predators of Lotka and Volterra, the healthy and the ill of an
 * epidemic.
 *
 *     dX/dt = a X - b X Y,   dY/dt = -c Y + d X Y
 *
 * Solved by Taylor series. With `P = X Y` the coefficients obey `(k + 1) X_(k+1) = a X_k - b P_k`,
 * `(k + 1) Y_(k+1) = -c Y_k + d P_k`, so those of a species are in proportion to its number, however small: errors are
 * relative. A step is as long as lets the last coefficient count for a relative 1e-9, and the times asked for are read
 * off the series within it. Over the priors of the benchmark `d X - c log X + b Y - a log Y`, which does not change in
 * time, is kept to a relative 1e-6 at worst. Derivatives by the rates have series of their own, of the differentiated
 * recursion.
 *
 * @see Jorba and Zou (2005), https://doi.org/10.1080/10586458.2005.10128904
 * @module
 */

/** `a`, `b`, `c`, `d`. */
export type Rates = readonly [number, number, number, number];

/** Solutions at fixed times; the arrays are used again by the next call. */
export interface TwoSpecies {
  /** `X` and `Y` at each time, `[times, 2]`. `NaN` where the steps became too many. */
  numbers(rates: Rates): Float64Array;
  /** `X`, its derivatives by the four rates, `Y`, its derivatives by the four rates: `[times, 10]`. */
  sensitivities(rates: Rates): Float64Array;
}

/** Degree of the series, and what its last term may count for, relative to the number itself. */
const degree = 18;
const tolerance = 1e-9;
const width = degree + 1;
/** With more steps than this the rates are beyond anything that the priors draw. */
const maxSteps = 100_000;

/**
 * Prepares solutions.
 *
 * @param start - `X` and `Y` at time 0; positive.
 * @param times - increasing, from 0 on.
 */
export function twoSpecies(start: readonly [number, number], times: readonly number[]): TwoSpecies {
  return { numbers: solver(start, times, 0), sensitivities: solver(start, times, 4) };
}

/** A solver with the derivatives by the first `count` rates. */
function solver(start: readonly [number, number], times: readonly number[], count: 0 | 4) {
  const stride = 1 + count; // rows of coefficients per species: the number, then its derivatives
  const x = new Float64Array(stride * width);
  const y = new Float64Array(stride * width);
  const out = new Float64Array(2 * stride * times.length);

  /** Coefficients from the first of each row on. */
  const expand = ([a, b, c, d]: Rates) => {
    for (let k = 0; k < degree; k++) {
      const share = 1 / (k + 1);
      let p = 0;
      for (let i = 0; i <= k; i++) p += x[i] * y[k - i];
      x[k + 1] = (a * x[k] - b * p) * share;
      y[k + 1] = (d * p - c * y[k]) * share;
      for (let j = 1; j < stride; j++) {
        const at = j * width;
        let q = 0;
        for (let i = 0; i <= k; i++) q += x[at + i] * y[k - i] + x[i] * y[at + k - i];
        const byX = j === 1 ? x[k] : j === 2 ? -p : 0; // what the rate itself multiplies
        const byY = j === 3 ? -y[k] : j === 4 ? p : 0;
        x[at + k + 1] = (a * x[at + k] - b * q + byX) * share;
        y[at + k + 1] = (d * q - c * y[at + k] + byY) * share;
      }
    }
  };

  return (rates: Rates): Float64Array => {
    x.fill(0);
    y.fill(0);
    x[0] = start[0];
    y[0] = start[1];
    let time = 0;
    for (let j = 0, steps = 0; j < times.length; steps++) {
      if (steps === maxSteps) return out.fill(Number.NaN, 2 * stride * j);
      expand(rates);
      const size = Math.min(reach(x), reach(y));
      for (; j < times.length && times[j] <= time + size; j++) {
        for (let r = 0; r < stride; r++) {
          out[2 * stride * j + r] = horner(x, r * width, times[j] - time);
          out[2 * stride * j + stride + r] = horner(y, r * width, times[j] - time);
        }
      }
      for (let r = 0; r < stride; r++) {
        x[r * width] = horner(x, r * width, size);
        y[r * width] = horner(y, r * width, size);
      }
      time += size;
    }
    return out;
  };
}

/** The step after which the last two coefficients count for the tolerance. */
function reach(series: Float64Array): number {
  const last = Math.abs(series[degree] / series[0]);
  const before = Math.abs(series[degree - 1] / series[0]);
  return Math.min((tolerance / last) ** (1 / degree), (tolerance / before) ** (1 / (degree - 1)));
}

/** The series that begins at `from`, at `t`. */
function horner(series: Float64Array, from: number, t: number): number {
  let value = series[from + degree];
  for (let k = degree - 1; k >= 0; k--) value = value * t + series[from + k];
  return value;
}
