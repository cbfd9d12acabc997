/**
 * What an engine offers: it compiles a function of tensors once and runs it many times, and it runs
 * whole training loops with all parameters in one packed vector.
 *
 * Traced functions receive TensorFlow.js as their first argument, so that nobody has to load it before it
 * is needed. A trace fixes shapes, control flow and every number that is not an input.
 *
 * @module
 */
import type * as TensorFlow from "@tensorflow/tfjs";

/** The TensorFlow.js module. */
export type Tf = typeof TensorFlow;
export type Tensor = TensorFlow.Tensor;
export type Tensors = Readonly<Record<string, Tensor>>;

/** `onnx`: onnxruntime-node; `wasm`: onnxruntime-web; `tfjs`: TensorFlow.js without a graph. */
export type EngineName = "onnx" | "wasm" | "tfjs";
export type Dtype = "float32" | "int32" | "bool";

/** Shape and element type (default `float32`) of a tensor. */
export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype?: Dtype;
}
export type Specs = Readonly<Record<string, TensorSpec>>;

/** Host values of a tensor, row-major. `float32` tensors also take a `Float64Array` (rounded on the way in). */
export type HostArray = Float32Array | Float64Array | Int32Array | Uint8Array;
export type Feeds = Readonly<Record<string, HostArray>>;

/** A function of named tensors. It must be pure: it is run once, while it is traced. */
export type TensorFunction = (tf: Tf, inputs: Tensors) => Tensors;

export interface CompileOptions {
  /** Inputs frozen into the graph (weights of a trained network): faster, and no longer fed to `run`. */
  readonly constants?: Feeds;
}

/** A compiled function; owns a session. */
export interface Compiled extends AsyncDisposable {
  /** Input and output specs, constants left out. */
  readonly inputs: Specs;
  readonly outputs: Specs;
  /**
   * Runs the function. The arrays returned are reused by the next call: copy what you keep.
   *
   * @throws {ShapeError} if a feed is missing, unknown or of the wrong length.
   */
  run(feeds: Feeds): Promise<Record<string, Float32Array | Int32Array | Uint8Array>>;
  dispose(): Promise<void>;
}

/** A trainable tensor. All parameters of a network live in one packed vector, in this order. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * A loss over minibatches gathered from whole tables.
 * Each batch tensor is `table[index]`: rows of a table that stay in the engine for the whole run.
 */
export interface TrainingProgram {
  readonly parameters: readonly ParameterSpec[];
  /** Tables by name, shape `[N, ...]`. */
  readonly tables: Specs;
  /** Rows that each index input names per step. */
  readonly indices: Readonly<Record<string, number>>;
  /** Batch tensors: the rows of `table` that `index` names, shape `[indices[index], ...]`. */
  readonly batch: Readonly<Record<string, { readonly table: string; readonly index: string }>>;
  /** The scalar to minimise, or the loss of each member, `[members]`. */
  readonly loss: (tf: Tf, parameters: Tensors, batch: Tensors) => Tensor;
  /**
   * Networks that train side by side in one graph, which costs less than one after the other where they are small.
   * The first axis of every parameter is theirs, and none may count in the loss of another: then each takes the steps
   * that it would take alone. Goes with every option but `clipNorm`, whose norm is that of all of them. Default none:
   * one network, one scalar.
   */
  readonly members?: number;
  /**
   * Equal parts in which a batch is worked through; loss and gradient are the means of theirs, so `loss` must be a
   * mean over rows and each index input a multiple of it. A part whose activations stay in the processor's cache
   * (half a megabyte each) is faster than a large batch at once. Default 1.
   */
  readonly blocks?: number;
}

/** Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019; decoupled weight decay). */
export interface OptimiserOptions {
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Decoupled weight decay per unit of learning rate. Default 0 (Adam). */
  readonly weightDecay?: number;
  /** Largest global norm of the gradient. Default none. */
  readonly clipNorm?: number;
  /** Decay of the exponential moving average of the parameters. Default none (no average kept). */
  readonly averageDecay?: number;
}

/** Everything that a run needs to go on bit for bit; plain data. */
export interface OptimiserState {
  /** Steps taken so far. */
  readonly step: number;
  /** Packed parameters, `[P]`. */
  readonly parameters: Float32Array;
  /** First and second moments, `[P]`. */
  readonly m: Float32Array;
  readonly v: Float32Array;
  /** Exponential moving average of the parameters, `[P]`, where `averageDecay` is set. */
  readonly average?: Float32Array;
}

/** A running optimisation; owns a session. */
export interface TrainingSession extends AsyncDisposable {
  /**
   * Takes one optimiser step per learning rate. A step, or a member's part of it, whose loss or gradient is not finite in
   * float32 is skipped: it counts as a step, but parameters, moments and average stay as they were.
   *
   * @param learningRates - `[S]`, any S >= 1.
   * @param indices - per index input `[S, rows]`, row numbers of the tables it gathers from.
   * @returns the loss of each step before its update, `[S]`, or of each step and member, `[S, members]`; NaN where it
   *   was skipped, and nowhere else.
   */
  run(learningRates: Float64Array, indices: Readonly<Record<string, Int32Array>>): Promise<Float64Array>;
  /** Replaces the tables' values (fresh simulations); shapes stay as they were. */
  load(tables: Feeds): void;
  /** A copy of the state. */
  state(): OptimiserState;
  /**
   * Goes back to a state, which is copied; the tables' values stay as they are.
   *
   * @throws {ShapeError} if the state is that of another program.
   */
  restore(state: OptimiserState): void;
  dispose(): Promise<void>;
}

export interface TrainingOptions extends OptimiserOptions {
  /** Values of the tables. */
  readonly tables: Feeds;
  /** Where to start: packed initial parameters, or the state of an earlier run. */
  readonly initial: Float32Array | OptimiserState;
}

/** A machine for tensor functions. */
export interface Engine {
  readonly name: EngineName;
  /** Version and what else names the machine that made a result, e.g. `onnxruntime-node 1.30.0`. */
  readonly version: string;
  /**
   * Traces `fn` once, for the shapes in `specs`, into a graph to run.
   *
   * @throws {EngineError} if `fn` reads values, draws random numbers, or uses an operator that cannot be traced.
   */
  compile(fn: TensorFunction, specs: Specs, options?: CompileOptions): Promise<Compiled>;
  /**
   * Compiles a training step: loss, gradient and optimiser in one graph.
   *
   * @throws {EngineError} as `compile`, and if the loss is not a float32 scalar, or not one number per member.
   */
  train(program: TrainingProgram, options: TrainingOptions): Promise<TrainingSession>;
}
