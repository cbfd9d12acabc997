/**
 * The ESTIMATOR of a command that needs a posterior.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { type AnyEstimator, type LoadOptions, loadAnyEstimator } from "../estimators/file.js";

/** An estimator that `posterior` takes. */
export type PosteriorSource = Exclude<AnyEstimator, { readonly kind: "score" }>;

/**
 * Reads an estimator of a ratio, a likelihood or a posterior.
 *
 * @param options.caller - the command, for the message.
 * @throws {ConfigError} as `loadAnyEstimator`, or if the file holds a score.
 */
export async function loadForPosterior(
  path: string,
  { caller, ...options }: LoadOptions & { readonly caller: string },
): Promise<PosteriorSource> {
  const estimator = await loadAnyEstimator(path, options);
  if (estimator.kind !== "score") return estimator;
  await estimator.dispose();
  throw new ConfigError(
    `${caller}: ${path} holds a score, which has no posterior of its own. Train a ratio, a likelihood or a posterior instead, or ` +
      "use the score near its reference point by localModel.",
  );
}
