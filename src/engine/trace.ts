/**
 * Tracing: runs a function of TensorFlow.js tensors once, on a backend that records kernels as graph nodes
 * instead of computing. Forward and backward passes are recorded alike, whatever their order.
 *
 * @module
 */
import type { BackendValues, DataId, KernelBackend } from "@tensorflow/tfjs-core";
import { EngineError } from "../core/errors.js";
import { withRepairedGradients } from "./gradients.js";
import type { Graph } from "./graph.js";
import { internals, withReplaced } from "./internals.js";
import type { Recording } from "./kernels/kernel.js";
import { kernels } from "./kernels/table.js";
import { randomnessGuard } from "./randomness.js";
import { type Symbolic, symbolic, uniform } from "./symbol.js";
import type { Dtype, Tensor, Tf } from "./types.js";

const BACKEND = "onnx-trace";

/** What the traced body works with. */
export interface Tracing {
  /** A tensor that stands for a value of the graph. */
  tensor(value: Symbolic): Tensor;
  /** What a tensor made in this trace stands for. */
  symbol(tensor: Tensor): Symbolic;
}

/**
 * Runs `body` while every kernel is recorded into `graph`.
 *
 * @param caller - the public function on whose behalf this happens; errors begin with it.
 * @throws {EngineError} if the body reads values, draws random numbers, uses tensors from outside, or calls
 *   a kernel that cannot be recorded or differentiated.
 */
export function trace<T>(tf: Tf, graph: Graph, caller: string, body: (tracing: Tracing) => T): T {
  const engine = internals(tf);
  const { backend, makeDataId, lookUp } = tracerOf(tf);
  if (engine.backendName === BACKEND) {
    throw new EngineError(
      `${caller}: a function that is being traced cannot compile another. Compile it first.`,
    );
  }
  const recording: Recording = { graph, tf, isDifferentiated: () => engine.state.gradientDepth > 0 };
  const replaced = { backendName: BACKEND, backendInstance: backend, startScope: randomnessGuard(engine) };
  try {
    return withReplaced(engine, replaced, () =>
      withRepairedGradients(tf, () => engine.tidy(() => withRecording(recording, run))),
    );
  } catch (error) {
    throw explain(error, caller);
  }

  function run(): T {
    return body({
      tensor: (value) =>
        engine.makeTensorFromTensorInfo({
          dataId: makeDataId(value),
          shape: value.shape,
          dtype: value.dtype,
        }),
      symbol: (tensor) => lookUp(tensor),
    });
  }
}

/** An array known while tracing: a number where all elements are equal, else a constant of the graph. */
export function literal(
  graph: Graph,
  values: ArrayLike<number>,
  shape: readonly number[],
  dtype: Dtype,
): Symbolic {
  const first = values[0];
  let isUniform = values.length > 0;
  for (let i = 1; isUniform && i < values.length; i++) isUniform = values[i] === first;
  if (isUniform) return uniform(Number(first), shape, dtype);
  return symbolic(graph.constant(dtype, shape, values));
}

interface Tracer {
  readonly backend: KernelBackend;
  makeDataId(value: Symbolic): DataId;
  lookUp(tensor: { dataId: DataId; shape: readonly number[]; dtype: string }): Symbolic;
}

interface Entry {
  readonly value: Symbolic;
  readonly recording: Recording;
  references: number;
}

let current: Recording | undefined; // the trace under way; traces are synchronous
const tracers = new WeakMap<Tf, Tracer>();

function withRecording<T>(recording: Recording, body: () => T): T {
  current = recording;
  try {
    return body();
  } finally {
    current = undefined;
  }
}

