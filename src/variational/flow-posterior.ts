/**
 * A fitted flow as a normalised density over the parameters of its target, which draws for itself:
 * `log q(theta) = log q(v) - log |det L| - log |det dT/du|` at `theta = T(center + L v)`.
 *
 * @module
 */
import type { LogDensity } from "../core/contracts.js";
import { ShapeError } from "../core/errors.js";
import { solveLower, solveLowerTransposed } from "../core/linalg.js";
import { type Matrix, matrix, row } from "../core/matrix.js";
import { type Key, key as keyOf } from "../core/random.js";
import type { DirectPosterior } from "../direct-posterior.js";
import type { Engine } from "../engine/types.js";
import { toThetaGradient, unconstrainedRows } from "../estimators/posterior.js";
import type { ConditionalDensity } from "../flows/density.js";
import { densityEvaluator } from "../flows/evaluator.js";
import { sampleMixture } from "../flows/mixture.js";
import { contextDim } from "./fit.js";
import type { WhitenedTarget } from "./whitened.js";

/** A flow at work; owns engine sessions. */
export interface FlowPosterior extends Omit<DirectPosterior, "warnings" | "start"> {
  /** Draws before they are taken to theta, `[n, D]`, and their log densities there, `[n]`. */
  drawWhitened(n: number, key: Key): Promise<{ readonly v: Matrix; readonly logProb: Float64Array }>;
  dispose(): Promise<void>;
}

/** Puts fitted weights to work. */
export function flowPosterior(
  target: LogDensity,
  whitened: WhitenedTarget,
  density: ConditionalDensity,
  engine: Engine,
  weights: Float32Array,
): FlowPosterior {
  const { dim, names, support } = target;
  const { logScale, whitening } = whitened;
  const { center, lower } = whitening;
  const flow = densityEvaluator(engine, density, weights);
  const context = new Float32Array(contextDim);

  /** Rows of theta as the flow sees them; what they add to its log density is `-Infinity` outside the support. */
  const seen = (theta: Matrix) => {
    if (theta.cols !== dim) {
      throw new ShapeError(
        `logProb: theta has ${theta.cols} columns, expected ${dim} (${names.join(", ")}).`,
      );
    }
    const { u, finite } = unconstrainedRows(theta, support);
    const value = new Float32Array(u.data.length);
    const jacobian = Float64Array.from({ length: theta.rows }, (_, i) => {
      const v = row(u, i).map((at, j) => at - center[j]);
      value.set(solveLower(lower, v), i * dim);
      return finite[i] ? -support.logDet(row(u, i)) - logScale : -Infinity;
    });
    return { u, value, jacobian };
  };
  const added = (jacobian: Float64Array, logProb: Float32Array) =>
    jacobian.map((log, i) => (log === -Infinity ? log : log + logProb[i]));
  const draw = (n: number, key: Key) => sampleMixture(density, [flow], matrix(1, contextDim), n, key);

  return {
    dim,
    names,
    support,
    normalised: true,
    async logProb(theta) {
      const { value, jacobian } = seen(theta);
      return added(jacobian, (await flow.logProb({ value, context })).slice(0, theta.rows));
    },
    async gradient(theta) {
      const { u, value, jacobian } = seen(theta);
      const part = await flow.gradient({ value, context }, "value");
      const gradient = matrix(theta.rows, dim);
      for (let i = 0; i < theta.rows; i++) {
        if (jacobian[i] === -Infinity) continue;
        const slope = Float64Array.from(part.gradient.subarray(i * dim, (i + 1) * dim));
        toThetaGradient(support, row(u, i), solveLowerTransposed(lower, slope), row(gradient, i));
      }
      return { logProb: added(jacobian, part.logProb), gradient };
    },
    async sample(n, { seed = 0 } = {}) {
      if (!(Number.isSafeInteger(n) && n >= 1)) {
        throw new RangeError(`sample: n must be a positive whole number, got ${n}.`);
      }
      return whitened.toTheta(await draw(n, keyOf(seed)));
    },
    async drawWhitened(n, key) {
      const v = await draw(n, key);
      const logProb = await flow.logProb({ value: Float32Array.from(v.data), context });
      return { v, logProb: Float64Array.from(logProb) };
    },
    dispose: () => flow.dispose(),
  };
}
