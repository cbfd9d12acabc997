/**
 * The samplers as plans name them, and what a draw of each costs.
 *
 * @module
 */
import { differentialEvolution } from "../../samplers/differential-evolution.js";
import type { Draws } from "../../samplers/draws.js";
import { hmc } from "../../samplers/hmc.js";
import type { Sampler } from "../../samplers/kernel.js";
import { mala } from "../../samplers/mala.js";
import { metropolis } from "../../samplers/metropolis.js";
import { nuts } from "../../samplers/nuts.js";
import { parallelTempering } from "../../samplers/parallel-tempering.js";
import { slice } from "../../samplers/slice.js";
import { smc } from "../../samplers/smc.js";
import { stretch } from "../../samplers/stretch.js";
import type { LogDensity } from "../../src/core/contracts.js";

/** Makes each by its name; options are those of the sampler, which checks them. */
export const samplers: Readonly<Record<string, (target: LogDensity, options: object) => Sampler>> = {
  nuts,
  hmc,
  mala,
  slice,
  metropolis,
  stretch,
  differentialEvolution,
  smc,
  parallelTempering,
};

/** Evaluations, with the gradient where the sampler asks for it, that the kept draws took, those thinned away among them. */
export function evaluationsOf({ stats, chains, draws, run }: Draws): number {
  const thin = Number(run.thin ?? 1);
  const counted = stats.numSteps ?? stats.numEvaluations;
  if (counted) return thin * counted.reduce((a, b) => a + b, 0); // of draws thinned away by the mean of the kept
  const { replicas = 1 } = run.options as { readonly replicas?: number };
  return chains * draws * thin * replicas;
}
