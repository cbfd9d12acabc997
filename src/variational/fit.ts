/**
 * Fits a flow `q` to a whitened target by pathwise gradients. The flow turns noise into draws, `v = T(e)`; outside its graph the
 * target gives its log density and slope at all draws in one call; the step that follows moves the draws along
 *
 *     path_i = c_i d/dv [log p(v) - log q(v)] at v_i,     gradient = mean_i path_i dT(e_i) / d weights,
 *
 * where `q` is held as it is: its own score has mean zero and is left out, so that the gradient has no variance left where
 * `q = p` ("sticking the landing"). The evidence lower bound (`elbo`) has `c = 1`. The bound of K importance weights
 * `w = p / q` (`iwelbo`) has `c = K (w / sum w)^2` over its K draws, the doubly reparameterised gradient.
 *
 * Paths ten times as long as the median one are cut to that: far from the target slopes may be of any size, and near it there is
 * nothing to cut. Before all that, the flow is fitted to points that are known to lie where the target has its mass, by maximum
 * likelihood, so that it begins in every mode. The learning rate falls, and training ends, where the bound does not rise by
 * more than twice its standard error.
 *
 * @see Roeder, Wu and Duvenaud (2017), https://arxiv.org/abs/1703.09194
 * @see Burda, Grosse and Salakhutdinov (2016), https://arxiv.org/abs/1509.00519
 * @see Tucker et al. (2019), https://arxiv.org/abs/1810.04152
 * @module
 */
import { TrainingError } from "../core/errors.js";
import { type Matrix, matrix, row } from "../core/matrix.js";
import { quantile } from "../core/quantile.js";
import { foldIn, type Key, stream } from "../core/random.js";
import { logSumExp } from "../core/special.js";
import type { Engine, TrainingSession } from "../engine/types.js";
import type { ConditionalDensity } from "../flows/density.js";
import { contextOf, type Drawn, drawingGraph, isCarried } from "./drawing.js";
import type { WhitenedTarget } from "./whitened.js";

/** How a flow is fitted; all set. */
export interface FitOptions {
  /** Draws per bound, K: one for `elbo`. */
  readonly particles: number;
  /** Draws per step, a multiple of K. */
  readonly batchSize: number;
  /** Most steps. */
  readonly steps: number;
  readonly learningRate: number;
  /** What the flow is fitted to first, whitened, `[S, D]`. Default none. */
  readonly points?: Matrix;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: VariationalProgress) => void;
}

/** What `onProgress` hears after every hundred steps, and the log keeps. */
export interface VariationalProgress {
  /** Steps taken, and at the most. */
  readonly done: number;
  readonly total: number;
  /**
   * The bound that is maximised, nats: mean over the draws of those steps where the target is finite, the lowest hundredth left out,
   * and its standard error.
   */
  readonly bound: number;
  readonly standardError: number;
  readonly learningRate: number;
}

/** How the fitting went. */
export interface FitLog {
  readonly history: readonly VariationalProgress[];
  /** Why it ended: the bound rose no more, all steps were taken, or float32 could not carry the flow any further. */
  readonly reason: "converged" | "steps" | "precision";
  /**
   * Draws of all steps where the target or its slope was not finite, or the flow not to be turned back, or the step's gradient not
   * finite: they moved nothing.
   */
  readonly nonFinite: number;
}

/** Steps between two looks at the bound. */
const window = 100;
/** Looks without a rise before the rate falls, by what factor, and how often: training ends at the next. */
const patience = 2;
const fall = 0.3;
const falls = 4;
const clipNorm = 10;
/** Longest path, in units of the median one. */
const longest = 10;
/** Share of the lowest bounds that is left out of their mean: a few may be of any size. */
const trimmed = 0.01;
/** Share of draws that float32 may lose before training ends at the weights of the last look. */
const mostLost = 0.001;
/** Steps and rate of the fit to points. */
const warmSteps = 300;
const warmRate = 5e-3;
const averageDecay = 0.99;
/** Slopes from here on count as infinite: their squares would overflow in float32. */
const steepest = 1e15;

/**
 * Fits the weights of a flow.
 *
 * @throws {TrainingError} if the target is finite at no draw of a hundred steps, the flow at some draw not, or its gradient at
 *   most of a hundred steps.
 */
