/**
 * The engine `wasm`: the same graphs run by onnxruntime-web, in WebAssembly on one thread. It needs no
 * native code, and is two to four times slower than `onnx`.
 *
 * @module
 */
import { EngineError } from "../core/errors.js";
import { engineOn } from "./onnx.js";
import type { Engine } from "./types.js";

/**
 * Opens the engine on onnxruntime-web.
 *
 * @throws {EngineError} if onnxruntime-web is not installed.
 */
export async function openWasm(): Promise<Engine> {
  const ort = await import("onnxruntime-web").catch((cause: unknown) => {
    throw new EngineError(
      `openEngine: onnxruntime-web could not be loaded. Run "npm install onnxruntime-web", or use engine "tfjs".`,
      { cause },
    );
  });
  ort.env.wasm.numThreads = 1;
  const version = `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`;
  return engineOn({ name: "wasm", version, ort, sharesMemory: false });
}
