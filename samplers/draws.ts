/**
 * What a sampler returns: draws on the constrained scale with per-draw statistics, axes always
 * `[chain, draw, ...]`.
 *
 * @module
 */

/** Draws of all chains. */
export interface Draws {
  readonly names: readonly string[];
  readonly chains: number;
  /** Draws kept per chain. */
  readonly draws: number;
  /** `[chains, draws, D]`, row-major, on the scale of `theta`. */
  readonly values: Float64Array;
  /**
   * Per-draw statistics, each `[chains, draws]`: `logProb` always; `acceptanceRate`, `diverging`, `energy`,
   * `numSteps` where the kernel has them.
   */
  readonly stats: Readonly<Record<string, Float64Array>>;
  /** What warm-up found and where chains ended: plain data, reusable for another observation. */
  readonly warmup: Readonly<Record<string, unknown>>;
  /** Sampler, seed, counts and why the run ended. */
  readonly run: Readonly<Record<string, unknown>>;
}
