/**
 * Trained posterior estimators: a conditional density `q(theta | x)` that is sampled without a chain. Amortised: one
 * network for every x.
 *
 * The density lives in unconstrained space: `theta = T(u)` with the prior's map `T`, so there is no mass outside the prior
 * and nothing to correct. On the scale of `theta`
 *
 *     log q(theta | x) = log q(u | x) - log |det dT/du|.
 *
 * Members of an ensemble are a mixture with equal weights.
 *
 * @module
 */
import type { Cloud } from "../calibration/cloud.js";
import { identity } from "../core/bijection.js";
import type { Bijection, LogProbAndGradient, Prior } from "../core/contracts.js";
import { ShapeError } from "../core/errors.js";
import { type Matrix, matrix, row, sliceRows } from "../core/matrix.js";
import { foldIn, type Key } from "../core/random.js";
import { applyStandardiser, type Standardiser } from "../dataset/standardise.js";
import { applyTailMaps, type TailMap } from "../dataset/tail-maps.js";
import type { Engine } from "../engine/types.js";
import type { ConditionalDensity, DensitySpec } from "../flows/density.js";
import { type DensityEvaluator, densityEvaluator } from "../flows/evaluator.js";
import { logMixture, sampleMixture, sampleWideMixture } from "../flows/mixture.js";
import type { CalibrationTerm } from "../losses/calibration.js";
import type { Embedding, EmbeddingRecord } from "../nets/embedding.js";
import type { PosteriorCard } from "../posterior-card.js";
import type { TrainingLog } from "../train/log.js";
import { checkTheta, checkX } from "./checks.js";
import { allDone, toStandardised } from "./ratio-evaluator.js";

/** Everything about a trained posterior but its weights; plain JSON, the header of its file. */
export interface PosteriorHeader {
  readonly method: "npe" | "apt" | "snpe-b";
  readonly names: readonly string[];
  readonly xShape: readonly number[];
  readonly density: DensitySpec;
  /** Weight of the balance penalty; left out where there is none. */
  readonly balance?: number;
  /** The calibration term; left out where there is none. */
  readonly calibration?: CalibrationTerm;
  /** Standardisation of the unconstrained parameters and of data, whose tails are mapped before where a column needs it. */
  readonly transforms: {
    readonly u: Standardiser;
    readonly x: Standardiser;
    readonly tails?: readonly TailMap[];
  };
  readonly logs: readonly TrainingLog[];
  /** Whether the file needs the user's embedding network to be read back. */
  readonly embedding: EmbeddingRecord;
  /** Checks on held-out simulations; left out where there were too few. */
  readonly card?: PosteriorCard;
  /** Where the data that it learned from lie; left out where there were few, and in files of before. */
  readonly cloud?: Cloud;
}

/** A trained posterior; owns engine sessions. */
export interface PosteriorEstimator extends AsyncDisposable {
  readonly kind: "posterior";
  readonly header: PosteriorHeader;
  readonly prior?: Prior;
  readonly thetaDim: number;
  readonly xDim: number;
  /** Packed weights of each member. */
  readonly weights: readonly Float32Array[];
  readonly engine: string;
  /** `log q(theta_i | x_i)` of pairs, `[N, D]` and `[N, L]` to `[N]`, normalised over theta; `-Infinity` outside the prior. */
  logProb(theta: Matrix, x: Matrix): Promise<Float64Array>;
  /** The same at one observation `[L]`, and the gradient with respect to `theta`. */
  gradient(theta: Matrix, x: ArrayLike<number>): Promise<LogProbAndGradient>;
  /**
   * Independent draws, those of row `i` of `x` in rows `i n` to `(i + 1) n`, `[M n, D]`. Row `i` depends on
   * `foldIn(key, i)` alone.
   */
  sample(x: Matrix, n: number, key: Key): Promise<Matrix>;
  /**
   * Draws at one observation, `[n, D]`, made from normal noise that is `widen` times as wide and so reaches into the tails.
   * Weights `exp(logWeights)`, `[n]`, make them draws of the posterior.
   */
  sampleWide(
    x: ArrayLike<number>,
    n: number,
    key: Key,
    widen: number,
  ): Promise<{ readonly theta: Matrix; readonly logWeights: Float64Array }>;
  /** Frees the compiled networks; the estimator cannot be asked afterwards. */
  dispose(): Promise<void>;
}

