/**
 * The training loop of one network: split, standardise, minimise with AdamW on a learning-rate schedule,
 * validate the averaged weights after every epoch on contrasts that never change, keep the best.
 *
 * A few rows far from all others, with a gradient that Adam saw little of, can send the weights where their loss and that of
 * their like is no number. Then the epoch begins anew from the best weights so far, without momentum, and all rates from there
 * on are halved.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { TrainingError } from "../core/errors.js";
import { foldIn, type Key } from "../core/random.js";
import { type Rng, stream } from "../core/rng.js";
import type { Rows } from "../dataset/stored.js";
import { unpack } from "../engine/packing.js";
import type { Engine, Feeds, HostArray, OptimiserState, TrainingSession } from "../engine/types.js";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.js";
import { type EpochRecord, setbacks, type TrainingLog } from "./log.js";
import type { Objective } from "./objective.js";
import type { LoopOptions } from "./options.js";
import { type RowSource, rowSource } from "./row-source.js";
import { learningRateAt } from "./schedule.js";

/** Where and how the loop of one member runs. */
export interface LoopContext {
  readonly engine: Engine;
  readonly key: Key;
  /** Members of an ensemble share it: they hold out the same rows. */
  readonly splitKey: Key;
  /** The user's seed, for the log. */
  readonly seed: string;
  readonly checkpoint?: string;
  readonly signal?: AbortSignal;
  readonly onEpoch?: (record: EpochRecord) => void;
}

/** One trained network. */
export interface TrainedNetwork {
  readonly weights: Float32Array;
  readonly transforms: unknown;
  readonly log: TrainingLog;
  readonly heldOut: Int32Array;
  readonly heldOutRows?: Rows;
}

/** Most optimiser steps per engine call: long enough to hide the call, short enough to abort soon. */
const stepsPerCall = 50;

/** Share of the steps of an epoch, or one step, that may be skipped before training is set back. */
const mostSkipped = 0.1;

/** Times that training may be set back before it ends. */
const mostSetbacks = 3;

/**
 * Trains one network.
 *
 * @throws {TrainingError} if there are too few rows, or if the loss is no longer finite, or it or its gradient is not at more
 *   than a tenth of the steps of an epoch, at an eighth of the learning rate too or whatever the rate is.
 */
