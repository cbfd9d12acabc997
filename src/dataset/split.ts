/**
 * Which rows are for training and which are held out.
 *
 * @module
 */
import type { Key } from "../core/random.js";
import { stream } from "../core/rng.js";

/** Row numbers of each part, ascending; the parts do not overlap and cover all rows. */
export interface Split {
  readonly train: Int32Array;
  readonly validation: Int32Array;
  readonly test: Int32Array;
}

/**
 * Splits `n` rows at random.
 *
 * @param options.validation - share of the rows for early stopping; rounded, but at least one row unless 0.
 *   Default 0.1.
 * @param options.test - share of the rows for coverage and report. Default 0.
 * @param key - the same key gives the same split.
 * @throws {RangeError} if a share is not in `[0, 1)` or no row is left for training.
 */
export function splitRows(
  n: number,
  { validation = 0.1, test = 0 }: { readonly validation?: number; readonly test?: number },
  key: Key,
): Split {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new RangeError(`splitRows: n must be a positive integer, got ${n}.`);
  }
  const count = (name: string, share: number) => {
    if (!(share >= 0 && share < 1)) {
      throw new RangeError(`splitRows: ${name} must be a share in [0, 1), got ${share}.`);
    }
    return share === 0 ? 0 : Math.max(1, Math.round(n * share));
  };
  const numValidation = count("validation", validation);
  const held = numValidation + count("test", test);
  if (held >= n) {
    throw new RangeError(
      `splitRows: ${held} of ${n} rows would be held out, which leaves none for training.`,
    );
  }
  const order = stream(key).permutation(n);
  return {
    train: order.slice(held).sort(),
    validation: order.slice(0, numValidation).sort(),
    test: order.slice(numValidation, held).sort(),
  };
}
