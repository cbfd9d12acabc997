/**
 * Exact draws by rejection, for posteriors that are a law easy to draw from, cut to a box.
 *
 * @module
 */
import { type Matrix, matrix } from "../src/core/matrix.js";
import type { Key } from "../src/core/random.js";
import { type Rng, stream } from "../src/core/rng.js";

/** More proposals per draw than this and `x` is out of the simulator's reach. */
const maxProposals = 10_000;

/**
 * `n` independent draws, `[n, D]`.
 *
 * @param name - the problem, for the error.
 * @param x - the data, for the error.
 * @param propose - one proposal `[D]`; `undefined` where it is rejected.
 * @throws {RangeError} if hardly any proposal is accepted.
 */
export function rejectionDraws(
  name: string,
  x: ArrayLike<number>,
  n: number,
  dim: number,
  key: Key,
  propose: (rng: Rng) => readonly number[] | undefined,
): Matrix {
  const rng = stream(key);
  const out = matrix(n, dim);
  let filled = 0;
  for (let proposals = 0; filled < n; proposals++) {
    if (proposals > maxProposals * (filled + 1)) {
      throw new RangeError(
        `${name}: expected data that the simulator can make, got (${Array.from(x).join(", ")}).`,
      );
    }
    const theta = propose(rng);
    if (theta) out.data.set(theta, dim * filled++);
  }
  return out;
}