/** Puts trained weights and their header to work. */
export function posteriorEstimator(
  header: PosteriorHeader,
  weights: readonly Float32Array[],
  {
    engine,
    density,
    prior,
    embedding,
  }: {
    readonly engine: Engine;
    readonly density: ConditionalDensity;
    readonly prior?: Prior;
    readonly embedding?: Embedding;
  },
): PosteriorEstimator {
  const thetaDim = header.names.length;
  const xDim = header.xShape.reduce((a, b) => a * b, 1);
  const support = prior?.support ?? identity(thetaDim);
  const members = weights.map((packed) =>
    densityEvaluator(engine, density, packed, { embedding, contextDim: xDim }),
  );
  const { u: scaling, x: xScaling, tails } = header.transforms;
  const logScale = scaling.scale.reduce((sum, scale) => sum + Math.log(scale), 0);

  /** Rows inside the support: unconstrained, with what the change of variables adds to their log density. */
  const inside = (theta: Matrix) => {
    const { u, finite } = unconstrainedRows(theta, support);
    const jacobian = Float64Array.from({ length: theta.rows }, (_, i) =>
      finite[i] ? -support.logDet(row(u, i)) - logScale : -Infinity,
    );
    return { u, value: toStandardised(u, scaling), jacobian };
  };

  /** Standardised draws on the scale of `theta`, written from row `from` on. */
  const constrain = (draws: Matrix, out: Matrix, from: number) => {
    const u = new Float64Array(thetaDim);
    for (let i = 0; i < draws.rows; i++) {
      const value = row(draws, i);
      for (let j = 0; j < thetaDim; j++) u[j] = scaling.center[j] + scaling.scale[j] * value[j];
      support.toConstrained(u, row(out, from + i));
    }
  };

  const estimator: PosteriorEstimator = {
    kind: "posterior",
    header,
    ...(prior && { prior }),
    thetaDim,
    xDim,
    weights,
    engine: engine.version,

    async logProb(theta, x) {
      checkTheta(theta, header.names, "logProb");
      checkX(x, xDim, "logProb");
      if (theta.rows !== x.rows) {
        throw new ShapeError(`logProb: theta has ${theta.rows} rows but x has ${x.rows}; expected pairs.`);
      }
      const { value, jacobian } = inside(theta);
      const context = toStandardised(applyTailMaps(x, tails), xScaling);
      const logs: Float32Array[] = [];
      for (const member of members) logs.push(await member.logProb({ value, context }));
      return jacobian.map((log, i) => (log === -Infinity ? log : log + logMixture(logs, i)));
    },

    async gradient(theta, x) {
      checkTheta(theta, header.names, "gradient");
      const observed = matrix(1, x.length, Float64Array.from(x));
      checkX(observed, xDim, "gradient");
      const { u, value, jacobian } = inside(theta);
      const context = toStandardised(applyTailMaps(observed, tails), xScaling);
      const parts: Awaited<ReturnType<DensityEvaluator["gradient"]>>[] = [];
      for (const member of members) parts.push(await member.gradient({ value, context }, "value"));
      const logs = parts.map(({ logProb }) => logProb);
      const logProb = jacobian.map((log, i) => (log === -Infinity ? log : log + logMixture(logs, i)));
      const gradient = matrix(theta.rows, thetaDim);
      const slope = new Float64Array(thetaDim);
      for (let i = 0; i < theta.rows; i++) {
        if (logProb[i] === -Infinity) continue;
        const total = logMixture(logs, i) + Math.log(parts.length);
        slope.fill(0);
        for (const part of parts) {
          const share = Math.exp(part.logProb[i] - total);
          for (let j = 0; j < thetaDim; j++) {
            slope[j] += (share * part.gradient[i * thetaDim + j]) / scaling.scale[j];
          }
        }
        toThetaGradient(support, row(u, i), slope, row(gradient, i));
      }
      return { logProb, gradient };
    },

    async sample(x, n, key) {
      checkX(x, xDim, "sample");
      if (!(Number.isSafeInteger(n) && n >= 1)) {
        throw new RangeError(`sample: n must be a positive whole number, got ${n}.`);
      }
      const draws = matrix(x.rows * n, thetaDim);
      const context = applyStandardiser(applyTailMaps(x, tails), xScaling);
      for (let i = 0; i < x.rows; i++) {
        const own = await sampleMixture(density, members, sliceRows(context, i, i + 1), n, foldIn(key, i));
        constrain(own, draws, i * n);
      }
      return draws;
    },

    async sampleWide(x, n, key, widen) {
      const observed = matrix(1, x.length, Float64Array.from(x));
      checkX(observed, xDim, "sampleWide");
      const context = applyStandardiser(applyTailMaps(observed, tails), xScaling);
      const { values, logWeights } = await sampleWideMixture(density, members, context, n, key, widen);
      const theta = matrix(n, thetaDim);
      constrain(values, theta, 0);
      return { theta, logWeights };
    },

    async dispose() {
      await allDone(members.map((member) => member.dispose()));
    },
    [Symbol.asyncDispose]: () => estimator.dispose(),
  };
  return estimator;
}

/** Rows in unconstrained space; rows on the edge of the support or beyond it are zeros, and not `finite`. */
export function unconstrainedRows(
  theta: Matrix,
  support: Bijection,
): { readonly u: Matrix; readonly finite: boolean[] } {
  const u = matrix(theta.rows, theta.cols);
  const finite = Array.from({ length: theta.rows }, (_, i) => {
    support.toUnconstrained(row(theta, i), row(u, i));
    if (row(u, i).every(Number.isFinite)) return true;
    row(u, i).fill(0);
    return false;
  });
  return { u, finite };
}

/**
 * From `d log q(u) / du` to `d log q(theta) / d theta`, `q(theta) = q(u) / |det dT/du|`. The maps of priors act on each
 * parameter alone, so `pullback` takes a gradient `g` over theta to `J g + d logDet / du` with a diagonal `J`.
 */
export function toThetaGradient(
  support: Bijection,
  u: Float64Array,
  slope: Float64Array,
  out: Float64Array,
): void {
  const dim = u.length;
  const logDetSlope = new Float64Array(dim);
  const both = new Float64Array(dim);
  support.pullback(u, new Float64Array(dim), logDetSlope);
  support.pullback(u, new Float64Array(dim).fill(1), both);
  for (let j = 0; j < dim; j++) out[j] = (slope[j] - logDetSlope[j]) / (both[j] - logDetSlope[j]);
}
