/**
 * A machine that runs ONNX models: onnxruntime-node or onnxruntime-web, which share one interface.
 * Sessions use one thread, so that parallelism is the caller's (worker threads) and results do not depend
 * on it.
 *
 * @module
 */
import type * as OnnxRuntime from "onnxruntime-web";
import { EngineError } from "../core/errors.js";
import type { TensorArray } from "./feeds.js";
import type { EngineName } from "./types.js";

export type Ort = Pick<typeof OnnxRuntime, "InferenceSession" | "Tensor">;
export type OrtTensor = OnnxRuntime.Tensor;
export type OrtFeeds = Readonly<Record<string, OrtTensor>>;

/** A loaded onnxruntime. */
export interface Runtime {
  readonly name: EngineName;
  readonly version: string;
  readonly ort: Ort;
  /** Whether a run can write its outputs into tensors of ours; wasm has a heap of its own. */
  readonly sharesMemory: boolean;
}

/** A model ready to run; the caller sees to it that runs do not overlap. */
export interface RuntimeSession {
  /** `outputs` are tensors to write into, where the runtime shares memory; others are made. */
  run(feeds: OrtFeeds, outputs: OrtFeeds): Promise<OrtFeeds>;
  release(): Promise<void>;
}

/**
 * Loads a model.
 *
 * @throws {EngineError} if the runtime refuses the model.
 */
export async function openSession(runtime: Runtime, model: Uint8Array): Promise<RuntimeSession> {
  const session = await runtime.ort.InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    ...(runtime.name === "wasm" ? { executionProviders: ["wasm"] } : {}),
  }).catch((cause: unknown) => {
    throw new EngineError(`compile: ${runtime.version} cannot load the graph: ${messageOf(cause)}`, {
      cause,
    });
  });
  let isReleased = false;

  return {
    async run(feeds, outputs) {
      if (isReleased) {
        throw new EngineError("run: this session was disposed. Compile the function again.");
      }
      const into = Object.fromEntries(session.outputNames.map((name) => [name, outputs[name] ?? null]));
      try {
        return await session.run(feeds, runtime.sharesMemory ? into : session.outputNames);
      } catch (cause) {
        throw new EngineError(`run: ${runtime.version} failed: ${messageOf(cause)}`, { cause });
      }
    },
    async release() {
      if (isReleased) return;
      isReleased = true;
      await session.release();
    },
  };
}

/** Wraps an array as a tensor without copying it. */
export function ortTensor(
  { ort }: Runtime,
  dtype: "float32" | "int32" | "bool" | "int64",
  data: TensorArray | BigInt64Array,
  shape: readonly number[],
): OrtTensor {
  return new ort.Tensor(dtype as "float32", data as Float32Array, shape);
}

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));
