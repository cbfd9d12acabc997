/**
 * Option objects as users write them in JavaScript, where no compiler tells a misspelt name.
 *
 * @module
 */
import { nearest } from "./nearest.js";

/** Every name of an options type; a type with one more does not compile until it is listed. */
export type OptionNames<Options> = { readonly [Name in keyof Required<Options>]: true };

/**
 * Refuses an option that does not exist, which would have no effect and stay unnoticed.
 *
 * @param caller - the public function, for the message.
 * @param options - what the user gave; names with the value `undefined` are no options.
 * @throws {TypeError} naming the option and the nearest that exists, or if `options` is no object.
 */
export function checkOptions<Options extends object>(
  caller: string,
  options: Options,
  names: OptionNames<Options>,
): void {
  const known = Object.keys(names);
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `${caller}: options must be an object of ${known.join(", ")}, got ${options === null ? "null" : typeof options}.`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(names, name)) continue;
    const near = nearest(name, known);
    throw new TypeError(
      `${caller}: there is no option "${name}"; ${near ? `did you mean ${near}?` : `the options are ${known.join(", ")}.`}`,
    );
  }
}
