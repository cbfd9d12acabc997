/**
 * Options of `train` and their defaults: one set for every task.
 *
 * @module
 */
import type { LongTask } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import type { Engine, EngineName } from "../engine/types.js";
import type { EpochRecord } from "./log.js";
import type { Schedule } from "./schedule.js";

/** From this many rows on a deeper network, more epochs and larger steps pay: there is enough to learn from. */
export const manyRows = 300_000;

/** How a method is trained where the user does not say. */
export type TrainingDefaults = Partial<Pick<TrainOptions, "epochs" | "learningRate" | "weightDecay">>;

/** How flows over data are trained: they have no contrasts that make every pass over the same rows new, but more to bend. */
export function likelihoodDefaults(n: number): TrainingDefaults {
  return { epochs: Math.round(Math.min(400, Math.max(5, 100 * Math.sqrt(1e4 / n)))), learningRate: 1e-2 };
}

/** How flows over parameters are trained: they learn the training rows by heart sooner, and less of it where there are more. */
export function posteriorDefaults(n: number): TrainingDefaults {
  return {
    epochs: Math.round(Math.min(200, Math.max(5, 40 * Math.cbrt(1e4 / n)))),
    learningRate: 1e-2,
    weightDecay: 0.05,
  };
}

/** Passes over `n` rows, where the user does not say. */
function defaultEpochs(n: number): number {
  const [wanted, most] = n >= manyRows ? [1.4e7 / n, 14] : [25 * Math.sqrt(1e4 / n), 100];
  return Math.round(Math.min(most, Math.max(5, wanted)));
}

/** What `onProgress` hears after every epoch. */
export interface TrainProgress extends EpochRecord {
  /** Member of the ensemble, 0-based. */
  readonly member: number;
  readonly epochsTotal: number;
}

export interface TrainOptions extends LongTask<TrainProgress> {
  /** Everything random in training comes from it. Default `0`. */
  readonly seed?: string | number;
  /** Which engine, or an open one. Default `"auto"`: the fastest present. */
  readonly engine?: EngineName | "auto" | Engine;
  /** Passes over the training rows. Default `25 (10^4 / n)^(1/2)`, and `1.4 10^7 / n` from 300,000 rows on, between 5 and 100 or 14; for flows, and SCANDAL on counts, see `likelihoodDefaults` and `posteriorDefaults`. */
  readonly epochs?: number;
  /** Data rows per step. Default 100, and 400 from 300,000 rows on; fewer where there are fewer rows. */
  readonly batchSize?: number;
  /** Peak learning rate. Default 5e-3, and 1e-2 for flows. */
  readonly learningRate?: number;
  /** Default `one-cycle`. */
  readonly schedule?: Schedule;
  /** Decoupled weight decay (AdamW). Default 0.02, and 0.05 for flows over parameters. */
  readonly weightDecay?: number;
  /** Largest global norm of a gradient. Default 5. */
  readonly clipNorm?: number;
  /** Decay per step of the exponential moving average of the weights that is validated and kept. Default 0.99; 0 keeps the last weights. */
  readonly averageDecay?: number;
  /** Share of rows held out. Default 0.1, at most 10,000 rows. */
  readonly validationFraction?: number;
  /** Epochs without a better validation loss before training stops. Default 15. */
  readonly patience?: number;
  /** Networks on one split of the rows with different initial weights and batches, averaged with equal weights. Default 1. */
  readonly ensemble?: number;
  /**
   * Worker threads that train members of an ensemble. Default 1 (this thread). Any number gives the same bytes.
   * Members in workers report no progress.
   */
  readonly workers?: number;
  /** Held-out pairs and prior draws of the report card (default 128 and 2048), or `false` for none. */
  readonly card?: { readonly pairs?: number; readonly priorDraws?: number } | false;
  /** File that holds the state after each epoch; if it is there already, training goes on from it bit for bit. */
  readonly checkpoint?: string;
}

/** Options of the loop of one network, all set. */
export interface LoopOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly schedule: Schedule;
  readonly weightDecay: number;
  readonly clipNorm: number;
  readonly averageDecay: number;
  readonly validationFraction: number;
  readonly patience: number;
}

/**
 * Fills in the defaults for `n` rows: those of the method, then those of `TrainOptions`.
 *
 * @throws {ConfigError} naming the option that is out of range.
 */
export function loopOptions(n: number, options: TrainOptions, defaults: TrainingDefaults = {}): LoopOptions {
  const filled: LoopOptions = {
    epochs: options.epochs ?? defaults.epochs ?? defaultEpochs(n),
    batchSize: options.batchSize ?? (n >= manyRows ? 400 : 100),
    learningRate: options.learningRate ?? defaults.learningRate ?? 5e-3,
    schedule: options.schedule ?? "one-cycle",
    weightDecay: options.weightDecay ?? defaults.weightDecay ?? 0.02,
    clipNorm: options.clipNorm ?? 5,
    averageDecay: options.averageDecay ?? 0.99,
    validationFraction: options.validationFraction ?? 0.1,
    patience: options.patience ?? 15,
  };
  const positiveInteger = (value: number) => Number.isInteger(value) && value > 0;
  const rules: Record<string, readonly [boolean, string]> = {
    epochs: [positiveInteger(filled.epochs), "a positive integer"],
    batchSize: [positiveInteger(filled.batchSize), "a positive integer"],
    learningRate: [filled.learningRate > 0 && filled.learningRate < Infinity, "a positive number"],
    weightDecay: [filled.weightDecay >= 0, "a non-negative number"],
    clipNorm: [filled.clipNorm > 0, "a positive number"],
    averageDecay: [filled.averageDecay >= 0 && filled.averageDecay < 1, "in [0, 1)"],
    validationFraction: [filled.validationFraction > 0 && filled.validationFraction < 1, "between 0 and 1"],
    patience: [filled.patience > 0, "a positive number of epochs"],
    ensemble: [positiveInteger(options.ensemble ?? 1), "a positive integer"],
    workers: [positiveInteger(options.workers ?? 1), "a positive integer"],
  };
  for (const [name, [valid, expected]] of Object.entries(rules)) {
    if (!valid)
      throw new ConfigError(
        `train: ${name} must be ${expected}, got ${String(options[name as keyof TrainOptions])}.`,
      );
  }
  return filled;
}
