/**
 * Where a training run stands after an epoch, as a file: optimiser state, best weights, history. A run that
 * goes on from it gives the same bytes as one that was never interrupted, because epoch `e` draws its
 * batches from `foldIn(key, e)` and nothing else is random.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { TrainingError } from "../core/errors.js";
import type { OptimiserState } from "../engine/types.js";
import type { EpochRecord } from "./log.js";
import { readTensors, writeTensors } from "./safetensors.js";

/** State between epochs. */
export interface Checkpoint {
  readonly state: OptimiserState;
  readonly best: Float32Array;
  readonly bestEpoch: number;
  readonly epochs: readonly EpochRecord[];
  readonly cpuSeconds: number;
}

const version = 1;

/** Writes the checkpoint of the run that `fingerprint` names. */
export async function writeCheckpoint(
  path: string,
  fingerprint: string,
  checkpoint: Checkpoint,
): Promise<void> {
  const { state, best, bestEpoch, epochs, cpuSeconds } = checkpoint;
  await writeTensors(path, {
    header: { kind: "checkpoint", version, fingerprint, step: state.step, bestEpoch, epochs, cpuSeconds },
    tensors: {
      parameters: state.parameters,
      m: state.m,
      v: state.v,
      ...(state.average && { average: state.average }),
      best,
    },
  });
}

/**
 * Reads a checkpoint, or returns `undefined` where there is none yet.
 *
 * @throws {TrainingError} if it belongs to another run: other data, seed, network or options.
 */
export async function readCheckpoint(path: string, fingerprint: string): Promise<Checkpoint | undefined> {
  if (!existsSync(path)) return undefined;
  const { header, tensors } = await readTensors(path);
  const found = header as {
    kind: string;
    version: number;
    fingerprint: string;
    step: number;
    bestEpoch: number;
    epochs: EpochRecord[];
    cpuSeconds: number;
  };
  if (found.kind !== "checkpoint" || found.version !== version || found.fingerprint !== fingerprint) {
    throw new TrainingError(
      `train: ${path} is the checkpoint of another run (other data, seed, network, engine or options). ` +
        `Delete it to start afresh, or pass the arguments of the interrupted run.`,
    );
  }
  const { parameters, m, v, average, best } = tensors;
  return {
    state: { step: found.step, parameters, m, v, ...(average && { average }) },
    best,
    bestEpoch: found.bestEpoch,
    epochs: found.epochs,
    cpuSeconds: found.cpuSeconds,
  };
}