export async function fitFlow(
  target: WhitenedTarget,
  density: ConditionalDensity,
  engine: Engine,
  key: Key,
  options: FitOptions,
): Promise<{ readonly weights: Float32Array; readonly log: FitLog }> {
  const { batchSize, particles, steps, signal, onProgress } = options;
  const { valueDim } = density;
  const shape = [batchSize, valueDim];
  await using draw = await drawingGraph(engine, density, batchSize);
  const noise = new Float32Array(batchSize * valueDim);
  const path = new Float32Array(batchSize * valueDim);
  const untrained = density.initialise(foldIn(key, "weights"));
  const initial = options.points
    ? await fitPoints(density, engine, options.points, untrained, batchSize, foldIn(key, "points"))
    : untrained;
  await using session = await trainingSession(engine, density, shape, initial);
  const rows = Int32Array.from({ length: batchSize }, (_, i) => i);

  const history: VariationalProgress[] = [];
  let bounds: number[] = [];
  let nonFinite = 0;
  let learningRate = options.learningRate;
  let best = { bound: -Infinity, standardError: 0 };
  let stale = 0;
  let fallen = 0;
  let lost = 0;
  let skippedSteps = 0;
  let kept = { weights: initial, average: initial };
  let reason: FitLog["reason"] = "steps";
  for (let step = 0; step < steps && reason === "steps"; step++) {
    signal?.throwIfAborted();
    const rng = stream(foldIn(foldIn(key, "noise"), step));
    for (let i = 0; i < noise.length; i++) noise[i] = rng.normal();
    const { weights } = stateOf(session);
    const drawn = await draw.run({ weights, noise });
    const v = matrix(batchSize, valueDim, Float64Array.from(drawn.value));
    if (!v.data.every(Number.isFinite)) throw diverged(step, learningRate);
    const answer = await target.gradient(v);
    const flow = { ...(drawn as Omit<Drawn, "noise">), noise };
    for (let i = 0; i < batchSize; i++) lost += Number(!isCarried(flow, i));
    const { values, skipped } = pathOf(answer, flow, particles, path);
    for (const value of values) bounds.push(value);
    cut(path, valueDim);
    session.load({ noise, path });
    const [loss] = await session.run(Float64Array.of(learningRate), { rows });
    const isSkipped = Number.isNaN(loss);
    nonFinite += isSkipped ? batchSize : skipped;
    skippedSteps += Number(isSkipped);

    if ((step + 1) % window > 0 && step + 1 < steps) continue;
    if (lost > mostLost * window * batchSize) {
      reason = "precision";
      break;
    }
    checkSkipped(skippedSteps, window, learningRate);
    kept = stateOf(session);
    lost = 0;
    skippedSteps = 0;
    if (bounds.length === 0) {
      throw new TrainingError(
        `variational: none of the last ${window * batchSize} draws has a finite log density and gradient of the target. ` +
          "Check the target at a point that you trust, or pass initial with points where it is finite.",
      );
    }
    const look = { done: step + 1, total: steps, ...meanOf(bounds), learningRate };
    bounds = [];
    history.push(look);
    onProgress?.(look);
    if (look.bound > best.bound + 2 * Math.hypot(look.standardError, best.standardError)) {
      best = look;
      stale = 0;
    } else if (++stale >= patience) {
      stale = 0;
      learningRate *= fall;
      if (++fallen > falls) reason = "converged";
    }
  }
  if (history.length === 0) throw diverged(window, learningRate);
  return { weights: kept.average, log: { history, reason, nonFinite } };
}

/** Moves draws along their paths: the slope of the loss is the negative mean over rows of `path dT / d weights`. */
function trainingSession(
  engine: Engine,
  density: ConditionalDensity,
  shape: readonly number[],
  initial: Float32Array,
): Promise<TrainingSession> {
  const [rows] = shape;
  const nothing = () => new Float32Array(shape.reduce((a, b) => a * b));
  return engine.train(
    {
      parameters: density.parameters,
      tables: { noise: { shape }, path: { shape } },
      indices: { rows },
      batch: { noise: { table: "noise", index: "rows" }, path: { table: "path", index: "rows" } },
      loss(tf, parameters, { noise, path }) {
        const value = density.sample(tf, parameters, noise, contextOf(tf, rows));
        return tf.mul(tf.sum(tf.mul(value, path)), -1 / rows);
      },
    },
    {
      tables: { noise: nothing(), path: nothing() },
      initial,
      clipNorm,
      averageDecay,
    },
  );
}

