/**
 * The mode of a density: the `theta` where `log p(theta)` is largest, by L-BFGS from many starting points at once. With
 * the posterior as target it is the maximum a posteriori (MAP), with a flat prior the maximum likelihood.
 *
 * The search runs over unconstrained `u`, so it cannot leave the support, but what it maximises is the density of `theta`:
 * no Jacobian is added. A mode on the edge of the support is approached, never reached.
 *
 * @see Nocedal and Wright (2006), Numerical Optimization, algorithms 7.4 and 7.5
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { ShapeError } from "../src/core/errors.js";
import { type Matrix, matrix, row, takeRows } from "../src/core/matrix.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { key as keyOf } from "../src/core/random.js";
import { checkTarget } from "./target.js";

/** Options of `mode`. */
export interface ModeOptions {
  /** Where to start, `[S, D]` on the scale of `theta`. Default: the 20 best of 2,000 draws from `target.start`. */
  readonly initial?: Matrix;
  /** Of the draws from `target.start`. Default 0. */
  readonly seed?: string | number;
  /** Most steps. Default 200. */
  readonly maxIterations?: number;
  readonly signal?: AbortSignal;
}

const optionNames: OptionNames<ModeOptions> = {
  initial: true,
  seed: true,
  maxIterations: true,
  signal: true,
};

/** The best point found. */
export interface Mode {
  /** `[D]`. */
  readonly theta: Float64Array;
  /** `log p(theta)`, nats, up to the target's constant. */
  readonly logProb: number;
  /** Whether the slope vanished there, or no step could climb any more, before the steps ran out. */
  readonly converged: boolean;
  /** Where each start ended, `[S, D]`, and how high, `[S]`: several modes are seen here. */
  readonly ends: { readonly theta: Matrix; readonly logProb: Float64Array };
}

const memory = 8;
const defaultStarts = 20;
const candidates = 2000;
/** Halvings of a step before a search gives up. */
const mostHalvings = 30;
/** Share of the climb that the slope promises which a step must keep (Armijo). */
const enoughClimb = 1e-4;
/** Slope per unit of `u` that counts as none: float32 networks are noisier than that. */
const flat = 1e-5;

/** One search. */
interface Search {
  u: Float64Array;
  value: number;
  slope: Float64Array;
  /** Steps taken and changes of the slope, newest last. */
  readonly steps: Float64Array[];
  readonly changes: Float64Array[];
  direction: Float64Array;
  length: number;
  halvings: number;
  done: boolean;
  converged: boolean;
}

/**
 * Finds the mode of a target.
 *
 * @param target - must have a `gradient`.
 * @throws {TypeError} if the target is no log density or has no gradient, or there is no such option.
 * @throws {ShapeError} if `initial` has another number of columns than the target, or no rows.
 * @throws {RangeError} if `maxIterations` is not a positive whole number, no starting point has a finite log density, or there are none.
 * @example
 * const { theta, logProb } = await mode(posterior(estimator, { observed }), { seed: "hello" });
 */
export async function mode(target: LogDensity, options: ModeOptions = {}): Promise<Mode> {
  checkTarget("mode", target);
  checkOptions("mode", options, optionNames);
  if (!target.gradient) throw new TypeError("mode: target has no gradient; give it one.");
  const { maxIterations = 200, signal } = options;
  if (!(Number.isSafeInteger(maxIterations) && maxIterations > 0)) {
    throw new RangeError(`mode: maxIterations must be a positive whole number, got ${maxIterations}.`);
  }
  const { dim, support } = target;
  const starts = options.initial ?? (await bestDraws(target, options.seed ?? 0));
  if (starts.cols !== dim || starts.rows === 0) {
    throw new ShapeError(
      `mode: initial must be [S, ${dim}] with S >= 1, got [${starts.rows}, ${starts.cols}].`,
    );
  }

  /** Values and slopes with respect to `u` at the points given. */
  const evaluate = async (points: readonly Float64Array[]) => {
    const theta = matrix(points.length, dim);
    for (const [i, u] of points.entries()) support.toConstrained(u, row(theta, i));
    const { logProb, gradient } = await target.gradient!(theta);
    const none = new Float64Array(dim);
    const jacobian = new Float64Array(dim);
    return points.map((u, i) => {
      const slope = new Float64Array(dim);
      support.pullback(u, row(gradient, i), slope);
      support.pullback(u, none, jacobian); // the slope of log |det J| alone
      return { value: logProb[i], slope: slope.map((value, j) => value - jacobian[j]) };
    });
  };

  const first = Array.from({ length: starts.rows }, (_, i) => {
    const u = new Float64Array(dim);
    support.toUnconstrained(row(starts, i), u);
    return u;
  });
  const searches = (await evaluate(first)).map(({ value, slope }, i): Search => {
    const usable = isFinitePoint(value, slope) && first[i].every(Number.isFinite);
    const direction = slope.slice();
    const length = 1 / Math.max(1, norm(slope));
    const fresh = { steps: [], changes: [], direction, length, halvings: 0, done: !usable, converged: false };
    return { u: first[i], value: usable ? value : -Infinity, slope, ...fresh };
  });
  if (searches.every(({ done }) => done)) {
    throw new RangeError(
      "mode: no starting point has a finite log density and gradient; pass initial with points where the target is finite.",
    );
  }
  for (const search of searches) settle(search);
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    signal?.throwIfAborted();
    const open = searches.filter(({ done }) => !done);
    if (open.length === 0) break;
    const points = open.map(({ u, direction, length }) => u.map((value, j) => value + length * direction[j]));
    const found = await evaluate(points);
    for (const [i, search] of open.entries()) advance(search, points[i], found[i]);
  }

  const theta = matrix(searches.length, dim);
  searches.forEach(({ u }, i) => {
    if (u.every(Number.isFinite)) support.toConstrained(u, row(theta, i));
    else row(theta, i).set(row(starts, i));
  });
  const logProb = Float64Array.from(searches, ({ value }) => value);
  const best = logProb.indexOf(Math.max(...logProb));
  return {
    theta: row(theta, best).slice(),
    logProb: logProb[best],
    converged: searches[best].converged,
    ends: { theta, logProb },
  };
}

