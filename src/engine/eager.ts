/**
 * The engine `tfjs`: no graph, every run calls the function again on TensorFlow.js, with its autodiff
 * repaired. It runs anything that TensorFlow.js can, anywhere, 20 to 60 times slower than `onnx` (less where
 * `@tensorflow/tfjs-node` is installed). Random operators are refused here as they are in a trace; tensors
 * from outside the function are not noticed, since nothing freezes them.
 *
 * @module
 */
import type { KernelBackend } from "@tensorflow/tfjs-core";
import { EngineError } from "../core/errors.js";
import { checkConstants, checkResult } from "./compile.js";
import { checkFeeds, dtypeOf, emptyArray, lengthOf, type TensorArray } from "./feeds.js";
import { withRepairedGradients } from "./gradients.js";
import { internals, withReplaced } from "./internals.js";
import {
  batchShapes,
  checkRun,
  keptVectors,
  type Optimiser,
  optimiser,
  type StepScalars,
  startingState,
  stepIndices,
  stepScalars,
} from "./optimiser.js";
import { unpack } from "./packing.js";
import { randomnessGuard } from "./randomness.js";
import { serial } from "./serial.js";
import { type KeptVectors, takeBack } from "./skipped.js";
import { loadTf } from "./tfjs.js";
import { explain } from "./trace.js";
import { checkedLoss } from "./train.js";
import type {
  Compiled,
  CompileOptions,
  Engine,
  HostArray,
  OptimiserState,
  Specs,
  Tensor,
  TensorFunction,
  TensorSpec,
  Tf,
  TrainingOptions,
  TrainingProgram,
  TrainingSession,
} from "./types.js";

/** Runs eager code on the engine's own backend, whatever backend the user has chosen for the rest. */
type Scope = <T>(caller: string, body: () => T) => T;

/** Opens the eager engine. */
export async function openEager(): Promise<Engine> {
  const tf = await loadTf();
  const hasNode = await import(nodePackage).then(
    () => true,
    () => false,
  );
  const backendName = hasNode ? "tensorflow" : "cpu";
  const backend = tf.findBackend(backendName) as KernelBackend;
  const scope: Scope = (caller, body) => {
    const engine = internals(tf);
    const replaced = { backendName, backendInstance: backend, startScope: randomnessGuard(engine) };
    try {
      return withReplaced(engine, replaced, () => withRepairedGradients(tf, () => engine.tidy(() => body())));
    } catch (error) {
      throw explain(error, caller);
    }
  };
  return {
    name: "tfjs",
    version: `tfjs ${tf.version_core} ${hasNode ? "node" : "cpu"}`,
    compile: async (fn, specs, options) => compileEagerly(tf, scope, fn, specs, options),
    train: async (program, options) => trainEagerly(tf, scope, program, options),
  };
}

const nodePackage = "@tensorflow/tfjs-node"; // optional: its types are not needed

/** A tensor of a copy of `values`. */
function hostTensor(tf: Tf, values: HostArray, spec: TensorSpec): Tensor {
  const copy = emptyArray(dtypeOf(spec), lengthOf(spec));
  copy.set(values);
  return tf.tensor(copy, [...spec.shape], dtypeOf(spec));
}

function compileEagerly(
  tf: Tf,
  scope: Scope,
  fn: TensorFunction,
  specs: Specs,
  { constants = {} }: CompileOptions = {},
): Compiled {
  checkConstants(specs, constants);
  const frozen = Object.fromEntries(
    Object.entries(constants).map(([name, values]) => [name, values.slice()]),
  );
  const inputs = Object.fromEntries(Object.entries(specs).filter(([name]) => !(name in frozen)));
  let isDisposed = false;

  const evaluate = (caller: string, feeds: Readonly<Record<string, HostArray>>) =>
    scope(caller, () => {
      const tensors = Object.fromEntries(
        Object.entries(specs).map(([name, spec]) => [
          name,
          hostTensor(tf, frozen[name] ?? feeds[name], spec),
        ]),
      );
      return Object.entries(checkResult(tf, fn(tf, tensors))).map(([key, tensor]) => ({
        key,
        spec: { shape: [...tensor.shape], dtype: tensor.dtype as "float32" },
        values: tensor.dataSync().slice() as TensorArray,
      }));
    });

  // once on zeros, to learn what comes out
  const zeros = Object.entries(inputs).map(([name, spec]) => [
    name,
    emptyArray(dtypeOf(spec), lengthOf(spec)),
  ]);
  const outputs = Object.fromEntries(
    evaluate("compile", Object.fromEntries(zeros)).map(({ key, spec }) => [key, spec]),
  );
  const compiled: Compiled = {
    inputs,
    outputs,
    async run(feeds) {
      if (isDisposed) throw disposed();
      checkFeeds("run", inputs, feeds);
      return Object.fromEntries(evaluate("run", feeds).map(({ key, values }) => [key, values]));
    },
    async dispose() {
      isDisposed = true;
    },
    [Symbol.asyncDispose]: () => compiled.dispose(),
  };
  return compiled;
}

