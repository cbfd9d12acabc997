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
import type { Engine, Tensor, Tensors, Tf, TrainingProgram } from "../engine/types.js";

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
  const steps = Math.ceil(n / batch);
  const program = classifierProgram(widths, steps, batch);

  // Batches are laid out here, one table row each: to gather 200 short rows costs the engine more than a layer.
  const tables = { x: new Float32Array(steps * batch * x.cols), sign: new Float32Array(steps * batch) };
  const shuffle = stream(foldIn(key, "batches"));
  const rows = Float32Array.from(takeRows(x, kept).data);
  const signs = Float32Array.from(kept, (i) => (labels[i] === 1 ? -1 : 1)); // rows that fill up the last batch keep 0
  const layOut = () => {
    const from = shuffle.permutation(n);
    for (let to = 0; to < n; to++) {
      const at = from[to] * x.cols;
      for (let c = 0; c < x.cols; c++) tables.x[to * x.cols + c] = rows[at + c];
      tables.sign[to] = signs[from[to]];
    }
    return tables;
  };
  const rates = new Float64Array(steps).fill(learningRate);
  const each = { batch: Int32Array.from({ length: steps }, (_, s) => s) };

  await using session = await engine.train(program, {
    tables,
    initial: glorot(widths, foldIn(key, "weights")),
  });
  let best = earlyStopping ? -Infinity : Infinity;
  let bestParameters: Float32Array | undefined;
  let epochs = 0;
  for (let idle = 0; epochs < maxEpochs && idle <= patience; ) {
    signal?.throwIfAborted();
    session.load(layOut());
    const losses = await session.run(rates, each);
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
      const loss = epochLoss(losses, n, batch);
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

/** Mean loss over the rows of an epoch, without the `softplus(0)` of each row that fills up the last batch. */
function epochLoss(losses: Float64Array, n: number, batch: number): number {
  const sum = losses.reduce((total, value, s) => total + value * Math.min(batch, n - s * batch), 0);
  return (sum - (losses.length * batch - n) * Math.LN2) / n;
}

/**
 * Minimises `(sum softplus(sign logit) + alpha / 2 |weights|^2) / b`: `sign` is 1 for class 0, -1 for class 1 and 0
 * for rows that are not there. The weights of all layers are one parameter, the first, and the biases follow.
 */
function classifierProgram(widths: readonly number[], steps: number, batch: number): TrainingProgram {
  const outputs = widths.slice(1);
  const sizes = outputs.map((width, l) => widths[l] * width);
  const loss = (tf: Tf, p: Tensors, inputs: Tensors): Tensor => {
    const { relu, softplus } = cheapGradients(tf);
    const weights = tf.split(p.weights, sizes);
    let h: Tensor = tf.reshape(inputs.x, [batch, widths[0]]);
    outputs.forEach((width, l) => {
      if (l > 0) h = relu(h);
      const weight = tf.reshape(weights[l], [widths[l], width]);
      h = tf.add(tf.matMul(h as never, weight as never), p[`bias${l}`]);
    });
    const sign = tf.reshape(inputs.sign, [batch]);
    const logistic = tf.sum(softplus(tf.mul(sign, tf.reshape(h, [batch]))));
    const squares = tf.sum(tf.square(tf.add(p.weights, settle)));
    return tf.div(tf.add(logistic, tf.mul(alpha / 2, squares)), tf.sum(tf.square(sign)));
  };
  return {
    parameters: [
      { name: "weights", shape: [sizes.reduce((a, b) => a + b)] },
      ...outputs.map((width, l) => ({ name: `bias${l}`, shape: [width] })),
    ],
    tables: { x: { shape: [steps, batch * widths[0]] }, sign: { shape: [steps, batch] } },
    indices: { batch: 1 },
    batch: { x: { table: "x", index: "batch" }, sign: { table: "sign", index: "batch" } },
    loss,
  };
}

/** Functions with first derivatives only: those of the library, made for second ones, take twice the nodes. */
function cheapGradients(tf: Tf): Record<"relu" | "softplus", (x: Tensor) => Tensor> {
  type Save = (tensors: Tensor[]) => void;
  const make = (f: (x: Tensor) => [value: Tensor, kept: Tensor], slope: (kept: Tensor) => Tensor) =>
    tf.customGrad((...inputs) => {
      const [x, save] = inputs as unknown as [Tensor, Save];
      const [value, kept] = f(x);
      save([kept]);
      return { value, gradFunc: (dy: Tensor, [saved]: Tensor[]) => tf.mul(dy, slope(saved)) };
    }) as (x: Tensor) => Tensor;
  return {
    relu: make((x) => {
      const value = tf.relu(x);
      return [value, value]; // positive where x is
    }, tf.step),
    softplus: make((x) => [tf.softplus(x), x], tf.sigmoid),
  };
}

/** All weights, then all biases, each layer's uniform within `sqrt(6 / (fanIn + fanOut))`. */
function glorot(widths: readonly number[], key: Key): Float32Array {
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

/** Log odds of packed parameters, in float64. */
function forward(widths: readonly number[], parameters: Float32Array, x: Matrix): Float64Array {
  let h = x;
  let offset = 0;
  let biasAt = widths.slice(1).reduce((sum, width, l) => sum + widths[l] * width, 0);
  for (let l = 0; l + 1 < widths.length; l++) {
    const inputs = widths[l];
    const outputs = widths[l + 1];
    const bias = parameters.subarray(biasAt, biasAt + outputs);
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
    offset += inputs * outputs;
    biasAt += outputs;
  }
  return h.data;
}
