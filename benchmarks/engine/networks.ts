/**
 * The networks that the engine is timed on, trained with Adam on minibatches gathered from tables: classifiers of the sizes
 * that ratio estimation uses, on binary cross-entropy, and flows of sbi's default sizes, on their negative log density.
 *
 * @module
 */
import { key, type Rng, stream } from "../../src/core/random.js";
import { parameterCount } from "../../src/engine/packing.js";
import type { ParameterSpec, Tensor, Tensors, Tf, TrainingProgram } from "../../src/engine/types.js";
import { conditionalDensity } from "../../src/flows/from-spec.js";
import { dense, denseParameters, initialiseUniform } from "../../src/nets/dense.js";

/** What a network is, in numbers that another framework can build it from. */
export type Architecture =
  | { readonly kind: "mlp"; readonly inputs: number; readonly hidden: number; readonly rows: number }
  | { readonly kind: "conv"; readonly size: number; readonly rows: number }
  | {
      readonly kind: "flow";
      readonly family: "maf" | "nsf";
      readonly valueDim: number;
      readonly contextDim: number;
      readonly rows: number;
    };

/** A network to time. */
export interface BenchmarkNetwork {
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  readonly architecture: Architecture;
  /** Minibatches per call of the engine. */
  readonly stepsPerCall: number;
  /** Parts that a minibatch is worked through in. Default 1. */
  readonly blocks?: number;
  /** Rows of the tables that minibatches are gathered from. */
  readonly tableRows: number;
}

/** The networks, smallest first. */
export const networks: readonly BenchmarkNetwork[] = [
  mlp("mlp-small", 10, 50, 100, 50),
  mlp("mlp-middle", 10, 128, 256, 20),
  mlp("mlp-large", 32, 256, 1024, 4, 4),
  {
    name: "conv",
    description: "64x64x1, 5x5/2 to 8, 3x3/2 to 16, 3x3/2 to 32 channels, dense 64; 32 rows a step",
    architecture: { kind: "conv", size: 64, rows: 32 },
    stepsPerCall: 4,
    tableRows: 320,
  },
  flow("maf", "5 masked autoregressive maps of 3 x 50 tanh", 20),
  flow("nsf", "5 spline couplings, 10 bins, 2 residual blocks of 50, 5 linear maps", 10),
];

/** What our defaults have otherwise. */
const asInSbi = {
  maf: { kind: "maf", activation: "tanh", direct: false },
  nsf: { kind: "nsf", bins: 10, whiten: false },
};

/** A flow of five columns given eight, with the layers that sbi 0.27 has by default. */
function flow(family: "maf" | "nsf", description: string, stepsPerCall: number): BenchmarkNetwork {
  return {
    name: family,
    description: `${description}; 100 rows a step`,
    architecture: { kind: "flow", family, valueDim: 5, contextDim: 8, rows: 100 },
    stepsPerCall,
    tableRows: 20_000,
  };
}

function mlp(
  name: string,
  inputs: number,
  hidden: number,
  pairs: number,
  stepsPerCall: number,
  blocks?: number,
): BenchmarkNetwork {
  return {
    name,
    description: `${inputs} inputs, 3 x ${hidden} relu; ${2 * pairs} rows a step`,
    architecture: { kind: "mlp", inputs, hidden, rows: 2 * pairs },
    stepsPerCall,
    blocks,
    tableRows: 20_000,
  };
}

/** A network with its data: all that `engine.train` needs. */
export interface Workload {
  readonly program: TrainingProgram;
  readonly tables: Readonly<Record<string, Float32Array>>;
  readonly initial: Float32Array;
  /** Row numbers of one call, `[stepsPerCall, rows]`. */
  readonly indices: Int32Array;
}

/** The workload of a network; the same bytes each time. */
export function workload(benchmark: BenchmarkNetwork): Workload {
  const { architecture, stepsPerCall, blocks, tableRows } = benchmark;
  if (architecture.kind === "flow") return flowWorkload(benchmark, architecture);
  const rng = stream(key("bench:engine"));
  const network = architecture.kind === "mlp" ? perceptron(architecture) : convolutional(architecture);
  const width = network.inputShape.reduce((a, b) => a * b, 1);
  const { rows } = architecture;
  return {
    program: {
      parameters: network.parameters,
      tables: { x: { shape: [tableRows, ...network.inputShape] }, y: { shape: [tableRows, 1] } },
      indices: { rows },
      blocks,
      batch: { x: { table: "x", index: "rows" }, y: { table: "y", index: "rows" } },
      loss: (tf, parameters, { x, y }) => crossEntropy(tf, network.apply(tf, parameters, x), y),
    },
    tables: {
      x: Float32Array.from({ length: tableRows * width }, () => rng.normal()),
      y: Float32Array.from({ length: tableRows }, (_, i) => i % 2),
    },
    initial: network.initialise(),
    indices: rowNumbers(rng, stepsPerCall * rows, tableRows),
  };
}

