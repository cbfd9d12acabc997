/**
 * The part of parameter space that holds all but a small share of a posterior's mass: where its log density is above a
 * quantile of that of its own draws. Draws from the prior inside it are draws from the prior, restricted.
 *
 * They are found by rejection from the prior `p`, or, where the region holds little of it, from the posterior `q` whose region
 * it is, which is nowhere zero in there: a draw of `q` inside is kept with probability `w / max w`, `w = p / q`. As a
 * region holds its mass near the middle and its volume at the edge, `q` is drawn from wider noise, `N(0, s^2)` for
 * `N(0, 1)`, and `w` multiplied by the ratio of the two: with `s^2` the squared radius of the region of a normal `q` over its
 * dimension, one draw in four is kept in four dimensions, where it is one in 2,000 without. The paper takes one of
 * 1,024 draws of `q` by its weight instead, which leaves the edge short.
 *
 * @see Deistler, Goncalves and Macke (2022), https://arxiv.org/abs/2210.04815, sections 3.1 and 3.3
 * @module
 */
import { breather } from "../core/breath.js";
import type { LogDensity, Prior } from "../core/contracts.js";
import { chiSquared } from "../core/distributions/gamma.js";
import { ConfigError } from "../core/errors.js";
import { fromRows, type Matrix, row, sliceRows, stackRows, takeRows } from "../core/matrix.js";
import { sortedQuantile } from "../core/quantile.js";
import { foldIn, type Key, stream } from "../core/random.js";

/** Draws from a density made wider, `[n, D]`; weights `exp(logWeights)` make them draws of the density itself. */
export type WideDraw = (
  n: number,
  key: Key,
) => Promise<{ readonly theta: Matrix; readonly logWeights: Float64Array }>;

/** Where a density is high. */
export interface HighDensity {
  readonly target: LogDensity;
  /** Of `target.logProb`, nats. */
  readonly threshold: number;
  /** Draws from `target`, which is normalised then; left out where it takes chains. */
  readonly draw?: WideDraw;
}

/** How many times wider a normal density best is to cover its own region in `dim` dimensions. */
export function regionScale(dim: number, left: number): number {
  return Math.sqrt(Math.max(1, chiSquared(dim).quantile(1 - left) / dim));
}

/** The region of a density and its own draws. */
export async function highDensity(
  target: LogDensity,
  draws: Matrix,
  left: number,
  draw?: WideDraw,
): Promise<HighDensity> {
  const sorted = (await target.logProb(draws)).sort();
  return { target, threshold: sortedQuantile(sorted, left), ...(draw && { draw }) };
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
  /** Prior mass of the region: the share of the prior's draws inside, or the mean weight of those of the posterior. */
  readonly acceptance: number;
  /** What was drawn from, and how often for each row that was kept. */
  readonly proposal: "prior" | "posterior";
  readonly tries: number;
}

const batch = 10_000;

/** From that many draws on it is judged whether the prior's lie inside too seldom. */
const enough = 20_000;
const seldom = 1e-3;

interface DrawingOptions {
  /** Draws for each row kept, at most. Default 1e5. */
  readonly mostTries?: number;
  readonly signal?: AbortSignal;
}

/**
 * Draws from the prior, restricted: by rejection, from the posterior of the last region where fewer than one in 1,000 draws
 * from the prior lies inside and the posterior can be drawn from.
 *
 * @throws {ConfigError} if fewer than one in `mostTries` is kept.
 */
export async function restrictedDraws(
  prior: Prior,
  regions: readonly HighDensity[],
  n: number,
  key: Key,
  { mostTries = 1e5, signal }: DrawingOptions = {},
): Promise<RestrictedDraws> {
  const last = regions.at(-1);
  const parts: Matrix[] = [];
  let found = 0;
  let tried = 0;
  const breathe = breather();
  for (let b = 0; found < n; b++) {
    await breathe();
    signal?.throwIfAborted();
    if (last?.draw && tried >= enough && found < seldom * tried) {
      return posteriorDraws(prior, regions, last.draw, n, foldIn(key, "posterior"), { mostTries, signal });
    }
    if (tried >= mostTries * Math.max(1, found)) {
      throw new ConfigError(
        `truncatedRounds: ${found} of ${tried} draws from the prior lie where the current posterior has its mass, fewer than one in ${mostTries}. ` +
          "The posterior of a ratio cannot be drawn from without a chain: use an objective such as npe, more simulations per round, or a narrower prior.",
      );
    }
    const theta = prior.sample(batch, foldIn(key, b));
    const kept = await insideAll(regions, theta);
    tried += batch;
    found += kept.length;
    parts.push(takeRows(theta, kept));
  }
  const acceptance = found / tried;
  return {
    theta: sliceRows(stackRows(parts), 0, n),
    acceptance,
    proposal: "prior",
    tries: 1 / acceptance,
  };
}

/**
 * The same by rejection from the posterior of the last region. The largest weight is that of the draws so far, 10,000 at
 * least; where one raises it, those kept before are thinned to what they would have been. What is left unknown is a part of
 * the region with larger weights that no draw has met.
 *
 * @see Caffo, Booth and Davis (2002), https://doi.org/10.1093/biomet/89.4.745 (empirical supremum rejection)
 */
async function posteriorDraws(
  prior: Prior,
  regions: readonly HighDensity[],
  draw: WideDraw,
  n: number,
  key: Key,
  { mostTries = 1e5, signal }: DrawingOptions,
): Promise<RestrictedDraws> {
  const { target } = regions[regions.length - 1];
  /** Draws inside, each kept as long as `highest` is below its own bound. */
  let kept: { readonly theta: Float64Array; readonly bound: number }[] = [];
  let highest = -Infinity; // of the log weights
  let mass = 0; // sum of the weights
  let tried = 0;
  const breathe = breather();
  for (let b = 0; kept.length < n; b++) {
    await breathe();
    signal?.throwIfAborted();
    if (tried >= mostTries * Math.max(1, kept.length)) {
      throw new ConfigError(
        `truncatedRounds: ${kept.length} of ${tried} draws from the current posterior were kept as draws from the prior, fewer than one in ${mostTries}. ` +
          "Its density differs too much within the region: raise left, use more simulations per round, or a narrower prior.",
      );
    }
    const own = foldIn(key, b);
    const { theta, logWeights } = await draw(batch, own);
    const rows = await insideAll(regions, theta);
    tried += batch;
    if (rows.length === 0) continue;
    const inside = takeRows(theta, rows);
    const logPrior = prior.logProb(inside);
    const logPosterior = await target.logProb(inside);
    const rng = stream(foldIn(own, "keep"));
    for (const [k, i] of rows.entries()) {
      const logWeight = logPrior[k] - logPosterior[k] + logWeights[i];
      mass += Math.exp(logWeight);
      highest = Math.max(highest, logWeight);
      kept.push({ theta: row(inside, k), bound: logWeight - Math.log(rng.uniform()) });
    }
    kept = kept.filter(({ bound }) => highest < bound);
  }
  return {
    theta: fromRows(kept.slice(0, n).map(({ theta }) => theta)),
    acceptance: mass / tried,
    proposal: "posterior",
    tries: tried / kept.length,
  };
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
