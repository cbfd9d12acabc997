/**
 * Rejection ABC at a fixed tolerance, Euclidean distance on the data as they are: the four rows of Table 2 of the
 * AALR paper. It is not amortised: every observation uses the budget of simulations anew.
 *
 * @see Hermans, Begy and Louppe (2020), https://arxiv.org/abs/1903.04057, Table 2
 * @module
 */
import { rejectionAbc } from "../../src/abc/rejection.js";
import type { Method } from "../method.js";

/** The tolerances of the table. */
const tolerances = [32, 16, 8, 4];

function abcMethod(epsilon: number): Method {
  return {
    name: `abc-${epsilon}`,
    title: `Rejection ABC with epsilon ${epsilon}, Euclidean distance (Hermans et al. 2020, Table 2)`,
    async prepare({ problem, simulations }) {
      return {
        engine: "none",
        trainCpuSeconds: 0,
        async sample(observed, { draws, seed, signal }) {
          const found = await rejectionAbc(problem.simulator, {
            observed,
            epsilon,
            draws,
            maxSimulations: simulations,
            seed: `abc ${seed}`,
            signal,
          });
          return {
            draws: found.theta,
            sampling: { draws: found.theta.rows, acceptance: found.acceptanceRate },
          };
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

/** `abc-32`, `abc-16`, `abc-8` and `abc-4`. */
export const abcMethods: readonly Method[] = tolerances.map(abcMethod);
