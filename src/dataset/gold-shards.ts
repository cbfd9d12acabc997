/**
 * Shards of simulations with gold as Arrow files. Every column is float64; those of parameters and data are lists with one
 * value for each.
 *
 *     gold     theta0 [D], theta1 [D], y, x [L], jointLogRatio, jointScore [D], and jointScoreRef [D] where both points vary
 *     scores   x [L], jointScore [D]; the reference point stands in the manifest
 *
 * @module
 */
import { type Matrix, matrix } from "../core/matrix.js";
import { type RowFailure, rowLength } from "../simulator.js";
import { decodeColumns, encodeColumns, type NumberColumn } from "./arrow.js";
import type { ShardFormat } from "./folder.js";
import type { GoldPart, ScoreDataset } from "./gold.js";
import type { FolderIdentity } from "./manifest.js";

/** Rows of a shard with gold. */
export interface GoldShard extends GoldPart {
  /** None: rows with gold cannot be left out. */
  readonly failures: readonly RowFailure[];
}

/** Rows of a shard with scores. */
export interface ScoreShard extends Pick<ScoreDataset, "x" | "jointScore"> {
  readonly failures: readonly RowFailure[];
}

const list = (name: string, { data, cols }: Matrix): NumberColumn => ({ name, data, width: cols });
const metadata = ({ names, xShape }: FolderIdentity) => ({ names, xShape });

/** Classification pairs. */
export const goldShards: ShardFormat<GoldShard> = {
  format: "galton-gold",
  encode: ({ theta, thetaRef, y, x, jointLogRatio, jointScore, jointScoreRef }, identity) =>
    encodeColumns(
      [
        list("theta0", theta),
        list("theta1", thetaRef),
        { name: "y", data: Float64Array.from(y) },
        list("x", x),
        { name: "jointLogRatio", data: jointLogRatio },
        list("jointScore", jointScore),
        ...(jointScoreRef ? [list("jointScoreRef", jointScoreRef)] : []),
      ],
      metadata(identity),
    ),
  decode(bytes, where, { names, xShape, thetaRef }) {
    const d = names.length;
    const widths = { theta0: d, theta1: d, y: 1, x: rowLength(xShape), jointLogRatio: 1, jointScore: d };
    const both = thetaRef === null;
    const { rows, columns } = decodeColumns(
      bytes,
      where,
      Object.entries({ ...widths, ...(both && { jointScoreRef: d }) }).map(([name, width]) => ({
        name,
        width,
      })),
    );
    const [theta0, theta1, y, x, jointLogRatio, jointScore, jointScoreRef] = columns;
    return {
      theta: matrix(rows, d, theta0),
      thetaRef: matrix(rows, d, theta1),
      y: Uint8Array.from(y),
      x: matrix(rows, widths.x, x),
      jointLogRatio,
      jointScore: matrix(rows, d, jointScore),
      ...(both && { jointScoreRef: matrix(rows, d, jointScoreRef) }),
    };
  },
};

/** Simulations at one point with their scores. */
export const scoreShards: ShardFormat<ScoreShard> = {
  format: "galton-scores",
  encode: ({ x, jointScore }, identity) =>
    encodeColumns([list("x", x), list("jointScore", jointScore)], metadata(identity)),
  decode(bytes, where, { names, xShape }) {
    const [length, d] = [rowLength(xShape), names.length];
    const wanted = [
      { name: "x", width: length },
      { name: "jointScore", width: d },
    ];
    const { rows, columns } = decodeColumns(bytes, where, wanted);
    return { x: matrix(rows, length, columns[0]), jointScore: matrix(rows, d, columns[1]) };
  },
};
