/**
 * Whose fault a failure is: the user's (exit status 1, the message alone) or galton's (2, with the stack).
 *
 * @module
 */
import * as named from "../core/errors.js";

/** Exit statuses. */
export const status = { ok: 0, mistake: 1, bug: 2, interrupted: 130 } as const;

/** What the operating system says of a path or a disk, which is the user's to change. */
const systemCodes = new Set([
  "ENOENT",
  "EACCES",
  "EPERM",
  "EISDIR",
  "ENOTDIR",
  "EEXIST",
  "ENOSPC",
  "EROFS",
  "EMFILE",
  "ENAMETOOLONG",
]);

/**
 * Whether the user can repair it: the errors that callers may catch, bad arguments (our messages begin with
 * the name of the function called, which tells them from a slip in the program), and trouble with files.
 */
export function isMistake(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (Object.hasOwn(named, error.name)) return true;
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined) return systemCodes.has(code);
  return (error instanceof RangeError || error instanceof TypeError) && /^[a-z]\w*: /i.test(error.message);
}

/** The text for a failure, without a final newline. */
export function describeFailure(error: unknown, reportTo: string): string {
  if (isMistake(error)) return error.message;
  const stack = error instanceof Error ? withCauses(error) : `thrown: ${String(error)}`;
  return `${stack}\nThis is a fault of galton, not yours. Please report it with the lines above ${reportTo}.`;
}

function withCauses(error: Error): string {
  const stack = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause instanceof Error ? `${stack}\nCaused by ${withCauses(error.cause)}` : stack;
}
