/**
 * Trained ratio estimators: `log r(x, theta) = log p(x | theta) / p(x)`, or to a reference point instead of
 * the evidence. Amortised: one network for every theta and every x.
 *
 * Members of an ensemble have equal weights: the ratios are averaged, `log r = log mean_e exp(log r_e)`, after
 * each member has summed its log ratios over the observations of a set.
 *
 * @module
 */
import type { Cloud } from "../calibration/cloud.js";
import type { LogProbAndGradient, Prior } from "../core/contracts.js";
import { ShapeError } from "../core/errors.js";
import { fromRows, type Matrix, matrix, row } from "../core/matrix.js";
import type { Standardiser } from "../dataset/standardise.js";
import type { Engine } from "../engine/types.js";
import type { CalibrationTerm } from "../losses/calibration.js";
import type { GoldMethod } from "../losses/gold.js";
import type { NreLoss } from "../losses/nre.js";
import type { Embedding, EmbeddingRecord } from "../nets/embedding.js";
import { morphingNetwork } from "../nets/morphing.js";
import { type RatioNetwork, type RatioNetworkSpec, ratioNetwork } from "../nets/ratio-network.js";
import { atReference, pairNetwork, takesPairs } from "../nets/structure.js";
import type { ReportCard } from "../report-card.js";
import type { TrainingLog } from "../train/log.js";
import type { RatioTransforms } from "./aalr.js";
import { checkTheta, checkX } from "./checks.js";
import type { GoldRecord } from "./gold-record.js";
import {
  allDone,
  type RatioEvaluator,
  ratioEvaluator,
  standardisedData,
  toStandardised,
} from "./ratio-evaluator.js";
import { type RatioOnnxOptions, ratioToOnnx } from "./ratio-onnx.js";

/** Everything about a trained ratio but its weights; plain JSON, the header of its file. */
export interface RatioHeader {
  readonly method: "aalr" | "aalr-lrt" | GoldMethod;
  readonly names: readonly string[];
  readonly xShape: readonly number[];
  readonly network: RatioNetworkSpec;
  readonly loss: NreLoss;
  /** The calibration term; left out where there is none. */
  readonly calibration?: CalibrationTerm;
  /** What the ratio is taken to: the evidence `p(x)`, or `p(x | thetaRef)`. */
  readonly reference: "evidence" | { readonly thetaRef: readonly number[] };
  /** How it was learned, where it was learned from gold. */
  readonly gold?: GoldRecord;
  readonly transforms: RatioTransforms;
  readonly logs: readonly TrainingLog[];
  /** Checks on held-out simulations; left out where there is no prior. */
  readonly card?: ReportCard;
  /** Where the data that it learned from lie; left out where they were few or on disk, for gold, and in files of before. */
  readonly cloud?: Cloud;
  /** Whether the file needs the user's embedding network to be read back. */
  readonly embedding: EmbeddingRecord;
}

/**
 * The log ratio as a function of theta at fixed observations, summed over them. In an ensemble each member sums
 * over the observations first: what is averaged is the members' likelihoods of all observations together.
 */
export interface ObservedRatio {
  /** `[N, D] -> [N]`, nats. */
  logRatio(theta: Matrix): Promise<Float64Array>;
  /** Value and gradient with respect to `theta`. */
  gradient(theta: Matrix): Promise<LogProbAndGradient>;
  /**
   * Standard deviation of the log ratio over the members of an ensemble, `[N]`; zeros for one network. With NRE-B
   * it holds the members' unknown `c(x)` too.
   */
  spread(theta: Matrix): Promise<Float64Array>;
}

/** What `posterior` takes: a ratio that knows its parameters. A `RatioEstimator` is one, also when it is calibrated. */
export interface NamedRatio {
  readonly header: { readonly names: readonly string[]; readonly cloud?: Cloud };
  readonly prior?: Prior;
  readonly xDim: number;
  /** `false` where `gradient` refuses. Default `true`. */
  readonly differentiable?: boolean;
  /** Fixes one or several independent observations, `[M, L]`; their log ratios add. */
  observe(x: Matrix): Pick<ObservedRatio, "logRatio" | "gradient">;
}

/**
 * A trained ratio; owns engine sessions. The members of an ensemble are averaged with equal weights: their ratios, or
 * with NRE-B their log ratios, because each member's unknown `c(x)` would be its weight otherwise.
 */