/** Weights that make points likely. */
async function fitPoints(
  density: ConditionalDensity,
  engine: Engine,
  points: Matrix,
  initial: Float32Array,
  rows: number,
  key: Key,
): Promise<Float32Array> {
  await using session = await engine.train(
    {
      parameters: density.parameters,
      tables: { points: { shape: [points.rows, points.cols] } },
      indices: { rows },
      batch: { value: { table: "points", index: "rows" } },
      loss: (tf, parameters, { value }) =>
        tf.neg(tf.mean(density.logProb(tf, parameters, value, contextOf(tf, rows)))),
    },
    { tables: { points: points.data }, initial, clipNorm, averageDecay },
  );
  const rng = stream(key);
  const losses = await session.run(new Float64Array(warmSteps).fill(warmRate), {
    rows: Int32Array.from({ length: warmSteps * rows }, () => rng.integer(points.rows)),
  });
  checkSkipped(losses.filter(Number.isNaN).length, warmSteps, warmRate); // fewer only make a worse start
  return stateOf(session).average;
}

function stateOf(session: TrainingSession) {
  const { parameters, average = parameters } = session.state();
  return { weights: parameters, average };
}

/** Writes the path of each draw to `path`, zeros where there is none; returns the bounds, a number for each K draws. */
function pathOf(
  target: { readonly logProb: Float64Array; readonly gradient: Matrix },
  flow: Drawn,
  particles: number,
  path: Float32Array,
): { readonly values: number[]; readonly skipped: number } {
  const { logProb, gradient } = target;
  const values: number[] = [];
  let skipped = 0;
  const logWeights = logProb.map((value, i) => {
    const ratio = value - flow.logProb[i];
    const usable = isCarried(flow, i) && row(gradient, i).every((slope) => Math.abs(slope) < steepest);
    return Number.isFinite(ratio) && usable ? ratio : -Infinity;
  });
  for (let from = 0; from < logWeights.length; from += particles) {
    const own = logWeights.subarray(from, from + particles);
    const total = logSumExp(own);
    if (total > -Infinity) values.push(total - Math.log(particles));
    for (let i = from; i < from + particles; i++) {
      const isUsed = logWeights[i] > -Infinity;
      if (!isUsed) skipped++;
      const share = isUsed ? particles * Math.exp(2 * (logWeights[i] - total)) : 0;
      row(gradient, i).forEach((slope, j, { length }) => {
        const at = i * length + j;
        path[at] = isUsed ? share * (slope - flow.score[at]) : 0;
      });
    }
  }
  return { values, skipped };
}

/** Shortens the paths that are much longer than most. */
function cut(path: Float32Array, dim: number): void {
  const lengths = Float64Array.from({ length: path.length / dim }, (_, i) =>
    Math.hypot(...path.subarray(i * dim, (i + 1) * dim)),
  );
  const most = longest * quantile(lengths, 0.5);
  lengths.forEach((length, i) => {
    if (!(length > most && most > 0)) return;
    for (let at = i * dim; at < (i + 1) * dim; at++) path[at] *= most / length;
  });
}

function meanOf(all: readonly number[]): { bound: number; standardError: number } {
  const values = Float64Array.from(all)
    .sort()
    .subarray(Math.floor(trimmed * all.length));
  const n = values.length;
  const bound = values.reduce((a, b) => a + b, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - bound) ** 2, 0);
  return { bound, standardError: Math.sqrt(squares / n / Math.max(1, n - 1)) };
}

/** @throws {TrainingError} if most of the steps were skipped. */
function checkSkipped(skipped: number, steps: number, learningRate: number): void {
  if (skipped <= steps / 2) return;
  throw new TrainingError(
    `variational: at ${skipped} of ${steps} steps the gradient of the flow was not finite. Lower learningRate (${learningRate}), ` +
      "or check that the target's density falls off on all sides.",
  );
}

const diverged = (step: number, learningRate: number) =>
  new TrainingError(
    `variational: a draw of the flow is no number after ${step} steps. Lower learningRate (${learningRate}), ` +
      "or check that the target's density falls off on all sides.",
  );
