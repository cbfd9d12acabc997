/**
 * The classifier of the two-sample tests: scikit-learn's `MLPClassifier` with ReLU units, as the published
 * scores were made with it.
 *
 * Adam at 1e-3 on shuffled batches of `min(200, n)`; the loss of a batch of `b` rows is its mean logistic loss
 * plus `alpha / (2 b)` times the squared weights (not biases), `alpha = 1e-4`; weights and biases start
 * uniform within `sqrt(6 / (fanIn + fanOut))`. Training ends when for more than 10 epochs running the epoch's
 * loss has not fallen by 1e-4 below the best; or, with early stopping, when the accuracy on a tenth of the
 * rows has not risen by as much, and then the best weights count. Classifiers of equally many rows train side
 * by side, in one graph; one that has ended leaves it.
 *
 * @see Pedregosa et al. (2011), https://jmlr.org/papers/v12/pedregosa11a.html
 * @see Glorot and Bengio (2010), https://proceedings.mlr.press/v9/glorot10a.html
 * @module
 */
import { TrainingError } from "../core/errors.js";
import { type Matrix, takeRows } from "../core/matrix.js";
import { foldIn, type Key } from "../core/random.js";
import { type Rng, stream } from "../core/rng.js";
import type { Compiled, Engine } from "../engine/types.js";
import { classifierProgram, compileLogits, glorot, logits } from "./classifier-network.js";

const learningRate = 1e-3;
const tolerance = 1e-4;
const patience = 10;
const largestBatch = 200;
const validationShare = 0.1;

/** What a classifier learns from. */
export interface ClassifierRows {
  /** Numbers of the rows that it sees. */
  readonly seen: ArrayLike<number>;
  /** Of all random numbers of its training. */
  readonly key: Key;
}

/** What `trainClassifiers` may be told. */
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
 * Trains a classifier of each set of rows. Same keys, same bytes, per engine.
 *
 * @param x - standardised rows, `[N, D]`.
 * @param labels - 0 or 1, `[N]`.
 * @param sets - what each learns from.
 */
export async function trainClassifiers(
  engine: Engine,
  x: Matrix,
  labels: ArrayLike<number>,
  sets: readonly ClassifierRows[],
  options: ClassifierOptions,
): Promise<readonly Classifier[]> {
  const widths = [x.cols, ...options.hidden, 1];
  const rows = signedRows(x, labels);
  const members = sets.map((set) => enrol(set, x, labels, widths, options));
  for (const count of new Set(sets.map(({ seen }) => seen.length))) {
    const group = members.filter((_, i) => sets[i].seen.length === count);
    await trainTogether(engine, rows, group, widths, options);
  }
  return members.map(({ parameters, best, epochs }) => {
    const network = best.parameters ?? parameters;
    return { logits: (x) => logits(widths, network, x), epochs };
  });
}

/** A classifier in training: its rows and where it stands. */
interface Member {
  /** Numbers of the rows that it learns from, `[n]`. */
  readonly learned: Int32Array;
  /** Rows that it is judged by where it stops early, `[D, n]`, and their labels, `[n]`. */
  readonly heldRows: Float32Array;
  readonly heldLabels: readonly number[];
  /** Order of the rows, epoch after epoch. */
  readonly shuffle: Rng;
  /** Packed parameters and moments. */
  parameters: Float32Array;
  m: Float32Array;
  v: Float32Array;
  epochs: number;
  /** Lowest loss, or highest accuracy and its parameters. */
  best: { readonly score: number; readonly parameters?: Float32Array };
  /** Epochs since the best got better. */
  idle: number;
}

const kept = ["parameters", "m", "v"] as const;

/** Rows with a last column, their sign: 1 for class 0, -1 for class 1; `[N, D + 1]`. */
function signedRows({ data, rows, cols }: Matrix, labels: ArrayLike<number>): Float32Array {
  const all = new Float32Array(rows * (cols + 1));
  for (let i = 0; i < rows; i++) {
    all.set(data.subarray(i * cols, (i + 1) * cols), i * (cols + 1));
    all[(i + 1) * (cols + 1) - 1] = labels[i] === 1 ? -1 : 1;
  }
  return all;
}

function enrol(
  { seen, key }: ClassifierRows,
  x: Matrix,
  labels: ArrayLike<number>,
  widths: readonly number[],
  { earlyStopping = false }: ClassifierOptions,
): Member {
  const order = stream(foldIn(key, "validation"))
    .permutation(seen.length)
    .map((i) => seen[i]);
  const held = order.subarray(0, earlyStopping ? Math.max(1, Math.round(validationShare * seen.length)) : 0);
  const parameters = glorot(widths, foldIn(key, "weights"));
  return {
    learned: order.subarray(held.length),
    heldRows: columns(takeRows(x, held)),
    heldLabels: Array.from(held, (i) => labels[i]),
    shuffle: stream(foldIn(key, "batches")),
    parameters,
    m: new Float32Array(parameters.length),
    v: new Float32Array(parameters.length),
    epochs: 0,
    best: { score: earlyStopping ? -Infinity : Infinity },
    idle: 0,
  };
}

