/**
 * The sampler of `galton sample` on a worker, which opens the estimator's file for itself.
 *
 * @module
 */

import type { PriorSpec } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import type { Matrix } from "../core/matrix.js";
import type { LoadOptions } from "../estimators/file.js";
import { posterior } from "../posterior.js";
import { priorFromSpec } from "../prior/from-spec.js";
import type { ModuleSampler } from "../sampler-module.js";
import { loadForPosterior } from "./estimator-file.js";
import { type SamplerName, samplerFor } from "./sampler-option.js";

/** What the command was asked for; plain data. */
export interface EstimatorSamplerInput {
  readonly file: string;
  readonly engine: string | undefined;
  readonly observed: Matrix;
  readonly given: Readonly<Record<string, number>>;
  readonly prior?: PriorSpec;
  readonly sampler: SamplerName;
}

/**
 * Makes it; the estimator is freed with it.
 *
 * @throws {ConfigError} if the file cannot be read, or holds no ratio or likelihood.
 */
export async function estimatorSampler(input: EstimatorSamplerInput): Promise<ModuleSampler> {
  const { file, observed, given, prior, sampler } = input;
  const engine = input.engine as LoadOptions["engine"];
  const estimator = await loadForPosterior(file, { engine, caller: "sample" });
  if (estimator.kind === "posterior") {
    await estimator.dispose();
    throw new ConfigError(`sample: ${file} is a posterior, which is drawn from without chains.`);
  }
  const target = posterior(estimator, { observed, given, ...(prior && { prior: priorFromSpec(prior) }) });
  return { ...(await samplerFor(sampler, target)), [Symbol.asyncDispose]: () => estimator.dispose() };
}