function trainEagerly(
  tf: Tf,
  scope: Scope,
  program: TrainingProgram,
  options: TrainingOptions,
): TrainingSession {
  const settings = optimiser(options);
  const state = startingState(program, options);
  const tables: Record<string, HostArray> = {};
  for (const name of Object.keys(program.tables)) tables[name] = options.tables[name].slice();
  const shapes = batchShapes(program);
  const { members = 1 } = program;
  const queue = serial();
  let step = state.step;
  let isDisposed = false;
  const copies = () =>
    Object.fromEntries(
      keptVectors(settings).map((name) => [name, state[name].slice()]),
    ) as unknown as KeptVectors;

  const gradientOf = (batchRows: Readonly<Record<string, Int32Array>>) =>
    scope("run", () => {
      const batch = Object.fromEntries(
        Object.entries(program.batch).map(([name, { table, index }]) => {
          const spec = { shape: shapes[name], dtype: program.tables[table].dtype };
          return [name, hostTensor(tf, takeRows(tables[table], batchRows[index], spec), spec)];
        }),
      );
      const { value, grad } = tf.valueAndGrad((flat: Tensor) =>
        checkedLoss(tf, program, unpack(tf, flat, program.parameters), batch),
      )(tf.tensor1d(state.parameters));
      return { loss: value.dataSync() as Float32Array, gradient: grad.dataSync() as Float32Array };
    });

  const session: TrainingSession = {
    run(learningRates, indices) {
      return queue(async () => {
        if (isDisposed) throw disposed();
        checkRun(program, learningRates, indices);
        const scalars = stepScalars(settings, step, learningRates);
        const losses = new Float64Array(learningRates.length * members);
        for (let s = 0; s < learningRates.length; s++) {
          const { loss, gradient } = gradientOf(stepIndices(program, indices, s));
          const own = losses.subarray(s * members, (s + 1) * members);
          own.set(loss);
          const before = copies();
          update(settings, state, gradient, scalars, s);
          takeBack(program, before, state, own);
          step++;
          await new Promise(setImmediate); // a step takes long: let others have their turn
        }
        return losses;
      });
    },
    load(fresh) {
      checkFeeds("load", program.tables, fresh);
      for (const name of Object.keys(tables)) tables[name] = fresh[name].slice();
    },
    state: () => ({ step, ...copies() }),
    restore(earlier) {
      const { step: steps, ...fresh } = startingState(program, { ...options, initial: earlier });
      Object.assign(state, fresh);
      step = steps;
    },
    async dispose() {
      isDisposed = true;
    },
    [Symbol.asyncDispose]: () => session.dispose(),
  };
  return session;
}

/** Rows of a table, in the order of `rows`, as a tensor of `spec`. */
function takeRows(table: HostArray, rows: Int32Array, spec: TensorSpec): TensorArray {
  const taken = emptyArray(dtypeOf(spec), lengthOf(spec));
  const width = taken.length / rows.length;
  for (const [i, row] of rows.entries()) taken.set(table.subarray(row * width, (row + 1) * width), i * width);
  return taken;
}

/** Of the finite numbers of float32: what is skipped elsewhere is skipped here. */
const largest = 2 ** 128 - 2 ** 104;

/** One optimiser step in place, as in `optimiser.ts`. */
function update(
  { beta1, beta2, epsilon, weightDecay, clipNorm, averageDecay }: Optimiser,
  { parameters, m, v, average }: OptimiserState,
  gradient: Float32Array,
  scalars: StepScalars,
  s: number,
): void {
  let factor = 1;
  if (clipNorm !== undefined) {
    const squares = gradient.reduce((sum, g) => sum + g * g, 0);
    factor = squares > largest ? Number.NaN : clipNorm / Math.max(Math.sqrt(squares), clipNorm);
  }
  const keep = weightDecay === 0 ? 1 : scalars.keep[s];
  for (let i = 0; i < parameters.length; i++) {
    const g = factor * gradient[i];
    m[i] += (1 - beta1) * (g - m[i]);
    const square = g * g;
    v[i] += (1 - beta2) * ((square > largest ? Infinity : square) - v[i]);
    const stride = (scalars.rate[s] * m[i]) / (Math.sqrt(v[i]) * scalars.scale[s] + epsilon);
    parameters[i] = keep * parameters[i] - stride;
    if (averageDecay !== undefined) average![i] += (1 - averageDecay) * (parameters[i] - average![i]);
  }
}

const disposed = () => new EngineError("run: this session was disposed. Open it again.");
