/**
 * A board whose pins can be moved: a ball falls through a triangle of pins and goes right of pin `(l, k)`, which sits
 * `d_lk` to the right of its place, with probability
 *
 *     P(right) = sigmoid((tilt - d_lk) / width)
 *
 * `tilt` of the board and `width` of the ball's spread are unknown; the slot where it ends is seen. Move the pins, and
 * the same two numbers leave other traces. Pushing probabilities forward row by row gives the exact `p(x | theta)`.
 *
 * @module
 */
import { bernoulli } from "../../src/core/distributions/counts.js";
import { sigmoid } from "../../src/core/special.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram } from "../../src/program/program.js";
import { exactFromTable, type GoldProblem } from "../gold-problem.js";

/**
 * The problem of a board.
 *
 * @param pins - row by row the displacements of the pins, in units of the gap between them; row `l` has `l + 1`.
 * @param name - of the problem. Default `"pin_board"`.
 * @throws {RangeError} if a row has another number of pins, or one that is not finite.
 * @example
 * const problem = pinBoard([[0], [0.2, -0.2], [0, 0, 1]]);
 */
export function pinBoard(pins: readonly (readonly number[])[], name = "pin_board"): GoldProblem {
  const bad = pins.findIndex((row, l) => row.length !== l + 1 || !row.every(Number.isFinite));
  if (pins.length === 0 || bad >= 0) {
    const got = bad < 0 ? "no rows" : `[${pins[bad]}] in row ${bad}`;
    throw new RangeError(`pinBoard: row l needs l + 1 finite displacements of its pins, got ${got}.`);
  }
  const right = (l: number, k: number, tilt: number, width: number) => sigmoid((tilt - pins[l][k]) / width);

  /** Probability of each slot. */
  const slots = ([tilt, width]: Float64Array) => {
    let p = [1];
    for (let l = 0; l < pins.length; l++) {
      const next = new Array<number>(l + 2).fill(0);
      p.forEach((mass, k) => {
        const goes = right(l, k, tilt, width);
        next[k] += mass * (1 - goes);
        next[k + 1] += mass * goes;
      });
      p = next;
    }
    return p;
  };

  return {
    name,
    title: "Tilt of a pin board and spread of its ball, from where the ball ends",
    source: "a board of one's own, after https://arxiv.org/abs/1805.12244",
    simulator: defineProgram({
      name,
      prior: uniform({ tilt: [-1, 1], width: [0.3, 1.5] }),
      xShape: [],
      run({ tilt, width }, trace) {
        let k = 0;
        for (let l = 0; l < pins.length; l++) k += trace.sample("right", bernoulli(right(l, k, tilt, width)));
        return k;
      },
    }),
    thetaRef: [0, 0.7],
    ...exactFromTable(slots, ([x]) => x, 1e-3),
  };
}

/** Ten rows whose pins lean outwards, the more the further out. */
export const problem = pinBoard(
  Array.from({ length: 10 }, (_, l) => Array.from({ length: l + 1 }, (_, k) => 0.2 * (k - l / 2))),
);
