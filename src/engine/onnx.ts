/**
 * The engine `onnx`: graphs run by onnxruntime-node.
 *
 * @module
 */
import { EngineError } from "../core/errors.js";
import { compileOn } from "./compile.js";
import type { Ort, Runtime } from "./runtime.js";
import { loadTf } from "./tfjs.js";
import { trainOn } from "./train.js";
import type { Engine } from "./types.js";

/**
 * Opens the engine on onnxruntime-node.
 *
 * @throws {EngineError} if onnxruntime-node or its binary is not installed.
 */
export async function openOnnx(): Promise<Engine> {
  const module = await import("onnxruntime-node").catch((cause: unknown) => {
    throw new EngineError(
      `openEngine: onnxruntime-node could not be loaded. Run "npm install --ignore-scripts onnxruntime-node" ` +
        `(its install script fetches GPU libraries that are not needed, and fails offline), or use engine "wasm".`,
      { cause },
    );
  });
  const ort = module.default ?? module;
  const runtime: Runtime = {
    name: "onnx",
    version: `onnxruntime-node ${ort.env.versions.node ?? ort.env.versions.common}`,
    ort: ort as unknown as Ort,
    sharesMemory: true,
  };
  return engineOn(runtime);
}

/** The engine of a loaded onnxruntime. */
export async function engineOn(runtime: Runtime): Promise<Engine> {
  const tf = await loadTf();
  return {
    name: runtime.name,
    version: runtime.version,
    compile: (fn, specs, options) => compileOn(runtime, tf, fn, specs, options),
    train: (program, options) => trainOn(runtime, tf, program, options),
  };
}