export interface RatioEstimator extends AsyncDisposable {
  readonly kind: "ratio";
  readonly header: RatioHeader;
  readonly prior?: Prior;
  readonly thetaDim: number;
  readonly xDim: number;
  /** Packed weights of each member. */
  readonly weights: readonly Float32Array[];
  readonly engine: string;
  /** `theta: [N, D]` and `x: [N, L]` to `[N]`: the log ratio of each pair, nats. */
  logRatio(theta: Matrix, x: Matrix): Promise<Float64Array>;
  /**
   * `log p(x | theta0) / p(x | theta1)`: `theta0, theta1: [N, D]` and `x: [N, L]` to `[N]`, nats. Exactly antisymmetric in
   * the two points. Where the network takes one point it is the difference of two log ratios.
   */
  logRatioBetween(theta0: Matrix, theta1: Matrix, x: Matrix): Promise<Float64Array>;
  /** Fixes one or several independent observations, `[M, L]`; their log ratios add. */
  observe(x: Matrix): ObservedRatio;
  /**
   * The estimator as a self-contained ONNX model for any runtime: `theta: [N, D]` and `x: [N, L]`, float32 and not
   * standardised, to `log_ratio: [N]`, nats; an ensemble averaged as `logRatio` averages it. The rest of the header but the
   * report card stands in its metadata, as JSON under `galton`.
   *
   * @param options.rows - the number of rows N that it takes. Default: any.
   * @throws {EngineError} if an embedding network holds for a fixed number of rows only and `rows` is left out.
   */
  toOnnx(options?: RatioOnnxOptions): Promise<Uint8Array>;
  /** Frees the compiled networks; the estimator cannot be asked afterwards. */
  dispose(): Promise<void>;
}

/**
 * The network of a header: over one point, and over two where it was trained on pairs of points.
 *
 * @throws {ConfigError} as `ratioNetwork`.
 */
export function networksOf(
  { network, names, xShape, gold, reference, transforms }: RatioHeader,
  embedding: Embedding | undefined,
): { readonly network: RatioNetwork; readonly pairs?: RatioNetwork } {
  const xDim = xShape.reduce((a, b) => a * b, 1);
  const structure = gold?.structure ?? "reference";
  if (gold?.morphing) {
    const { condition, floored, ...options } = gold.morphing;
    return {
      network: morphingNetwork(options, network, { standardiser: transforms.theta, xDim, embedding }),
    };
  }
  if (!takesPairs(structure) || reference === "evidence") {
    return { network: ratioNetwork(network, names.length, xDim, embedding) };
  }
  const pairs = pairNetwork(structure, network, names.length, xDim, embedding);
  const point = toStandardised(fromRows([reference.thetaRef]), transforms.theta);
  return { network: atReference(pairs, Array.from(point)), pairs };
}

