/**
 * Central intervals of binomial counts, for the bands that say how far chance alone takes a check.
 *
 * @module
 */

/** Smallest counts that leave at most `(1 - mass) / 2` of the probability on either side. */
export interface CountInterval {
  readonly lower: number;
  readonly upper: number;
}

/**
 * The central interval of a binomial count, by summing its probabilities: `lower` and `upper` are its
 * `(1 - mass) / 2` and `(1 + mass) / 2` quantiles.
 *
 * @param n - trials, a whole number `>= 0`.
 * @param p - probability of success in `[0, 1]`.
 * @param mass - probability inside, in `(0, 1)`.
 */
export function binomialInterval(n: number, p: number, mass: number): CountInterval {
  if (p <= 0) return { lower: 0, upper: 0 };
  if (p >= 1) return { lower: n, upper: n };
  const tail = (1 - mass) / 2;
  const logOdds = Math.log(p) - Math.log1p(-p);
  let logTerm = n * Math.log1p(-p);
  let sum = Math.exp(logTerm);
  let k = 0;
  let lower = sum >= tail ? 0 : -1;
  while (sum < 1 - tail && k < n) {
    logTerm += Math.log((n - k) / (k + 1)) + logOdds;
    k += 1;
    sum += Math.exp(logTerm);
    if (lower < 0 && sum >= tail) lower = k;
  }
  return { lower, upper: k };
}