/** The draws from `target.start` that the target likes best. */
async function bestDraws(target: LogDensity, seed: string | number): Promise<Matrix> {
  if (!target.start) {
    throw new RangeError(
      `mode: target has no start to draw starting points from; pass initial, a matrix [S, ${target.dim}].`,
    );
  }
  const draws = target.start.sample(candidates, keyOf(seed));
  const logProb = await target.logProb(draws);
  const order = Array.from(logProb.keys()).sort((a, b) => height(logProb[b]) - height(logProb[a]) || a - b);
  return takeRows(draws, order.slice(0, defaultStarts));
}

const height = (logProb: number) => (Number.isFinite(logProb) ? logProb : -Number.MAX_VALUE);

/** Takes the step that was tried, or halves it. */
function advance(
  search: Search,
  u: Float64Array,
  { value, slope }: { value: number; slope: Float64Array },
): void {
  const promised = search.length * dot(search.direction, search.slope);
  if (!(isFinitePoint(value, slope) && value >= search.value + enoughClimb * promised)) {
    search.length /= 2;
    if (++search.halvings > mostHalvings) {
      search.done = true;
      search.converged = true; // rounding hides what is left to climb
    }
    return;
  }
  const step = u.map((now, j) => now - search.u[j]);
  const change = slope.map((now, j) => search.slope[j] - now); // of the slope downhill, as textbooks minimise
  const climbed = value - search.value;
  Object.assign(search, { u, value, slope, halvings: 0, length: 1 });
  if (dot(step, change) > 1e-12 * norm(step) * norm(change)) {
    search.steps.push(step);
    search.changes.push(change);
    if (search.steps.length > memory) {
      search.steps.shift();
      search.changes.shift();
    }
  }
  search.direction = ascent(search);
  if (climbed <= 1e-12 * Math.max(1, Math.abs(value))) {
    search.done = true;
    search.converged = true;
  }
  settle(search);
}

function settle(search: Search): void {
  if (search.done || norm(search.slope) >= flat) return;
  search.done = true;
  search.converged = true;
}

/** The two-loop recursion: an approximate Newton direction uphill. */
function ascent({ slope, steps, changes }: Search): Float64Array {
  const q = slope.slice();
  const alphas: number[] = [];
  for (let k = steps.length - 1; k >= 0; k--) {
    alphas[k] = dot(steps[k], q) / dot(steps[k], changes[k]);
    for (let j = 0; j < q.length; j++) q[j] -= alphas[k] * changes[k][j];
  }
  const last = steps.length - 1;
  const scale = last >= 0 ? dot(steps[last], changes[last]) / dot(changes[last], changes[last]) : 1;
  for (let j = 0; j < q.length; j++) q[j] *= scale;
  for (let k = 0; k < steps.length; k++) {
    const beta = dot(changes[k], q) / dot(steps[k], changes[k]);
    for (let j = 0; j < q.length; j++) q[j] += (alphas[k] - beta) * steps[k][j];
  }
  return q;
}

const isFinitePoint = (value: number, slope: Float64Array) =>
  Number.isFinite(value) && slope.every(Number.isFinite);

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
  return sum;
}

const norm = (a: Float64Array) => Math.sqrt(dot(a, a));
