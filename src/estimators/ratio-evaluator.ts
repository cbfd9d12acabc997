/**
 * Runs a trained ratio network: over pairs `(theta_i, x_i)`, or over a grid of observations and parameters.
 * One graph per size, weights frozen into it; sizes are rounded up and reused, because compiling a graph
 * costs as much as thousands of evaluations.
 *
 * @module
 */
import type { Matrix } from "../core/matrix.js";
import { applyStandardiser, type Standardiser } from "../dataset/standardise.js";
import { applyTailMaps, type TailMap } from "../dataset/tail-maps.js";
import { unpack } from "../engine/packing.js";
import type { Compiled, Engine, Tensor, TensorFunction } from "../engine/types.js";
import type { RatioNetwork } from "../nets/ratio-network.js";

/** Log ratios on a grid, and the gradient of their sum over observations. */
export interface GridValues {
  /** `[M, N]`: observations, parameters. */
  readonly logRatio: Float32Array;
  /** `[N, D]`: gradient with respect to the standardised `theta`, summed over observations. */
  readonly gradient?: Float32Array;
}

/** Evaluates one network on standardised float32 inputs. */
export interface RatioEvaluator {
  /** `theta: [N, D]`, `x: [N, L]` to `[N]`. */
  pairs(theta: Float32Array, x: Float32Array): Promise<Float32Array>;
  /** `theta: [N, D]`, `x: [M, L]` to log ratios `[M, N]`, and their gradient where `gradient` asks for it. */
  grid(theta: Float32Array, x: Float32Array, gradient: boolean): Promise<GridValues>;
  dispose(): Promise<void>;
}

/** Most parameters, and most network rows, in one call: what fits the processor's cache costs a third less a row. */
const maxColumns = 512;
const maxRows = 4096;

