/**
 * `compile` on an onnxruntime: trace once, run many times.
 *
 * @module
 */
import { EngineError, ShapeError } from "../core/errors.js";
import { encodeModel } from "./encode.js";
import { checkArray, checkFeeds, dtypeOf, emptyArray, lengthOf, type TensorArray } from "./feeds.js";
import { createGraph, type Graph, type Value } from "./graph.js";
import { type OrtTensor, openSession, ortTensor, type Runtime } from "./runtime.js";
import { serial } from "./serial.js";
import { full, symbolic } from "./symbol.js";
import { literal, trace } from "./trace.js";
import type { Compiled, CompileOptions, Feeds, Specs, Tensor, TensorFunction, Tensors, Tf } from "./types.js";

/**
 * Compiles a function for an onnxruntime.
 *
 * @throws {EngineError} if the function cannot be traced or does not return named tensors.
 * @throws {ShapeError} if a constant does not fit its spec.
 */
export async function compileOn(
  runtime: Runtime,
  tf: Tf,
  fn: TensorFunction,
  specs: Specs,
  { constants = {} }: CompileOptions = {},
): Promise<Compiled> {
  const graph = createGraph();
  const { inputs, outputs, names } = record(graph, tf, fn, specs, constants);
  const session = await openSession(runtime, encodeModel(graph));

  // persistent buffers, so that a run makes no garbage
  const feedTensors: Record<string, OrtTensor> = {};
  const feedData: Record<string, TensorArray> = {};
  for (const [name, spec] of Object.entries(inputs)) {
    feedData[name] = emptyArray(dtypeOf(spec), lengthOf(spec));
    feedTensors[`in:${name}`] = ortTensor(runtime, dtypeOf(spec), feedData[name], spec.shape);
  }
  const resultTensors: Record<string, OrtTensor> = {};
  for (const [key, spec] of Object.entries(outputs)) {
    const data = emptyArray(dtypeOf(spec), lengthOf(spec));
    resultTensors[names[key]] = ortTensor(runtime, dtypeOf(spec), data, spec.shape);
  }

  const queue = serial(); // the buffers serve one run at a time
  const runOnce = async (feeds: Feeds) => {
    for (const [name, data] of Object.entries(feedData)) data.set(feeds[name]);
    const results = await session.run(feedTensors, resultTensors);
    return Object.fromEntries(
      Object.keys(outputs).map((key) => [key, results[names[key]].data as TensorArray]),
    );
  };
  const compiled: Compiled = {
    inputs,
    outputs,
    async run(feeds) {
      checkFeeds("run", inputs, feeds);
      return queue(() => runOnce(feeds));
    },
    dispose: () => queue(() => session.release()),
    [Symbol.asyncDispose]: () => compiled.dispose(),
  };
  return compiled;
}

/** Traces `fn` into `graph`; returns the specs of what is fed and what comes out, and the outputs' names. */
export function record(
  graph: Graph,
  tf: Tf,
  fn: TensorFunction,
  specs: Specs,
  constants: Feeds,
): { inputs: Specs; outputs: Specs; names: Readonly<Record<string, string>> } {
  checkConstants(specs, constants);
  const inputs: Record<string, Specs[string]> = {};
  const values: Record<string, Value> = {};
  for (const [name, spec] of Object.entries(specs)) {
    if (name in constants) continue;
    inputs[name] = spec;
    values[name] = graph.input(name, dtypeOf(spec), spec.shape);
  }
  const outputs: Record<string, Specs[string]> = {};
  const names: Record<string, string> = {};
  trace(tf, graph, "compile", (tracing) => {
    const tensors: Record<string, Tensor> = {};
    for (const [name, spec] of Object.entries(specs)) {
      tensors[name] = tracing.tensor(
        name in values ? symbolic(values[name]) : literal(graph, constants[name], spec.shape, dtypeOf(spec)),
      );
    }
    for (const [key, tensor] of Object.entries(checkResult(tf, fn(tf, tensors)))) {
      const value = tracing.symbol(tensor);
      names[key] = graph.output(full(graph, value)).name;
      outputs[key] = { shape: [...value.shape], dtype: value.dtype };
    }
  });
  return { inputs, outputs, names };
}

/**
 * Checks the values of frozen inputs.
 *
 * @throws {ShapeError} if one has no spec or does not fit it.
 */
export function checkConstants(specs: Specs, constants: Feeds): void {
  for (const [name, values] of Object.entries(constants)) {
    if (!(name in specs)) {
      throw new ShapeError(`compile: constant "${name}" has no spec. Add its shape to specs.`);
    }
    checkArray("compile", name, specs[name], values);
  }
}

/**
 * Checks that a traced function returned named tensors.
 *
 * @throws {EngineError} otherwise.
 */
export function checkResult(tf: Tf, result: unknown): Tensors {
  if (result instanceof Promise) {
    throw new EngineError(
      "compile: the function returned a promise. It must be synchronous: it is run once, to trace it.",
    );
  }
  if (typeof result !== "object" || result === null || result instanceof tf.Tensor) {
    throw new EngineError(
      `compile: the function must return tensors by name, like { y }, got ${describe(tf, result)}.`,
    );
  }
  const entries = Object.entries(result);
  if (entries.length === 0)
    throw new EngineError("compile: the function returned no tensors; return at least one.");
  for (const [key, value] of entries) {
    if (!(value instanceof tf.Tensor)) {
      throw new EngineError(`compile: output "${key}" must be a tensor, got ${describe(tf, value)}.`);
    }
  }
  return result as Tensors;
}

function describe(tf: Tf, value: unknown): string {
  if (value instanceof tf.Tensor) return "one tensor without a name";
  return Array.isArray(value) ? "an array" : value === null ? "null" : `a value of type ${typeof value}`;
}
