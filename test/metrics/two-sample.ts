/** The golden two-sample cases: pairs of samples with scikit-learn's answers. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Matrix, matrix } from "../../src/core/matrix.js";

export interface GoldenCase {
  readonly name: string;
  readonly reference: Matrix;
  readonly other: Matrix;
  readonly c2stAccuracySeeds123: readonly number[];
  readonly c2stAucSeeds123: readonly number[];
  readonly medianDistanceReference: number;
  readonly medianDistancePooled: number;
  readonly mmd2UnbiasedReferenceBandwidth: number;
  readonly mmd2UnbiasedPooledBandwidth: number;
}

export interface Golden {
  readonly cases: readonly GoldenCase[];
  readonly rocAuc: {
    readonly scores: number[];
    readonly labels: number[];
    readonly weights: number[];
    readonly auc: number;
    readonly weightedAuc: number;
  };
}

/** Reads `two_sample.json` and the samples beside it. */
export function readGolden(path: string): Golden {
  const golden = JSON.parse(readFileSync(path, "utf8"));
  const bytes = gunzipSync(readFileSync(join(dirname(path), "two_sample.f32.gz")));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    ...golden,
    cases: golden.cases.map((entry: GoldenCase & { dim: number; n: number; byteOffset: number }) => {
      const { dim, n, byteOffset } = entry;
      const read = (start: number) =>
        matrix(
          n,
          dim,
          Float64Array.from({ length: n * dim }, (_, i) => view.getFloat32(start + 4 * i, true)),
        );
      return { ...entry, reference: read(byteOffset), other: read(byteOffset + 4 * n * dim) };
    }),
  };
}
