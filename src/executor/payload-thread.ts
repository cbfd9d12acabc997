/**
 * What a thread of `startWorker` runs. The text of a job is read here, not in the worker's main thread: a
 * payload that takes long or all memory costs this thread and leaves the worker alive.
 *
 * @module
 */
import type { AllowList } from "./allow-list.js";
import { restrictedTo } from "./allow-list.js";
import { callJob } from "./executor.js";
import { readPayload, writeError, writeOutput } from "./payload.js";

/** A job to be read and run. */
export interface PayloadMessage {
  readonly text: string;
  readonly allowed: AllowList;
  readonly maxBytes: number;
}

/** The text to send back, or why the payload was not run at all. */
export type PayloadAnswer = { readonly text: string } | { readonly refused: string };

/** Reads and runs one job; never rejects. */
export async function answerPayload({ text, allowed, maxBytes }: PayloadMessage): Promise<PayloadAnswer> {
  let job: Awaited<ReturnType<typeof readPayload>>;
  try {
    job = await readPayload(text, maxBytes);
  } catch (error) {
    return { refused: (error as Error).message };
  }
  try {
    const output = await restrictedTo(allowed, () => callJob(job));
    return { text: writeOutput(output, `"${job.exportName}"`, maxBytes) };
  } catch (error) {
    return { text: writeError(error) };
  }
}
