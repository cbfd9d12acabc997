/**
 * Runs a trained conditional density: its logarithm, gradients with respect to values or contexts, and samples. One graph per size
 * and kind, weights frozen into it; sizes are rounded up and reused, because compiling a graph costs as much as
 * thousands of evaluations.
 *
 * @module
 */
import { unpack } from "../engine/packing.js";
import type { Compiled, Engine, Tensor, Tensors, Tf } from "../engine/types.js";
import type { Embedding } from "../nets/embedding.js";
import type { ConditionalDensity } from "./density.js";

/** Values and their contexts, standardised, row-major: as many rows of both, or one value or context for all. */
export interface DensityRows {
  /** `[N, V]`, or noise `[N, noise.length]` where samples are asked for. */
  readonly value: Float32Array;
  /** `[N, C]`, before its embedding. */
  readonly context: Float32Array;
}

/** Evaluates one network. */
export interface DensityEvaluator {
  /** `log p(value | context)`, `[N]`. */
  logProb(rows: DensityRows): Promise<Float32Array>;
  /** The same, and its gradient with respect to each value, `[N, V]`, or each context, `[N, C]`. */
  gradient(
    rows: DensityRows,
    by: "value" | "context",
  ): Promise<{ readonly logProb: Float32Array; readonly gradient: Float32Array }>;
  /** Values made from noise, `[N, V]`. */
  sample(rows: DensityRows): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Rows of one call: what fits the processor's cache costs less a row. */
const chunk = 512;

type Kind = "logProb" | "value" | "context" | "sample";

/**
 * @param embedding - turns contexts into what the density takes; its weights come after those of the density.
 * @param contextDim - columns of a context before its embedding.
 */
export function densityEvaluator(
  engine: Engine,
  density: ConditionalDensity,
  weights: Float32Array,
  {
    embedding,
    contextDim = density.contextDim,
  }: { readonly embedding?: Embedding; readonly contextDim?: number } = {},
): DensityEvaluator {
  const { valueDim, noise } = density;
  const parameters = [...density.parameters, ...(embedding?.parameters ?? [])];
  const graphs = new Map<string, Promise<Compiled>>();

  /** The graph for `rows` rows, made of `values` values and `contexts` contexts: as many, or one. */
  const graphFor = (kind: Kind, rows: number, values: number, contexts: number): Promise<Compiled> => {
    const name = `${kind} ${rows} ${values} ${contexts}`;
    const known = graphs.get(name);
    if (known) return known;
    const every = (tf: Tf, table: Tensor) => (table.shape[0] === rows ? table : tf.tile(table, [rows, 1]));
    const compiled = engine.compile(
      (tf, { packed, value, context }): Tensors => {
        const tensors = unpack(tf, packed, parameters);
        const features = (at: Tensor) => every(tf, embedding ? embedding.apply(tf, tensors, at) : at);
        if (kind === "sample") return { values: density.sample(tf, tensors, value, features(context)) };
        const logProb = (v: Tensor, c: Tensor) => density.logProb(tf, tensors, every(tf, v), features(c));
        const total = (at: Tensor) => tf.sum(kind === "value" ? logProb(at, context) : logProb(value, at));
        return {
          logProb: logProb(value, context),
          ...(kind !== "logProb" && { gradient: tf.grad(total)(kind === "value" ? value : context) }),
        };
      },
      {
        packed: { shape: [weights.length] },
        value: { shape: [values, kind === "sample" ? noise.length : valueDim] },
        context: { shape: [contexts, contextDim] },
      },
      { constants: { packed: weights } },
    );
    graphs.set(name, compiled);
    return compiled;
  };

  /** Calls the graph on chunks of rows, the last one padded with its first row. */
  const run = async (
    kind: Kind,
    { value, context }: DensityRows,
    take: (out: Outputs, from: number, rows: number) => void,
  ) => {
    const width = kind === "sample" ? noise.length : valueDim;
    const n = Math.max(value.length / width, context.length / contextDim);
    const isShared = (table: Float32Array, columns: number) => n > 1 && table.length === columns;
    const [oneValue, oneContext] = [isShared(value, width), isShared(context, contextDim)];
    for (let from = 0; from < n; from += chunk) {
      const rows = Math.min(chunk, n - from);
      const size = Math.min(chunk, Math.max(2, 2 ** Math.ceil(Math.log2(rows))));
      const graph = await graphFor(kind, size, oneValue ? 1 : size, oneContext ? 1 : size);
      const out = await graph.run({
        value: oneValue ? value : rowsOf(value, width, from, rows, size),
        context: oneContext ? context : rowsOf(context, contextDim, from, rows, size),
      });
      take(out as Outputs, from, rows);
    }
    return n;
  };

  /** Copies the first `count` rows of `columns` columns to their place. */
  const put = (into: Float32Array, part: Float32Array, columns: number, from: number, count: number) =>
    into.set(part.subarray(0, count * columns), from * columns);
  const rowsIn = ({ value, context }: DensityRows, width = valueDim) =>
    Math.max(value.length / width, context.length / contextDim);

  return {
    async logProb(rows) {
      const out = new Float32Array(rowsIn(rows));
      await run("logProb", rows, ({ logProb }, from, count) => put(out, logProb, 1, from, count));
      return out;
    },

    async gradient(rows, by) {
      const columns = by === "value" ? valueDim : contextDim;
      const logProb = new Float32Array(rowsIn(rows));
      const gradient = new Float32Array(logProb.length * columns);
      await run(by, rows, (out, from, count) => {
        put(logProb, out.logProb, 1, from, count);
        put(gradient, out.gradient, columns, from, count);
      });
      return { logProb, gradient };
    },

    async sample(rows) {
      const out = new Float32Array(rowsIn(rows, noise.length) * valueDim);
      await run("sample", rows, ({ values }, from, count) => put(out, values, valueDim, from, count));
      return out;
    },

    async dispose() {
      const known = [...graphs.values()];
      graphs.clear();
      for (const graph of await Promise.allSettled(known)) {
        // a graph that failed to compile told its caller so, and holds nothing
        if (graph.status === "fulfilled") await graph.value.dispose();
      }
    },
  };
}

type Outputs = Readonly<Record<"logProb" | "gradient" | "values", Float32Array>>;

/** Rows `from` to `from + count`, and the first of them again up to `size` rows. */
function rowsOf(table: Float32Array, width: number, from: number, count: number, size: number): Float32Array {
  const part = table.subarray(from * width, (from + count) * width);
  if (count === size) return part;
  const out = new Float32Array(size * width);
  out.set(part);
  for (let i = count; i < size; i++) out.set(part.subarray(0, width), i * width);
  return out;
}
