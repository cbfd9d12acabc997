/**
 * The one door to jStat. Its inverse incomplete gamma and beta functions are right to about 1e-6 away from
 * the tails: good starting points, which `incomplete-functions.ts` polishes to full precision. The rest of
 * jStat fails in the tails or for large counts, and its samplers share one global state, so nothing else
 * of it is used.
 *
 * @module
 */
import module from "jstat";

/** Roughly the `x` with `P(a, x) = p`; `NaN` where jStat cannot be trusted. */
export function roughGammaQuantile(p: number, a: number): number {
  if (!isModerate(p) || a > 1e6 || a < 1e-2) return Number.NaN;
  return module.jStat.gammapinv(p, a);
}

/** Roughly the `x` with `I_x(a, b) = p`; `NaN` where jStat cannot be trusted. */
export function roughBetaQuantile(p: number, a: number, b: number): number {
  if (!isModerate(p) || Math.max(a, b) > 1e3 || Math.min(a, b) < 1e-2) return Number.NaN;
  return module.jStat.ibetainv(p, a, b);
}

const isModerate = (p: number) => p > 1e-8 && p < 1 - 1e-8;
