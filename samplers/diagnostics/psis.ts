/**
 * Pareto-smoothed importance sampling: tames the largest weights, and its tail index says whether
 * importance sampling can be trusted at all. Numbers are those of ArviZ 0.23.4 and loo 2.5.1.
 *
 * @see Vehtari et al. (2024), Pareto Smoothed Importance Sampling, https://arxiv.org/abs/1507.02646
 * @see Zhang and Stephens (2009), https://doi.org/10.1198/tech.2009.08017
 * @module
 */

/** What `psis` returns. */
export interface ParetoSmoothed {
  /** Log weights, smoothed and normalised so that their exponentials sum to one; `[N]`, nats. */
  readonly logWeights: Float64Array;
  /** Tail index: below 0.5 good, below 0.7 usable, above it the estimate is not to be trusted; `Infinity` for a tail of four or fewer. */
  readonly k: number;
}

/**
 * Smooths importance weights by a generalised Pareto fit to their tail.
 *
 * @param logRatios - `log target - log proposal` up to a constant, `[N]`, nats.
 * @param options - each has a default.
 * @param options.relativeEfficiency - ESS of the draws over `N`, 1 for independent draws. Default 1.
 * @throws {RangeError} if a ratio is `NaN` or none is finite.
 */
export function psis(logRatios: ArrayLike<number>, { relativeEfficiency = 1 } = {}): ParetoSmoothed {
  const n = logRatios.length;
  const x = Float64Array.from(logRatios);
  const largest = x.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!Number.isFinite(largest)) {
    throw new RangeError(
      `psis: log ratios must be numbers with a finite maximum, got a maximum of ${largest}.`,
    );
  }
  for (let i = 0; i < n; i++) x[i] -= largest;
  const sorted = x.slice().sort();
  const tailSize = Math.ceil(Math.min(n / 5, 3 * Math.sqrt(n / relativeEfficiency)));
  const cut = Math.max(sorted[Math.max(n - tailSize - 1, 0)], Math.log(2.2250738585072014e-308));
  const tail = Array.from(x.keys())
    .filter((i) => x[i] > cut)
    .sort((a, b) => x[a] - x[b]);
  let k = Infinity;
  if (tail.length > 4) {
    const base = Math.exp(cut);
    const fit = fitPareto(Float64Array.from(tail, (i) => Math.exp(x[i]) - base));
    k = fit.k;
    if (Number.isFinite(k)) {
      tail.forEach((i, j) => {
        const p = (j + 0.5) / tail.length;
        const excess = k === 0 ? -Math.log1p(-p) : Math.expm1(-k * Math.log1p(-p)) / k;
        x[i] = Math.min(Math.log(fit.sigma * excess + base), 0);
      });
    }
  }
  let total = 0;
  for (const value of x) total += Math.exp(value);
  const logTotal = Math.log(total);
  return { logWeights: x.map((value) => value - logTotal), k };
}

/** Shape `k` and scale `sigma` of a generalised Pareto distribution for ascending positive excesses. */
function fitPareto(x: Float64Array): { k: number; sigma: number } {
  const n = x.length;
  const m = 30 + Math.floor(Math.sqrt(n));
  const quartile = x[Math.floor(n / 4 + 0.5) - 1];
  const shape = (b: number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += Math.log1p(-b * x[i]);
    return sum / n;
  };
  const b = Float64Array.from({ length: m }, (_, j) => {
    return (1 - Math.sqrt(m / (j + 0.5))) / (3 * quartile) + 1 / x[n - 1];
  });
  const profile = b.map((value) => {
    const k = shape(value);
    return n * (Math.log(-value / k) - k - 1);
  });
  let weightSum = 0;
  let weighted = 0;
  for (let j = 0; j < m; j++) {
    let inverse = 0;
    for (let i = 0; i < m; i++) inverse += Math.exp(profile[i] - profile[j]);
    const weight = 1 / inverse;
    if (!(weight >= 10 * Number.EPSILON)) continue;
    weightSum += weight;
    weighted += weight * b[j];
  }
  const posterior = weighted / weightSum;
  const k = shape(posterior);
  return { k: (n * k + 5) / (n + 10), sigma: -k / posterior };
}
