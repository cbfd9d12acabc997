/**
 * What the algorithms of ABC share: they simulate numbered rows, summarise them, measure the distance to the
 * observation, and count. Every row that is given to the simulator counts towards the budget, and simulation `i` has its
 * own key, so results do not depend on the size of the batches.
 *
 * @module
 */
import type { LongTask } from "../core/contracts.js";
import { ShapeError, SimulatorError } from "../core/errors.js";
import { type Matrix, matrix, row, sliceRows, takeRows } from "../core/matrix.js";
import { foldIn, type Key } from "../core/random.js";
import { rowLength, type Simulator } from "../simulator.js";
import {
  type DataSummary,
  type DistanceChoice,
  euclidean,
  scaledEuclidean,
  summaryScales,
} from "./distance.js";

/** Options of every ABC algorithm. */
export interface AbcOptions {
  /** What was measured, `[L]`. */
  readonly observed: ArrayLike<number>;
  readonly seed: string | number;
  /** What is compared instead of the data. Default: the data as they are. */
  readonly summary?: DataSummary;
  /** How summaries are compared. */
  readonly distance?: DistanceChoice;
  /** Rows in one call of the simulator, at the most. Default 4096. */
  readonly batchSize?: number;
}

/** A simulation that was accepted. */
export interface Particle {
  /** `[D]`. */
  readonly theta: Float64Array;
  /** `[S]`. */
  readonly summary: Float64Array;
  readonly distance: number;
}

/** Accepted parameters with the summaries of their simulations. */
export interface AbcSample {
  /** `[n, D]`. */
  readonly theta: Matrix;
  /** `[n]`, summing to one. */
  readonly weights: Float64Array;
  /** Distance of each to the observation, `[n]`. */
  readonly distances: Float64Array;
  /** Summaries of their simulations, `[n, S]`. */
  readonly summaries: Matrix;
  /** Summaries of the observation, `[S]`. */
  readonly observedSummary: Float64Array;
  /** Largest distance allowed. */
  readonly epsilon: number;
}

/** Simulated rows, as ABC sees them. */
export interface Compared {
  /** `[N, S]`. */
  readonly summaries: Matrix;
  /** `[N]`; `NaN` where there was no usable data. */
  readonly distances: Float64Array;
  /** `[N]`, 1 where the simulation or its summary was not finite. */
  readonly failed: Uint8Array;
}

/** Simulations of one analysis. */
export interface AbcRun {
  /** Summaries of the observation, `[S]`. */
  readonly observedSummary: Float64Array;
  /** Rows given to the simulator so far. */
  readonly simulations: number;
  /** Those of them that gave no usable data. */
  readonly failures: number;
  /** Simulates rows `[N, D]`. A scaled distance takes its scales from the first call, which must be draws of the prior. */
  simulate(theta: Matrix): Promise<Compared>;
}

/**
 * Begins an analysis.
 *
 * @param simulationKey - simulation `i` uses `foldIn(simulationKey, i)`.
 * @throws {ShapeError} if `observed` does not have the simulator's shape.
 * @throws {RangeError} if `observed` or its summary is not finite, or `batchSize` is not a positive integer.
 */
