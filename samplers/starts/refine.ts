/**
 * Adaptive importance sampling: makes weighted points better by adding new ones from a mixture fitted to them. All points together
 * are one importance sample, whose proposal is that of all rounds,
 *
 *     q(u) = sum_r (n_r / N) q_r(u),     q_0 = start,     q_r = 0.1 start + 0.9 mixture_r  (r > 0),
 *
 * so the share of the start keeps the weights bounded and modes that the mixtures forgot within reach, and no round is preferred: the
 * round whose points are worth most by themselves may be the one that saw least of the target, such as no point at the edge of its support.
 * Where few points carry the weight, the mixture is fitted to tempered weights `w^tau`, with `tau <= 1` as
 * large as their effective sample size allows: proposals then close in over several rounds.
 *
 * @see Cornuet et al. (2012), Adaptive multiple importance sampling, https://doi.org/10.1111/j.1467-9469.2011.00756.x
 * @see Cappe et al. (2004), Population Monte Carlo, https://doi.org/10.1198/106186004X12803
 * @module
 */
import type { LogDensity } from "../../src/core/contracts.js";
import { type Matrix, matrix, row, stackRows, takeRows } from "../../src/core/matrix.js";
import { foldIn, type Key, key as keyOf, type Rng, stream } from "../../src/core/random.js";
import { logAddExp } from "../../src/core/special.js";
import { chooseMixture } from "./fit-mixture.js";
import { resample, type Weighted, weigh } from "./importance.js";
import { logProbMixture, type Mixture, mixtureDensity, sampleMixture } from "./mixture.js";

const maxRounds = 5;
const fitPoints = 1500;
const shareOfStart = 0.1;
/** A weight below `exp(-40)` of the largest counts for nothing, and is only bounded. */
const negligible = 40;

/** Points, and the target there. */
export interface Evaluated {
  /** `[N, D]`. */
  readonly theta: Matrix;
  /** `log p(theta)` of the target, `[N]`, nats. */
  readonly logProb: Float64Array;
}

/**
 * Adds to an importance sample until its effective sample size is `enough`, for at most five rounds.
 *
 * @param first - points drawn from `target.start`.
 * @param options.size - points per round.
 * @param options.enough - effective sample size that needs no further round.
 * @returns all points with their weights, rounds and points spent.
 */
export async function refine(
  target: LogDensity,
  first: Evaluated,
  logProb: (theta: Matrix) => Promise<Float64Array>,
  key: Key,
  { size, enough }: { readonly size: number; readonly enough: number },
): Promise<{ points: Evaluated & Weighted; rounds: number; evaluated: number }> {
  const start = target.start!;
  const pool = pooled(target, first);
  let points = pool.points();
  let rounds = 0;
  for (; rounds < maxRounds && points.ess > 0 && points.ess < enough; rounds++) {
    const roundKey = foldIn(key, rounds);
    const rng = stream(roundKey);
    const tempered = temper(points, Math.min(20 * (target.dim + 1), size / 20));
    const mixture = mixtureOf(tempered, foldIn(roundKey, "fit"), rng);
    const fromStart = Math.round(shareOfStart * size);
    const drawn = constrain(target, sampleMixture(mixture, size - fromStart, rng));
    const theta = stackRows([drawn, start.sample(fromStart, foldIn(roundKey, "start"))]);
    pool.add({ theta, logProb: await logProb(theta) }, mixture, fromStart);
    points = pool.points();
  }
  return { points, rounds, evaluated: rounds * size };
}

/** All points so far, and the proposal that they come from together. */
function pooled(target: LogDensity, first: Evaluated) {
  const start = target.start!;
  const { dim, support } = target;
  const unconstrained = (theta: Matrix) => {
    const u = matrix(theta.rows, dim);
    for (let i = 0; i < theta.rows; i++) support.toUnconstrained(row(theta, i), row(u, i));
    return u;
  };
  let all: Evaluated = first;
  let u = unconstrained(first.theta);
  let logStart = start.logProb(first.theta);
  let fromStarts = first.theta.rows;
  const mixtures: { readonly count: number; readonly density: ReturnType<typeof mixtureDensity> }[] = [];

  /** Adds to the part of the start in the proposal at point `i` those of all mixtures. */
  const wholeProposal = (i: number, ofStart: number): number => {
    const point = row(u, i);
    if (!point.every(Number.isFinite)) return ofStart;
    const logDet = support.logDet(point);
    return mixtures.reduce(
      (sum, { count, density }) =>
        logAddExp(sum, Math.log(count / u.rows) + density.logProb(u.data, i * dim) - logDet),
      ofStart,
    );
  };

  return {
    add(more: Evaluated, mixture: Mixture, fromStart: number): void {
      u = stackRows([u, unconstrained(more.theta)]);
      logStart = joined(logStart, start.logProb(more.theta));
      all = {
        theta: stackRows([all.theta, more.theta]),
        logProb: joined(all.logProb, more.logProb),
      };
      fromStarts += fromStart;
      mixtures.push({ count: more.theta.rows - fromStart, density: mixtureDensity(mixture) });
    },

    points(): Evaluated & Weighted {
      const { rows } = all.theta;
      const ofStart = Math.log(fromStarts / rows);
      const proposal = logStart.map((value) => ofStart + value);
      // what the start alone gives is the largest that a weight can be: only where that counts is the rest of the proposal added
      const bounds = proposal.map((value, i) => orNone(all.logProb[i] - value));
      const isWhole = new Uint8Array(rows);
      let most = -Infinity;
      const complete = (least: number) => {
        for (let i = 0; i < rows; i++) {
          if (isWhole[i] === 1 || !(bounds[i] > least)) continue;
          isWhole[i] = 1;
          proposal[i] = wholeProposal(i, proposal[i]);
          most = Math.max(most, orNone(all.logProb[i] - proposal[i]));
        }
      };
      complete(bounds.reduce((a, b) => Math.max(a, b), -Infinity) - negligible);
      complete(most - negligible); // the largest weight may be far below the largest bound
      return { ...weigh(target, all.theta, all.logProb, proposal), logProb: all.logProb };
    },
  };
}

