/**
 * Options and tuning of Hamiltonian Monte Carlo.
 *
 * @module
 */
import { ShapeError } from "../src/core/errors.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import type { ChainMoments, DualAveraging, Windows } from "./adaptation.js";
import type { LengthAdaptation } from "./trajectory.js";

/** Options of `hmc`. */
export interface HmcOptions {
  /** Mean acceptance probability over chains that the step size aims at. Default 0.8. */
  readonly targetAcceptance?: number;
  /** `"diagonal"` or `"dense"` inverse mass. Default `"diagonal"`. */
  readonly metric?: "diagonal" | "dense";
  /** Step size where warm-up starts, in units of the metric. Default `D^(-1/4)`. */
  readonly stepSize?: number;
  /**
   * Inverse mass where warm-up starts, `[D]` or `[D, D]`, about the covariance of the target in
   * unconstrained space. Default: the covariance of the starting population.
   */
  readonly inverseMass?: Float64Array;
  /** Mean length of a trajectory in units of the metric; fixes it. Default: 1.5, adapted by
   * ChEES where there are 16 chains or more. */
  readonly trajectoryLength?: number;
  /**
   * Leapfrog steps of every trajectory; fixes them, and then the step size is jittered by 10 %. Default: as many
   * as the length of the trajectory takes.
   */
  readonly numSteps?: number;
  /** Most leapfrog steps of a trajectory. Default 256. */
  readonly maxSteps?: number;
}

const optionNames: OptionNames<HmcOptions> = {
  targetAcceptance: true,
  metric: true,
  stepSize: true,
  inverseMass: true,
  trajectoryLength: true,
  numSteps: true,
  maxSteps: true,
};

/** What the chains share, and how warm-up stands; plain data. */
export interface HmcTuning {
  stepSize: number;
  /** Mean length of a trajectory in units of the metric. */
  trajectoryLength: number;
  /** Factor of the inverse mass, `[D]` or `[D, D]`. */
  factor: Float64Array;
  /** Warm-up draws seen. */
  draw: number;
  readonly chains: number;
  readonly windows: Windows;
  averaging: DualAveraging;
  readonly length: LengthAdaptation;
  moments: ChainMoments;
  /** Whether the last window pooled its chains. */
  pooled: boolean;
}

/** Checks what can be checked without a target. */
export function checkHmcOptions(options: HmcOptions, dim: number): void {
  checkOptions("hmc", options, optionNames);
  const { targetAcceptance, metric, inverseMass, numSteps, trajectoryLength } = options;
  if (targetAcceptance !== undefined && !(targetAcceptance > 0 && targetAcceptance < 1)) {
    throw new RangeError(`hmc: targetAcceptance must be between 0 and 1, got ${targetAcceptance}.`);
  }
  if (metric !== undefined && metric !== "diagonal" && metric !== "dense") {
    throw new RangeError(`hmc: metric must be "diagonal" or "dense", got ${JSON.stringify(metric)}.`);
  }
  for (const name of ["stepSize", "trajectoryLength"] as const) {
    const value = options[name];
    if (value !== undefined && !(value > 0 && value < Infinity)) {
      throw new RangeError(`hmc: ${name} must be a positive number, got ${value}.`);
    }
  }
  for (const name of ["numSteps", "maxSteps"] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      throw new RangeError(`hmc: ${name} must be a positive integer, got ${value}.`);
    }
  }
  if (numSteps !== undefined && trajectoryLength !== undefined) {
    throw new RangeError("hmc: expected numSteps or trajectoryLength, got both; leave one of them out.");
  }
  if (inverseMass === undefined) return;
  const dense = inverseMass.length === dim * dim;
  if (!dense && inverseMass.length !== dim) {
    throw new ShapeError(
      `hmc: inverseMass must hold ${dim} or ${dim * dim} numbers, got ${inverseMass.length}.`,
    );
  }
  const positive = Array.from({ length: dim }, (_, i) => inverseMass[dense ? i * (dim + 1) : i]).every(
    (value) => value > 0 && value < Infinity,
  );
  if (!positive) throw new RangeError("hmc: the diagonal of inverseMass must hold positive numbers.");
}
