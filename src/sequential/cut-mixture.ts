/**
 * Mixtures of normal distributions cut at the walls of a prior: what rounds on the scale of `theta` propose and end with.
 *
 * @module
 */
import type { LogDensity, Prior } from "../core/contracts.js";
import type { Matrix } from "../core/matrix.js";
import type { Key } from "../core/random.js";
import { drawsOf, type GaussianMixture, logProbOf } from "./gaussian-mixture.js";
import { keptDraws, type Proposed } from "./rounds.js";

/** A mixture where its prior is not zero. */
export interface CutMixture {
  /** Its density, which lacks the factor of what was cut. */
  readonly target: LogDensity<false>;
  /** Draws by rejection. */
  draw(n: number, key: Key, signal?: AbortSignal): Promise<Proposed>;
  sample(n: number, key: Key, signal?: AbortSignal): Promise<Matrix>;
}

/** @param names - the public function and the method, for the message where next to nothing of the mixture is inside. */
export function cutMixture(
  mixture: GaussianMixture,
  prior: Prior,
  { caller, method }: { readonly caller: string; readonly method: string },
): CutMixture {
  const draw: CutMixture["draw"] = (n, key, signal) =>
    keptDraws(caller, n, key, {
      draw: (count, own) => drawsOf(mixture, count, own),
      keep: (theta) =>
        [...prior.logProb(theta).entries()].flatMap(([i, log]) => (log > -Infinity ? [i] : [])),
      mostTries: 10_000,
      remedy: `of ${method} lie inside the prior. Use more simulations per round, or method "apt" by atoms, which cannot leave it.`,
      signal,
    });
  return {
    target: {
      dim: prior.dim,
      names: prior.names,
      support: prior.support,
      normalised: false,
      start: prior,
      async logProb(theta) {
        const logPrior = prior.logProb(theta);
        return logProbOf(mixture, theta).map((log, i) => (logPrior[i] === -Infinity ? -Infinity : log));
      },
    },
    draw,
    sample: async (n, key, signal) => (await draw(n, key, signal)).theta,
  };
}
