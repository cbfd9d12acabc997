/**
 * Trained score estimators: `t(x) = d/dtheta log p(x | theta)` at one reference point. Near that point the score is a
 * sufficient statistic, as many numbers as there are parameters, however large `x` is.
 *
 * @module
 */
import { type Matrix, matrix } from "../core/matrix.js";
import type { Standardiser } from "../dataset/standardise.js";
import { unpack } from "../engine/packing.js";
import type { Compiled, Engine } from "../engine/types.js";
import type { Embedding, EmbeddingRecord } from "../nets/embedding.js";
import { scoreNetwork } from "../nets/score-network.js";
import type { TrunkSpec } from "../nets/trunk.js";
import type { TrainingLog } from "../train/log.js";
import { checkX } from "./checks.js";
import type { MeanCheck } from "./gold-checks.js";
import { allDone, toStandardised } from "./ratio-evaluator.js";
import type { RatioOnnxOptions } from "./ratio-onnx.js";
import { scoreToOnnx } from "./score-onnx.js";

/** Everything about a trained score but its weights; plain JSON, the header of its file. */
export interface ScoreHeader {
  readonly method: "sally";
  readonly names: readonly string[];
  readonly xShape: readonly number[];
  readonly network: TrunkSpec;
  /** Where the score is taken. */
  readonly thetaRef: readonly number[];
  /** Standardisation of data, and the root mean square of the joint score, per unit of `theta`. */
  readonly transforms: { readonly x: Standardiser; readonly score: readonly number[] };
  /** Training rows whose joint score exceeds 50 root mean squares; they are not clipped. */
  readonly largeScores: number;
  readonly logs: readonly TrainingLog[];
  /** `E_ref[t] = 0` for each parameter, on the validation rows of training. */
  readonly expectations: readonly MeanCheck[];
  readonly warnings: readonly string[];
  /** Whether the file needs the user's embedding network to be read back. */
  readonly embedding: EmbeddingRecord;
}

/** A trained score; owns engine sessions. The members of an ensemble are averaged. */
export interface ScoreEstimator extends AsyncDisposable {
  readonly kind: "score";
  readonly header: ScoreHeader;
  /** `[D]`. */
  readonly thetaRef: Float64Array;
  readonly thetaDim: number;
  readonly xDim: number;
  /** Packed weights of each member. */
  readonly weights: readonly Float32Array[];
  readonly engine: string;
  /** `[N, L] -> [N, D]`: the score of each row at `thetaRef`, per unit of `theta`. */
  score(x: Matrix): Promise<Matrix>;
  /**
   * The estimator as a self-contained ONNX model for any runtime: `x: [N, L]`, float32 and not standardised, to
   * `score: [N, D]`, per unit of `theta`. Method, names, shape and reference point stand in its metadata, as JSON under `galton`.
   *
   * @param options.rows - the number of rows N that it takes. Default: any.
   * @throws {EngineError} if an embedding network holds for a fixed number of rows only and `rows` is left out.
   */
  toOnnx(options?: RatioOnnxOptions): Promise<Uint8Array>;
  /** Frees the compiled networks; the estimator cannot be asked afterwards. */
  dispose(): Promise<void>;
}

/** Rows of one engine call; the last ones of a table are padded up to it. */
const chunk = 512;

/** Puts trained weights and their header to work. */
export function scoreEstimator(
  header: ScoreHeader,
  weights: readonly Float32Array[],
  { engine, embedding }: { readonly engine: Engine; readonly embedding?: Embedding },
): ScoreEstimator {
  const thetaDim = header.names.length;
  const xDim = header.xShape.reduce((a, b) => a * b, 1);
  const network = scoreNetwork(header.network, xDim, thetaDim, embedding);
  const graphs = new Map<number, Promise<Compiled>>();
  /** The sum over members of their scores, `[rows, D]`, for a fixed number of rows. */
  const graphFor = (rows: number) => {
    const known = graphs.get(rows);
    if (known) return known;
    const names = weights.map((_, e) => `member${e}`);
    const compiled = engine.compile(
      (tf, inputs) => {
        const scores = names.map((name) =>
          network.apply(tf, unpack(tf, inputs[name], network.parameters), inputs.x),
        );
        return { score: scores.length === 1 ? scores[0] : tf.addN(scores) };
      },
      {
        x: { shape: [rows, xDim] },
        ...Object.fromEntries(names.map((name, e) => [name, { shape: [weights[e].length] }])),
      },
      { constants: Object.fromEntries(names.map((name, e) => [name, weights[e]])) },
    );
    graphs.set(rows, compiled);
    return compiled;
  };

  const estimator: ScoreEstimator = {
    kind: "score",
    header,
    thetaRef: Float64Array.from(header.thetaRef),
    thetaDim,
    xDim,
    weights,
    engine: engine.version,

    async score(x) {
      checkX(x, xDim, "score");
      const out = matrix(x.rows, thetaDim);
      const data = toStandardised(x, header.transforms.x);
      const scale = header.transforms.score;
      for (let from = 0; from < x.rows; from += chunk) {
        const count = Math.min(chunk, x.rows - from);
        const size = Math.min(chunk, 2 ** Math.ceil(Math.log2(count)));
        const feed = new Float32Array(size * xDim);
        feed.set(data.subarray(from * xDim, (from + count) * xDim));
        const { score } = await (await graphFor(size)).run({ x: feed });
        for (let i = 0; i < count * thetaDim; i++) {
          out.data[from * thetaDim + i] = (score[i] / weights.length) * scale[i % thetaDim];
        }
      }
      return out;
    },

    toOnnx: (options) => scoreToOnnx(header, network, weights, options),

    async dispose() {
      const known = [...graphs.values()];
      graphs.clear();
      const compiled = await Promise.allSettled(known);
      await allDone(
        compiled.flatMap((graph) => (graph.status === "fulfilled" ? [graph.value.dispose()] : [])),
      );
    },
    [Symbol.asyncDispose]: () => estimator.dispose(),
  };
  return estimator;
}
