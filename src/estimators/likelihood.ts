/**
 * Trained likelihood estimators: a conditional density `q(x | theta)`, normalised over `x`, that is evaluated, compared at
 * two points and sampled. Amortised: one network for every theta and every x.
 *
 * Members of an ensemble are a mixture with equal weights, for each row of data and for a set of them alike:
 * `q(x_1..M | theta) = mean_e prod_i q_e(x_i | theta)`.
 *
 * @module
 */
import type { Cloud } from "../calibration/cloud.js";
import type { LogProbAndGradient, Prior } from "../core/contracts.js";
import { ShapeError } from "../core/errors.js";
import { type Matrix, matrix, row } from "../core/matrix.js";
import type { Key } from "../core/random.js";
import { type Lattices, ontoLattices } from "../dataset/lattices.js";
import { applyStandardiser } from "../dataset/standardise.js";
import { invertTailMaps, type TailMap } from "../dataset/tail-maps.js";
import type { Engine } from "../engine/types.js";
import type { ConditionalDensity, DensitySpec } from "../flows/density.js";
import { densityEvaluator } from "../flows/evaluator.js";
import { logMixture, sampleMixture } from "../flows/mixture.js";
import type { LikelihoodCard } from "../likelihood-card.js";
import type { TrainingLog } from "../train/log.js";
import type { RatioTransforms } from "./aalr.js";
import { cellGradient, cellLogProb, cellOf, cellsOf } from "./cells.js";
import { checkTheta, checkX } from "./checks.js";
import { allDone, toStandardised } from "./ratio-evaluator.js";

/** Everything about a trained likelihood but its weights; plain JSON, the header of its file. */
export interface LikelihoodHeader {
  readonly method: "nle" | "scandal";
  readonly names: readonly string[];
  readonly xShape: readonly number[];
  readonly density: DensitySpec;
  /** Maps of the tails of data, where a column needs one, then standardisation. */
  readonly transforms: RatioTransforms & {
    readonly tails?: readonly TailMap[];
    /** Columns of data on a lattice, over whose cells the density is spread; left out where there is none. */
    readonly lattices?: Lattices;
  };
  /** Weight of the score term, in standardised parameters, where there is one. */
  readonly alpha?: number;
  readonly logs: readonly TrainingLog[];
  /** Checks on held-out simulations; left out where there were too few, or no prior. */
  readonly card?: LikelihoodCard;
  /** Where the data that it learned from lie; left out where there were few, and in files of before. */
  readonly cloud?: Cloud;
}

/** A likelihood at a set of independent observations. */
export interface ObservedLikelihood {
  /** `sum_i log q(x_i | theta)`, `[N, D] -> [N]`, nats. */
  logProb(theta: Matrix): Promise<Float64Array>;
  /** The same, and its gradient with respect to `theta`. */
  gradient(theta: Matrix): Promise<LogProbAndGradient>;
}

/** A trained likelihood; owns engine sessions. */
export interface LikelihoodEstimator extends AsyncDisposable {
  readonly kind: "likelihood";
  readonly header: LikelihoodHeader;
  readonly prior?: Prior;
  readonly thetaDim: number;
  readonly xDim: number;
  /** Packed weights of each member. */
  readonly weights: readonly Float32Array[];
  readonly engine: string;
  /**
   * `log q(x_i | theta_i)` of pairs, `[N, D]` and `[N, L]` to `[N]`, nats; the logarithm of a probability where values are
   * counted. In columns on a lattice it is that of the mean over the cell around `x_i`: of a probability, too, where the step is
   * one. The log ratio of two points is the difference of two such.
   */
  logProb(theta: Matrix, x: Matrix): Promise<Float64Array>;
  /** The likelihood at independent observations `[M, L]`. */
  observe(x: Matrix): ObservedLikelihood;
  /** One draw `x ~ q(x | theta_i)` per row, `[N, D] -> [N, L]`. Row `i` depends on `foldIn(key, i)` alone. */
  sample(theta: Matrix, key: Key): Promise<Matrix>;
  /** Frees the compiled networks; the estimator cannot be asked afterwards. */
  dispose(): Promise<void>;
}

