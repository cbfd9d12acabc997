/**
 * What the training loop needs to know of a method: its tables, its loss and how a minibatch is drawn.
 * A method (AALR, a flow, a score regression) is a constructor of an `Objective`; `train` does the rest.
 *
 * @module
 */
import type { Key } from "../core/random.js";
import type { Rng } from "../core/rng.js";
import type { Rows, StoredDataset } from "../dataset/stored.js";
import type {
  Engine,
  Feeds,
  ParameterSpec,
  Specs,
  Tensor,
  Tensors,
  Tf,
  TrainingProgram,
} from "../engine/types.js";
import type { TrainingLog } from "./log.js";
import type { TrainingDefaults } from "./options.js";

/** The data of an objective as the engine sees them: standardised with statistics of the training rows. */
export interface Tables {
  readonly specs: Specs;
  readonly values: Feeds;
  /** Plain JSON that undoes the standardisation; kept in the estimator. */
  readonly transforms: unknown;
}

/** Size and seed of the report card that comes with every estimator. */
export interface CardRequest {
  readonly pairs?: number;
  readonly priorDraws?: number;
  readonly seed: string | number;
  readonly signal?: AbortSignal;
}

/** Weights and history of one or more trained networks. */
export interface TrainedMembers {
  /** Packed parameters of each member of the ensemble, `[P]`. */
  readonly weights: readonly Float32Array[];
  readonly transforms: unknown;
  readonly logs: readonly TrainingLog[];
  /** Rows that no member was trained on. */
  readonly heldOut: Int32Array;
  /** Those rows themselves, where the simulations are not in memory. */
  readonly heldOutRows?: Rows;
  /** How the report card is to be made; `false` leaves it out. */
  readonly card: CardRequest | false;
  readonly engine: Engine;
}

/** An exported function `(input) => Objective`, or a promise of one, of a module, and its structured-cloneable input. */
export interface PortableObjective {
  readonly module: string;
  readonly export: string;
  readonly input: unknown;
}

/** How rows become tables where the data stay on disk and are read in windows. */
export interface Streaming<Estimator> {
  readonly data: StoredDataset;
  /** Standardisation that fits the rows; plain JSON. */
  fit(rows: Rows): unknown;
  /** Tables for this many rows. */
  specs(rows: number): Specs;
  /** Standardised rows: the values of those tables. */
  values(rows: Rows, transforms: unknown): Feeds;
  /** Reads all rows: the same objective in memory. */
  load(): Promise<Objective<Estimator>>;
}

/** A loss over a dataset, ready to be trained. */
export type Objective<Estimator> = Method<Estimator> & (InMemory | OnDisk<Estimator>);

/** Data in memory. */
interface InMemory {
  readonly streaming?: undefined;
  /** Standardises all rows with statistics of the rows in `training`. */
  tables(training: Int32Array): Tables;
  /**
   * New values for the tables, same shapes and transforms, where the method simulates or adds noise as it trains; tables that
   * are left out stay as they were at first.
   */
  readonly refresh?: (key: Key, transforms: unknown, signal?: AbortSignal) => Promise<Feeds | undefined>;
}

/** Data on disk. */
interface OnDisk<Estimator> {
  readonly streaming: Streaming<Estimator>;
}

/** What does not depend on where the data are. */
export interface Method<Estimator> {
  /** Name of the method, e.g. `aalr`. */
  readonly method: string;
  /** Rows of data. */
  readonly n: number;
  /** How to train where the user does not say. Default: as `TrainOptions` says. */
  readonly defaults?: TrainingDefaults;
  readonly parameters: readonly ParameterSpec[];
  /** Packed initial parameters. */
  initialise(key: Key): Float32Array;
  readonly batch: TrainingProgram["batch"];
  /** Rows that each index input names for a batch of `rows` data rows. */
  indices(rows: number): Readonly<Record<string, number>>;
  /**
   * Writes the indices of one batch: the data rows themselves, and whatever is drawn at random beside them
   * from the rows in `pool` (contrasts). Every array in `into` starts at that batch's first entry.
   */
  draw(rows: Int32Array, pool: Int32Array, rng: Rng, into: Readonly<Record<string, Int32Array>>): void;
  /** Equal blocks in which a batch of `rows` data rows is worked through (`TrainingProgram.blocks`). Default 1. */
  readonly blocks?: (rows: number) => number;
  /** Mean loss of a batch, nats per data row. */
  loss(tf: Tf, parameters: Tensors, batch: Tensors): Tensor;
  /** Network and loss as plain JSON; part of what a checkpoint must match. */
  readonly spec: unknown;
  /** How a worker thread rebuilds this objective; left out where it holds functions that cannot travel. */
  readonly portable?: PortableObjective;
  /** Wraps the trained weights. */
  estimator(members: TrainedMembers): Promise<Estimator>;
}