export async function trainNetwork<E>(
  objective: Objective<E>,
  options: LoopOptions,
  context: LoopContext,
): Promise<TrainedNetwork> {
  const { engine, key, signal } = context;
  const epochKey = (epoch: number) => foldIn(foldIn(key, "epoch"), epoch);
  const source = await rowSource(objective, {
    validationFraction: options.validationFraction,
    batchSize: options.batchSize,
    splitKey: context.splitKey,
    epochKey,
    signal,
  });
  const initial = objective.initialise(foldIn(key, "weights"));
  const fingerprint = fingerprintOf(objective, source, options, context);
  const earlier = context.checkpoint && (await readCheckpoint(context.checkpoint, fingerprint));

  const batchSize = Math.min(options.batchSize, source.pool.length);
  const stepsPerWindow = Math.floor(source.pool.length / batchSize);
  const stepsPerEpoch = source.windows * stepsPerWindow;
  const total = stepsPerEpoch * options.epochs;
  await using validate = await validation(objective, source.validation, foldIn(key, "validation"), engine);
  await using session = await engine.train(
    {
      parameters: objective.parameters,
      tables: source.specs,
      indices: objective.indices(batchSize),
      blocks: objective.blocks?.(batchSize),
      batch: objective.batch,
      loss: (tf, parameters, batch) => objective.loss(tf, parameters, batch),
    },
    {
      tables: source.initial,
      initial: earlier ? earlier.state : initial,
      weightDecay: options.weightDecay,
      clipNorm: options.clipNorm,
      ...(options.averageDecay > 0 && { averageDecay: options.averageDecay }),
    },
  );
  let progress: Checkpoint = earlier || {
    state: session.state(),
    best: initial,
    bestEpoch: 0,
    epochs: [],
    cpuSeconds: 0,
  };
  const outOfPatience = () =>
    progress.bestEpoch > 0 && progress.epochs.length - progress.bestEpoch >= options.patience;
  let clock = process.cpuUsage();
  let fresh = 0; // setbacks of this epoch
  while (progress.epochs.length < options.epochs && !outOfPatience()) {
    const epoch = progress.epochs.length;
    const back = setbacks(progress.epochs) + fresh;
    const rate = (step: number) =>
      learningRateAt(options.schedule, options.learningRate, epoch * stepsPerEpoch + step, total) / 2 ** back;
    const rng = stream(foldIn(epochKey(epoch), "batches"));
    let sum = 0;
    let step = 0;
    let skippedSteps = 0;
    for await (const values of readAhead(source.epoch(epoch, signal))) {
      if (values) session.load(values);
      const rateHere = (s: number) => rate(step + s);
      const window = await runWindow(objective, session, source.pool, batchSize, rateHere, rng, signal);
      sum += window.sum;
      skippedSteps += window.skipped;
      step += stepsPerWindow;
    }
    const trainingLoss = sum / (step - skippedSteps);
    const state = session.state();
    const weights = state.average ?? state.parameters;
    const validationLoss = await validate.loss(weights);
    const hasFiniteLoss = Number.isFinite(trainingLoss) && Number.isFinite(validationLoss);
    if (!hasFiniteLoss || skippedSteps > Math.max(1, mostSkipped * step)) {
      if (back < mostSetbacks && skippedSteps < step) {
        session.restore(atRest(progress));
        fresh++;
        continue;
      }
      const skipped =
        (skippedSteps > 0 ? `, ${skippedSteps} of ${step} steps skipped` : "") +
        (back > 0 ? `, at 1/${2 ** back} of the learning rate` : "");
      throw new TrainingError(
        `train: the loss ${hasFiniteLoss ? "or its gradient " : ""}is not finite in epoch ${epoch + 1} (training ${trainingLoss}, ` +
          `validation ${validationLoss}${skipped}). ` +
          `Lower learningRate (${options.learningRate}) or look for extreme values in x.`,
      );
    }
    const record = {
      epoch: epoch + 1,
      trainingLoss,
      validationLoss,
      learningRate: rate(stepsPerEpoch - 1),
      ...(skippedSteps > 0 && { skippedSteps }),
      ...(fresh > 0 && { setbacks: fresh }),
    };
    fresh = 0;
    const bestSoFar = progress.epochs[progress.bestEpoch - 1]?.validationLoss ?? Infinity;
    const improved = validationLoss < bestSoFar;
    const spent = process.cpuUsage(clock);
    clock = process.cpuUsage();
    progress = {
      state,
      best: improved ? weights : progress.best,
      bestEpoch: improved ? epoch + 1 : progress.bestEpoch,
      epochs: [...progress.epochs, record],
      cpuSeconds: progress.cpuSeconds + (spent.user + spent.system) / 1e6,
    };
    if (context.checkpoint) await writeCheckpoint(context.checkpoint, fingerprint, progress);
    context.onEpoch?.(record);
    signal?.throwIfAborted();
  }
  return {
    weights: progress.best,
    transforms: source.transforms,
    heldOut: source.heldOut,
    ...(source.heldOutRows && { heldOutRows: source.heldOutRows }),
    log: {
      epochs: progress.epochs,
      bestEpoch: progress.bestEpoch,
      bestValidationLoss: progress.epochs[progress.bestEpoch - 1].validationLoss,
      reason: progress.epochs.length < options.epochs ? "patience" : "finished",
      trainingRows: source.trainingRows,
      validationRows: source.heldOut.length,
      batchSize,
      parameters: initial.length,
      cpuSeconds: progress.cpuSeconds,
      engine: engine.version,
      seed: context.seed,
    },
  };
}

/** The optimiser at the best weights so far, without momentum. */
function atRest({ state, best }: Checkpoint): OptimiserState {
  return { ...state, parameters: best, average: best, m: new Float32Array(best.length) };
}

/** The values of a generator, the next of them made while one is worked on. */
async function* readAhead<T>(values: AsyncGenerator<T>): AsyncGenerator<T> {
  let coming = values.next();
  for (;;) {
    const { value, done } = await coming;
    if (done) return;
    coming = values.next();
    coming.catch(() => undefined); // it is thrown above, when its turn comes
    yield value;
  }
}

