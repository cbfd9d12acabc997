/**
 * Densities that draw for themselves, as importance and rejection sampling need them.
 *
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { ShapeError } from "../src/core/errors.js";
import type { Matrix } from "../src/core/matrix.js";

/** A normalised density that draws for itself, such as `posterior(...)` of a posterior estimator. */
export interface Proposal {
  readonly names: readonly string[];
  /** `[N, D] -> [N]`, normalised, nats. */
  logProb(theta: Matrix): Promise<Float64Array>;
  /** Independent draws, `[n, D]`. */
  sample(n: number, options: { readonly seed: string | number }): Promise<Matrix>;
}

/** @throws {ShapeError} if the proposal is over other parameters than the target. */
export function checkProposal(caller: string, target: LogDensity, proposal: Proposal | undefined): void {
  if (!proposal || proposal.names.join() === target.names.join()) return;
  throw new ShapeError(
    `${caller}: the proposal is over (${proposal.names.join(", ")}) but the target over (${target.names.join(", ")}).`,
  );
}