/** A log weight; that of a point where something is no number counts for nothing. */
const orNone = (value: number) => (Number.isNaN(value) ? -Infinity : value);

/** Points that a proposal is fitted to are worth this many independent ones, where five rounds get there. */
const enoughToFit = 500;
const fitCandidates = 4000;

/**
 * A proposal for importance sampling, on the scale of theta: the mixture that the refined draws from `target.start` give.
 *
 * @throws {RangeError} if the target is zero at every draw from its start.
 */
export async function mixtureProposal(
  target: LogDensity,
  key: Key,
): Promise<{
  logProb(theta: Matrix): Promise<Float64Array>;
  sample(n: number, options: { readonly seed: string | number }): Promise<Matrix>;
}> {
  const start = target.start!;
  const theta = start.sample(fitCandidates, foldIn(key, "candidates"));
  const value = await target.logProb(theta);
  if (!value.some(Number.isFinite)) {
    throw new RangeError(
      `importance: none of ${fitCandidates} points drawn from target.start has a finite log density. ` +
        "Check the target at a point that you trust, or pass a proposal.",
    );
  }
  const first = { theta, logProb: value };
  const { points } = await refine(target, first, (at) => target.logProb(at), foldIn(key, "refine"), {
    size: fitCandidates,
    enough: enoughToFit,
  });
  const mixture = mixtureOf(points, foldIn(key, "mixture"));
  return {
    async logProb(at) {
      const u = matrix(at.rows, at.cols);
      for (let i = 0; i < at.rows; i++) target.support.toUnconstrained(row(at, i), row(u, i));
      return logProbMixture(mixture, u).map((density, i) => {
        const value = density - target.support.logDet(row(u, i));
        return Number.isNaN(value) ? -Infinity : value; // on the edge of the support or beyond it
      });
    },
    sample: async (n, { seed }) => constrain(target, sampleMixture(mixture, n, stream(keyOf(seed)))),
  };
}

/**
 * A mixture fitted to three quarters of the weighted points, of as many components as the others and the effective
 * sample size bear.
 */
export function mixtureOf(points: Weighted, key: Key, rng: Rng = stream(foldIn(key, "mixture"))): Mixture {
  const { u, ess } = points;
  const n = Math.min(fitPoints, Math.ceil(2 * ess)); // more would be the same points again
  const part = (purpose: string, size: number, belongs: (i: number) => boolean) => {
    const weights = points.weights.map((weight, i) => (belongs(i) ? weight : 0));
    const total = weights.reduce((a, b) => a + b, 0);
    if (!(total > 0)) return takeRows(u, resample(points, size, foldIn(key, purpose))); // one point has it all
    return takeRows(u, resample({ u, weights: weights.map((w) => w / total) }, size, foldIn(key, purpose)));
  };
  const fitted = part("fit", n, (i) => i % 4 !== 0);
  const heldOut = part("held out", Math.ceil(n / 3), (i) => i % 4 === 0);
  return chooseMixture(fitted, heldOut, Math.floor(ess / (u.cols + 1)), rng);
}

/** Weights to the largest power `tau <= 1` at which they are worth `wanted` points. */
function temper(points: Weighted, wanted: number): Weighted {
  const at = (tau: number) => {
    const weights = points.weights.map((weight) => (weight > 0 ? weight ** tau : 0));
    const total = weights.reduce((a, b) => a + b, 0);
    let squares = 0;
    for (let i = 0; i < weights.length; i++) squares += (weights[i] /= total) ** 2;
    return { ...points, weights, ess: 1 / squares };
  };
  let best = at(1);
  if (best.ess >= wanted) return best;
  let low = 0;
  let high = 1;
  for (let step = 0; step < 12; step++) {
    const middle = (low + high) / 2;
    best = at(middle);
    if (best.ess >= wanted) low = middle;
    else high = middle;
  }
  return best;
}

function joined(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

function constrain(target: LogDensity, u: Matrix): Matrix {
  const theta = matrix(u.rows, u.cols);
  for (let i = 0; i < u.rows; i++) target.support.toConstrained(row(u, i), row(theta, i));
  return theta;
}
