/**
 * The trivial job whose time is all overhead.
 *
 * @module
 */

/** Returns its input. */
export function echoJob(input: unknown): unknown {
  return input;
}