/** Learns `p(value | context)` of normal numbers, the value a noisy linear function of the context. */
function flowWorkload(
  { stepsPerCall, tableRows }: BenchmarkNetwork,
  { family, valueDim, contextDim, rows }: Architecture & { kind: "flow" },
): Workload {
  const rng = stream(key("bench:engine"));
  const density = conditionalDensity(asInSbi[family], valueDim, contextDim);
  const context = Float32Array.from({ length: tableRows * contextDim }, () => rng.normal());
  const value = Float32Array.from({ length: tableRows * valueDim }, (_, i) => {
    const row = Math.floor(i / valueDim);
    return 0.8 * context[row * contextDim + (i % valueDim)] + 0.6 * rng.normal();
  });
  return {
    program: {
      parameters: density.parameters,
      tables: { value: { shape: [tableRows, valueDim] }, context: { shape: [tableRows, contextDim] } },
      indices: { rows },
      batch: { value: { table: "value", index: "rows" }, context: { table: "context", index: "rows" } },
      loss: (tf, parameters, batch) =>
        tf.neg(tf.mean(density.logProb(tf, parameters, batch.value, batch.context))),
    },
    tables: { value, context },
    initial: density.initialise(key("bench:engine weights")),
    indices: rowNumbers(rng, stepsPerCall * rows, tableRows),
  };
}

const rowNumbers = (rng: Rng, count: number, available: number) =>
  Int32Array.from({ length: count }, () => rng.integer(available));

/** `[N, 1]` logits and classes to a scalar. */
const crossEntropy = (tf: Tf, logits: Tensor, y: Tensor): Tensor =>
  tf.mean(tf.sub(tf.softplus(logits), tf.mul(y, logits)));

interface Network {
  readonly inputShape: readonly number[];
  readonly parameters: readonly ParameterSpec[];
  initialise(): Float32Array;
  apply(tf: Tf, parameters: Tensors, x: Tensor): Tensor;
}

function perceptron({ inputs, hidden }: Architecture & { kind: "mlp" }): Network {
  const widths = [inputs, hidden, hidden, hidden, 1];
  const layers = widths.slice(1).map((width, i) => denseParameters(`layer${i}`, widths[i], width));
  const parameters = layers.flat();
  return {
    inputShape: [inputs],
    parameters,
    initialise: () => initialised(parameters, layers),
    apply: (tf, p, x) => layers.reduce((h, _, i) => dense(tf, p, `layer${i}`, i === 0 ? h : tf.relu(h)), x),
  };
}

/** Strided convolutions, as `same` pads them, and two dense layers. */
function convolutional({ size }: Architecture & { kind: "conv" }): Network {
  const filters = [
    [5, 5, 1, 8],
    [3, 3, 8, 16],
    [3, 3, 16, 32],
  ] as const;
  const convolutions = filters.map((shape, i) => [
    { name: `conv${i}.weight`, shape },
    { name: `conv${i}.bias`, shape: [shape[3]] },
  ]);
  const features = 32 * (size / 8) ** 2;
  const layers = [...convolutions, denseParameters("hidden", features, 64), denseParameters("out", 64, 1)];
  const parameters = layers.flat();
  return {
    inputShape: [size, size, 1],
    parameters,
    initialise: () => initialised(parameters, layers),
    apply(tf, p, x) {
      const maps = filters.reduce((h, _, i) => {
        const y = tf.conv2d(h as never, p[`conv${i}.weight`] as never, 2, "same");
        return tf.relu(tf.add(y, p[`conv${i}.bias`]));
      }, x);
      const flat = tf.reshape(maps, [x.shape[0], features]);
      return dense(tf, p, "out", tf.relu(dense(tf, p, "hidden", flat)));
    },
  };
}

/** Weights within `1 / sqrt(fanIn)`. */
function initialised(
  parameters: readonly ParameterSpec[],
  layers: readonly (readonly ParameterSpec[])[],
): Float32Array {
  const fanIns = Object.fromEntries(
    layers.flatMap(([weight, bias]) => {
      const fanIn = weight.shape.slice(0, -1).reduce((a, b) => a * b, 1);
      return [
        [weight.name, fanIn],
        [bias.name, fanIn],
      ];
    }),
  );
  const packed = initialiseUniform(parameters, fanIns, key("bench:engine weights"));
  if (packed.length !== parameterCount(parameters)) throw new Error("the layers do not cover the parameters");
  return packed;
}
