/**
 * What `run.ts` measures, in a module of its own so that workers can import it.
 *
 * @module
 */
import { hmc } from "../../samplers/hmc.js";
import type { Sampler } from "../../samplers/kernel.js";
import { slice } from "../../samplers/slice.js";
import { logDensity } from "../../samplers/target.js";
import type { Matrix } from "../../src/core/matrix.js";
import { loadEstimator } from "../../src/estimators/file.js";
import { posterior } from "../../src/posterior.js";
import type { ModuleSampler } from "../../src/sampler-module.js";
import { problem } from "../problems/lotka-volterra-ode.js";

/** The exact posterior of sbibm's Lotka-Volterra task, an ordinary differential equation for each row. */
export function exact(): Sampler {
  const { simulator, logLikelihood, observation } = problem;
  const { prior, parameters } = simulator;
  const x = observation(1);
  return slice(
    logDensity({
      names: parameters,
      support: prior.support,
      start: prior,
      logProbBatch(theta: Matrix) {
        const logPrior = prior.logProb(theta);
        return logLikelihood(theta, x).map((value, i) => value + logPrior[i]);
      },
    }),
  );
}

/** The posterior of a trained ratio. */
export async function learned({
  file,
  observed,
}: {
  readonly file: string;
  readonly observed: Float64Array;
}): Promise<ModuleSampler> {
  const estimator = await loadEstimator(file);
  return {
    ...hmc(posterior(estimator, { observed })),
    [Symbol.asyncDispose]: () => estimator.dispose(),
  };
}
