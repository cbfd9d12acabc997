/**
 * What a plan says about training, split into what every `train` takes and what only ratios know.
 *
 * @module
 */
import { openEngine } from "../src/engine/open.js";
import type { Engine } from "../src/engine/types.js";
import type { TrainOptions } from "../src/train/options.js";
import type { TrainingOptions } from "./method.js";

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
