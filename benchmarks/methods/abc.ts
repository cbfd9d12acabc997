/**
 * ABC by three algorithms. None is amortised: every observation uses the budget of simulations anew.
 *
 * - Rejection at a fixed tolerance, Euclidean distance on the data as they are: the four rows of Table 2 of the AALR paper.
 * - Sequential: a thousand particles, or as many as a twentieth of the budget, at tolerances that fall until the budget is spent.
 * - Regression: the nearest hundredth of the simulations, at least two hundred, moved to the observation by local-linear regression.
 *
 * The last two measure distances in units of the data's spread under the prior, and give draws of equal weight by
 * resampling, at most one per particle.
 *
 * @see Hermans, Begy and Louppe (2020), https://arxiv.org/abs/1903.04057, Table 2
 * @see Beaumont et al. (2009), https://doi.org/10.1093/biomet/asp052
 * @see Beaumont, Zhang and Balding (2002), https://doi.org/10.1093/genetics/162.4.2025
 * @module
 */
import { adjustByRegression } from "../../src/abc/adjust.js";
import { rejectionAbc } from "../../src/abc/rejection.js";
import { resampleDraws } from "../../src/abc/resample-draws.js";
import { smcAbc } from "../../src/abc/smc-abc.js";
import type { Matrix } from "../../src/core/matrix.js";
import type { Method, MethodTask, Prepared } from "../method.js";

/** The tolerances of the table. */
const tolerances = [32, 16, 8, 4];

/** A method that does all its work once it knows the observation. */
function anew(name: string, title: string, sample: (task: MethodTask) => Prepared["sample"]): Method {
  return {
    name,
    title,
    async prepare(task) {
      return { engine: "none", trainCpuSeconds: 0, sample: sample(task), async [Symbol.asyncDispose]() {} };
    },
  };
}

function rejectionMethod(epsilon: number): Method {
  const title = `Rejection ABC with epsilon ${epsilon}, Euclidean distance (Hermans et al. 2020, Table 2)`;
  return anew(
    `abc-${epsilon}`,
    title,
    ({ problem, simulations }) =>
      async (observed, { draws, seed, signal }) => {
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
  );
}

const sequential = anew(
  "smc-abc",
  "Sequential ABC, adaptive tolerance, twice the weighted covariance (Beaumont et al. 2009)",
  ({ problem, simulations }) =>
    async (observed, { draws, seed, signal }) => {
      const found = await smcAbc(problem.simulator, {
        observed,
        maxSimulations: simulations,
        particles: Math.max(1, Math.min(1000, Math.round(simulations / 20))),
        seed: `smc-abc ${seed}`,
        signal,
      });
      return resampled(found, draws, seed, found.theta.rows / found.simulations);
    },
);

const regression = anew(
  "abc-regression",
  "Rejection ABC of the nearest hundredth, local-linear adjustment (Beaumont et al. 2002)",
  ({ problem, simulations }) =>
    async (observed, { draws, seed, signal }) => {
      const found = await rejectionAbc(problem.simulator, {
        observed,
        distance: "scaled",
        quantile: Math.min(1, Math.max(0.01, 200 / simulations)),
        maxSimulations: simulations,
        seed: `abc-regression ${seed}`,
        signal,
      });
      const adjusted = adjustByRegression(found, problem.simulator.prior);
      return resampled(adjusted, draws, seed, found.acceptanceRate);
    },
);

function resampled(
  found: { readonly theta: Matrix; readonly weights: Float64Array },
  draws: number,
  seed: number,
  acceptance: number,
) {
  const theta = resampleDraws(found, Math.min(draws, found.theta.rows), { seed: `resample ${seed}` });
  return { draws: theta, sampling: { draws: theta.rows, acceptance } };
}

/** `abc-32`, `abc-16`, `abc-8` and `abc-4`; `smc-abc` and `abc-regression`. */
export const abcMethods: readonly Method[] = [...tolerances.map(rejectionMethod), sequential, regression];
