/**
 * How far draws are from the reference, in standard errors.
 *
 * @module
 */
import { mcseMean, mcseSd } from "../../samplers/diagnostics/mcse.js";
import { type Draws, drawsMatrix } from "../../samplers/draws.js";
import { matrix, row } from "../../src/core/matrix.js";
import type { Reference, ReferencePosterior } from "./reference-posterior.js";

/** `|estimate - reference| / sqrt(mcse^2 + mcse_reference^2)` of means and standard deviations, by parameter. */
export function deviations(draws: Draws, { derive }: ReferencePosterior, { parameters }: Reference) {
  const theta = drawsMatrix(draws);
  const derived = Array.from({ length: theta.rows }, (_, i) => derive(row(theta, i)));
  return Object.entries(parameters).flatMap(([name, want]) => {
    const x = matrix(
      draws.chains,
      draws.draws,
      Float64Array.from(derived, (values) => values[name]),
    );
    const mean = x.data.reduce((a, b) => a + b, 0) / x.data.length;
    const sd = Math.sqrt(x.data.reduce((a, b) => a + (b - mean) ** 2, 0) / (x.data.length - 1));
    return [
      { name: `mean of ${name}`, z: Math.abs(mean - want.mean) / Math.hypot(mcseMean(x), want.mcse_mean) },
      { name: `sd of ${name}`, z: Math.abs(sd - want.sd) / Math.hypot(mcseSd(x), want.mcse_sd) },
    ];
  });
}
