/**
 * Steps that are skipped. Where the loss of a batch, its gradient or the squares of it that the optimiser sums or keeps are not
 * finite in float32, the step leaves weights, moments and average as they were, and its loss is told as NaN. Members that train
 * side by side skip for themselves.
 *
 * Such a gradient leaves a second moment that is not finite, and no later step mends it. So a look at the last moments tells of a
 * whole run, and a step costs nothing more; only a run with such a step is taken again, step by step.
 *
 * @module
 */
import { parameterCount } from "./packing.js";
import type { OptimiserState, TrainingProgram } from "./types.js";

/** What an optimiser keeps, as the buffers that it writes to. */
export type KeptVectors = Omit<OptimiserState, "step">;

/** Whether no step of a run is to be skipped, by its losses and the second moments at its end. */
export function isSound(losses: Float64Array, { v }: KeptVectors): boolean {
  return losses.every(Number.isFinite) && hasFiniteSum(v, 0, v.length);
}

/**
 * Takes one step back, in place, for every member at which it is to be skipped.
 *
 * @param before - what was kept before the step.
 * @param after - what is kept after it, `before` again where it is skipped.
 * @param losses - the step's loss of each member, `[members]`, NaN where it is skipped.
 */
export function takeBack(
  program: TrainingProgram,
  before: KeptVectors,
  after: KeptVectors,
  losses: Float64Array,
): void {
  for (let member = 0; member < losses.length; member++) {
    const ranges = rangesOf(program, member, losses.length);
    if (Number.isFinite(losses[member]) && ranges.every(([from, to]) => hasFiniteSum(after.v, from, to))) {
      continue;
    }
    losses[member] = Number.NaN;
    for (const name of ["parameters", "m", "v", "average"] as const) {
      const old = before[name];
      if (old) for (const [from, to] of ranges) after[name]?.set(old.subarray(from, to), from);
    }
  }
}

/** Where a member's numbers lie in a packed vector. */
function rangesOf(
  { parameters }: TrainingProgram,
  member: number,
  members: number,
): readonly (readonly [from: number, to: number])[] {
  let start = 0;
  return parameters.map((parameter) => {
    const width = parameterCount([parameter]) / members;
    const from = start + member * width;
    start += members * width;
    return [from, from + width] as const;
  });
}

/** Whether all numbers of a range are finite; float64 holds the sum of any that are. */
function hasFiniteSum(values: Float32Array, from: number, to: number): boolean {
  let sum = 0;
  for (let i = from; i < to; i++) sum += values[i];
  return Number.isFinite(sum);
}
