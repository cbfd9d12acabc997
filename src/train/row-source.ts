/**
 * Where the training loop gets its rows: a table in memory, or shards on disk read in windows. Either way the
 * engine holds tables of one fixed size, and an epoch is one or several fillings of them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { TrainingError } from "../core/errors.js";
import { foldIn, type Key } from "../core/random.js";
import { type Split, splitRows } from "../dataset/split.js";
import type { Rows } from "../dataset/stored.js";
import type { Feeds, Specs } from "../engine/types.js";
import type { Objective, Tables } from "./objective.js";
import { streamSource } from "./stream.js";

/** The rows of a run. */
export interface RowSource {
  /** Tables of the training session. */
  readonly specs: Specs;
  /** Their values before the first epoch. */
  readonly initial: Feeds;
  /** Rows of those tables to train on. */
  readonly pool: Int32Array;
  /** How often the tables are filled in an epoch, at least 1. */
  readonly windows: number;
  readonly trainingRows: number;
  /** Rows to validate on, in tables of their own or in those of the session. */
  readonly validation: { readonly tables: Pick<Tables, "specs" | "values">; readonly rows: Int32Array };
  /** Numbers of the validation rows in the whole dataset. */
  readonly heldOut: Int32Array;
  /** Those rows themselves, where the dataset is not in memory. */
  readonly heldOutRows?: Rows;
  readonly transforms: unknown;
  /** SHA-256 that names the rows and how they are used. */
  readonly fingerprint: string;
  /** The values of the tables for each window of an epoch; `undefined` where they stay as they are. */
  epoch(epoch: number, signal?: AbortSignal): AsyncGenerator<Feeds | undefined>;
}

/** What the source of a run depends on. */
export interface SourceOptions {
  readonly validationFraction: number;
  readonly batchSize: number;
  /** Decides which rows are held out. */
  readonly splitKey: Key;
  /** Key of an epoch. */
  readonly epochKey: (epoch: number) => Key;
  readonly signal?: AbortSignal;
}

/** Most rows that are held out. */
const mostHeldOut = 10_000;

/** With fewer rows there is nothing to learn from. */
const fewestRows = 20;

/**
 * The rows of an objective, split and standardised.
 *
 * @throws {TrainingError} if there are too few rows.
 */
export async function rowSource<E>(objective: Objective<E>, options: SourceOptions): Promise<RowSource> {
  const { n } = objective;
  const share = Math.min(options.validationFraction, mostHeldOut / n);
  if (n < fewestRows) {
    throw new TrainingError(
      `train: ${n} simulations are too few to train on and to validate; expected at least ${fewestRows}.`,
    );
  }
  const held = Math.max(1, Math.round(n * share));
  if (n - held < 2 || held < 2) {
    // a row needs others to contrast with
    throw new TrainingError(
      `train: validationFraction ${options.validationFraction} of ${n} simulations leaves ${n - held} rows to train on and ${held} to validate; ` +
        "expected at least 2 of each. Choose another validationFraction, or simulate more.",
    );
  }
  if (objective.streaming) return streamSource(objective.streaming, held, options);
  return tableSource(objective, splitRows(n, { validation: share }, options.splitKey), options);
}

function tableSource<E>(
  objective: Objective<E> & { readonly streaming?: undefined },
  split: Split,
  { epochKey }: SourceOptions,
): RowSource {
  const tables = objective.tables(split.train);
  const hash = createHash("sha256");
  for (const [name, values] of Object.entries(tables.values)) {
    hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return {
    specs: tables.specs,
    initial: tables.values,
    pool: split.train,
    windows: 1,
    trainingRows: split.train.length,
    validation: { tables, rows: split.validation },
    heldOut: split.validation,
    transforms: tables.transforms,
    fingerprint: hash.digest("hex"),
    async *epoch(epoch, signal) {
      const fresh =
        epoch > 0
          ? await objective.refresh?.(foldIn(epochKey(epoch), "simulate"), tables.transforms, signal)
          : undefined;
      yield fresh && { ...tables.values, ...fresh };
    },
  };
}
