/**
 * Traced functions as ONNX models for other programs: any runtime, no part of this library.
 *
 * A trace knows every length. That a graph holds for any number of rows is shown, not assumed: it is traced for two
 * numbers that no network has as a width, each reshape that mentions one is told to find the length itself, and
 * both models must then be equal byte for byte.
 *
 * @module
 */
import { EngineError } from "../core/errors.js";
import { record } from "./compile.js";
import { encodeModel } from "./encode.js";
import { createGraph, type Graph, type Node, type Value } from "./graph.js";
import { loadTf } from "./tfjs.js";
import type { Feeds, Specs, TensorFunction } from "./types.js";

/** A function of rows. */
export interface RowFunction {
  /** From inputs and constants to outputs, all with the rows as their first axis. */
  readonly fn: TensorFunction;
  /** Shape of one row of each input; float32. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** Values that are written into the model, by name, each a vector for `fn`. */
  readonly constants: Readonly<Record<string, Float32Array>>;
}

/** Options of `exportOnnx`. */
export interface ExportOptions {
  /** Number of rows the model takes. Default: any. */
  readonly rows?: number;
  /** Texts to write beside the graph. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Primes, so large that no width is a multiple of one. */
const probes = [10_007, 10_009] as const;

/**
 * Writes a function as an ONNX model. Inputs and outputs keep their names.
 *
 * @param caller - the public function on whose behalf this happens; errors begin with it.
 * @throws {EngineError} if the function cannot be traced, or holds for one number of rows only and `rows` is left out.
 */
export async function exportOnnx(
  caller: string,
  source: RowFunction,
  { rows, metadata = {} }: ExportOptions = {},
): Promise<Uint8Array> {
  const tf = await loadTf();
  const trace = (n: number): Graph => {
    const specs: Record<string, Specs[string]> = {};
    for (const [name, shape] of Object.entries(source.inputs)) specs[name] = { shape: [n, ...shape] };
    for (const [name, values] of Object.entries(source.constants)) specs[name] = { shape: [values.length] };
    const graph = createGraph();
    const { names } = record(graph, tf, source.fn, specs, source.constants as Feeds);
    return renamed(graph, names);
  };
  if (rows !== undefined) return encodeModel(trace(rows), metadata);
  const [first, second] = probes.map((n) => encodeModel(withFreeRows(trace(n), n), metadata));
  if (Buffer.compare(first, second) !== 0) {
    throw new EngineError(
      `${caller}: the network computes differently for other numbers of rows, so that one graph cannot serve all. ` +
        "Pass rows for a model of a fixed number.",
    );
  }
  return first;
}

/** The graph with inputs and outputs under the names that the user knows, by copies that a runtime removes. */
function renamed(graph: Graph, names: Readonly<Record<string, string>>): Graph {
  const copy = (from: Value, to: Value): Node => {
    return { type: "Identity", inputs: [from], outputs: [to], attributes: {} };
  };
  const inputs = graph.inputs.map(({ value, axes }) => {
    return { inner: value, axes, value: { ...value, name: value.name.replace(/^in:/, "") } };
  });
  const outputs = Object.entries(names).map(([key, name]) => {
    const { value, axes } = graph.outputs.find((output) => output.value.name === name)!;
    return { inner: value, axes, value: { ...value, name: key } };
  });
  return {
    ...graph,
    inputs,
    outputs,
    nodes: [
      ...inputs.map(({ inner, value }) => copy(value, inner)),
      ...graph.nodes,
      ...outputs.map(({ inner, value }) => copy(inner, value)),
    ],
  };
}

/** The graph with the length `rows` free: named at inputs and outputs, found by every reshape. */
function withFreeRows(graph: Graph, rows: number): Graph {
  const free = (end: Graph["inputs"][number]) => ({
    ...end,
    axes: end.axes.map((n) => (n === rows ? "N" : n)),
  });
  const nodes = graph.nodes.map((node) => {
    const [value, shape] = node.inputs;
    if (node.type !== "Reshape" || shape.data === undefined) return node;
    const lengths = Array.from(shape.data, Number);
    const at = lengths.flatMap((n, i) => (n > 0 && n % rows === 0 ? [i] : []));
    if (at.length !== 1) return node;
    lengths[at[0]] = -1;
    const name = `${shape.name}:free`;
    return { ...node, inputs: [value, { ...shape, name, data: BigInt64Array.from(lengths, BigInt) }] };
  });
  return { ...graph, nodes, inputs: graph.inputs.map(free), outputs: graph.outputs.map(free) };
}
