/**
 * Options that say where jobs run, for every command that makes many of them.
 *
 * @module
 */
import type { Executor } from "../executor/executor.js";
import { integer, text, type Values, withDefault } from "./options.js";

/** `--workers`, `--redis` and `--queue`. */
export const executorOptions = {
  workers: withDefault(integer("N", "worker threads"), "1"),
  redis: text(
    "URL",
    "run on the machines with `galton worker` on this Redis instead; redis://... or rediss://...",
  ),
  queue: withDefault(text("NAME", "name of their queue"), "galton"),
};

/** The executor that the options ask for; `undefined` is this thread. */
export async function openExecutor({
  workers,
  redis,
  queue,
}: Values<typeof executorOptions>): Promise<Executor | undefined> {
  if (redis !== undefined) {
    const { bullmq } = await import("../executor/bullmq.js");
    return bullmq({ redis, queue });
  }
  if (workers === 1) return undefined;
  const { threads } = await import("../executor/threads.js");
  return threads({ workers });
}
