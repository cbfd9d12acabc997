/**
 * The evidence of observations under a learned likelihood or ratio: the integral of prior times likelihood over the
 * parameters, by importance sampling. It compares models, and priors of one model.
 *
 *     likelihood                      log p(x_1..M)
 *     ratio to the evidence           log p(x_1..M) - sum_i log p(x_i)
 *     ratio to a reference point      log p(x_1..M) - sum_i log p(x_i | thetaRef)
 *
 * where `p(x_i)` is the evidence under the prior of the simulations. Of a ratio to the evidence, one observation and that prior
 * the second line is zero, `E_p(theta)[r(x | theta)] = 1`: what comes instead is the network's own mistake at this
 * observation. The standard error is that of the sampling; what the network has wrong is not in it.
 *
 * @see Dax et al. (2023), https://arxiv.org/abs/2210.05686, equation 4
 * @module
 */
import { type ImportanceOptions, importance, type WeightedDraws } from "../samplers/importance-sampling.js";
import { ConfigError } from "./core/errors.js";
import type { LikelihoodEstimator } from "./estimators/likelihood.js";
import type { NamedRatio, RatioHeader } from "./estimators/ratio.js";
import type { NreLoss } from "./losses/nre.js";
import { type PosteriorOptions, posterior } from "./posterior.js";

/** A ratio that says what it is taken to; a `RatioEstimator` is one, also when it is calibrated. */
export interface ReferredRatio extends NamedRatio {
  readonly header: NamedRatio["header"] & {
    readonly reference: RatioHeader["reference"];
    readonly loss?: Pick<NreLoss, "gamma">;
  };
}

/** Options of `logEvidence`: those of `posterior` and those of `importance`. */
export type LogEvidenceOptions = PosteriorOptions & ImportanceOptions;

/** An evidence, and what it was made of. */
export interface LogEvidence {
  /** Nats. */
  readonly value: number;
  /** Of the sampling alone. */
  readonly standardError: number;
  /**
   * What the evidence is divided by: `"nothing"`, the evidence of each observation under the prior of the simulations, or its
   * likelihood at a point.
   */
  readonly relativeTo: "nothing" | "evidence" | { readonly thetaRef: readonly number[] };
  /** Weighted draws from the posterior. */
  readonly draws: WeightedDraws;
  /** What is wrong, one sentence each: those of the draws, and a ratio that does not integrate to one. */
  readonly warnings: readonly string[];
}

/** A ratio whose integral is off by more than this, nats, and by four standard errors, is told. */
const off = 0.1;

/**
 * Estimates the log evidence of one observation, or of several independent ones together.
 *
 * @param estimator - of a likelihood, or of a ratio that is normalised (any but NRE-B, or calibrated).
 * @param options.proposal - such as `posterior(...)` of a posterior estimator. Default: a mixture fitted on the way.
 * @throws as `posterior` and `importance`; {ConfigError} if the ratio holds an unknown function of the data (NRE-B).
 * @example
 * const { value, standardError, warnings } = await logEvidence(await train(nle(simulations)), { observed, seed: "hello" });
 */
export async function logEvidence(
  estimator: LikelihoodEstimator | ReferredRatio,
  { observed, prior, given, ...options }: LogEvidenceOptions,
): Promise<LogEvidence> {
  const relativeTo = referenceOf(estimator);
  const shape = { observed, ...(prior && { prior }), ...(given && { given }) };
  const draws = await importance(posterior(estimator, shape), options);
  const { value, standardError } = draws.logIntegral;
  const one = isOne(relativeTo, observed) && !prior && Object.keys(given ?? {}).length === 0;
  const warnings = [...draws.warnings];
  if (one && Math.abs(value) > off + 4 * standardError) {
    warnings.push(
      `At this observation the ratio averages ${Math.exp(value).toPrecision(3)} over the prior instead of 1: posteriors may be ` +
        "right, but the ratio as such is not. More simulations or calibrateRatio help.",
    );
  }
  return { value, standardError, relativeTo, draws, warnings };
}

function referenceOf(estimator: LikelihoodEstimator | ReferredRatio): LogEvidence["relativeTo"] {
  if ("kind" in estimator && estimator.kind === "likelihood") return "nothing";
  const { reference, loss } = (estimator as ReferredRatio).header;
  if (reference === undefined) {
    throw new ConfigError(
      "logEvidence: the ratio does not say what it is a ratio to; expected an estimator of a likelihood or a ratio.",
    );
  }
  if (loss?.gamma === Infinity) {
    throw new ConfigError(
      "logEvidence: a ratio trained by NRE-B holds an unknown function of the data, so it has no evidence. " +
        "Train aalr(simulations) with a finite gamma, or calibrate it with calibrateRatio.",
    );
  }
  return reference;
}

/** Whether the exact answer is zero. */
function isOne(relativeTo: LogEvidence["relativeTo"], observed: PosteriorOptions["observed"]): boolean {
  if (relativeTo !== "evidence") return false;
  if ("rows" in observed) return observed.rows === 1;
  return typeof observed[0] === "number" || observed.length === 1;
}
