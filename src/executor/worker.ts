/**
 * What a worker thread of `threads` runs.
 *
 * @module
 */
import { callJob, type Job } from "./executor.js";
import { type PackedError, packError } from "./packed-error.js";

/** The answer of a worker: the job's output, or what it threw. */
export type Answer = { readonly output: unknown } | { readonly error: PackedError };

/** Runs one job and never rejects, so that errors keep their class on the way back. */
export async function answer(job: Job): Promise<Answer> {
  try {
    return { output: await callJob(job) };
  } catch (error) {
    return { error: packError(error) };
  }
}
