/**
 * Options and tuning of Hamiltonian Monte Carlo.
 *
 * @module
 */
import { ShapeError } from "../src/core/errors.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import type { DualAveraging } from "./tuning/adaptation.js";
import type { MetricOptions, PooledMetric } from "./tuning/pooled-metric.js";
import type { LengthAdaptation } from "./tuning/trajectory.js";

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
export interface HmcTuning extends PooledMetric {
  stepSize: number;
  /** Mean length of a trajectory in units of the metric. */
  trajectoryLength: number;
  averaging: DualAveraging;
  readonly length: LengthAdaptation;
}

/** Checks what can be checked without a target. */
export function checkHmcOptions(options: HmcOptions, dim: number): void {
  checkOptions("hmc", options, optionNames);
  checkHamiltonian("hmc", options, dim);
  const { numSteps, trajectoryLength } = options;
  positiveNumber("hmc", "trajectoryLength", trajectoryLength);
  for (const name of ["numSteps", "maxSteps"] as const) positiveInteger("hmc", name, options[name]);
  if (numSteps !== undefined && trajectoryLength !== undefined) {
    throw new RangeError("hmc: expected numSteps or trajectoryLength, got both; leave one of them out.");
  }
}

/** The options that `hmc` and `nuts` share. */
export type HamiltonianOptions = Pick<HmcOptions, "targetAcceptance" | "metric" | "stepSize" | "inverseMass">;

/** Checks the options that `hmc` and `nuts` share, for `caller`. */
export function checkHamiltonian(caller: string, options: HamiltonianOptions, dim: number): void {
  const { targetAcceptance, stepSize } = options;
  if (targetAcceptance !== undefined && !(targetAcceptance > 0 && targetAcceptance < 1)) {
    throw new RangeError(`${caller}: targetAcceptance must be between 0 and 1, got ${targetAcceptance}.`);
  }
  positiveNumber(caller, "stepSize", stepSize);
  checkMetric(caller, options, dim);
}

/** Checks `metric` and `inverseMass` for `caller`. */
export function checkMetric(caller: string, { metric, inverseMass }: MetricOptions, dim: number): void {
  if (metric !== undefined && metric !== "diagonal" && metric !== "dense") {
    throw new RangeError(`${caller}: metric must be "diagonal" or "dense", got ${JSON.stringify(metric)}.`);
  }
  if (inverseMass === undefined) return;
  const dense = inverseMass.length === dim * dim;
  if (!dense && inverseMass.length !== dim) {
    throw new ShapeError(
      `${caller}: inverseMass must hold ${dim} or ${dim * dim} numbers, got ${inverseMass.length}.`,
    );
  }
  const positive = Array.from({ length: dim }, (_, i) => inverseMass[dense ? i * (dim + 1) : i]).every(
    (value) => value > 0 && value < Infinity,
  );
  if (!positive) {
    throw new RangeError(`${caller}: the diagonal of inverseMass must hold positive numbers.`);
  }
}

/** Refuses what is given and no positive finite number. */
export function positiveNumber(caller: string, name: string, value: number | undefined): void {
  if (value !== undefined && !(value > 0 && value < Infinity)) {
    throw new RangeError(`${caller}: ${name} must be a positive number, got ${value}.`);
  }
}

/** Refuses what is given and no positive integer. */
export function positiveInteger(caller: string, name: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
    throw new RangeError(`${caller}: ${name} must be a positive integer, got ${value}.`);
  }
}