/** Puts trained weights and their header to work. */
export function ratioEstimator(
  header: RatioHeader,
  weights: readonly Float32Array[],
  { engine, prior, embedding }: { engine: Engine; prior?: Prior; embedding?: Embedding },
): RatioEstimator {
  const thetaDim = header.names.length;
  const xDim = header.xShape.reduce((a, b) => a * b, 1);
  const { network, pairs } = networksOf(header, embedding);
  const { transforms } = header;
  const members = weights.map((packed) => ratioEvaluator(engine, network, packed, thetaDim, xDim));
  const pairMembers: RatioEvaluator[] = pairs
    ? weights.map((packed) => ratioEvaluator(engine, pairs, packed, 2 * thetaDim, xDim))
    : [];
  const combine = averagesLogs(header) ? averageLogs : averageRatios;
  const ratio: RatioEstimator = {
    kind: "ratio",
    header,
    ...(prior && { prior }),
    thetaDim,
    xDim,
    weights,
    engine: engine.version,

    async logRatio(theta, x) {
      checkTheta(theta, header.names, "logRatio");
      checkX(x, xDim, "logRatio");
      if (theta.rows !== x.rows) {
        throw new ShapeError(`logRatio: theta has ${theta.rows} rows but x has ${x.rows}; expected pairs.`);
      }
      const inputs = [toStandardised(theta, transforms.theta), standardisedData(x, transforms)] as const;
      const values: Float64Array[] = [];
      for (const member of members) values.push(Float64Array.from(await member.pairs(...inputs)));
      return combine(values).logMean;
    },

    async logRatioBetween(theta0, theta1, x) {
      for (const theta of [theta0, theta1]) checkTheta(theta, header.names, "logRatioBetween");
      checkX(x, xDim, "logRatioBetween");
      if (theta0.rows !== x.rows || theta1.rows !== x.rows) {
        throw new ShapeError(
          `logRatioBetween: theta0, theta1 and x have ${theta0.rows}, ${theta1.rows} and ${x.rows} rows; expected as many of each.`,
        );
      }
      if (pairMembers.length === 0) {
        const [first, second] = [await ratio.logRatio(theta0, x), await ratio.logRatio(theta1, x)];
        return first.map((value, i) => value - second[i]);
      }
      const points = matrix(x.rows, 2 * thetaDim);
      for (let i = 0; i < x.rows; i++) row(points, i).set([...row(theta0, i), ...row(theta1, i)]);
      const inputs = [
        toStandardised(points, twice(transforms.theta)),
        standardisedData(x, transforms),
      ] as const;
      const values: Float64Array[] = [];
      for (const member of pairMembers) values.push(Float64Array.from(await member.pairs(...inputs)));
      return combine(values).logMean;
    },

    observe(x) {
      checkX(x, xDim, "observe");
      if (x.rows === 0) throw new ShapeError("observe: expected at least one observation, got none.");
      const data = standardisedData(x, transforms);
      const totals = async (theta: Matrix, gradient: boolean) => {
        checkTheta(theta, header.names, "observe");
        const sums: Float64Array[] = [];
        const slopes: Float32Array[] = [];
        const inputs = toStandardised(theta, transforms.theta);
        for (const member of members) {
          const grid = await member.grid(inputs, data, gradient);
          const sum = new Float64Array(theta.rows);
          for (let i = 0; i < grid.logRatio.length; i++) sum[i % theta.rows] += grid.logRatio[i];
          sums.push(sum);
          if (grid.gradient) slopes.push(grid.gradient);
        }
        return { ...combine(sums), slopes };
      };
      return {
        logRatio: async (theta) => (await totals(theta, false)).logMean,
        spread: async (theta) => (await totals(theta, false)).spread,
        async gradient(theta) {
          const { logMean, weights, slopes } = await totals(theta, true);
          const gradient = matrix(theta.rows, thetaDim);
          const { scale } = transforms.theta;
          slopes.forEach((slope, e) => {
            for (let i = 0; i < theta.rows; i++) {
              for (let j = 0; j < thetaDim; j++) {
                gradient.data[i * thetaDim + j] += (weights[e][i] * slope[i * thetaDim + j]) / scale[j];
              }
            }
          });
          return { logProb: logMean, gradient };
        },
      };
    },

    toOnnx: (options) => ratioToOnnx(header, network, weights, options),

    async dispose() {
      await allDone([...members, ...pairMembers].map((member) => member.dispose()));
    },
    [Symbol.asyncDispose]: () => ratio.dispose(),
  };
  return ratio;
}

/**
 * Whether the members' log ratios are averaged instead of their ratios: with NRE-B, where each has an unknown `c(x)`, and
 * with pairs of points, where the mean of ratios would not be antisymmetric.
 */
export function averagesLogs({ loss, gold }: RatioHeader): boolean {
  return loss.gamma === Infinity || (gold !== undefined && takesPairs(gold.structure));
}

/** The map of a point, for two of them side by side. */
function twice({ center, scale, constantColumns }: Standardiser): Standardiser {
  const n = center.length;
  return {
    center: [...center, ...center],
    scale: [...scale, ...scale],
    constantColumns: [...constantColumns, ...constantColumns.map((j) => j + n)],
  };
}

/** The average over members, and the share of each member in its gradient. */
interface Combined {
  /** `[N]`. */
  readonly logMean: Float64Array;
  /** Standard deviation over members, `[N]`. */
  readonly spread: Float64Array;
  /** Per member, `[N]`; they sum to one. */
  readonly weights: readonly Float64Array[];
}

/** One network has nothing to average. */
function alone(logMean: Float64Array): Combined {
  return { logMean, spread: new Float64Array(logMean.length), weights: [logMean.map(() => 1)] };
}

/** `mean_e v_e`, entry by entry. */
function averageLogs(values: readonly Float64Array[]): Combined {
  if (values.length === 1) return alone(values[0]);
  const logMean = values[0].map((_, i) => values.reduce((sum, v) => sum + v[i], 0) / values.length);
  const spread = logMean.map((mean, i) => {
    return Math.sqrt(values.reduce((sum, v) => sum + (v[i] - mean) ** 2, 0) / (values.length - 1));
  });
  return { logMean, spread, weights: values.map((v) => v.map(() => 1 / values.length)) };
}

/** `log mean_e exp(v_e)`, entry by entry. */
function averageRatios(values: readonly Float64Array[]): Combined {
  if (values.length === 1) return alone(values[0]);
  const { spread } = averageLogs(values);
  const logMean = values[0].map((_, i) => {
    const largest = values.reduce((max, v) => Math.max(max, v[i]), -Infinity);
    return largest + Math.log(values.reduce((sum, v) => sum + Math.exp(v[i] - largest), 0) / values.length);
  });
  const weights = values.map((v) => v.map((value, i) => Math.exp(value - logMean[i]) / values.length));
  return { logMean, spread, weights };
}
