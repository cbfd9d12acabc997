/**
 * Warm-up of Hamiltonian Monte Carlo, with all chains together.
 *
 * @module
 */

import type { HmcState } from "../hmc.js";
import type { HmcOptions, HmcTuning } from "../hmc-options.js";
import type { Tuner } from "../kernel.js";
import { startDualAveraging, updateDualAveraging } from "./adaptation.js";
import { inverseMassOf } from "./metric.js";
import { isDense, startMetric, updateMetric } from "./pooled-metric.js";
import { startLength, updateLength } from "./trajectory.js";

/** The tuner for `hmc`; options are checked there. */
export function hmcTuner(dim: number, options: HmcOptions): Tuner<HmcState, HmcTuning> {
  const { targetAcceptance = 0.8, inverseMass, numSteps, maxSteps = 256 } = options;
  const dense = isDense(options, dim);
  const adaptsLength = numSteps === undefined && options.trajectoryLength === undefined;
  return {
    start(population, plan) {
      const { stepSize = dim ** -0.25, trajectoryLength = 1.5 } = options;
      return {
        ...startMetric(population, plan, dim, dense, inverseMass),
        stepSize,
        trajectoryLength,
        averaging: startDualAveraging(stepSize),
        length: startLength(trajectoryLength),
      };
    },

    update(tuning, states, infos) {
      const { averaging, length } = tuning;
      const acceptance = infos.map((info) => info.acceptanceRate);
      updateDualAveraging(averaging, acceptance.reduce((a, b) => a + b, 0) / tuning.chains, targetAcceptance);
      tuning.stepSize = Math.exp(averaging.logStep);
      if (adaptsLength) {
        const bounds = [tuning.stepSize, 0.5 * maxSteps * tuning.stepSize] as const;
        updateLength(length, states, acceptance, tuning.factor, bounds);
        tuning.trajectoryLength = Math.exp(length.logLength);
      }
      if (updateMetric(tuning, states, dense)) {
        tuning.averaging = startDualAveraging(Math.exp(averaging.logStepAverage));
      }
      return tuning;
    },

    finish(tuning) {
      tuning.stepSize = Math.exp(tuning.averaging.logStepAverage);
      tuning.trajectoryLength = Math.exp(tuning.length.logLengthAverage);
      return tuning;
    },

    report: ({ stepSize, trajectoryLength, factor, pooled }) => ({
      stepSize,
      trajectoryLength,
      inverseMass: inverseMassOf(factor, dim),
      pooled,
    }),
  };
}
