/**
 * Warm-up of Hamiltonian Monte Carlo, with all chains together.
 *
 * @module
 */
import {
  startDualAveraging,
  startMoments,
  updateDualAveraging,
  updateMoments,
  windowCovariance,
  windowsOf,
} from "./adaptation.js";
import type { HmcState } from "./hmc.js";
import type { HmcOptions, HmcTuning } from "./hmc-options.js";
import type { Tuner } from "./kernel.js";
import { factorOf, factorOfCovariance, inverseMassOf } from "./metric.js";
import { startLength, updateLength } from "./trajectory.js";

/** The tuner for `hmc`; options are checked there. */
export function hmcTuner(dim: number, options: HmcOptions): Tuner<HmcState, HmcTuning> {
  const { targetAcceptance = 0.8, inverseMass, numSteps, maxSteps = 256 } = options;
  const dense =
    options.metric === "dense" ||
    (options.metric === undefined && inverseMass?.length !== dim && !!inverseMass);
  const adaptsLength = numSteps === undefined && options.trajectoryLength === undefined;
  return {
    start({ covariance, size }, { chains, warmup }) {
      const { stepSize = dim ** -0.25, trajectoryLength = 1.5 } = options;
      return {
        stepSize,
        trajectoryLength,
        factor: inverseMass ? factorOf(inverseMass, dim) : factorOfCovariance(covariance, size, dim, dense),
        draw: 0,
        chains,
        windows: windowsOf(warmup),
        averaging: startDualAveraging(stepSize),
        length: startLength(trajectoryLength),
        moments: startMoments(chains, dim),
        pooled: false,
      };
    },

    update(tuning, states, infos) {
      const { averaging, length, windows, chains } = tuning;
      const acceptance = infos.map((info) => info.acceptanceRate);
      updateDualAveraging(averaging, acceptance.reduce((a, b) => a + b, 0) / chains, targetAcceptance);
      tuning.stepSize = Math.exp(averaging.logStep);
      if (adaptsLength) {
        const bounds = [tuning.stepSize, 0.5 * maxSteps * tuning.stepSize] as const;
        updateLength(length, states, acceptance, tuning.factor, bounds);
        tuning.trajectoryLength = Math.exp(length.logLength);
      }
      if (tuning.draw >= windows.first) {
        updateMoments(
          tuning.moments,
          states.map((state) => state.u),
        );
      }
      if (windows.ends.includes(tuning.draw)) {
        const window = windowCovariance(tuning.moments, chains, dim);
        if (window) {
          tuning.factor = factorOfCovariance(window.covariance, window.draws, dim, dense);
          tuning.pooled = window.pooled;
        }
        tuning.averaging = startDualAveraging(Math.exp(averaging.logStepAverage));
        tuning.moments = startMoments(chains, dim);
      }
      tuning.draw++;
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
