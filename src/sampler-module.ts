/**
 * Samplers by name. A density is a function and cannot travel to another thread or machine; the module that makes its
 * sampler can be imported there.
 *
 * @module
 */
import type { Sampler } from "../samplers/kernel.js";
import { ExecutorError } from "./core/errors.js";
import { checkCall, importModule } from "./executor/allow-list.js";
import { moduleUrl } from "./executor/executor.js";

/** Where a sampler is made; plain data. */
export interface SamplerModule {
  /** Absolute URL of the module. */
  readonly module: string;
  readonly exportName: string;
  /** What the export is called with, where it is a function: anything that `structuredClone` copies. */
  readonly input?: unknown;
}

/** A sampler that may own what its target runs on, such as an estimator, and is disposed of after the run. */
export type ModuleSampler = Sampler & Partial<AsyncDisposable>;

/**
 * Names a sampler by the module that makes it, so that `sampleOnWorkers` can run it on several workers.
 *
 * The export is a sampler, or a function `input => sampler`, which may be asynchronous. Every worker calls it once per run, and
 * it must make the same sampler everywhere. Where a sampler that it made has a `Symbol.asyncDispose`, that is called when the sampler is
 * no longer needed.
 *
 * @param url - `new URL("./my-sampler.js", import.meta.url)`.
 * @param exportName - name of the exported sampler or function. Default `"sampler"`.
 * @param input - for the function.
 * @throws {ExecutorError} if `url` is a relative path.
 * @example
 * // my-sampler.js: export const sampler = async (observed) => nuts(posterior(await loadEstimator("estimator.safetensors"), { observed }));
 * const draws = await sampleOnWorkers(samplerModule(new URL("./my-sampler.js", import.meta.url), "sampler", observed), { workers: 4 });
 */
export function samplerModule(url: string | URL, exportName = "sampler", input?: unknown): SamplerModule {
  return { module: moduleUrl(url), exportName, ...(input !== undefined && { input }) };
}

/**
 * Imports the module and makes the sampler.
 *
 * @throws {ExecutorError} if the module cannot be imported, or has no such sampler; else whatever its function throws.
 */
export async function loadSampler({ module, exportName, input }: SamplerModule): Promise<ModuleSampler> {
  let exports: Record<string, unknown>;
  try {
    exports = await importModule(module);
  } catch (cause) {
    if (cause instanceof ExecutorError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ExecutorError(`samplerModule: cannot import ${module}: ${reason}`, { cause });
  }
  const found = exports[exportName];
  if (found === undefined) {
    throw new ExecutorError(
      `samplerModule: ${module} exports no "${exportName}"; it exports ${Object.keys(exports).join(", ") || "nothing"}.`,
    );
  }
  const isMade = typeof found === "function";
  if (isMade) checkCall(module, exportName);
  const sampler = (isMade ? await found(input) : found) as ModuleSampler | undefined;
  if (typeof sampler?.kernel?.init === "function") {
    return isMade ? sampler : { ...sampler, [Symbol.asyncDispose]: undefined }; // the module's own, for the next run too
  }
  const what = isMade ? "gave no sampler" : "is no sampler";
  throw new ExecutorError(
    `samplerModule: expected a sampler such as hmc(target), or a function that makes one, but "${exportName}" of ${module} ${what}.`,
  );
}
