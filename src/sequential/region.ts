/**
 * The part of parameter space that holds all but a small share of a posterior's mass: where its log density is above a
 * quantile of that of its own draws. Draws from the prior inside it are draws from the prior, restricted.
 *
 * @see Deistler, Goncalves and Macke (2022), https://arxiv.org/abs/2210.04815, section 3.1
 * @module
 */
import type { LogDensity, Prior } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { type Matrix, row, sliceRows, stackRows, takeRows } from "../core/matrix.js";
import { sortedQuantile } from "../core/quantile.js";
import { foldIn, type Key } from "../core/random.js";

/** Where a density is high. */
export interface HighDensity {
  readonly target: LogDensity;
  /** Of `target.logProb`, nats. */
  readonly threshold: number;
}

/** The region of a density and its own draws. */
export async function highDensity(target: LogDensity, draws: Matrix, left: number): Promise<HighDensity> {
  const sorted = (await target.logProb(draws)).sort();
  return { target, threshold: sortedQuantile(sorted, left) };
}

/** Which rows lie in all of the regions. */
export async function insideAll(regions: readonly HighDensity[], theta: Matrix): Promise<number[]> {
  let rows = Array.from({ length: theta.rows }, (_, i) => i);
  for (const { target, threshold } of regions) {
    if (rows.length === 0) return rows;
    const logProb = await target.logProb(takeRows(theta, rows));
    rows = rows.filter((_, k) => logProb[k] >= threshold);
  }
  return rows;
}

/** Draws from a prior restricted to regions. */
export interface RestrictedDraws {
  /** `[n, D]`. */
  readonly theta: Matrix;
  /** Share of the prior's draws inside: the prior mass of the region. */
  readonly acceptance: number;
}

const batch = 10_000;

/**
 * Draws from the prior until `n` of them lie in all regions.
 *
 * @throws {ConfigError} if fewer than one in `mostTries` does.
 */
export async function restrictedDraws(
  prior: Prior,
  regions: readonly HighDensity[],
  n: number,
  key: Key,
  { mostTries = 1e5, signal }: { readonly mostTries?: number; readonly signal?: AbortSignal } = {},
): Promise<RestrictedDraws> {
  const parts: Matrix[] = [];
  let found = 0;
  let tried = 0;
  for (let b = 0; found < n; b++) {
    signal?.throwIfAborted();
    if (tried >= mostTries * Math.max(1, found)) {
      throw new ConfigError(
        `truncatedRounds: ${found} of ${tried} draws from the prior lie where the current posterior has its mass, fewer than one in ${mostTries}. ` +
          "The posterior is too narrow for rejection, or the estimator is wrong there: use more simulations per round, or a narrower prior.",
      );
    }
    const theta = prior.sample(batch, foldIn(key, b));
    const kept = await insideAll(regions, theta);
    tried += batch;
    found += kept.length;
    parts.push(takeRows(theta, kept));
  }
  return { theta: sliceRows(stackRows(parts), 0, n), acceptance: found / tried };
}

/** A target that is `-Infinity` outside the regions: an estimator is a guess where it was not trained. */
export function restrictedTo(target: LogDensity, regions: readonly HighDensity[]): LogDensity<false> {
  const { gradient } = target;
  const outside = async (theta: Matrix) => {
    const inside = new Set(await insideAll(regions, theta));
    return Array.from({ length: theta.rows }, (_, i) => i).filter((i) => !inside.has(i));
  };
  return {
    ...target,
    normalised: false,
    async logProb(theta) {
      const logProb = await target.logProb(theta);
      for (const i of await outside(theta)) logProb[i] = -Infinity;
      return logProb;
    },
    ...(gradient && {
      async gradient(theta: Matrix) {
        const found = await gradient.call(target, theta);
        for (const i of await outside(theta)) {
          found.logProb[i] = -Infinity;
          row(found.gradient, i).fill(0);
        }
        return found;
      },
    }),
  };
}
