/**
 * Where jobs run. A job is a pure function of (module, export, input, key): it can run here, in a thread
 * or on another machine, and run twice, and gives the same bytes. Number and order of workers change only
 * the time.
 *
 * @module
 */
import type { LongTask } from "../core/contracts.js";
import { ExecutorError } from "../core/errors.js";
import type { Key } from "../core/random.js";
import { checkCall, importModule } from "./allow-list.js";

/** A call to be made somewhere: `await (await import(module))[exportName](input, key)`. */
export interface Job<Input = unknown> {
  /** Absolute URL of an ES module, such as `new URL("./job.ts", import.meta.url)`, or a package name. */
  readonly module: string | URL;
  readonly exportName: string;
  /** Anything that `structuredClone` copies: plain objects, arrays, typed arrays; no functions. */
  readonly input: Input;
  readonly key?: Key;
  /** Buffers and ports that move to the worker instead of being copied; unusable here afterwards. */
  readonly transfer?: readonly Transferable[];
}

/** What may be moved between threads without a copy. */
export type Transferable = ArrayBuffer | import("node:worker_threads").MessagePort;

/** What a job's export must be. `signal` fires only where the job runs in the caller's own thread. */
export type JobFunction<Input = never, Output = unknown> = (
  input: Input,
  key: Key | undefined,
  signal?: AbortSignal,
) => Output | Promise<Output>;

/** Runs jobs. */
export interface Executor extends AsyncDisposable {
  readonly name: string;
  /** How many jobs run at the same time. */
  readonly workers: number;
  /**
   * Runs one job. Aborting rejects at once with the signal's reason.
   *
   * @throws {ExecutorError} if the module or export is missing or the worker dies; else whatever the job throws.
   */
  run<Output = unknown>(job: Job, options?: { readonly signal?: AbortSignal }): Promise<Output>;
}

/** Options of `runAll`. */
export interface RunAllOptions<Output> extends LongTask {
  /** Called as outputs arrive, in no fixed order; a throw here stops the run as a failing job does. */
  readonly onOutput?: (output: Output, index: number) => void | Promise<void>;
  /** Whether to return the outputs. Default true; `false` lets go of each after `onOutput`, and returns none. */
  readonly keep?: boolean;
}

/**
 * Runs jobs with `workers` of them in flight (twice that many, so that no worker waits) and returns their
 * outputs in the order of the jobs.
 *
 * After a failure no further job starts; of several failures the one of the earliest job is thrown, so the
 * error does not depend on the number of workers either.
 *
 * @param jobs - may be a generator: a job is made only when it is about to start.
 */
export async function runAll<Output>(
  executor: Executor,
  jobs: Iterable<Job>,
  { signal, onProgress, onOutput, keep = true }: RunAllOptions<Output> = {},
): Promise<Output[]> {
  const outputs: Output[] = [];
  const failures: { index: number; error: unknown }[] = [];
  const total = Array.isArray(jobs) ? jobs.length : Number.NaN;
  const queue = jobs[Symbol.iterator]();
  let next = 0;
  let done = 0;

  const lane = async () => {
    while (failures.length === 0) {
      signal?.throwIfAborted();
      const { value: job, done: empty } = queue.next();
      if (empty) return;
      const index = next++;
      try {
        const output = await executor.run<Output>(job, { signal });
        if (keep) outputs[index] = output;
        await onOutput?.(output, index);
        onProgress?.({ done: ++done, total });
      } catch (error) {
        signal?.throwIfAborted();
        failures.push({ index, error });
      }
    }
  };

  const lanes = executor.workers > 1 ? 2 * executor.workers : 1;
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failures.length > 0) throw failures.sort((a, b) => a.index - b.index)[0].error;
  return outputs;
}

/**
 * Imports a job's module and calls its export.
 *
 * @throws {ExecutorError} if the module cannot be imported or has no such function.
 */
export async function callJob(job: Job, signal?: AbortSignal): Promise<unknown> {
  const url = moduleUrl(job.module);
  checkCall(url, job.exportName);
  let exports: Record<string, unknown>;
  try {
    exports = await importModule(url);
  } catch (cause) {
    if (cause instanceof ExecutorError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ExecutorError(`run: cannot import the module ${url} of the job: ${reason}`, { cause });
  }
  const call = exports[job.exportName];
  if (typeof call !== "function") {
    throw new ExecutorError(
      `run: ${url} has no function "${job.exportName}"; it exports ${Object.keys(exports).join(", ") || "nothing"}.`,
    );
  }
  return await (call as JobFunction<unknown>)(job.input, job.key, signal);
}

/**
 * The module as a string that `import` takes anywhere.
 *
 * @throws {ExecutorError} for a relative path, which would depend on who imports it.
 */
export function moduleUrl(module: string | URL): string {
  const url = String(module);
  if (/^\.{0,2}\//.test(url)) {
    throw new ExecutorError(
      `run: module must be an absolute URL, got the path "${url}". ` +
        `Write new URL("./file.js", import.meta.url), or pathToFileURL(path) of node:url.`,
    );
  }
  return url;
}
