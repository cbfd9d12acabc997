/**
 * A fitted flow as a normalised density over the parameters of its target, which draws for itself:
 * `log q(theta) = log q(v) - log |det L| - log |det dT/du|` at `theta = T(center + L v)`.
 *
 * @module
 */
import type { LogDensity } from "../core/contracts.js";
import { EngineError, ShapeError } from "../core/errors.js";
import { solveLower, solveLowerTransposed } from "../core/linalg.js";
import { type Matrix, matrix, row } from "../core/matrix.js";
import { type Key, key as keyOf, stream } from "../core/random.js";
import type { DirectPosterior } from "../direct-posterior.js";
import type { Engine } from "../engine/types.js";
import { toThetaGradient, unconstrainedRows } from "../estimators/posterior.js";
import type { ConditionalDensity } from "../flows/density.js";
import { densityEvaluator } from "../flows/evaluator.js";
import { sampleMixture } from "../flows/mixture.js";
import { contextDim, type Drawn, drawingGraph, isCarried } from "./drawing.js";
import type { WhitenedTarget } from "./whitened.js";

/** Draws in one call of the graph. */
const chunk = 500;

/** A flow at work; owns engine sessions. */
export interface FlowPosterior extends Omit<DirectPosterior, "warnings" | "start"> {
  /** Draws before they are taken to theta, `[n, D]`, and their log densities there, `[n]`: `NaN` where float32 does not carry the flow. */
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

  let isDisposed = false;
  const asked = (caller: string) => {
    if (isDisposed) throw new EngineError(`${caller}: the fitted posterior is disposed; ask it before.`);
  };

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
      asked("logProb");
      const { value, jacobian } = seen(theta);
      return added(jacobian, (await flow.logProb({ value, context })).slice(0, theta.rows));
    },
    async gradient(theta) {
      asked("gradient");
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
      asked("sample");
      if (!(Number.isSafeInteger(n) && n >= 1)) {
        throw new RangeError(`sample: n must be a positive whole number, got ${n}.`);
      }
      return whitened.toTheta(await draw(n, keyOf(seed)));
    },
    async drawWhitened(n, key) {
      const rows = Math.min(n, chunk);
      await using graph = await drawingGraph(engine, density, rows);
      const v = matrix(n, dim);
      const logProb = new Float64Array(n);
      const rng = stream(key);
      for (let from = 0; from < n; from += rows) {
        const noise = Float32Array.from(rng.normals(rows * dim));
        const drawn = { ...((await graph.run({ weights, noise })) as Omit<Drawn, "noise">), noise };
        for (let i = 0; i < Math.min(rows, n - from); i++) {
          row(v, from + i).set(drawn.value.subarray(i * dim, (i + 1) * dim));
          logProb[from + i] = isCarried(drawn, i) ? drawn.logProb[i] : Number.NaN;
        }
      }
      return { v, logProb };
    },
    dispose() {
      isDisposed = true;
      return flow.dispose();
    },
  };
}