/** Builds the evaluator of a network with packed weights `[P]`. */
export function ratioEvaluator(
  engine: Engine,
  network: RatioNetwork,
  weights: Float32Array,
  thetaDim: number,
  xDim: number,
): RatioEvaluator {
  const graphs = new Map<string, { size: number; compiled: Promise<Compiled> }[]>();
  const compile = (fn: TensorFunction, n: number, m: number) =>
    engine.compile(
      fn,
      { weights: { shape: [weights.length] }, theta: { shape: [n, thetaDim] }, x: { shape: [m, xDim] } },
      { constants: { weights } },
    );

  /** A graph for at least `n` rows, at most about twice as many. */
  const graphFor = (kind: string, n: number, make: (size: number) => Promise<Compiled>) => {
    const known = graphs.get(kind) ?? [];
    graphs.set(kind, known);
    const fits = known.filter(({ size }) => size >= n && size <= Math.max(16, 2 * n));
    if (fits.length > 0) return fits.reduce((a, b) => (a.size <= b.size ? a : b));
    const entry = { size: n, compiled: make(n) };
    known.push(entry);
    return entry;
  };

  const compilePairs = (n: number) =>
    compile(
      (tf, inputs) => {
        const parameters = unpack(tf, inputs.weights, network.parameters);
        return {
          logRatio: network.apply(tf, parameters, tf.reshape(inputs.theta, [n, 1, thetaDim]), inputs.x),
        };
      },
      n,
      n,
    );

  const compileGrid = (m: number, gradient: boolean) => (n: number) =>
    compile(
      (tf, inputs) => {
        const parameters = unpack(tf, inputs.weights, network.parameters);
        const logRatio = (theta: Tensor) =>
          network.apply(tf, parameters, tf.tile(tf.reshape(theta, [1, n, thetaDim]), [m, 1, 1]), inputs.x);
        return {
          logRatio: logRatio(inputs.theta),
          ...(gradient && { gradient: tf.grad((theta: Tensor) => tf.sum(logRatio(theta)))(inputs.theta) }),
        };
      },
      n,
      m,
    );

  /** Evaluates up to `maxColumns` parameters at up to `maxRows / N` observations. */
  const block = async (theta: Float32Array, x: Float32Array, gradient: boolean): Promise<GridValues> => {
    const n = theta.length / thetaDim;
    const m = x.length / xDim;
    const { size, compiled } = graphFor(`grid ${m} ${gradient}`, n, compileGrid(m, gradient));
    const out = await (await compiled).run({ theta: padded(theta, size * thetaDim, thetaDim), x });
    return {
      logRatio: trimmed(out.logRatio as Float32Array, m, size, n),
      ...(gradient && { gradient: (out.gradient as Float32Array).slice(0, n * thetaDim) }),
    };
  };

  return {
    async pairs(theta, x) {
      const n = theta.length / thetaDim;
      const out = new Float32Array(n);
      for (let from = 0; from < n; from += maxColumns) {
        const to = Math.min(n, from + maxColumns);
        const { size, compiled } = graphFor("pairs", to - from, compilePairs);
        const part = await (await compiled).run({
          theta: padded(theta.subarray(from * thetaDim, to * thetaDim), size * thetaDim, thetaDim),
          x: padded(x.subarray(from * xDim, to * xDim), size * xDim, xDim),
        });
        out.set((part.logRatio as Float32Array).subarray(0, to - from), from);
      }
      return out;
    },

    async grid(theta, x, gradient) {
      const n = theta.length / thetaDim;
      const m = x.length / xDim;
      const columns = Math.min(n, maxColumns);
      const observations = Math.max(1, Math.min(m, Math.floor(maxRows / columns)));
      const logRatio = new Float32Array(m * n);
      const slopes = gradient ? new Float32Array(n * thetaDim) : undefined;
      for (let c = 0; c < n; c += columns) {
        const width = Math.min(columns, n - c);
        for (let o = 0; o < m; o += observations) {
          const height = Math.min(observations, m - o);
          const part = await block(
            theta.subarray(c * thetaDim, (c + width) * thetaDim),
            x.subarray(o * xDim, (o + height) * xDim),
            gradient,
          );
          for (let i = 0; i < height; i++) {
            logRatio.set(part.logRatio.subarray(i * width, (i + 1) * width), (o + i) * n + c);
          }
          if (slopes && part.gradient) {
            for (let j = 0; j < width * thetaDim; j++) slopes[c * thetaDim + j] += part.gradient[j];
          }
        }
      }
      return { logRatio, ...(slopes && { gradient: slopes }) };
    },

    async dispose() {
      const known = [...graphs.values()].flat();
      graphs.clear();
      const compiled = await Promise.allSettled(known.map((graph) => graph.compiled));
      // a graph that failed to compile told its caller so, and holds nothing
      const open = compiled.flatMap((graph) => (graph.status === "fulfilled" ? [graph.value] : []));
      await allDone(open.map((graph) => graph.dispose()));
    },
  };
}

/** Waits for every task, then passes on the first failure: what comes after a failed release is released too. */
export async function allDone(tasks: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) if (result.status === "rejected") throw result.reason;
}

/** The same values with the first row repeated up to `length`: padding that is never out of range. */
function padded(values: Float32Array, length: number, width: number): Float32Array {
  if (values.length === length) return values;
  const out = new Float32Array(length);
  out.set(values);
  for (let i = values.length; i < length; i += width) out.set(values.subarray(0, width), i);
  return out;
}

/** The first `keep` of every `size` values, copied. */
function trimmed(values: Float32Array, rows: number, size: number, keep: number): Float32Array {
  if (size === keep) return values.slice();
  const out = new Float32Array(rows * keep);
  for (let i = 0; i < rows; i++) out.set(values.subarray(i * size, i * size + keep), i * keep);
  return out;
}

/** A standardised table as the engine takes it. */
export function toStandardised(rows: Matrix, standardiser: Standardiser): Float32Array {
  return new Float32Array(applyStandardiser(rows, standardiser).data);
}

/** Data as the engine takes them: their tails mapped where a column needs it, then standardised. */
export function standardisedData(
  x: Matrix,
  transforms: { readonly x: Standardiser; readonly tails?: readonly TailMap[] },
): Float32Array {
  return toStandardised(applyTailMaps(x, transforms.tails), transforms.x);
}
