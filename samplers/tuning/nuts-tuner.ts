/**
 * Warm-up of the no-U-turn sampler: with all chains together here; each chain by itself in `nuts-adaptation.ts`.
 *
 * @module
 */

import type { Tuner } from "../kernel.js";
import type { NutsState } from "../nuts.js";
import type { NutsOptions, NutsTuning } from "../nuts-options.js";
import { startDualAveraging, startMoments, updateDualAveraging, windowsOf } from "./adaptation.js";
import { factorOf, inverseMassOf } from "./metric.js";
import { isDense, startMetric, updateMetric } from "./pooled-metric.js";

/** The tuner for `nuts`; options are checked there. */
export function nutsTuner(dim: number, options: NutsOptions): Tuner<NutsState, NutsTuning> {
  return options.adaptation === "stan" ? chainTuner(dim, options) : pooledTuner(dim, options);
}

function pooledTuner(dim: number, options: NutsOptions): Tuner<NutsState, NutsTuning> {
  const { targetAcceptance = 0.8, stepSize = dim ** -0.25, inverseMass } = options;
  const dense = isDense(options, dim);
  return {
    start: (population, plan) => ({
      ...startMetric(population, plan, dim, dense, inverseMass),
      warmup: plan.warmup,
      stepSize,
      averaging: startDualAveraging(stepSize),
    }),

    update(tuning, states, infos) {
      const { averaging } = tuning;
      const acceptance = infos.reduce((sum, info) => sum + info.acceptanceRate, 0) / tuning.chains;
      updateDualAveraging(averaging, acceptance, targetAcceptance);
      tuning.stepSize = Math.exp(averaging.logStep);
      if (updateMetric(tuning, states, dense)) {
        tuning.averaging = startDualAveraging(Math.exp(averaging.logStepAverage));
      }
      return tuning;
    },

    finish(tuning) {
      tuning.stepSize = Math.exp(tuning.averaging.logStepAverage);
      return tuning;
    },

    report: ({ stepSize, factor, pooled }) => ({ stepSize, inverseMass: inverseMassOf(factor, dim), pooled }),
  };
}

/** Only says where the chains begin, and gathers what each has found: `stepSize` `[chains]`, `inverseMass` per chain. */
function chainTuner(dim: number, options: NutsOptions): Tuner<NutsState, NutsTuning> {
  const { stepSize = 1, inverseMass = new Float64Array(dim).fill(1) } = options;
  return {
    independent: true,

    start: (_, { chains, warmup }) => ({
      stepSize,
      factor: factorOf(inverseMass, dim),
      draw: 0,
      chains,
      warmup,
      windows: windowsOf(warmup),
      moments: startMoments(0, 0),
      averaging: startDualAveraging(stepSize),
      pooled: false,
    }),

    update: (tuning) => tuning,

    finish: (tuning) => tuning,

    report: (_, states) => ({
      stepSize: Float64Array.from(states, ({ own }) => own!.stepSize),
      inverseMass: states.map(({ own }) => inverseMassOf(own!.factor, dim)),
      pooled: false,
    }),
  };
}
