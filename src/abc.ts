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
import type { LongTask } from "./core/contracts.js";
import { ShapeError } from "./core/errors.js";
import { type Matrix, matrix, row, stackRows, takeRows } from "./core/matrix.js";
import { foldIn, key as keyOf } from "./core/random.js";
import { rowLength, type Simulator } from "./simulator.js";

/** Distance of simulated data to observed data, both `[L]`; `NaN` rejects. */
export type Distance = (x: ArrayLike<number>, observed: ArrayLike<number>) => number;

interface CommonOptions extends LongTask {
  /** What was measured, `[L]`. */
  readonly observed: ArrayLike<number>;
  readonly seed: string | number;
  /** Default: Euclidean, on the data as they are. */
  readonly distance?: Distance;
  /** Rows in one call of the simulator. Default 4096. */
  readonly batchSize?: number;
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

/** What `rejectionAbc` found. */
export interface AbcDraws {
  /** Kept parameters in the order of their simulations, `[draws, D]`. */
  readonly theta: Matrix;
  /** Their distances, `[draws]`. */
  readonly distances: Float64Array;
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
 * @throws {ShapeError} if `observed` does not have the simulator's shape.
 * @example
 * const { theta, acceptanceRate } = await rejectionAbc(simulator, { observed, epsilon: 4, draws: 1000, seed: 1 });
 */
export async function rejectionAbc(
  simulator: Simulator,
  options: EpsilonOptions | QuantileOptions,
): Promise<AbcDraws> {
  const { observed, seed, distance = euclidean, batchSize = 4096, signal, onProgress } = options;
  checkOptions(simulator, options, batchSize);
  const byQuantile = options.quantile !== undefined;
  const limit = options.epsilon ?? Infinity;
  const wanted = options.quantile === undefined ? options.draws : Infinity;
  const maxSimulations = options.maxSimulations ?? 1000 * wanted;
  const root = keyOf(seed);
  const [thetaKey, simulationKey] = [foldIn(root, "theta"), foldIn(root, "simulation")];

  const parts: Matrix[] = [];
  const distances: number[] = [];
  let simulations = 0;
  let failures = 0;
  while (simulations < maxSimulations && distances.length < wanted) {
    signal?.throwIfAborted();
    const count = Math.min(batchSize, maxSimulations - simulations);
    const theta = simulator.prior.sample(count, thetaKey, simulations);
    const keys = Array.from({ length: count }, (_, i) => foldIn(simulationKey, simulations + i));
    const batch = await simulator.simulate(theta, keys, { firstRow: simulations, signal });
    const failed = new Set(batch.failures?.map((failure) => failure.row));
    const kept: number[] = [];
    let used = 0;
    for (; used < count && distances.length < wanted; used++) {
      if (failed.has(used)) failures++;
      const d = failed.has(used) ? Number.NaN : distance(row(batch.x, used), observed);
      if (!(d <= limit)) continue;
      kept.push(used);
      distances.push(d);
    }
    if (kept.length > 0) parts.push(takeRows(theta, kept));
    simulations += used;
    onProgress?.(
      byQuantile
        ? { done: simulations, total: maxSimulations }
        : { done: distances.length, total: Number(options.draws) },
    );
    await new Promise((resolve) => setImmediate(resolve)); // an abort gets its turn
  }

  const all = stackRows([matrix(0, simulator.prior.dim), ...parts]);
  const result = { simulations, failures };
  if (!byQuantile) {
    return {
      theta: all,
      distances: Float64Array.from(distances),
      epsilon: limit,
      ...result,
      acceptanceRate: distances.length / simulations,
      complete: distances.length === wanted,
    };
  }
  const share = Math.max(1, Math.round(options.quantile * maxSimulations));
  const nearest = distances
    .map((_, i) => i)
    .sort((a, b) => distances[a] - distances[b] || a - b)
    .slice(0, share)
    .sort((a, b) => a - b);
  const nearestDistances = Float64Array.from(nearest, (i) => distances[i]);
  return {
    theta: takeRows(all, nearest),
    distances: nearestDistances,
    epsilon: nearestDistances.reduce((largest, d) => Math.max(largest, d), 0),
    ...result,
    acceptanceRate: nearest.length / simulations,
    complete: nearest.length === share,
  };
}

/** `sqrt(sum_j (x_j - observed_j)^2)`. */
function euclidean(x: ArrayLike<number>, observed: ArrayLike<number>): number {
  let sum = 0;
  for (let j = 0; j < x.length; j++) sum += (x[j] - observed[j]) ** 2;
  return Math.sqrt(sum);
}

function checkOptions(
  simulator: Simulator,
  options: EpsilonOptions | QuantileOptions,
  batchSize: number,
): void {
  const { epsilon, quantile, observed, draws, maxSimulations } = options;
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
  const counts = {
    batchSize,
    ...(epsilon === undefined ? { maxSimulations } : { draws, maxSimulations: maxSimulations ?? 1 }),
  };
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isSafeInteger(value) || Number(value) < 1) {
      throw new RangeError(`rejectionAbc: ${name} must be a positive integer, got ${value}.`);
    }
  }
  const length = rowLength(simulator.xShape, "rejectionAbc");
  if (observed.length !== length) {
    throw new ShapeError(
      `rejectionAbc: observed has ${observed.length} values but "${simulator.name}" gives rows of ${length}.`,
    );
  }
  for (let j = 0; j < length; j++) {
    if (!Number.isFinite(observed[j])) {
      throw new RangeError(`rejectionAbc: observed must be finite, but value ${j} is ${observed[j]}.`);
    }
  }
}
