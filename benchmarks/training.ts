/**
 * What a plan says about training, split into what every `train` takes and what only ratios know.
 *
 * @module
 */
import type { Dataset } from "../src/dataset/dataset.js";
import { openEngine } from "../src/engine/open.js";
import type { Engine } from "../src/engine/types.js";
import { simulate } from "../src/simulate.js";
import type { Objective } from "../src/train/objective.js";
import type { TrainOptions } from "../src/train/options.js";
import { train } from "../src/train/train.js";
import { cpuClock } from "./cpu-clock.js";
import type { MethodTask, Prepared, TrainingOptions } from "./method.js";

/** The options of `train`, with an open engine and no report card; and those of the ratio's network and loss. */
export async function trainingOf({
  engine: wanted,
  contrasts,
  gamma,
  balance,
  network,
  ...rest
}: TrainingOptions = {}): Promise<{
  readonly options: Omit<TrainOptions, "engine"> & { readonly engine: Engine };
  readonly ratio: Pick<TrainingOptions, "contrasts" | "gamma" | "balance" | "network">;
}> {
  const engine = typeof wanted === "object" ? wanted : await openEngine(wanted ?? "auto");
  return { options: { ...rest, engine, card: false }, ratio: { contrasts, gamma, balance, network } };
}

/** Simulates the budget of a task and trains on it; the cost is that of training alone. */
export async function learnFrom<Estimator extends { readonly engine: string }>(
  { problem, simulations: n, seed, training, signal }: MethodTask,
  objective: (simulations: Dataset) => Objective<Estimator>,
): Promise<Pick<Prepared, "engine" | "trainCpuSeconds"> & { readonly estimator: Estimator }> {
  const simulations = await simulate(problem.simulator, { n, seed, signal });
  const { options } = await trainingOf(training);
  const clock = cpuClock();
  const estimator = await train(objective(simulations), { ...options, seed, signal });
  return { estimator, engine: estimator.engine, trainCpuSeconds: clock() };
}
