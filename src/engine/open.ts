/**
 * Which engines are here, and the best of them.
 *
 * @module
 */
import { EngineError } from "../core/errors.js";
import { openEager } from "./eager.js";
import { openOnnx } from "./onnx.js";
import type { Engine, EngineName } from "./types.js";
import { openWasm } from "./wasm.js";

/** Engines from the fastest to the one that always works. */
const engines: Readonly<Record<EngineName, () => Promise<Engine>>> = {
  onnx: openOnnx,
  wasm: openWasm,
  tfjs: openEager,
};

/** What `describeEngines` tells of one engine. */
export interface EngineDescription {
  readonly name: EngineName;
  readonly available: boolean;
  readonly version?: string;
  /** Why it is not available. */
  readonly reason?: string;
}

/**
 * Opens an engine; `"auto"` takes the first that works of onnx, wasm, tfjs.
 *
 * @throws {EngineError} if the engine named cannot be loaded.
 * @example
 * const engine = await openEngine();
 * console.log(engine.version);
 */
export async function openEngine(name: EngineName | "auto" = "auto"): Promise<Engine> {
  if (name !== "auto") {
    const open = engines[name];
    if (open === undefined) {
      throw new EngineError(
        `openEngine: unknown engine "${name}"; expected "auto", "onnx", "wasm" or "tfjs".`,
      );
    }
    return open();
  }
  const failures: unknown[] = [];
  for (const open of Object.values(engines)) {
    try {
      return await open();
    } catch (error) {
      failures.push(error);
    }
  }
  throw new EngineError(
    `openEngine: no engine works here. ${failures.map((error) => (error as Error).message).join(" ")}`,
    {
      cause: failures[0],
    },
  );
}

/** Says of each engine whether it works here, and why not if it does not. */
export async function describeEngines(): Promise<EngineDescription[]> {
  const found: EngineDescription[] = [];
  for (const [name, open] of Object.entries(engines) as [EngineName, () => Promise<Engine>][]) {
    try {
      const { version } = await open();
      found.push({ name, available: true, version });
    } catch (error) {
      found.push({ name, available: false, reason: (error as Error).message });
    }
  }
  return found;
}