export function abcRun(
  caller: string,
  simulator: Simulator,
  options: Omit<AbcOptions, "seed"> & Pick<LongTask, "signal">,
  simulationKey: Key,
): AbcRun {
  const { summary = (x: Matrix) => x, distance = "euclidean", batchSize = 4096, signal } = options;
  checkPositive(caller, { batchSize });
  if (typeof distance !== "function" && distance !== "euclidean" && distance !== "scaled") {
    throw new RangeError(
      `${caller}: distance must be "euclidean", "scaled" or a function, got ${JSON.stringify(distance)}.`,
    );
  }
  const observed = checkObserved(caller, simulator, options.observed);
  let width: number | undefined; // S, once the observation is summarised
  const observedSummary = row(summarise(matrix(1, observed.length, observed)), 0);
  width = observedSummary.length;
  const bad = observedSummary.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new RangeError(
      `${caller}: the summary of observed must be finite, but value ${bad} is ${observedSummary[bad]}.`,
    );
  }
  let simulations = 0;
  let failures = 0;
  let measure = distance === "euclidean" ? euclidean : distance === "scaled" ? undefined : distance;

  function summarise(x: Matrix): Matrix {
    const out = summary(x);
    const cols = width ?? out?.cols;
    if (!(out?.data instanceof Float64Array) || out.rows !== x.rows || out.cols !== cols) {
      throw new ShapeError(
        `${caller}: summary must return a matrix [${x.rows}, ${cols ?? "S"}] for data [${x.rows}, ${x.cols}], ` +
          `got ${out?.data ? `[${out.rows}, ${out.cols}]` : typeof out}.`,
      );
    }
    return out;
  }

  async function simulateBatch(theta: Matrix, into: Matrix, failed: Uint8Array) {
    signal?.throwIfAborted();
    const keys = Array.from({ length: theta.rows }, (_, i) => foldIn(simulationKey, simulations + i));
    const batch = await simulator.simulate(theta, keys, { firstRow: simulations, signal });
    if (batch.x.rows !== theta.rows) {
      throw new SimulatorError(
        `${caller}: "${simulator.name}" returned ${batch.x.rows} rows for ${theta.rows} rows of theta.`,
      );
    }
    simulations += theta.rows;
    into.data.set(summarise(batch.x).data);
    for (const failure of batch.failures ?? []) failed[failure.row] = 1;
    for (let i = 0; i < theta.rows; i++) {
      if (!row(into, i).every(Number.isFinite)) failed[i] = 1;
      failures += failed[i];
    }
    await new Promise((resolve) => setImmediate(resolve)); // an abort gets its turn
  }

  return {
    observedSummary,
    get simulations() {
      return simulations;
    },
    get failures() {
      return failures;
    },
    async simulate(theta) {
      const summaries = matrix(theta.rows, observedSummary.length);
      const failed = new Uint8Array(theta.rows);
      for (let from = 0; from < theta.rows; from += batchSize) {
        const to = Math.min(theta.rows, from + batchSize);
        const part = matrix(to - from, theta.cols, theta.data.slice(from * theta.cols, to * theta.cols));
        await simulateBatch(part, sliceRows(summaries, from, to), failed.subarray(from, to));
      }
      measure ??= scaledEuclidean(
        summaryScales(
          takeRows(
            summaries,
            Int32Array.from(failed.keys()).filter((i) => failed[i] === 0),
          ),
        ),
      );
      const distances = new Float64Array(theta.rows);
      for (let i = 0; i < theta.rows; i++) {
        distances[i] = failed[i] ? Number.NaN : measure(row(summaries, i), observedSummary);
      }
      return { summaries, distances, failed };
    },
  };
}

/** Particles whose distance is at most `tolerance`, copied, in the order of their simulations. */
export function acceptedOf(theta: Matrix, compared: Compared, tolerance: number): Particle[] {
  const accepted: Particle[] = [];
  for (let i = 0; i < theta.rows; i++) {
    const distance = compared.distances[i];
    if (!(distance <= tolerance)) continue; // NaN rejects
    accepted.push({ theta: row(theta, i).slice(), summary: row(compared.summaries, i).slice(), distance });
  }
  return accepted;
}

/** Particles as a table. */
export function sampleOf(
  particles: readonly Particle[],
  weights: Float64Array,
  epsilon: number,
  { observedSummary }: AbcRun,
  dim: number,
): AbcSample {
  const theta = matrix(particles.length, dim);
  const summaries = matrix(particles.length, observedSummary.length);
  particles.forEach((particle, i) => {
    theta.data.set(particle.theta, i * dim);
    summaries.data.set(particle.summary, i * summaries.cols);
  });
  const distances = Float64Array.from(particles, ({ distance }) => distance);
  return { theta, weights, distances, summaries, observedSummary, epsilon };
}

/** `n` weights that are equal. */
export const equalWeights = (n: number): Float64Array => new Float64Array(n).fill(1 / n);

/**
 * Refuses counts that are no positive integers.
 *
 * @throws {RangeError} naming the first.
 */
export function checkPositive(caller: string, counts: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isSafeInteger(value) || Number(value) < 1) {
      throw new RangeError(`${caller}: ${name} must be a positive integer, got ${value}.`);
    }
  }
}

function checkObserved(caller: string, simulator: Simulator, observed: ArrayLike<number>): Float64Array {
  const length = rowLength(simulator.xShape, caller);
  if (observed.length !== length) {
    throw new ShapeError(
      `${caller}: observed has ${observed.length} values but "${simulator.name}" gives rows of ${length}.`,
    );
  }
  for (let j = 0; j < length; j++) {
    if (!Number.isFinite(observed[j])) {
      throw new RangeError(`${caller}: observed must be finite, but value ${j} is ${observed[j]}.`);
    }
  }
  return Float64Array.from(observed);
}
