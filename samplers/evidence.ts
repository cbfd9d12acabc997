/**
 * The evidence, as tempering finds it on its way from the prior to the posterior.
 *
 * @module
 */
import type { Draws } from "./draws.js";

/** The log of the integral of a target, and how well it is known. */
export interface Evidence {
  /** Log of the evidence, nats; `NaN` where the tempering was not complete. */
  readonly logEvidence: number;
  /** Its standard error, from the spread of islands or ladders; `NaN` for one of them. */
  readonly standardError: number;
}

/**
 * The log evidence: the log of the integral of `exp(logProb)`, for a target whose `start` integrates to one. Where `logProb`
 * is the log of that prior and a likelihood, it is the evidence of the model; where it is the log of the prior and a learned
 * ratio to the evidence, it is 0 if the ratio is right.
 *
 * @param draws - of `smc` or `parallelTempering`.
 * @throws {TypeError} if they are of another sampler.
 * @example
 * const { logEvidence, standardError } = evidence(await sample(smc(target), { seed: "hello" }));
 */
export function evidence(draws: Draws): Evidence {
  const { logEvidence, standardError } = draws.warmup as Partial<Evidence>;
  if (logEvidence === undefined || standardError === undefined) {
    throw new TypeError(
      `evidence: expected draws of smc or parallelTempering, got draws of ${draws.run.sampler ?? "several runs"}.`,
    );
  }
  return { logEvidence, standardError };
}
