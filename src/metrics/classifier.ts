/**
 * The classifier of the two-sample tests: scikit-learn's `MLPClassifier` with ReLU units, as the published
 * scores were made with it.
 *
 * Adam at 1e-3 on shuffled batches of `min(200, n)`; the loss of a batch of `b` rows is its mean logistic loss
 * plus `alpha / (2 b)` times the squared weights (not biases), `alpha = 1e-4`; weights and biases start
 * uniform within `sqrt(6 / (fanIn + fanOut))`. Training ends when for more than 10 epochs running the epoch's
 * loss has not fallen by 1e-4 below the best; or, with early stopping, when the accuracy on a tenth of the
 * rows has not risen by as much, and then the best weights count.
 *
 * @see Pedregosa et al. (2011), https://jmlr.org/papers/v12/pedregosa11a.html
 * @see Glorot and Bengio (2010), https://proceedings.mlr.press/v9/glorot10a.html
 * @module
 */
import { type Matrix, matrix, row, takeRows } from "../core/matrix.js";
import { foldIn, type Key } from "../core/random.js";
import { stream } from "../core/rng.js";
import type { Engine, ParameterSpec, Tensor, Tensors, Tf, TrainingProgram } from "../engine/types.js";

const alpha = 1e-4;
const learningRate = 1e-3;
const tolerance = 1e-4;
const patience = 10;
const largestBatch = 200;
/** Weights of idle units decay to minus this, not to subnormal numbers, which are slow; no loss sees it. */
const settle = 1e-6;
const validationShare = 0.1;

/** What `trainClassifier` may be told. */
export interface ClassifierOptions {
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
  /** Stop on the accuracy of a tenth of the rows, kept out. Default `false`: stop on the training loss. */
  readonly earlyStopping?: boolean;
  /** Default 10,000. */
  readonly maxEpochs?: number;
  readonly signal?: AbortSignal;
}

/** A trained classifier. */
export interface Classifier {
  /** Log odds of class 1: `[N, D] -> [N]`. */
  logits(x: Matrix): Float64Array;
  readonly epochs: number;
}

/**
 * Trains a classifier of rows. Same key, same bytes, per engine.
 *
 * @param x - standardised rows, `[N, D]`.
 * @param labels - 0 or 1, `[N]`.
 */
export async function trainClassifier(
  engine: Engine,
  x: Matrix,
  labels: ArrayLike<number>,
  key: Key,
  { hidden, earlyStopping = false, maxEpochs = 10_000, signal }: ClassifierOptions,
): Promise<Classifier> {
  const widths = [x.cols, ...hidden, 1];
  const order = stream(foldIn(key, "validation")).permutation(x.rows);
  const held = earlyStopping ? Math.max(1, Math.round(validationShare * x.rows)) : 0;
  const heldRows = takeRows(x, order.subarray(0, held));
  const heldLabels = Array.from(order.subarray(0, held), (i) => labels[i]);
  const kept = order.subarray(held);
  const n = kept.length;
  const batch = Math.min(largestBatch, n);
  const program = classifierProgram(widths, n, batch);

  // The last batch of an epoch is filled up with a row that has no weight.
  const tables = {
    x: new Float64Array((n + 1) * x.cols),
    y: new Float64Array(n + 1),
    weight: new Float64Array(n + 1).fill(1, 0, n),
  };
  kept.forEach((from, to) => {
    tables.x.set(row(x, from), to * x.cols);
    tables.y[to] = labels[from];
  });
  const steps = Math.ceil(n / batch);
  const rates = new Float64Array(steps).fill(learningRate);
  const rows = new Int32Array(steps * batch).fill(n);
  const shuffle = stream(foldIn(key, "batches"));

  await using session = await engine.train(program, {
    tables,
    initial: glorot(program.parameters, foldIn(key, "weights")),
  });
  let best = earlyStopping ? -Infinity : Infinity;
  let bestParameters: Float32Array | undefined;
  let epochs = 0;
  for (let idle = 0; epochs < maxEpochs && idle <= patience; ) {
    signal?.throwIfAborted();
    rows.set(shuffle.permutation(n));
    const losses = await session.run(rates, { row: rows });
    epochs++;
    if (earlyStopping) {
      const { parameters } = session.state();
      const score = accuracy(forward(widths, parameters, heldRows), heldLabels);
      idle = score < best + tolerance ? idle + 1 : 0;
      if (score > best) {
        best = score;
        bestParameters = parameters;
      }
    } else {
      const loss = losses.reduce((sum, value, s) => sum + value * Math.min(batch, n - s * batch), 0) / n;
      idle = loss > best - tolerance ? idle + 1 : 0;
      best = Math.min(best, loss);
    }
  }
  const parameters = bestParameters ?? session.state().parameters;
  return { logits: (rows) => forward(widths, parameters, rows), epochs };
}

