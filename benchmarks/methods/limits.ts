/**
 * Not methods but limits, to read the others by: the prior, which has learned nothing, and fresh draws from the
 * exact posterior, which nobody can beat. They use no simulations, whatever the budget.
 *
 * @module
 */
import type { Matrix } from "../../src/core/matrix.js";
import { foldIn, type Key, key as keyOf } from "../../src/core/random.js";
import type { Method, Prepared } from "../method.js";
import type { Problem } from "../problem.js";

function limit(
  name: string,
  title: string,
  draw: (problem: Problem, observed: Float64Array, n: number, key: Key) => Matrix,
  logProb?: (problem: Problem) => Prepared["logProb"],
): Method {
  return {
    name,
    title,
    async prepare({ problem }) {
      return {
        engine: "none",
        trainCpuSeconds: 0,
        async sample(observed, { draws: n, seed }) {
          const draws = draw(problem, observed, n, foldIn(keyOf(seed), name));
          return { draws, sampling: { draws: draws.rows } };
        },
        ...(logProb && { logProb: logProb(problem) }),
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

/** What every method must do better than. */
export const priorLimit = limit(
  "prior",
  "Draws from the prior: nothing learned",
  ({ simulator }, _observed, n, key) => simulator.prior.sample(n, key),
  ({ simulator }) =>
    async (theta) =>
      simulator.prior.logProb(theta),
);

/** The scores of a perfect method, with the noise that they have at this number of draws. */
export const exactLimit = limit(
  "exact",
  "Fresh draws from the exact posterior: the best that the scores can see",
  (problem, observed, n, key) => problem.exactPosterior(observed, n, key),
);
