/**
 * Errors as plain data. Copying an error between threads loses its class, and callers catch by class; so it
 * travels by name and is made again on the other side.
 *
 * @module
 */
import * as named from "../core/errors.js";

/** An error as plain data. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: PackedError;
}

const classes: Readonly<Record<string, new (message: string, options?: ErrorOptions) => Error>> = {
  ...named,
  RangeError,
  TypeError,
  SyntaxError,
  ReferenceError,
};

/** Describes whatever was thrown. */
export function packError(error: unknown, depth = 0): PackedError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, message, stack, cause } = error;
  return {
    name,
    message,
    stack,
    ...(cause !== undefined && depth < 4 && { cause: packError(cause, depth + 1) }),
  };
}

/** Makes an error of the same class, message, stack and cause; `Error` where the class is not known here. */
export function unpackError({ name, message, stack, cause }: PackedError): Error {
  const options = cause && { cause: unpackError(cause) };
  const known = Object.hasOwn(classes, name) ? classes[name] : undefined;
  const error = known ? new known(message, options) : Object.assign(new Error(message, options), { name });
  if (stack !== undefined) error.stack = stack;
  return error;
}
