/**
 * How far draws are from the reference, in standard errors, and whether they are draws of the target at all, by identities
 * that need no reference.
 *
 * Stein's identities in unconstrained space, for any fixed `c`: `E[g] = 0` and `E[(u - c) . g] = -D`, where `g` is the gradient of
 * the log density. Draws of another density break them.
 *
 * @see Magnusson et al. (2025), https://arxiv.org/abs/2407.04967
 * @see Gorham and Mackey (2015), https://arxiv.org/abs/1506.03039 (Stein's identities as a check of samples)
 * @module
 */
import { groupedEss } from "../../samplers/diagnostics/groups.js";
import { mcseMean, mcseSd } from "../../samplers/diagnostics/mcse.js";
import { mean } from "../../samplers/diagnostics/ranks.js";
import { chainValues, type Draws, drawsMatrix } from "../../samplers/draws.js";
import { summary } from "../../samplers/summary.js";
import type { LogDensity } from "../../src/core/contracts.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import type { Reference, ReferencePosterior } from "./reference-posterior.js";

/** The worst numbers of a run, over the parameters of the reference. */
export interface Judgement {
  /** Of means, and of standard deviations; standard errors of both sides together. */
  readonly z: number;
  readonly zSd: number;
  /** The parameter with the largest `z`. */
  readonly worst: string;
  readonly rhat: number;
  readonly essBulk: number;
}

/** The draws as the parameters of the reference. */
export function derivedDraws(draws: Draws, { derive }: ReferencePosterior, reference: Reference): Draws {
  const theta = drawsMatrix(draws);
  const names = Object.keys(reference.parameters);
  const values = new Float64Array(theta.rows * names.length);
  for (let i = 0; i < theta.rows; i++) {
    const derived = derive(row(theta, i));
    names.forEach((name, j) => {
      values[i * names.length + j] = derived[name];
    });
  }
  return { ...draws, names, values };
}

/** `|estimate - reference| / sqrt(mcse^2 + mcse_reference^2)` by parameter. */
export function deviations(draws: Draws, posterior: ReferencePosterior, reference: Reference) {
  const derived = derivedDraws(draws, posterior, reference);
  return summary(derived).rows.map(({ name, mean, sd, mcse }) => {
    const want = reference.parameters[name];
    const x = chainValues(derived, name);
    return {
      name,
      mean: Math.abs(mean - want.mean) / Math.hypot(mcse, want.mcse_mean),
      sd: Math.abs(sd - want.sd) / Math.hypot(errorOfSd(x, mean, sd, draws.groups), want.mcse_sd),
    };
  });
}

/** That of groups by the delta method: half the standard error of the variance, per `sd`. */
function errorOfSd(x: Matrix, centre: number, sd: number, groups: number | undefined): number {
  if (groups === undefined) return mcseSd(x);
  const squares = { ...x, data: x.data.map((value) => (value - centre) ** 2) };
  return groupedEss(squares, groups).mcse / (2 * sd);
}

/** Judges a run. */
export function judge(draws: Draws, posterior: ReferencePosterior, reference: Reference): Judgement {
  const { rows } = summary(derivedDraws(draws, posterior, reference));
  const all = deviations(draws, posterior, reference);
  const worst = all.reduce((a, b) => (b.mean > a.mean ? b : a));
  return {
    z: worst.mean,
    zSd: Math.max(...all.map(({ sd }) => sd)),
    worst: worst.name,
    rhat: Math.max(...rows.map(({ rhat }) => rhat)),
    essBulk: Math.min(...rows.map(({ essBulk }) => essBulk)),
  };
}

/**
 * Standard errors by which the draws miss Stein's identities: the largest over the coordinates of `E[g] = 0`, and that of
 * `E[(u - c) . g] = -D`.
 *
 * @param centre - `c`, `[D]`; near the mean it makes the second sharp.
 */
export async function steinChecks(
  draws: Draws,
  target: LogDensity,
  centre: ArrayLike<number>,
): Promise<{ readonly gradient: number; readonly position: number }> {
  const { dim, support } = target;
  const { gradient } = await target.gradient!(drawsMatrix(draws));
  const theta = drawsMatrix(draws);
  const u = new Float64Array(dim);
  const position = matrix(draws.chains, draws.draws);
  for (let i = 0; i < theta.rows; i++) {
    support.toUnconstrained(row(theta, i), u);
    const g = row(gradient, i);
    support.pullback(u, g.slice(), g);
    for (let j = 0; j < dim; j++) position.data[i] += (u[j] - centre[j]) * g[j];
  }
  const z = (x: Matrix, want: number) => {
    const error = draws.groups === undefined ? mcseMean(x) : groupedEss(x, draws.groups).mcse;
    return Math.abs(mean(x.data) - want) / error;
  };
  const gradients = { ...draws, values: gradient.data };
  return {
    gradient: Math.max(...Array.from({ length: dim }, (_, j) => z(chainValues(gradients, j), 0))),
    position: z(position, -dim),
  };
}