/** Trains members of equally many rows until each has ended; whoever ends leaves, and the rest go on without. */
async function trainTogether(
  engine: Engine,
  rows: Float32Array,
  members: readonly Member[],
  widths: readonly number[],
  { maxEpochs = 10_000, signal }: ClassifierOptions,
): Promise<void> {
  const [{ learned, heldLabels }] = members;
  const n = learned.length;
  const batch = Math.min(largestBatch, n);
  const steps = Math.ceil(n / batch);
  const rates = new Float64Array(steps).fill(learningRate);
  const each = { batch: Int32Array.from({ length: steps }, (_, s) => s) };
  const goesOn = ({ epochs, idle }: Member) => epochs < maxEpochs && idle <= patience;
  await using judge =
    heldLabels.length > 0 ? await compileLogits(engine, widths, heldLabels.length) : undefined;

  for (let running = members.filter(goesOn); running.length > 0; running = running.filter(goesOn)) {
    const count = running.length;
    const program = classifierProgram(widths, count, steps, batch);
    const tables = {
      x: new Float32Array(steps * count * widths[0] * batch),
      sign: new Float32Array(steps * count * batch), // rows that fill up the last batch keep 0
    };
    const [parameters, m, v] = kept.map((name) => joined(running.map((member) => member[name])));
    const initial = { step: running[0].epochs * steps, parameters, m, v };
    await using session = await engine.train(program, { tables, initial });
    while (running.every(goesOn)) {
      signal?.throwIfAborted();
      for (const [i, member] of running.entries()) layOut(rows, member, tables, i, count, batch);
      session.load(tables);
      const losses = await session.run(rates, each); // [steps, count]
      const state = session.state();
      for (const [i, member] of running.entries()) {
        for (const name of kept) member[name] = share(state[name], i, count);
        member.epochs++;
        const loss = epochLoss(ofMember(losses, i, count), n, batch);
        if (judge !== undefined) await judgeByAccuracy(member, judge);
        else judgeByLoss(member, loss);
      }
    }
  }
}

function judgeByLoss(member: Member, loss: number): void {
  member.idle = loss > member.best.score - tolerance ? member.idle + 1 : 0;
  if (loss < member.best.score) member.best = { score: loss };
}

async function judgeByAccuracy(member: Member, judge: Compiled): Promise<void> {
  const { parameters, heldRows, heldLabels } = member;
  const { logits } = await judge.run({ network: parameters, x: heldRows });
  const score = accuracy(logits, heldLabels);
  member.idle = score < member.best.score + tolerance ? member.idle + 1 : 0;
  if (score > member.best.score) member.best = { score, parameters };
}

/** Share of rows whose log odds have the sign of their label. */
export function accuracy(logits: ArrayLike<number>, labels: ArrayLike<number>): number {
  let right = 0;
  for (let i = 0; i < logits.length; i++) if (logits[i] > 0 === (labels[i] === 1)) right++;
  return right / logits.length;
}

/**
 * Mean loss over the rows of an epoch, without the `softplus(0)` of each row that fills up the last batch, and without batches
 * that were skipped (NaN).
 *
 * @throws {TrainingError} if all were.
 */
function epochLoss(losses: Float64Array, n: number, batch: number): number {
  let sum = 0;
  let rows = 0;
  let filled = 0;
  losses.forEach((value, s) => {
    if (Number.isNaN(value)) return;
    const own = Math.min(batch, n - s * batch);
    sum += value * own;
    rows += own;
    filled += batch - own;
  });
  if (rows === 0) {
    throw new TrainingError(
      "classifier: no batch has a finite loss and gradient. Look for extreme values in the samples to compare.",
    );
  }
  return (sum - filled * Math.LN2) / rows;
}

/**
 * Writes a member's rows, in fresh order, where its batches are: `x: [steps, members, D, batch]` and
 * `sign: [steps, members, batch]`. To gather 200 short rows costs the engine more than a layer.
 */
function layOut(
  rows: Float32Array,
  { learned, shuffle }: Member,
  { x, sign }: { readonly x: Float32Array; readonly sign: Float32Array },
  index: number,
  members: number,
  batch: number,
): void {
  const n = learned.length;
  const cols = x.length / sign.length;
  const order = shuffle.permutation(n);
  for (let start = 0, at = index * batch; start < n; start += batch, at += members * batch) {
    const size = Math.min(batch, n - start);
    for (let b = 0; b < size; b++) {
      const from = learned[order[start + b]] * (cols + 1);
      for (let c = 0, to = at * cols + b; c < cols; c++, to += batch) x[to] = rows[from + c];
      sign[at + b] = rows[from + cols];
    }
  }
}

/** The column of a member in `[steps, members]`. */
const ofMember = (losses: Float64Array, index: number, members: number) =>
  losses.filter((_, k) => k % members === index);

/** The row of a member in `[members, P]`, copied. */
const share = (all: Float32Array, index: number, members: number) =>
  all.slice((index * all.length) / members, ((index + 1) * all.length) / members);

/** Rows of equal length as one table, `[members, P]`. */
function joined(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.length * rows[0].length);
  for (const [i, values] of rows.entries()) all.set(values, i * values.length);
  return all;
}

/** The transpose, `[D, N]`. */
function columns({ data, rows, cols }: Matrix): Float32Array {
  return Float32Array.from(data, (_, k) => data[(k % rows) * cols + Math.floor(k / rows)]);
}
