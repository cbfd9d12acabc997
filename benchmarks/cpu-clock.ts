/**
 * CPU time of the work at hand.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

/**
 * Starts a clock of CPU time; calling it gives the seconds since. In a worker thread it is the thread's own time
 * where the system tells it (Linux), because the process runs other jobs beside this one; engines and simulators
 * run in the thread that calls them.
 */
export function cpuClock(): () => number {
  const threadStart = isMainThread ? undefined : threadSeconds();
  if (threadStart !== undefined) return () => threadSeconds()! - threadStart;
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  };
}

/** CPU seconds of this thread, or `undefined` where the system does not say. */
function threadSeconds(): number | undefined {
  try {
    return Number(readFileSync("/proc/thread-self/schedstat", "latin1").split(" ")[0]) / 1e9;
  } catch {
    return undefined;
  }
}