/** Share of rows whose log odds have the sign of their label. */
export function accuracy(logits: ArrayLike<number>, labels: ArrayLike<number>): number {
  let right = 0;
  for (let i = 0; i < logits.length; i++) if (logits[i] > 0 === (labels[i] === 1)) right++;
  return right / logits.length;
}

function classifierProgram(widths: readonly number[], n: number, batch: number): TrainingProgram {
  const layers = widths.length - 1;
  const parameters: ParameterSpec[] = [];
  for (let l = 0; l < layers; l++) {
    parameters.push({ name: `weight${l}`, shape: [widths[l], widths[l + 1]] });
    parameters.push({ name: `bias${l}`, shape: [widths[l + 1]] });
  }
  const loss = (tf: Tf, p: Tensors, { x, y, weight }: Tensors): Tensor => {
    let h: Tensor = x;
    let squares: Tensor = tf.scalar(0);
    for (let l = 0; l < layers; l++) {
      if (l > 0) h = tf.relu(h);
      h = tf.add(tf.matMul(h as never, p[`weight${l}`] as never), p[`bias${l}`]);
      squares = tf.add(squares, tf.sum(tf.square(tf.add(p[`weight${l}`], settle))));
    }
    const logit = tf.reshape(h, [batch]);
    const each = tf.sub(tf.softplus(logit), tf.mul(y, logit));
    return tf.div(tf.add(tf.sum(tf.mul(weight, each)), tf.mul(alpha / 2, squares)), tf.sum(weight));
  };
  return {
    parameters,
    tables: { x: { shape: [n + 1, widths[0]] }, y: { shape: [n + 1] }, weight: { shape: [n + 1] } },
    indices: { row: batch },
    batch: {
      x: { table: "x", index: "row" },
      y: { table: "y", index: "row" },
      weight: { table: "weight", index: "row" },
    },
    loss,
  };
}

/** Weights and biases of each layer uniform within `sqrt(6 / (fanIn + fanOut))`, packed. */
function glorot(parameters: readonly ParameterSpec[], key: Key): Float32Array {
  const rng = stream(key);
  const values: number[] = [];
  let bound = 0;
  for (const { shape } of parameters) {
    if (shape.length === 2) bound = Math.sqrt(6 / (shape[0] + shape[1])); // the bias follows its weight
    for (let i = shape.reduce((a, b) => a * b, 1); i > 0; i--) values.push(rng.uniform(-bound, bound));
  }
  return Float32Array.from(values);
}

/** Log odds of packed parameters, in float64. */
function forward(widths: readonly number[], parameters: Float32Array, x: Matrix): Float64Array {
  let h = x;
  let offset = 0;
  for (let l = 0; l + 1 < widths.length; l++) {
    const inputs = widths[l];
    const outputs = widths[l + 1];
    const bias = parameters.subarray(offset + inputs * outputs, offset + (inputs + 1) * outputs);
    const next = matrix(x.rows, outputs);
    for (let i = 0; i < x.rows; i++) {
      const out = row(next, i);
      out.set(bias);
      for (let a = 0; a < inputs; a++) {
        const value = h.data[i * inputs + a];
        if (l > 0 && value <= 0) continue; // ReLU
        const from = offset + a * outputs;
        for (let b = 0; b < outputs; b++) out[b] += value * parameters[from + b];
      }
    }
    h = next;
    offset += (inputs + 1) * outputs;
  }
  return h.data;
}