/** Puts trained weights and their header to work. */
export function likelihoodEstimator(
  header: LikelihoodHeader,
  weights: readonly Float32Array[],
  {
    engine,
    density,
    prior,
  }: { readonly engine: Engine; readonly density: ConditionalDensity; readonly prior?: Prior },
): LikelihoodEstimator {
  const { names, transforms } = header;
  const thetaDim = names.length;
  const xDim = header.xShape.reduce((a, b) => a * b, 1);
  const members = weights.map((packed) => densityEvaluator(engine, density, packed));
  const known = density.values && new Set(density.values);
  const isPossible = (x: Matrix, i: number) =>
    known === undefined || row(x, i).every((value) => known.has(value));

  const estimator: LikelihoodEstimator = {
    kind: "likelihood",
    header,
    ...(prior && { prior }),
    thetaDim,
    xDim,
    weights,
    engine: engine.version,

    async logProb(theta, x) {
      checkTheta(theta, names, "logProb");
      checkX(x, xDim, "logProb");
      if (theta.rows !== x.rows) {
        throw new ShapeError(`logProb: theta has ${theta.rows} rows but x has ${x.rows}; expected pairs.`);
      }
      const cells = cellsOf(x, transforms);
      const context = toStandardised(theta, transforms.theta);
      const logs: (Float32Array | Float64Array)[] = [];
      for (const member of members) logs.push(await cellLogProb(member, cells, context));
      return cells.logDet.map((logDet, i) => (isPossible(x, i) ? logMixture(logs, i) + logDet : -Infinity));
    },

    observe(x) {
      checkX(x, xDim, "observe");
      if (x.rows === 0) throw new ShapeError("observe: expected at least one observation, got none.");
      const cells = cellsOf(x, transforms);
      const constant = cells.logDet.reduce((sum, log) => sum + log, 0);
      const impossible = Array.from({ length: x.rows }, (_, i) => i).some((i) => !isPossible(x, i));
      const each = Array.from({ length: x.rows }, (_, m) => cellOf(cells, m));

      const totals = async (theta: Matrix, withGradient: boolean) => {
        checkTheta(theta, names, "observe");
        const context = toStandardised(theta, transforms.theta);
        const sums = members.map(() => new Float64Array(theta.rows));
        const slopes = members.map(() => new Float64Array(withGradient ? context.length : 0));
        for (const [e, member] of members.entries()) {
          for (const cell of each) {
            if (!withGradient) {
              add(sums[e], await cellLogProb(member, cell, context));
              continue;
            }
            const found = await cellGradient(member, cell, context);
            add(sums[e], found.logProb);
            add(slopes[e], found.gradient);
          }
        }
        const logProb = sums[0].map((_, i) => (impossible ? -Infinity : logMixture(sums, i) + constant));
        return { sums, slopes, logProb };
      };
      return {
        logProb: async (theta) => (await totals(theta, false)).logProb,
        async gradient(theta) {
          const { sums, slopes, logProb } = await totals(theta, true);
          const gradient = matrix(theta.rows, thetaDim);
          for (let i = 0; i < theta.rows && !impossible; i++) {
            const total = logMixture(sums, i) + Math.log(sums.length);
            slopes.forEach((slope, e) => {
              const share = Math.exp(sums[e][i] - total);
              for (let j = 0; j < thetaDim; j++) {
                const at = i * thetaDim + j;
                gradient.data[at] += (share * slope[at]) / transforms.theta.scale[j];
              }
            });
          }
          return { logProb, gradient };
        },
      };
    },

    async sample(theta, key) {
      checkTheta(theta, names, "sample");
      const out = matrix(theta.rows, xDim);
      const context = applyStandardiser(theta, transforms.theta);
      const values = await sampleMixture(density, members, context, theta.rows, key);
      const { center, scale } = transforms.x;
      values.data.forEach((value, at) => {
        out.data[at] = center[at % xDim] + scale[at % xDim] * value;
      });
      return ontoLattices(invertTailMaps(out, transforms.tails), transforms.lattices);
    },

    async dispose() {
      await allDone(members.map((member) => member.dispose()));
    },
    [Symbol.asyncDispose]: () => estimator.dispose(),
  };
  return estimator;
}

function add(sum: Float64Array, terms: Float32Array | Float64Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] += terms[i];
}
