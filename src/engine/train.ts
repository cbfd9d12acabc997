/**
 * `train` on an onnxruntime: S optimiser steps are one run of one graph. A `Loop` gathers each minibatch
 * from the tables, computes loss and gradient of the packed parameters and updates them; S is free at run
 * time. Parameters and moments live in two sets of buffers that swap, so a step makes no garbage, and a run
 * with a step to skip starts again from where it was.
 *
 * @module
 */
import { EngineError } from "../core/errors.js";
import { encodeModel } from "./encode.js";
import { checkFeeds, dtypeOf, emptyArray, lengthOf, type TensorArray } from "./feeds.js";
import { createGraph, type Graph, type Value } from "./graph.js";
import { arithmetic } from "./kernels/kernel.js";
import {
  batchShapes,
  checkRun,
  keptVectors,
  lossShape,
  type Optimiser,
  optimiser,
  startingState,
  stepIndices,
  stepScalars,
} from "./optimiser.js";
import { parameterCount, unpack } from "./packing.js";
import { type OrtTensor, openSession, ortTensor, type Runtime } from "./runtime.js";
import { serial } from "./serial.js";
import { isSound, type KeptVectors, takeBack } from "./skipped.js";
import { full, symbolic } from "./symbol.js";
import { trace } from "./trace.js";
import type { Tensor, Tensors, Tf, TrainingOptions, TrainingProgram, TrainingSession } from "./types.js";

const scalarNames = ["rate", "scale", "keep"] as const;

/**
 * Builds a training session on an onnxruntime.
 *
 * @throws {EngineError} if the loss cannot be traced or is not a scalar.
 * @throws {ShapeError} if tables or initial values do not fit the program.
 */
export async function trainOn(
  runtime: Runtime,
  tf: Tf,
  program: TrainingProgram,
  options: TrainingOptions,
): Promise<TrainingSession> {
  const settings = optimiser(options);
  const start = startingState(program, options);
  const count = start.parameters.length;
  const kept = keptVectors(settings);

  const { graph, outputs } = trainingGraph(tf, program, settings);
  const session = await openSession(runtime, encodeModel(graph));

  const tableData: Record<string, TensorArray> = {};
  const tables: Record<string, OrtTensor> = {};
  for (const [name, spec] of Object.entries(program.tables)) {
    tableData[name] = emptyArray(dtypeOf(spec), lengthOf(spec));
    tableData[name].set(options.tables[name]);
    tables[`in:table ${name}`] = ortTensor(runtime, dtypeOf(spec), tableData[name], spec.shape);
  }
  const vector = (data: Float32Array) => ortTensor(runtime, "float32", data, [count]);
  let current = kept.map((name) => vector(start[name]));
  let spare = kept.map(() => vector(new Float32Array(count)));
  let step = start.step;
  const queue = serial();
  const dataOf = (tensors: readonly OrtTensor[]) =>
    Object.fromEntries(kept.map((name, i) => [name, tensors[i].data])) as unknown as KeptVectors;

  const advance = async (learningRates: Float64Array, indices: Readonly<Record<string, Int32Array>>) => {
    const steps = learningRates.length;
    const scalars = stepScalars(settings, step, learningRates);
    const feeds: Record<string, OrtTensor> = { ...tables };
    feeds["in:steps"] = ortTensor(runtime, "int64", BigInt64Array.of(BigInt(steps)), []);
    for (const name of scalarNames)
      feeds[`in:${name}`] = ortTensor(runtime, "float32", scalars[name], [steps]);
    for (const [name, rows] of Object.entries(program.indices)) {
      feeds[`in:index ${name}`] = ortTensor(runtime, "int32", indices[name], [steps, rows]);
    }
    const into: Record<string, OrtTensor> = {};
    kept.forEach((name, i) => {
      feeds[`in:${name}`] = current[i];
      into[outputs[i].name] = spare[i];
    });
    const results = await session.run(feeds, into);
    const used = current;
    current = kept.map((_, i) => results[outputs[i].name]);
    spare = used;
    step += steps;
    const [losses, norms] = outputs
      .slice(kept.length)
      .map(({ name }) => Float64Array.from(results[name].data as Float32Array));
    norms?.forEach((norm, s) => {
      if (!Number.isFinite(norm)) losses[s] = Number.NaN;
    });
    return losses;
  };
  const runOnce: TrainingSession["run"] = async (learningRates, indices) => {
    const losses = await advance(learningRates, indices);
    if (isSound(losses, dataOf(current))) return losses;
    [current, spare] = [spare, current]; // as before the run
    step -= learningRates.length;
    for (let s = 0; s < learningRates.length; s++) {
      const own = await advance(learningRates.subarray(s, s + 1), stepIndices(program, indices, s));
      takeBack(program, dataOf(spare), dataOf(current), own);
      losses.set(own, s * own.length);
    }
    return losses;
  };

  const training: TrainingSession = {
    async run(learningRates, indices) {
      checkRun(program, learningRates, indices);
      return queue(() => runOnce(learningRates, indices));
    },
    load(fresh) {
      checkFeeds("load", program.tables, fresh);
      for (const [name, data] of Object.entries(tableData)) data.set(fresh[name]);
    },
    state() {
      const copies = kept.map((name, i) => [name, Float32Array.from(current[i].data as Float32Array)]);
      return { step, ...Object.fromEntries(copies) };
    },
    restore(state) {
      const fresh = startingState(program, { ...options, initial: state });
      current = kept.map((name) => vector(fresh[name]));
      step = fresh.step;
    },
    dispose: () => queue(() => session.release()),
    [Symbol.asyncDispose]: () => training.dispose(),
  };
  return training;
}