/** The recording backend of a TensorFlow.js module, made at its first trace. */
function tracerOf(tf: Tf): Tracer {
  const known = tracers.get(tf);
  if (known !== undefined) return known;
  const entries = new WeakMap<DataId, Entry>();

  const makeDataId = (value: Symbolic): DataId => {
    const dataId = {};
    entries.set(dataId, { value, recording: current!, references: 1 });
    return dataId;
  };
  const lookUp: Tracer["lookUp"] = ({ dataId, shape, dtype }) => {
    const entry = entries.get(dataId);
    if (entry === undefined) {
      throw new EngineError(
        `a tensor from outside (shape [${shape}], ${dtype}) is used inside the traced function, which would ` +
          `freeze its values. Pass it as an input or in \`constants\`, or make it inside the function.`,
      );
    }
    if (entry.recording !== current) {
      throw new EngineError(
        `a tensor (shape [${shape}]) of an earlier trace is used inside this one. Make every tensor inside ` +
          `the function that uses it.`,
      );
    }
    return entry.value;
  };
  const refuseRead = (): never => {
    throw new EngineError(
      "values cannot be read (data, dataSync, array, arraySync, print) inside a traced function: they exist " +
        "only when the compiled function runs. Return the tensor as an output instead.",
    );
  };

  class TraceBackend extends tf.KernelBackend {
    override write(values: BackendValues, shape: number[], dtype: string): DataId {
      if (dtype !== "float32" && dtype !== "int32" && dtype !== "bool") {
        throw new EngineError(`tensors of type ${dtype} cannot be traced; use float32, int32 or bool.`);
      }
      return makeDataId(literal(current!.graph, values as Float32Array, shape, dtype));
    }
    override read = async () => refuseRead();
    override readSync = refuseRead;
    override move = refuseRead;
    override refCount = (dataId: DataId) => entries.get(dataId)?.references ?? 0;
    override incRef(dataId: DataId): void {
      const entry = entries.get(dataId);
      if (entry !== undefined) entry.references++;
    }
    override disposeData(dataId: DataId, force = false): boolean {
      const entry = entries.get(dataId);
      return entry === undefined || --entry.references <= 0 || force;
    }
    override numDataIds = () => 0;
    override floatPrecision = () => 32 as const;
    override epsilon = () => 1e-7;
    override timerAvailable = () => false;
    override memory = () => ({ unreliable: true });
    override dispose(): void {}
  }

  for (const [kernelName, kernel] of Object.entries(kernels)) {
    tf.registerKernel({
      kernelName,
      backendName: BACKEND,
      kernelFunc: ({ inputs, attrs }) => {
        const operands: Record<string, Symbolic> = {};
        for (const [name, info] of Object.entries(inputs)) {
          if (info !== undefined && info !== null) operands[name] = lookUp(info);
        }
        const result = kernel(current!, operands, attrs as never);
        const toInfo = (value: Symbolic) => ({
          dataId: makeDataId(value),
          shape: [...value.shape],
          dtype: value.dtype,
        });
        return "shape" in result ? toInfo(result) : result.map(toInfo);
      },
    });
  }
  guardEscapes(tf, entries);

  const tracer = { backend: new TraceBackend(), makeDataId, lookUp };
  tracers.set(tf, tracer);
  return tracer;
}

/** Makes tensors that outlive their trace say so, instead of failing somewhere inside TensorFlow.js. */
function guardEscapes(tf: Tf, entries: WeakMap<DataId, Entry>): void {
  const refuse = (): never => {
    throw new EngineError(
      "a tensor of a traced function was used after the trace. Return it as an output; its values are in " +
        "what the compiled function returns.",
    );
  };
  const engine = tf.engine() as unknown as { moveData(backend: unknown, dataId: DataId): void };
  const move = engine.moveData.bind(engine);
  engine.moveData = (backend, dataId) => (entries.has(dataId) ? refuse() : move(backend, dataId));
  const prototype = tf.Tensor.prototype as unknown as { throwIfDisposed(this: Tensor): void };
  const check = prototype.throwIfDisposed;
  prototype.throwIfDisposed = function (this: Tensor) {
    if (this.isDisposed && entries.has(this.dataId)) refuse();
    check.call(this);
  };
}

/** Says in the house's words what TensorFlow.js says in its own. */
export function explain(error: unknown, caller: string): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof EngineError) {
    if (error.message.startsWith(`${caller}:`)) return error;
    return new EngineError(`${caller}: ${error.message}`, { cause: error });
  }
  const unknown = /Kernel '(\w+)' not registered|Cannot find registered kernel '(\w+)'/.exec(error.message);
  if (unknown !== null) {
    const name = unknown[1] ?? unknown[2];
    return new EngineError(
      `${caller}: kernel ${name} cannot be compiled. Write it with other operators, or use engine "tfjs".`,
      { cause: error },
    );
  }
  const missing = /gradient function not found for (\w+)/.exec(error.message);
  if (missing !== null) {
    return new EngineError(
      `${caller}: kernel ${missing[1]} cannot be differentiated to this order. Write it with other operators.`,
      { cause: error },
    );
  }
  if (error.message.startsWith("Cannot compute gradient of y=f(x)")) {
    return new EngineError(
      `${caller}: a gradient is asked for, but the result does not depend on the variable.`,
      { cause: error },
    );
  }
  return error;
}
