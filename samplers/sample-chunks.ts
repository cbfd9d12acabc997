/**
 * A run as a stream: its draws while it goes on, to be written, drawn or looked at.
 *
 * @module
 */
import type { Draws } from "./draws.js";
import type { Sampler } from "./kernel.js";
import { runSampler, type SampleOptions } from "./sample.js";

/** Options of `sampleChunks`. */
export interface SampleChunksOptions extends SampleOptions {
  /** Draws per chain and chunk. Default 100. */
  readonly chunk?: number;
}

/**
 * Samples as `sample` does, and gives the draws in chunks, as soon as all chains have completed them: side by side, in order,
 * they are the draws of `sample`. The run waits while a chunk is worked on, and ends when the loop is left. The last chunk
 * may be shorter. All draws stay in memory until the end, for the checkpoint; a run that goes on from one begins with the
 * chunk that was not full.
 *
 * @yields chunks `[chains, chunk, D]`; `run` of each counts the evaluations so far.
 * @throws as `sample`, and {RangeError} if `chunk` is not a positive integer.
 * @example
 * for await (const draws of sampleChunks(nuts(target), { draws: 10_000, chunk: 500 })) {
 *   await file.write(toRows(drawsMatrix(draws)));
 * }
 */
export async function* sampleChunks(
  sampler: Sampler,
  { chunk = 100, ...options }: SampleChunksOptions = {},
): AsyncGenerator<Draws, void, undefined> {
  if (!(Number.isSafeInteger(chunk) && chunk >= 1)) {
    throw new RangeError(`sampleChunks: chunk must be an integer of at least 1, got ${chunk}.`);
  }
  const left = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
  let waiting: ((draws: Draws | undefined) => void) | undefined;
  let taken = () => {};
  const nextChunk = () => new Promise<Draws | undefined>((resolve) => (waiting = resolve));
  let next = nextChunk();
  const running = runSampler(sampler, { ...options, signal }, (completed, done) => {
    let given = done - (done % chunk);
    const give = (draws: number) => {
      waiting?.(completed(given, draws));
      given = draws;
      return new Promise<void>((resolve) => (taken = resolve));
    };
    return {
      every: chunk,
      see: async (draws) => {
        await give(draws);
        return false;
      },
      end: async (draws) => {
        if (draws > given) await give(draws);
      },
    };
  });
  const finished = running.catch(() => undefined).then(() => waiting?.(undefined));
  try {
    for (;;) {
      const draws = await next;
      if (draws === undefined) break;
      next = nextChunk();
      yield draws;
      taken();
    }
    await running;
  } finally {
    left.abort();
    taken();
    await finished; // what went wrong is told above
  }
}
