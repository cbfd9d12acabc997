/**
 * Simulations with gold: what a simulator knows of its own latent path `z`, row by row.
 *
 * Rows are classification pairs. Row `i` has a numerator point `theta0_i`, a denominator point `theta1_i` and a label:
 * where `y_i = 0` its data were simulated at `theta0_i`, where `y_i = 1` at `theta1_i`. Gold is always evaluated at that
 * row's own `(x, z)`, whichever of the two points made it:
 *
 *     jointLogRatio_i = log p(x_i, z_i | theta0_i) - log p(x_i, z_i | theta1_i)
 *     jointScore_i    = d/dtheta log p(x_i, z_i | theta) at theta0_i
 *
 * Only where `y_i = 0` is the joint score an unbiased label of the score of `x`: `E[t(x, z | theta0) | x, theta0] = t(x | theta0)`.
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244, section II
 * @module
 */
import type { Prior } from "../core/contracts.js";
import { type Matrix, stackRows } from "../core/matrix.js";

/** A table of simulations with gold, in memory. */
export interface GoldDataset {
  /** Numerator points `theta0`, `[N, D]`. */
  readonly theta: Matrix;
  /** Denominator points `theta1`, `[N, D]`; all rows equal where the denominator is one reference point. */
  readonly thetaRef: Matrix;
  /** `[N]`: 0 where `x` comes from `theta`, 1 where it comes from `thetaRef`. */
  readonly y: Uint8Array;
  /** `[N, L]`, `L = product(xShape)`. */
  readonly x: Matrix;
  /** `log r(x, z | theta0, theta1)`, `[N]`, nats. Infinite where the path is impossible at one of the points. */
  readonly jointLogRatio: Float64Array;
  /** `t(x, z | theta0)`, `[N, D]`, per unit of `theta`; `NaN` where the path is impossible there: a log ratio of `-Infinity`. */
  readonly jointScore: Matrix;
  /** `t(x, z | theta1)`, `[N, D]`, where it was asked for: both points vary. `NaN` where the log ratio is `Infinity`. */
  readonly jointScoreRef?: Matrix;
  readonly names: readonly string[];
  readonly xShape: readonly number[];
  /** What `theta` was drawn from, where it was. */
  readonly proposal?: Prior;
  /** Where the rows came from, in plain JSON. */
  readonly source: Readonly<Record<string, unknown>>;
}

/** Simulations at one reference point with the joint score there: what score estimators learn from. */
export interface ScoreDataset {
  /** The reference point, `[D]`. */
  readonly thetaRef: Float64Array;
  /** `x ~ p(x | thetaRef)`, `[N, L]`. */
  readonly x: Matrix;
  /** `t(x, z | thetaRef)`, `[N, D]`, per unit of `theta`. */
  readonly jointScore: Matrix;
  readonly names: readonly string[];
  readonly xShape: readonly number[];
  readonly source: Readonly<Record<string, unknown>>;
}

/** Consecutive rows of a `GoldDataset`. */
export type GoldPart = Pick<
  GoldDataset,
  "theta" | "thetaRef" | "y" | "x" | "jointLogRatio" | "jointScore" | "jointScoreRef"
>;

/** Joins consecutive rows to the table that objectives take; infinite log ratios are counted in its source. */
export function goldTable(
  parts: readonly GoldPart[],
  {
    both,
    source,
    ...known
  }: Pick<GoldDataset, "names" | "xShape" | "proposal" | "source"> & { readonly both: boolean },
): GoldDataset {
  const joined = (of: (part: GoldPart) => Matrix) =>
    parts.length === 1 ? of(parts[0]) : stackRows(parts.map(of));
  const theta = joined((part) => part.theta);
  const y = new Uint8Array(theta.rows);
  const jointLogRatio = new Float64Array(theta.rows);
  let at = 0;
  for (const part of parts) {
    y.set(part.y, at);
    jointLogRatio.set(part.jointLogRatio, at);
    at += part.y.length;
  }
  const infiniteLogRatios = jointLogRatio.reduce(
    (sum, value) => sum + Number(Math.abs(value) === Infinity),
    0,
  );
  return {
    theta,
    thetaRef: joined((part) => part.thetaRef),
    y,
    x: joined((part) => part.x),
    jointLogRatio,
    jointScore: joined((part) => part.jointScore),
    ...(both && { jointScoreRef: joined((part) => part.jointScoreRef!) }),
    ...known,
    source: { ...source, n: theta.rows, infiniteLogRatios },
  };
}