/** The graph of a run; outputs are the kept state in order, the losses and, where they are clipped, the gradients' norms. */
function trainingGraph(
  tf: Tf,
  program: TrainingProgram,
  settings: Optimiser,
): { graph: Graph; outputs: readonly Value[] } {
  const count = parameterCount(program.parameters);
  const kept = keptVectors(settings);
  const graph = createGraph();
  const state = kept.map((name) => graph.input(name, "float32", [count]));
  const steps = graph.input("steps", "int64", []);
  const scalars = Object.fromEntries(
    scalarNames.map((name) => [name, graph.input(name, "float32", ["S"])]),
  ) as Record<(typeof scalarNames)[number], Value>;
  const indices = Object.fromEntries(
    Object.entries(program.indices).map(([name, rows]) => [
      name,
      graph.input(`index ${name}`, "int32", ["S", rows]),
    ]),
  );
  const rows = Object.fromEntries(
    Object.entries(program.tables).map(([name, spec]) => [
      name,
      graph.input(`table ${name}`, dtypeOf(spec), spec.shape),
    ]),
  );

  const body = createGraph(graph);
  const iteration = body.input("iteration", "int64", []);
  const goOn = body.input("go on", "bool", []);
  const before = kept.map((name) => body.input(`step ${name}`, "float32", [count]));
  const pick = (from: Value) => body.op("Gather", [from, iteration], from.shape.slice(1), { axis: 0 });
  const batchIndices = Object.fromEntries(
    Object.entries(indices).map(([name, value]) => [name, pick(value)]),
  );
  const { loss, gradient } = blockwise(body, program, count, batchIndices, (scope, part) =>
    lossAndGradient(tf, scope, program, before[0], gatherBatch(scope, program, rows, part)),
  );
  body.output(goOn);
  const norm = settings.clipNorm === undefined ? [] : [normOf(body, gradient)];
  const after = update(body, settings, before, gradient, {
    rate: pick(scalars.rate),
    scale: pick(scalars.scale),
    keep: pick(scalars.keep),
  });
  for (const value of after) body.output(value);
  for (const value of [loss, ...norm]) body.output(value);

  const results = graph.ops(
    "Loop",
    [steps, graph.constant("bool", [], [1]), ...state],
    [
      ...kept.map(() => ({ shape: [count], dtype: "float32" as const })),
      ...[loss, ...norm].map(({ shape }) => ({ shape: [-1, ...shape], dtype: "float32" as const })),
    ],
    { body: { graph: body } },
  );
  const outputs = results.map((value, i) =>
    graph.output(value, i < kept.length ? value.shape : ["S", ...value.shape.slice(1)]),
  );
  return { graph, outputs };
}

/** The batch tensors of a step, or of one block of it: the rows of the tables that `indices` name. */
function gatherBatch(
  graph: Graph,
  program: TrainingProgram,
  tables: Readonly<Record<string, Value>>,
  indices: Readonly<Record<string, Value>>,
): Readonly<Record<string, Value>> {
  const shapes = batchShapes(program, program.blocks);
  return Object.fromEntries(
    Object.entries(program.batch).map(([name, { table, index }]) => [
      name,
      graph.op("Gather", [tables[table], indices[index]], shapes[name], { axis: 0 }),
    ]),
  );
}

interface LossAndGradient {
  readonly loss: Value;
  readonly gradient: Value;
}

