/**
 * The network of the two-sample classifier, all of its numbers in one packed vector: the weights of each layer,
 * `[inputs, outputs]`, then the biases of each.
 *
 * @module
 */
import { type Matrix, matrix } from "../core/matrix.js";
import type { Key } from "../core/random.js";
import { stream } from "../core/rng.js";
import type { Compiled, Engine, Tensor, Tensors, Tf, TrainingProgram } from "../engine/types.js";

const alpha = 1e-4;
/** Weights of idle units decay to minus this, not to subnormal numbers, which are slow; no loss sees it. */
const settle = 1e-6;

/**
 * Minimises, for each member, `(sum softplus(sign logit) + alpha / 2 |weights|^2) / b`: `sign` is 1 for class 0, -1 for
 * class 1 and 0 for rows that are not there; `b` of them are. Rows are the last axis, which is what a product of small
 * matrices prefers.
 */
export function classifierProgram(
  widths: readonly number[],
  members: number,
  steps: number,
  batch: number,
): TrainingProgram {
  const loss = (tf: Tf, { network }: Tensors, inputs: Tensors): Tensor => {
    const { relu, softplus, halfSquares } = cheapGradients(tf);
    const x = tf.reshape(inputs.x, [members, widths[0], batch]);
    const sign = tf.reshape(inputs.sign, [members, batch]);
    const { logit, weights } = forward(tf, relu, widths, network, x);
    const logistic = tf.sum(softplus(tf.mul(sign, logit)), 1, true);
    const penalty = tf.mul(alpha, tf.addN(weights.map((weight) => halfSquares(weight))));
    const total = tf.div(tf.add(logistic, penalty), tf.sum(tf.square(sign), 1, true));
    return tf.reshape(total, [members]);
  };
  return {
    parameters: [{ name: "network", shape: [members, packedLength(widths)] }],
    tables: {
      x: { shape: [steps, members * widths[0] * batch] },
      sign: { shape: [steps, members * batch] },
    },
    indices: { batch: 1 },
    batch: { x: { table: "x", index: "batch" }, sign: { table: "sign", index: "batch" } },
    loss,
    members,
  };
}

/**
 * Compiles the log odds of one classifier on `rows` rows, in float32: `network: [1, P]` and `x: [1, D, rows]` to
 * `logits: [1, rows]`.
 */
export function compileLogits(engine: Engine, widths: readonly number[], rows: number): Promise<Compiled> {
  return engine.compile(
    (tf, { network, x }) => ({ logits: forward(tf, tf.relu, widths, network, x).logit }),
    { network: { shape: [1, packedLength(widths)] }, x: { shape: [1, widths[0], rows] } },
  );
}

/** Sizes of the parts of a packed network. */
function packedSizes(widths: readonly number[]): readonly number[] {
  const outputs = widths.slice(1);
  return [...outputs.map((width, l) => widths[l] * width), ...outputs];
}

const packedLength = (widths: readonly number[]) => packedSizes(widths).reduce((a, b) => a + b);

/** Log odds `[M, N]` of the rows `x: [M, D, N]`, and the weights of each layer, `[M, inputs * outputs]`. */
function forward(
  tf: Tf,
  relu: Unary,
  widths: readonly number[],
  network: Tensor,
  x: Tensor,
): { readonly logit: Tensor; readonly weights: readonly Tensor[] } {
  const [members, , rows] = x.shape;
  const parts = tf.split(network, [...packedSizes(widths)], 1);
  const weights = parts.slice(0, widths.length - 1);
  const h = weights.reduce((input, packed, l) => {
    const weight = tf.reshape(packed, [members, widths[l], widths[l + 1]]);
    const bias = tf.reshape(parts[weights.length + l], [members, widths[l + 1], 1]);
    return tf.add(tf.matMul(weight as never, (l === 0 ? input : relu(input)) as never, true), bias);
  }, x);
  return { logit: tf.reshape(h, [members, rows]), weights };
}

type Unary = (x: Tensor) => Tensor;

/** Functions with first derivatives only: those of the library, made for second ones, take twice the nodes. */
function cheapGradients(tf: Tf): Record<"relu" | "softplus" | "halfSquares", Unary> {
  type Save = (tensors: Tensor[]) => void;
  const make = (f: (x: Tensor) => [value: Tensor, kept: Tensor], slope: Unary): Unary =>
    tf.customGrad((...inputs) => {
      const [x, save] = inputs as unknown as [Tensor, Save];
      const [value, kept] = f(x);
      save([kept]);
      return { value, gradFunc: (dy: Tensor, [saved]: Tensor[]) => tf.mul(dy, slope(saved)) };
    }) as Unary;
  return {
    relu: make((x) => {
      const value = tf.relu(x);
      return [value, value]; // positive where x is
    }, tf.step),
    softplus: make((x) => [tf.softplus(x), x], tf.sigmoid),
    /** Half the sum of the squares along each row, `[M, N] -> [M, 1]`. */
    halfSquares: make(
      (x) => {
        const moved = tf.add(x, settle);
        return [tf.mul(0.5, tf.sum(tf.square(moved), 1, true)), moved];
      },
      (moved) => moved,
    ),
  };
}

/** All weights, then all biases, each layer's uniform within `sqrt(6 / (fanIn + fanOut))`. */
export function glorot(widths: readonly number[], key: Key): Float32Array {
  const rng = stream(key);
  const within = (count: number, l: number) => {
    const bound = Math.sqrt(6 / (widths[l] + widths[l + 1]));
    return Array.from({ length: count }, () => rng.uniform(-bound, bound));
  };
  const outputs = widths.slice(1);
  return Float32Array.from([
    ...outputs.flatMap((width, l) => within(widths[l] * width, l)),
    ...outputs.flatMap((width, l) => within(width, l)),
  ]);
}

/** Log odds of packed parameters, in float64: `[N, D] -> [N]`. */
export function logits(widths: readonly number[], packed: Float32Array, x: Matrix): Float64Array {
  const parameters = Float64Array.from(packed);
  let h = x;
  let weightAt = 0;
  let biasAt = widths.slice(1).reduce((sum, width, l) => sum + widths[l] * width, 0);
  for (let l = 0; l + 1 < widths.length; l++) {
    const inputs = widths[l];
    const outputs = widths[l + 1];
    const next = matrix(x.rows, outputs);
    for (let i = 0; i < x.rows; i++) {
      const to = i * outputs;
      for (let b = 0; b < outputs; b++) next.data[to + b] = parameters[biasAt + b];
      for (let a = 0; a < inputs; a++) {
        const value = h.data[i * inputs + a];
        if (l > 0 && value <= 0) continue; // ReLU
        const from = weightAt + a * outputs;
        for (let b = 0; b < outputs; b++) next.data[to + b] += value * parameters[from + b];
      }
    }
    h = next;
    weightAt += inputs * outputs;
    biasAt += outputs;
  }
  return h.data;
}
