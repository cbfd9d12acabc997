/**
 * Adam and AdamW: options, state, and the numbers of a step that are computed on the host, in float64.
 *
 * With `g` the gradient (clipped to a global norm) at step `t`, counted from one,
 *
 *     m <- m + (1 - beta1) (g - m)          v <- v + (1 - beta2) (g^2 - v)
 *     p <- p (1 - rate decay) - rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
 *     average <- average + (1 - averageDecay) (p - average)
 *
 * A step whose loss or gradient is not finite is skipped (`skipped.ts`): `t` counts it, nothing else changes.
 *
 * @see Kingma and Ba (2015), https://arxiv.org/abs/1412.6980
 * @see Loshchilov and Hutter (2019), https://arxiv.org/abs/1711.05101
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { checkArray, checkRows } from "./feeds.js";
import { parameterCount } from "./packing.js";
import type { OptimiserOptions, OptimiserState, TrainingOptions, TrainingProgram } from "./types.js";

/** Options with their defaults. */
export interface Optimiser {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly clipNorm?: number;
  readonly averageDecay?: number;
}

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} if an option is out of its range.
 */
export function optimiser(options: OptimiserOptions): Optimiser {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, clipNorm, averageDecay } = options;
  const check = (name: string, value: number | undefined, isGood: (x: number) => boolean, range: string) => {
    if (value !== undefined && !isGood(value)) {
      throw new RangeError(`train: ${name} must be ${range}, got ${value}.`);
    }
  };
  const isFraction = (x: number) => x >= 0 && x < 1;
  check("beta1", beta1, isFraction, "in [0, 1)");
  check("beta2", beta2, isFraction, "in [0, 1)");
  check("averageDecay", averageDecay, isFraction, "in [0, 1)");
  check("epsilon", epsilon, (x) => x > 0 && x < Infinity, "a positive number");
  check("weightDecay", weightDecay, (x) => x >= 0 && x < Infinity, "a number >= 0");
  check("clipNorm", clipNorm, (x) => x > 0 && x < Infinity, "a positive number");
  return { beta1, beta2, epsilon, weightDecay, clipNorm, averageDecay };
}

/** The vectors that an optimiser keeps, by their names in `OptimiserState`. */
export function keptVectors({ averageDecay }: Optimiser): readonly ("parameters" | "m" | "v" | "average")[] {
  return averageDecay === undefined ? ["parameters", "m", "v"] : ["parameters", "m", "v", "average"];
}

/** The scalars of each step, one array per kind, each `[S]`. */
export interface StepScalars {
  /** `rate / (1 - beta1^t)`. */
  readonly rate: Float32Array;
  /** `1 / sqrt(1 - beta2^t)`. */
  readonly scale: Float32Array;
  /** `1 - rate * weightDecay`. */
  readonly keep: Float32Array;
}

/** The scalars of the steps after step `step`. */
export function stepScalars(options: Optimiser, step: number, learningRates: Float64Array): StepScalars {
  const { beta1, beta2, weightDecay } = options;
  return {
    rate: Float32Array.from(learningRates, (rate, i) => rate / (1 - beta1 ** (step + i + 1))),
    scale: Float32Array.from(learningRates, (_, i) => 1 / Math.sqrt(1 - beta2 ** (step + i + 1))),
    keep: Float32Array.from(learningRates, (rate) => 1 - rate * weightDecay),
  };
}

/**
 * Where a training session starts: copies of what `options.initial` holds, moments zero for a fresh start.
 *
 * @throws {ShapeError} if the tables, batch tensors, packed vectors, blocks or members do not fit the program.
 * @throws {RangeError} if `blocks` or `members` is not a positive integer, or `clipNorm` meets members.
 */
