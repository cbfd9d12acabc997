/**
 * Priors that are normal distributions, flat ones among them: those that mixtures can be multiplied and divided by.
 *
 * @module
 */
import type { Prior, PriorSpec } from "../core/contracts.js";
import { ConfigError } from "../core/errors.js";
import { cholesky, inverseFromCholesky } from "../core/linalg.js";
import type { Gaussian } from "./gaussian-mixture.js";

/**
 * A prior as a normal distribution: its own, with zeros where it is flat.
 *
 * @param method - what needs it, for the message.
 * @throws {ConfigError} if it is neither.
 */
export function priorGaussian(prior: Prior, caller: string, method = "snpe-a"): Gaussian {
  const dim = prior.dim;
  const mean = new Float64Array(dim);
  const precision = new Float64Array(dim * dim);
  let at = 0;
  const blocks = (spec: PriorSpec): void => {
    if (spec.kind === "joined") for (const block of spec.blocks as PriorSpec[]) blocks(block);
    else if (spec.kind === "uniform") at += (spec.names as string[]).length;
    else if (spec.kind === "normal") {
      const own = spec.mean as number[];
      const covariance = Float64Array.from((spec.covariance as number[][]).flat());
      const inverse = inverseFromCholesky(cholesky(covariance, own.length), own.length);
      for (const [i, value] of own.entries()) {
        mean[at + i] = value;
        for (let j = 0; j < own.length; j++) precision[(at + i) * dim + at + j] = inverse[i * own.length + j];
      }
      at += own.length;
    } else if (spec.kind === "independent") {
      for (const piece of spec.pieces as PriorSpec[]) {
        if (piece.kind === "normal") {
          mean[at] = piece.mean as number;
          precision[at * dim + at] = 1 / (piece.sd as number) ** 2;
        } else if (piece.kind !== "uniform") throw neither(piece.kind);
        at++;
      }
    } else throw neither(spec.kind);
  };
  const neither = (kind: string) =>
    new ConfigError(
      `${caller}: "${method}" divides normal distributions by each other, so the prior must be normal or uniform; ` +
        `${prior.names[at]} has "${kind}". Use method "apt", by atoms.`,
    );
  blocks(prior.spec);
  return { mean, precision };
}
