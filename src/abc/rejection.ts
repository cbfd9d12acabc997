/**
 * Rejection ABC (approximate Bayesian computation), the oldest likelihood-free method: draw `theta` from the
 * prior, simulate, and keep `theta` where the data come within `epsilon` of the observation. What is kept are
 * independent draws from `p(theta | d(x, x_o) <= epsilon)`, which is the prior for large `epsilon` and goes to the
 * posterior as `epsilon` goes to zero, while the acceptance rate goes to zero too.
 *
 * Simulation `i` has its own keys, and what is kept goes by the number of the simulation. So the result does not
 * depend on the size of the batches.
 *
 * @see Pritchard et al. (1999), https://doi.org/10.1093/oxfordjournals.molbev.a026091
 * @see Beaumont, Zhang and Balding (2002), https://doi.org/10.1093/genetics/162.4.2025, for the quantile
 * @module
 */
import type { LongTask } from "../core/contracts.js";
import { foldIn, key as keyOf } from "../core/random.js";
import type { Simulator } from "../simulator.js";
import {
  type AbcOptions,
  type AbcSample,
  abcRun,
  acceptedOf,
  checkPositive,
  equalWeights,
  type Particle,
  sampleOf,
} from "./abc-run.js";
import { type DistanceChoice, scalePilot } from "./distance.js";

interface CommonOptions extends AbcOptions, LongTask {
  /**
   * How summaries are compared. Default `"euclidean"`: on the data as they are. `"scaled"` takes its scales from the first
   * 1000 simulations, which are always made and counted.
   */
  readonly distance?: DistanceChoice;
}

/** Keeps what comes near enough, until there are enough draws. */
export interface EpsilonOptions extends CommonOptions {
  /** Largest distance that is kept, `> 0`. */
  readonly epsilon: number;
  readonly quantile?: undefined;
  /** Draws wanted. */
  readonly draws: number;
  /** Gives up after so many simulations, and returns what there is. Default `1000 draws`. */
  readonly maxSimulations?: number;
}

/** Keeps the nearest share of a fixed number of simulations. */
export interface QuantileOptions extends CommonOptions {
  /** Share of the simulations that is kept, in (0, 1]; `epsilon` is then the largest distance among them. */
  readonly quantile: number;
  readonly epsilon?: undefined;
  /** Simulations to make. */
  readonly maxSimulations: number;
  readonly draws?: undefined;
}

/** What `rejectionAbc` found: kept parameters in the order of their simulations, of equal weights. */
export interface AbcDraws extends AbcSample {
  /** Largest distance allowed; with a quantile, the largest that was kept. */
  readonly epsilon: number;
  /** Simulations up to the last that was needed. */
  readonly simulations: number;
  /** Kept draws per simulation. */
  readonly acceptanceRate: number;
  /** Simulations that gave no usable data; they are rejected and counted. */
  readonly failures: number;
  /** Whether all draws that were asked for are there; `false` when `maxSimulations` came first. */
  readonly complete: boolean;
}

/**
 * Draws from the ABC posterior by rejection.
 *
 * @param simulator - with its prior; called with `batchSize` rows at a time.
 * @returns fewer draws than asked for, with `complete: false`, where the budget came to its end first.
 * @throws {RangeError} if `epsilon` or `quantile` is out of range, both or neither are given, or a count is not a
 *   positive integer.
 * @throws {ShapeError} if `observed` does not have the simulator's shape, or `summary` gives another number of rows.
 * @example
 * const { theta, acceptanceRate } = await rejectionAbc(simulator, { observed, epsilon: 4, draws: 1000, seed: 1 });
 */
export async function rejectionAbc(
  simulator: Simulator,
  options: EpsilonOptions | QuantileOptions,
): Promise<AbcDraws> {
  const { seed, distance = "euclidean", batchSize = 4096, onProgress } = options;
  checkRejection(options);
  const wanted = options.draws ?? Infinity;
  const maxSimulations = options.maxSimulations ?? 1000 * wanted;
  const limit = options.epsilon ?? Infinity;
  const share =
    options.quantile === undefined ? undefined : Math.max(1, Math.round(options.quantile * maxSimulations));
  const root = keyOf(seed);
  const [thetaKey, simulationKey] = [foldIn(root, "theta"), foldIn(root, "simulation")];
  const run = abcRun("rejectionAbc", simulator, { ...options, distance }, simulationKey);

  let kept: Particle[] = [];
  let simulations = 0;
  let failures = 0;
  while (simulations < maxSimulations && kept.length < wanted) {
    const isPilot = distance === "scaled" && simulations === 0;
    const count = Math.min(isPilot ? scalePilot : batchSize, maxSimulations - simulations);
    const theta = simulator.prior.sample(count, thetaKey, simulations);
    const compared = await run.simulate(theta);
    let used = 0;
    for (let missing = wanted - kept.length; used < count && (isPilot || missing > 0); used++) {
      failures += compared.failed[used];
      if (compared.distances[used] <= limit) missing--;
    }
    const accepted = acceptedOf(theta, compared, limit);
    kept.push(...accepted.slice(0, Math.min(accepted.length, wanted - kept.length)));
    if (share !== undefined && kept.length > 2 * share) kept = nearest(kept, share); // memory stays bounded
    simulations += used;
    onProgress?.(
      share === undefined
        ? { done: kept.length, total: wanted }
        : { done: simulations, total: maxSimulations },
    );
  }

  if (share !== undefined) kept = nearest(kept, share);
  const epsilon = options.epsilon ?? kept.reduce((largest, { distance }) => Math.max(largest, distance), 0);
  return {
    ...sampleOf(kept, equalWeights(kept.length), epsilon, run, simulator.prior.dim),
    simulations,
    acceptanceRate: kept.length / simulations,
    failures,
    complete: kept.length === (share ?? wanted),
  };
}

/** The `count` nearest particles, in their order; of equal distances the earlier. */
function nearest(particles: readonly Particle[], count: number): Particle[] {
  return particles
    .map((_, i) => i)
    .sort((a, b) => particles[a].distance - particles[b].distance || a - b)
    .slice(0, count)
    .sort((a, b) => a - b)
    .map((i) => particles[i]);
}

function checkRejection({
  epsilon,
  quantile,
  draws,
  maxSimulations,
}: EpsilonOptions | QuantileOptions): void {
  if ((epsilon === undefined) === (quantile === undefined)) {
    throw new RangeError(
      `rejectionAbc: expected either epsilon or quantile, got ${epsilon === undefined ? "neither" : "both"}.`,
    );
  }
  if (epsilon !== undefined && !(epsilon > 0)) {
    throw new RangeError(`rejectionAbc: epsilon must be a positive number, got ${epsilon}.`);
  }
  if (quantile !== undefined && !(quantile > 0 && quantile <= 1)) {
    throw new RangeError(`rejectionAbc: quantile must lie in (0, 1], got ${quantile}.`);
  }
  checkPositive(
    "rejectionAbc",
    epsilon === undefined ? { maxSimulations } : { draws, maxSimulations: maxSimulations ?? 1 },
  );
}
