/**
 * Room for others in long work: a loop that only awaits answers that are there already never lets timers and signals have
 * their turn, so that an abort would come after its end.
 *
 * @module
 */

/** Milliseconds of work between two breaths. */
const between = 100;

/** Makes a function that lets timers and signals have their turn where the last one was 100 ms ago. */
export function breather(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < between) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    last = performance.now();
  };
}
