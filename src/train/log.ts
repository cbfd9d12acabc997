/**
 * What training leaves behind besides weights: one line per epoch and how it ended. Plain JSON.
 *
 * @module
 */

/** One epoch. Losses are nats per data row. */
export interface EpochRecord {
  /** 1-based. */
  readonly epoch: number;
  /** Mean over the epoch's minibatches, each before its update. */
  readonly trainingLoss: number;
  /** Of the averaged weights on the validation rows, with contrasts that never change. */
  readonly validationLoss: number;
  /** Of the last step. */
  readonly learningRate: number;
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
