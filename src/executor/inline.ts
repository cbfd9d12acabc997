/**
 * Runs jobs in the caller's own thread, one after the other.
 *
 * @module
 */
import { callJob, type Executor, type Job } from "./executor.js";

/**
 * Makes the executor that uses no other thread. Inputs and outputs are copied as between threads, so a job
 * that works here works there, and one that changes its input harms nobody.
 */
export function inline(): Executor {
  let last: Promise<unknown> = Promise.resolve();
  return {
    name: "inline",
    workers: 1,

    run<Output>(job: Job, { signal }: { signal?: AbortSignal } = {}): Promise<Output> {
      const turn = last.then(async () => {
        signal?.throwIfAborted();
        const input = structuredClone(job.input, { transfer: [...(job.transfer ?? [])] as ArrayBuffer[] });
        return structuredClone(await callJob({ ...job, input }, signal)) as Output;
      });
      last = turn.catch(() => undefined);
      return signal ? Promise.race([turn, rejectOnAbort(signal, turn)]) : turn;
    },

    async [Symbol.asyncDispose]() {
      await last;
    },
  };
}

function rejectOnAbort(signal: AbortSignal, until: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const stop = () => signal.removeEventListener("abort", abort);
    until.then(stop, stop);
  });
}
