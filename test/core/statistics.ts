/** Goodness-of-fit statistics for sampler tests. Thresholds are for fixed seeds: a right sampler passes for ever. */

/** `sqrt(n)` times the Kolmogorov-Smirnov distance; above 1.95 with probability 0.001 for a right sampler. */
export function ksStatistic(draws: Float64Array, cdf: (x: number) => number): number {
  const sorted = Float64Array.from(draws).sort();
  const n = sorted.length;
  let distance = 0;
  sorted.forEach((x, i) => {
    const p = cdf(x);
    distance = Math.max(distance, p - i / n, (i + 1) / n - p);
  });
  return distance * Math.sqrt(n);
}

/**
 * Chi-square of counts against masses as standard deviations from its mean (`(chi2 - df) / sqrt(2 df)`);
 * above 5 with probability below 1e-3 for the tables used here. Cells that expect fewer than 10 are pooled.
 */
export function chiSquareExcess(draws: Float64Array, mass: (k: number) => number): number {
  const counts = new Map<number, number>();
  for (const k of draws) counts.set(k, (counts.get(k) ?? 0) + 1);
  const largest = draws.reduce((a, b) => Math.max(a, b));
  let chi2 = 0;
  let cells = 0;
  let pooledSeen = 0;
  let pooledMass = 1;
  for (let k = 0; k <= largest; k++) {
    const expected = mass(k) * draws.length;
    const seen = counts.get(k) ?? 0;
    if (expected < 10) {
      pooledSeen += seen;
      continue;
    }
    pooledMass -= mass(k);
    chi2 += (seen - expected) ** 2 / expected;
    cells++;
  }
  if (pooledMass * draws.length > 1) {
    chi2 += (pooledSeen - pooledMass * draws.length) ** 2 / (pooledMass * draws.length);
    cells++;
  }
  const df = cells - 1;
  return (chi2 - df) / Math.sqrt(2 * df);
}

export function mean(draws: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < draws.length; i++) sum += draws[i];
  return sum / draws.length;
}

export function variance(draws: ArrayLike<number>): number {
  const m = mean(draws);
  let sum = 0;
  for (let i = 0; i < draws.length; i++) sum += (draws[i] - m) ** 2;
  return sum / (draws.length - 1);
}
