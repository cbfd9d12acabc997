/**
 * What training leaves behind besides weights: one line per epoch and how it ended. Plain JSON.
 *
 * @module
 */

/** One epoch. Losses are nats per data row. */
export interface EpochRecord {
  /** 1-based. */
  readonly epoch: number;
  /** Mean over the epoch's minibatches, each before its update; without those that were skipped. */
  readonly trainingLoss: number;
  /** Of the averaged weights on the validation rows, with contrasts that never change. */
  readonly validationLoss: number;
  /** Of the last step. */
  readonly learningRate: number;
  /** Steps that moved nothing because their loss or gradient was not finite; left out where there were none. */
  readonly skippedSteps?: number;
  /** Times that the epoch was begun anew from the best weights, at half the rate from then on; left out where none. */
  readonly setbacks?: number;
}

/** The history of one network. */
export interface TrainingLog {
  readonly epochs: readonly EpochRecord[];
  /** Epoch whose weights were kept. */
  readonly bestEpoch: number;
  readonly bestValidationLoss: number;
  /** `finished` all epochs, or ran out of `patience`. */
  readonly reason: "finished" | "patience";
  readonly trainingRows: number;
  readonly validationRows: number;
  readonly batchSize: number;
  readonly parameters: number;
  /** CPU seconds of this process while training; 0 where it cannot be told (worker threads, files). */
  readonly cpuSeconds: number;
  readonly engine: string;
  readonly seed: string;
}

/** Optimiser steps of a training that were skipped because their loss or gradient was not finite. */
export function skippedSteps({ epochs }: TrainingLog): number {
  return epochs.reduce((sum, { skippedSteps = 0 }) => sum + skippedSteps, 0);
}

/** How often training went back to its best weights, and on at half the rate. */
export function setbacks(epochs: readonly EpochRecord[]): number {
  return epochs.reduce((sum, { setbacks = 0 }) => sum + setbacks, 0);
}

/** What went wrong in training but did not end it, a sentence or two for each network. */
export function trainingWarnings(logs: readonly TrainingLog[]): string[] {
  return logs.flatMap((log, e) => {
    const whose = logs.length > 1 ? `Network ${e + 1}: ` : "";
    const back = setbacks(log.epochs);
    const told =
      back === 0
        ? []
        : [
            `${whose}training diverged ${back === 1 ? "once" : `${back} times`} and went on from its best weights, at ` +
              `1/${2 ** back} of the learning rate in the end. A lower learningRate or data without extreme values avoids that.`,
          ];
    const skipped = skippedSteps(log);
    if (skipped === 0) return told;
    const hit = log.epochs.filter((record) => record.skippedSteps).length;
    return [
      ...told,
      `${whose}${skipped} training ${skipped === 1 ? "step" : "steps"}, in ${hit} of ` +
        `${log.epochs.length} epochs, had a loss or a gradient that is not finite and moved nothing. ` +
        "A lower learningRate or data without extreme values avoids that.",
    ];
  });
}
