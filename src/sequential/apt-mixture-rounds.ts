/**
 * APT in its mixture form, in rounds: each proposes from the mixture that the last network is at the observation, and trains on
 * the rows of all rounds, each under its own proposal (`aptMixture`).
 *
 * Under a normal prior, components of a proposal that are not narrower than it are narrowed (`noWiderThan`); rows
 * are drawn from what is left, so nothing has to be allowed for. Draws beyond the walls of a uniform prior are left out.
 *
 * @see Greenberg, Nonnenmacher and Macke (2019), https://arxiv.org/abs/1905.07488, section 3.2
 * @module
 */
import type { LogDensity } from "../core/contracts.js";
import type { Matrix } from "../core/matrix.js";
import type { Key } from "../core/random.js";
import type { Engine } from "../engine/types.js";
import { aptMixture, type MixtureRows } from "../estimators/apt-mixture.js";
import { noWiderThan } from "../estimators/mixture-tilt.js";
import type { PosteriorEstimator } from "../estimators/posterior.js";
import type { DensityOptions } from "../estimators/posterior-objective.js";
import type { Simulator } from "../simulator.js";
import { type CutMixture, cutMixture } from "./cut-mixture.js";
import type { GaussianMixture } from "./gaussian-mixture.js";
import { mixtureAt } from "./mixture-at.js";
import { priorGaussian } from "./prior-gaussian.js";
import type { RoundsMethod } from "./rounds.js";

/** The rounds, and the posterior that they end with. */
export interface AptMixtureRounds extends Omit<RoundsMethod<PosteriorEstimator>, "options"> {
  /** The mixture of the last round, where the prior is not zero. */
  posterior(): {
    readonly target: LogDensity<false>;
    sample(n: number, key: Key, signal?: AbortSignal): Promise<Matrix>;
  };
}

/** @throws {ConfigError} if the prior is neither normal nor uniform. */
export function aptMixtureRounds(
  { prior }: Simulator,
  network: DensityOptions,
  {
    caller,
    observed,
    engine,
    signal,
  }: {
    readonly caller: string;
    readonly observed: ArrayLike<number>;
    readonly engine: Engine;
    readonly signal?: AbortSignal;
  },
): AptMixtureRounds {
  const flatOrNormal = priorGaussian(prior, caller, "apt");
  const names = { caller, method: `"apt" in its mixture form` };
  const used: GaussianMixture[] = []; // the proposal of each round from the second on
  let found: CutMixture | undefined;

  return {
    async propose(round, n, key) {
      if (round === 0) return { theta: prior.sample(n, key), acceptance: 1 };
      return cutMixture(used[round - 1], prior, names).draw(n, key, signal);
    },

    async training(round, all, ends) {
      const proposals = used
        .slice(0, round)
        .map((mixture, r): MixtureRows => ({ mixture, rows: ends[r + 1] - ends[r] }));
      return { objective: aptMixture(all, { ...network, proposals }), trainedOn: all.theta.rows };
    },

    async learned(_, estimator) {
      const mixture = await mixtureAt(estimator, observed, engine, network.embedding);
      used.push(noWiderThan(mixture, flatOrNormal));
      found = cutMixture(mixture, prior, names);
      return {};
    },

    posterior: () => found as CutMixture, // the last round has been learned
  };
}
