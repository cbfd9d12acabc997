/**
 * Runs jobs on a pool of worker threads (piscina).
 *
 * @module
 */
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ExecutorError } from "../core/errors.js";
import { type Executor, type Job, moduleUrl } from "./executor.js";
import { unpackError } from "./packed-error.js";
import type { Answer } from "./worker.js";

/** Options of `threads`. */
export interface ThreadsOptions {
  /** Number of worker threads. Default: the processors that this process may use. */
  readonly workers?: number;
}

/**
 * Makes an executor of worker threads. They start with the first job (about 0.1 s each, 0.5 s from
 * TypeScript sources), stay until disposed of, and do not keep an idle process alive. An aborted job's thread
 * is ended, whatever it is doing, and replaced.
 *
 * @throws {RangeError} if `workers` is not a positive integer.
 * @example
 * await using executor = threads({ workers: 2 });
 * const area = await executor.run({ module: new URL("./area.js", import.meta.url), exportName: "area", input: 2 });
 */
export function threads({ workers = availableParallelism() }: ThreadsOptions = {}): Executor {
  if (!Number.isSafeInteger(workers) || workers < 1) {
    throw new RangeError(`threads: workers must be a positive integer, got ${workers}.`);
  }
  let started: Promise<Pool> | undefined;
  let disposed = false;
  return {
    name: "threads",
    workers,

    async run<Output>(job: Job, { signal }: { signal?: AbortSignal } = {}): Promise<Output> {
      signal?.throwIfAborted();
      if (disposed) throw new ExecutorError("threads: run was called after the executor was disposed of.");
      const { transfer = [], ...rest } = job;
      const message = { ...rest, module: moduleUrl(job.module) };
      const pool = await (started ??= startPool(workers));
      let answer: Answer;
      try {
        answer = await pool.run(message, { signal, transferList: [...transfer] });
      } catch (cause) {
        signal?.throwIfAborted();
        throw describeLoss(`"${job.exportName}" of ${message.module}`, pool.failure ?? cause);
      }
      if ("error" in answer) throw unpackError(answer.error);
      return answer.output as Output;
    },

    async [Symbol.asyncDispose]() {
      disposed = true;
      await (await started)?.[Symbol.asyncDispose]();
    },
  };
}

interface Pool extends AsyncDisposable {
  run(message: Job, options: { signal?: AbortSignal; transferList: readonly unknown[] }): Promise<Answer>;
  /** Why no thread can start at all. */
  readonly failure: unknown;
}

async function startPool(workers: number): Promise<Pool> {
  const { Piscina } = await import("piscina");
  const typescript = import.meta.url.endsWith(".ts"); // running from the sources
  const underTsx = process.execArgv.some((argument) => argument.includes("tsx")); // the user's modules may be
  const piscina = new Piscina({
    filename: fileURLToPath(new URL(typescript ? "./worker.ts" : "./worker.js", import.meta.url)),
    name: "answer",
    minThreads: workers,
    maxThreads: workers,
    // A worker that blocks in Atomics.wait between jobs would stop timers and child processes of the job's module.
    atomics: "disabled",
    execArgv: typescript || underTsx ? typescriptLoader() : undefined,
  });
  let answered = false;
  let failure: unknown;
  // Raised by threads without a job. Before the first answer none of them can start, and the pool would go
  // on replacing them for ever; later it is some leftover of a job, and the replacement will do.
  piscina.on("error", (error) => {
    if (answered) return;
    failure ??= error;
    piscina.destroy();
  });
  return {
    async run(message, options) {
      if (failure !== undefined) throw failure;
      const answer = await piscina.run(message, { ...options, transferList: options.transferList as [] });
      answered = true;
      return answer;
    },
    get failure() {
      return failure;
    },
    [Symbol.asyncDispose]: () => piscina.destroy(),
  };
}

function describeLoss(what: string, cause: unknown): ExecutorError {
  // Only a failed copy of the output arrives as something that is not an error.
  const uncopied = !(cause instanceof Error) || cause.name === "DataCloneError";
  return new ExecutorError(
    uncopied
      ? `threads: the input or output of ${what} cannot be copied between threads: it must be plain data.`
      : `threads: the worker thread running ${what} died: ${cause.message}`,
    { cause },
  );
}

/**
 * Node's flags for threads that read TypeScript. tsx hooks only the main thread by itself, so each worker
 * registers it anew before its first module.
 */
function typescriptLoader(): string[] | undefined {
  const places = [import.meta.url, join(process.cwd(), "package.json")];
  for (const place of places) {
    try {
      const api = pathToFileURL(createRequire(place).resolve("tsx/esm/api").replace(/cjs$/, "mjs")).href;
      const start = `import { register } from ${JSON.stringify(api)}; register();`;
      return [...process.execArgv, "--import", `data:text/javascript,${encodeURIComponent(start)}`];
    } catch {
      // not installed beside this file: look in the next place
    }
  }
  return undefined;
}