/** Loss and gradient as the means of those of the blocks, which an inner loop works through one at a time. */
function blockwise(
  graph: Graph,
  program: TrainingProgram,
  count: number,
  indices: Readonly<Record<string, Value>>,
  ofBlock: (graph: Graph, indices: Readonly<Record<string, Value>>) => LossAndGradient,
): LossAndGradient {
  const { blocks = 1 } = program;
  if (blocks === 1) return ofBlock(graph, indices);
  const parts = Object.entries(indices).map(([name, value]) => {
    const rows = value.shape[0] / blocks;
    return [name, graph.op("Reshape", [value, graph.integers([blocks, rows])], [blocks, rows])] as const;
  });
  const body = createGraph(graph);
  const block = body.input("block", "int64", []);
  const goOn = body.input("more blocks", "bool", []);
  const shapes = [lossShape(program), [count]];
  const sums = ["loss so far", "gradient so far"].map((name, i) => body.input(name, "float32", shapes[i]));
  const { loss, gradient } = ofBlock(
    body,
    Object.fromEntries(
      parts.map(([name, all]) => [name, body.op("Gather", [all, block], [all.shape[1]], { axis: 0 })]),
    ),
  );
  body.output(goOn);
  [loss, gradient].forEach((value, i) => {
    body.output(body.op("Add", [sums[i], value], value.shape));
  });
  const zero = graph.scalar(0);
  const start = shapes.map((shape) =>
    shape.length === 0 ? zero : graph.op("Expand", [zero, graph.integers(shape)], shape),
  );
  const trips = graph.constant("int64", [], [blocks]);
  const totals = graph.ops("Loop", [trips, graph.constant("bool", [], [1]), ...start], start, {
    body: { graph: body },
  });
  const [meanLoss, meanGradient] = totals.map((total) => arithmetic(graph).binary("Mul", total, 1 / blocks));
  return { loss: meanLoss, gradient: meanGradient };
}

/** Traces the loss and its gradient with respect to the packed parameters; that of the sum over members. */
function lossAndGradient(
  tf: Tf,
  graph: Graph,
  program: TrainingProgram,
  flat: Value,
  batch: Readonly<Record<string, Value>>,
): LossAndGradient {
  return trace(tf, graph, "train", (tracing) => {
    const tensors: Tensors = Object.fromEntries(
      Object.entries(batch).map(([name, value]) => [name, tracing.tensor(symbolic(value))]),
    );
    const { value, grad } = tf.valueAndGrad((vector: Tensor) =>
      checkedLoss(tf, program, unpack(tf, vector, program.parameters), tensors),
    )(tracing.tensor(symbolic(flat)));
    return { loss: full(graph, tracing.symbol(value)), gradient: full(graph, tracing.symbol(grad)) };
  });
}

/**
 * Calls a program's loss.
 *
 * @throws {EngineError} if it does not return one float32 number, or one for each member.
 */
export function checkedLoss(tf: Tf, program: TrainingProgram, parameters: Tensors, batch: Tensors): Tensor {
  const loss = program.loss(tf, parameters, batch);
  const expected = lossShape(program);
  if (!(loss instanceof tf.Tensor) || `${loss.shape}` !== `${expected}` || loss.dtype !== "float32") {
    const got = loss instanceof tf.Tensor ? `a ${loss.dtype} tensor of shape [${loss.shape}]` : typeof loss;
    const wanted = expected.length === 0 ? "scalar" : `tensor of shape [${expected}], a number per member`;
    throw new EngineError(
      `train: loss must return a float32 ${wanted}, got ${got}. Take a mean over the batch.`,
    );
  }
  return loss;
}

/** The global norm of a gradient; equal nodes are made once. */
const normOf = (graph: Graph, gradient: Value): Value =>
  arithmetic(graph).unary("Sqrt", graph.op("ReduceSumSquare", [gradient], [], { keepdims: 0 }));

/** One optimiser step, as in `optimiser.ts`. */
function update(
  graph: Graph,
  settings: Optimiser,
  [parameters, m, v, average]: readonly Value[],
  gradient: Value,
  scalars: Readonly<Record<(typeof scalarNames)[number], Value>>,
): readonly Value[] {
  const { unary, binary } = arithmetic(graph);
  const { beta1, beta2, epsilon, weightDecay, clipNorm, averageDecay } = settings;
  const mix = (old: Value, fresh: Value, weight: number) =>
    binary("Add", old, binary("Mul", binary("Sub", fresh, old), weight));

  let g = gradient;
  if (clipNorm !== undefined) {
    const norm = normOf(graph, gradient);
    const factor = graph.op("Div", [graph.scalar(clipNorm), binary("Max", norm, clipNorm)], []);
    g = binary("Mul", gradient, factor);
  }
  const m1 = mix(m, g, 1 - beta1);
  const v1 = mix(v, binary("Mul", g, g), 1 - beta2);
  const width = binary("Add", binary("Mul", unary("Sqrt", v1), scalars.scale), epsilon);
  const stride = binary("Div", binary("Mul", m1, scalars.rate), width);
  const shrunk = weightDecay === 0 ? parameters : binary("Mul", parameters, scalars.keep);
  const moved = binary("Sub", shrunk, stride);
  if (averageDecay === undefined) return [moved, m1, v1];
  return [moved, m1, v1, mix(average, moved, 1 - averageDecay)];
}
