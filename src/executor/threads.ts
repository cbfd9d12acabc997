/**
 * Runs jobs on a pool of worker threads (piscina).
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { ExecutorError } from "../core/errors.js";
import { type Executor, type Job, moduleUrl } from "./executor.js";
import { unpackError } from "./packed-error.js";
import { type Pool, startPool } from "./pool.js";
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
  let started: Promise<Pool<Job, Answer>> | undefined;
  let disposed = false;
  return {
    name: "threads",
    workers,

    async run<Output>(job: Job, { signal }: { signal?: AbortSignal } = {}): Promise<Output> {
      signal?.throwIfAborted();
      if (disposed) throw new ExecutorError("threads: run was called after the executor was disposed of.");
      const { transfer = [], ...rest } = job;
      const message = { ...rest, module: moduleUrl(job.module) };
      const pool = await (started ??= startPool({ file: "worker", name: "answer", workers }));
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
