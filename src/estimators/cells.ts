/**
 * What a density of data says of a row: its logarithm there, or, where columns lie on a lattice, that of its mean over the
 * cell around the row.
 *
 * @module
 */
import type { Matrix } from "../core/matrix.js";
import { cellPoints, type Lattices } from "../dataset/lattices.js";
import type { Standardiser } from "../dataset/standardise.js";
import { type TailMap, tailMapsLogDet } from "../dataset/tail-maps.js";
import type { DensityEvaluator } from "../flows/evaluator.js";
import { logMixture } from "../flows/mixture.js";
import { standardisedData } from "./ratio-evaluator.js";

/** What happens to data before the density sees them. */
export interface DataTransforms {
  readonly x: Standardiser;
  readonly tails?: readonly TailMap[];
  readonly lattices?: Lattices;
}

/** Rows as the density takes them, at one or several points of their cells. */
export interface Cells {
  /** Standardised, `[M, L]`, for each point. */
  readonly values: readonly Float32Array[];
  /** What the density gains on the scale of the rows, `[M]`: at the rows themselves, and at each point more than there. */
  readonly logDet: Float64Array;
  readonly logDetMore: readonly Float64Array[];
}

/** The cells of rows `[M, L]`: the rows themselves where there are no lattices. */
export function cellsOf(x: Matrix, transforms: DataTransforms): Cells {
  const { tails, lattices } = transforms;
  const points = cellPoints(x, lattices);
  const logScale = transforms.x.scale.reduce((sum, scale) => sum + Math.log(scale), 0);
  const mapped = tailMapsLogDet(x, tails);
  return {
    values: points.map((at) => standardisedData(at, transforms)),
    logDet: mapped.map((log) => log - logScale),
    logDetMore: points.map((at) => tailMapsLogDet(at, tails).map((log, i) => log - mapped[i])),
  };
}

/** The cell of row `m`, alone. */
export function cellOf({ values, logDet, logDetMore }: Cells, m: number): Cells {
  const columns = values[0].length / logDet.length;
  return {
    values: values.map((value) => value.subarray(m * columns, (m + 1) * columns)),
    logDet: logDet.subarray(m, m + 1),
    logDetMore: logDetMore.map((more) => more.subarray(m, m + 1)),
  };
}

/** `log q` without `logDet`: for each row of `context` its own cell, or one cell for all; `[N]`. */
export async function cellLogProb(
  member: DensityEvaluator,
  { values, logDetMore }: Cells,
  context: Float32Array,
): Promise<Float32Array | Float64Array> {
  if (values.length === 1) return member.logProb({ value: values[0], context });
  const logs: Float64Array[] = [];
  for (const [k, value] of values.entries()) {
    logs.push(withMore(await member.logProb({ value, context }), logDetMore[k]));
  }
  return logs[0].map((_, i) => logMixture(logs, i));
}

/** The same, and its gradient with respect to the context, `[N, C]`, for one cell. */
export async function cellGradient(
  member: DensityEvaluator,
  { values, logDetMore }: Cells,
  context: Float32Array,
): Promise<{
  readonly logProb: Float32Array | Float64Array;
  readonly gradient: Float32Array | Float64Array;
}> {
  if (values.length === 1) return member.gradient({ value: values[0], context }, "context");
  const logs: Float64Array[] = [];
  const slopes: Float32Array[] = [];
  for (const [k, value] of values.entries()) {
    const found = await member.gradient({ value, context }, "context");
    logs.push(withMore(found.logProb, logDetMore[k]));
    slopes.push(found.gradient);
  }
  const logProb = logs[0].map((_, i) => logMixture(logs, i));
  const columns = slopes[0].length / logProb.length;
  const gradient = new Float64Array(slopes[0].length);
  for (const [k, slope] of slopes.entries()) {
    for (let at = 0; at < gradient.length; at++) {
      const i = Math.floor(at / columns);
      gradient[at] += (Math.exp(logs[k][i] - logProb[i]) / logs.length) * slope[at];
    }
  }
  return { logProb, gradient };
}

/** What a point says; `more` is of each row, or of all. */
const withMore = (log: Float32Array, more: Float64Array): Float64Array =>
  Float64Array.from(log, (value, i) => value + more[more.length === 1 ? 0 : i]);
