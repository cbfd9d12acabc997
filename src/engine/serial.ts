/**
 * Runs asynchronous tasks one after another: buffers that are reused serve one run at a time.
 *
 * @module
 */

/** Runs a task when all earlier ones have ended; a failed task does not stop the next. */
export type Serial = <T>(task: () => Promise<T>) => Promise<T>;

/** Starts an empty queue. */
export function serial(): Serial {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const next = last.then(task);
    last = next.catch(() => undefined);
    return next;
  };
}