export function startingState(program: TrainingProgram, options: TrainingOptions): Required<OptimiserState> {
  const { tables, indices, batch, blocks = 1, members = 1 } = program;
  for (const [name, spec] of Object.entries(tables)) {
    if (options.tables[name] === undefined) throw new ShapeError(`train: table "${name}" is missing.`);
    checkArray("train", name, spec, options.tables[name]);
  }
  for (const [name, { table, index }] of Object.entries(batch)) {
    if (!(table in tables)) throw new ShapeError(`train: batch "${name}" names an unknown table "${table}".`);
    if (!(index in indices))
      throw new ShapeError(`train: batch "${name}" names an unknown index "${index}".`);
  }
  for (const [name, count] of Object.entries({ blocks, members })) {
    if (Number.isInteger(count) && count >= 1) continue;
    throw new RangeError(`train: ${name} must be a positive integer, got ${count}.`);
  }
  if (program.members !== undefined && options.clipNorm !== undefined) {
    throw new RangeError(
      `train: clipNorm must be left out where members train side by side, got ${options.clipNorm}. ` +
        "It would clip the norm of all of them; train them one by one.",
    );
  }
  for (const { name, shape } of program.parameters) {
    if (program.members === undefined || shape[0] === members) continue;
    throw new ShapeError(
      `train: parameter "${name}" of ${members} members needs shape [${members}, ...], got [${shape}].`,
    );
  }
  for (const [name, rows] of Object.entries(indices)) {
    if (rows % blocks === 0) continue;
    throw new ShapeError(
      `train: index "${name}" names ${rows} rows, which do not part into ${blocks} equal blocks.`,
    );
  }
  const { initial } = options;
  const count = parameterCount(program.parameters);
  const vector = (name: string, values: Float32Array) => {
    if (values.length !== count) {
      throw new ShapeError(`train: ${name} must hold ${count} numbers, got ${values.length}.`);
    }
    return Float32Array.from(values);
  };
  if (initial instanceof Float32Array) {
    return {
      step: 0,
      parameters: vector("initial", initial),
      m: new Float32Array(count),
      v: new Float32Array(count),
      average: vector("initial", initial),
    };
  }
  return {
    step: initial.step,
    parameters: vector("initial.parameters", initial.parameters),
    m: vector("initial.m", initial.m),
    v: vector("initial.v", initial.v),
    average: vector("initial.average", initial.average ?? initial.parameters),
  };
}

/**
 * Checks the arguments of a run.
 *
 * @throws {ShapeError} if the arrays do not hold S steps, or a row number is not a row of its tables.
 */
export function checkRun(
  program: TrainingProgram,
  learningRates: Float64Array,
  indices: Readonly<Record<string, Int32Array>>,
): void {
  const steps = learningRates.length;
  if (steps === 0) throw new ShapeError("run: learningRates must hold at least one step, got none.");
  for (const name of Object.keys(indices)) {
    if (!(name in program.indices)) throw new ShapeError(`run: unknown index "${name}".`);
  }
  for (const [name, rows] of Object.entries(program.indices)) {
    const given = indices[name];
    if (given === undefined) throw new ShapeError(`run: index "${name}" is missing.`);
    if (given.length !== steps * rows) {
      throw new ShapeError(
        `run: index "${name}" needs [${steps}, ${rows}] row numbers, got ${given.length} numbers.`,
      );
    }
    for (const { table, index } of Object.values(program.batch)) {
      if (index === name) checkRows("run", name, given, program.tables[table].shape[0]);
    }
  }
}

/** The row numbers of step `s` of a run. */
export function stepIndices(
  program: TrainingProgram,
  indices: Readonly<Record<string, Int32Array>>,
  s: number,
): Readonly<Record<string, Int32Array>> {
  return Object.fromEntries(
    Object.entries(program.indices).map(([name, n]) => [name, indices[name].subarray(s * n, (s + 1) * n)]),
  );
}

/** Shape of a step's loss: one number, or one for each member. */
export const lossShape = ({ members }: TrainingProgram): readonly number[] =>
  members === undefined ? [] : [members];

/** Shape of each batch tensor, or of its part in one of several equal blocks: the rows of its index, the rest of its table. */
export function batchShapes(
  program: TrainingProgram,
  blocks = 1,
): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(
    Object.entries(program.batch).map(([name, { table, index }]) => [
      name,
      [program.indices[index] / blocks, ...program.tables[table].shape.slice(1)],
    ]),
  );
}