/** One pass over the rows of the tables in a new order; the last partial batch is left out. Returns the sum of the losses, and how many steps are not in it. */
async function runWindow<E>(
  objective: Objective<E>,
  session: TrainingSession,
  training: Int32Array,
  batchSize: number,
  rate: (step: number) => number,
  rng: Rng,
  signal: AbortSignal | undefined,
): Promise<{ readonly sum: number; readonly skipped: number }> {
  const order = rng.permutation(training.length).map((i) => training[i]);
  const steps = Math.floor(training.length / batchSize);
  const counts = Object.entries(objective.indices(batchSize));
  let sum = 0;
  let skipped = 0;
  for (let first = 0; first < steps; first += stepsPerCall) {
    signal?.throwIfAborted();
    const count = Math.min(stepsPerCall, steps - first);
    const indices = Object.fromEntries(counts.map(([name, rows]) => [name, new Int32Array(count * rows)]));
    const rates = new Float64Array(count);
    for (let s = 0; s < count; s++) {
      const rows = order.subarray((first + s) * batchSize, (first + s + 1) * batchSize);
      const into = Object.fromEntries(
        counts.map(([name, n]) => [name, indices[name].subarray(s * n, (s + 1) * n)]),
      );
      objective.draw(rows, training, rng, into);
      rates[s] = rate(first + s);
    }
    const losses = await session.run(rates, indices);
    for (const loss of losses) {
      if (Number.isNaN(loss)) skipped++;
      else sum += loss;
    }
  }
  return { sum, skipped };
}

/** The mean loss of given weights over the validation rows, in chunks of equal size. */
async function validation<E>(
  objective: Objective<E>,
  { tables, rows }: RowSource["validation"],
  key: Key,
  engine: Engine,
) {
  const chunks = Math.ceil(rows.length / 500);
  const size = Math.floor(rows.length / chunks);
  const rng = stream(key);
  const counts = objective.indices(size);
  const feeds: Feeds[] = [];
  for (let c = 0; c < chunks; c++) {
    const into = Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, new Int32Array(n)]));
    objective.draw(rows.subarray(c * size, (c + 1) * size), rows, rng, into);
    feeds.push(
      Object.fromEntries(
        Object.entries(objective.batch).map(([name, { table, index }]) => [
          name,
          gather(tables.values[table], tables.specs[table].shape, into[index]),
        ]),
      ),
    );
  }
  const batchSpecs = Object.fromEntries(
    Object.entries(objective.batch).map(([name, { table, index }]) => {
      const spec = tables.specs[table];
      return [name, { ...spec, shape: [counts[index], ...spec.shape.slice(1)] }];
    }),
  );
  const width = objective.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const compiled = await engine.compile(
    (tf, { parameters, ...batch }) => ({
      loss: objective.loss(tf, unpack(tf, parameters, objective.parameters), batch),
    }),
    { parameters: { shape: [width] }, ...batchSpecs },
  );
  return {
    async loss(weights: Float32Array): Promise<number> {
      let sum = 0;
      for (const feed of feeds) sum += (await compiled.run({ parameters: weights, ...feed })).loss[0];
      return sum / feeds.length;
    },
    [Symbol.asyncDispose]: () => compiled.dispose(),
  };
}

/** The rows that `indices` name, copied. */
function gather(table: HostArray, shape: readonly number[], indices: Int32Array): HostArray {
  const width = shape.slice(1).reduce((a, b) => a * b, 1);
  const out = new (table.constructor as new (n: number) => HostArray)(indices.length * width);
  indices.forEach((from, i) => {
    out.set(table.subarray(from * width, (from + 1) * width) as never, i * width);
  });
  return out;
}

/** What makes a checkpoint this run's and no other's. */
function fingerprintOf<E>(
  objective: Objective<E>,
  source: RowSource,
  options: LoopOptions,
  { engine, key }: LoopContext,
): string {
  const { method, spec, parameters } = objective;
  const run = [method, spec, parameters, options, key, engine.name, engine.version, source.fingerprint];
  return createHash("sha256").update(JSON.stringify(run)).digest("hex");
}
