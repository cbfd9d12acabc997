/**
 * `train`: from an objective to an estimator. One network, or an ensemble on one split of the rows whose
 * members differ in initial weights and batches, here or on worker threads.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn, type Key, key as keyOf } from "../core/random.js";
import { openEngine } from "../engine/open.js";
import type { Engine, EngineName } from "../engine/types.js";
import { runAll } from "../executor/executor.js";
import { threads } from "../executor/threads.js";
import { type TrainedNetwork, trainNetwork } from "./loop.js";
import type { Objective, PortableObjective } from "./objective.js";
import { type LoopOptions, loopOptions, type TrainOptions } from "./options.js";
import { loadIfSmall } from "./stream.js";

const optionNames: OptionNames<TrainOptions> = {
  seed: true,
  engine: true,
  epochs: true,
  batchSize: true,
  learningRate: true,
  schedule: true,
  weightDecay: true,
  clipNorm: true,
  averageDecay: true,
  validationFraction: true,
  patience: true,
  ensemble: true,
  workers: true,
  card: true,
  checkpoint: true,
  signal: true,
  onProgress: true,
};

/**
 * Trains an estimator.
 *
 * Same seed, same bytes, per engine and kind of processor: for any number of workers, interrupted or not.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {TrainingError} if there are too few rows, the loss diverges, or a checkpoint belongs to another run.
 * @throws {ConfigError} if an option is out of range.
 * @example
 * const estimator = await train(aalr(simulations), { seed: "hello", onProgress: console.log });
 */
export async function train<Estimator>(
  given: Objective<Estimator>,
  options: TrainOptions = {},
): Promise<Estimator> {
  checkOptions("train", options, optionNames);
  if (options.card) checkOptions("train: card", options.card, { pairs: true, priorDraws: true });
  const { seed = 0, ensemble = 1, workers = 1, signal, onProgress } = options;
  if (!Number.isInteger(given?.n)) {
    throw new ConfigError("train: expected what to train, such as aalr(simulations), got something else.");
  }
  const loop = loopOptions(given.n, options, given.defaults);
  signal?.throwIfAborted();
  const objective = await loadIfSmall(given);
  const engine =
    typeof options.engine === "object" ? options.engine : await openEngine(options.engine ?? "auto");
  const root = foldIn(keyOf(seed), "train");
  const member = (e: number): MemberJob => ({
    loop,
    key: foldIn(root, e),
    splitKey: foldIn(root, "split"),
    seed: String(seed),
    engine: engine.name,
    ...(options.checkpoint && {
      checkpoint: ensemble > 1 ? `${options.checkpoint}.${e}` : options.checkpoint,
    }),
  });

  let networks: TrainedNetwork[];
  if (workers > 1 && ensemble > 1) {
    const { portable } = objective;
    if (!portable) {
      throw new ConfigError(
        `train: this ${objective.method} objective holds functions that cannot travel to worker threads (as embedding networks and ` +
          "simulators do). Use workers: 1.",
      );
    }
    const jobs = Array.from({ length: ensemble }, (_, e) => ({
      module: import.meta.url,
      exportName: "trainMember",
      input: { ...member(e), portable },
    }));
    await using pool = threads({ workers: Math.min(workers, ensemble) });
    networks = await runAll<TrainedNetwork>(pool, jobs, { signal });
  } else {
    networks = [];
    for (let e = 0; e < ensemble; e++) {
      const { key, splitKey, seed: name, checkpoint } = member(e);
      networks.push(
        await trainNetwork(objective, loop, {
          engine,
          key,
          splitKey,
          seed: name,
          checkpoint,
          signal,
          onEpoch: (record) => onProgress?.({ ...record, member: e, epochsTotal: loop.epochs }),
        }),
      );
    }
  }
  return objective.estimator({
    weights: networks.map(({ weights }) => weights),
    transforms: networks[0].transforms,
    logs: networks.map(({ log }) => log),
    heldOut: networks[0].heldOut,
    ...(networks[0].heldOutRows && { heldOutRows: networks[0].heldOutRows }),
    card: options.card === false ? false : { ...options.card, seed, ...(signal && { signal }) },
    engine,
  });
}

interface MemberJob {
  readonly loop: LoopOptions;
  readonly key: Key;
  readonly splitKey: Key;
  readonly seed: string;
  readonly engine: EngineName;
  readonly checkpoint?: string;
}

/** Trains one member of an ensemble in a worker thread. */
export async function trainMember(
  job: MemberJob & { readonly portable: PortableObjective },
): Promise<TrainedNetwork> {
  const { loop, key, splitKey, seed, checkpoint, portable } = job;
  const module = await import(portable.module);
  const objective: Objective<unknown> = await module[portable.export](portable.input);
  const engine: Engine = await openEngine(job.engine);
  const { log, ...network } = await trainNetwork(objective, loop, {
    engine,
    key,
    splitKey,
    seed,
    checkpoint,
  });
  // The process clock counts every thread, so a worker cannot tell its own CPU time.
  return { ...network, log: { ...log, cpuSeconds: 0 } };
}
