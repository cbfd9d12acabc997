/**
 * Adaptive importance sampling: makes weighted points better by drawing new ones from a mixture fitted to
 * them. Each round is an importance sample of its own with its exact proposal density,
 *
 *     q(u) = 0.1 start(u) + 0.9 mixture(u),
 *
 * so the share of the start keeps the weights bounded and modes that the mixture forgot within reach.
 * Where few points carry the weight, the mixture is fitted to tempered weights `w^tau`, with `tau <= 1` as
 * large as their effective sample size allows: proposals then close in over several rounds.
 *
 * @see Cappe et al. (2004), Population Monte Carlo, https://doi.org/10.1198/106186004X12803
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { type Matrix, matrix, row, stackRows, takeRows } from "../src/core/matrix.js";
import { foldIn, type Key, key as keyOf, type Rng, stream } from "../src/core/random.js";
import { logAddExp } from "../src/core/special.js";
import { chooseMixture } from "./fit-mixture.js";
import { resample, type Weighted, weigh } from "./importance.js";
import { logProbMixture, type Mixture, sampleMixture } from "./mixture.js";

const maxRounds = 5;
const fitPoints = 1500;
const shareOfStart = 0.1;

/**
 * Refines an importance sample until its effective sample size is `enough`, for at most five rounds.
 *
 * @param first - points drawn from `target.start`.
 * @param options.size - points per round.
 * @param options.enough - effective sample size that needs no further round.
 * @returns the round with the largest effective sample size (`first` among them), rounds and points spent.
 */
export async function refine(
  target: LogDensity,
  first: Weighted,
  logProb: (theta: Matrix) => Promise<Float64Array>,
  key: Key,
  { size, enough }: { readonly size: number; readonly enough: number },
): Promise<{ best: Weighted; rounds: number; evaluated: number }> {
  const start = target.start!;
  const dim = target.dim;
  let best = first;
  let current = first;
  let rounds = 0;
  for (; rounds < maxRounds && best.ess < enough; rounds++) {
    const roundKey = foldIn(key, rounds);
    const rng = stream(roundKey);
    const tempered = temper(current, Math.min(20 * (dim + 1), size / 20));
    const mixture = mixtureOf(tempered, foldIn(roundKey, "fit"), rng);

    const fromStart = Math.round(shareOfStart * size);
    const drawn = sampleMixture(mixture, size - fromStart, rng);
    const theta = stackRows([constrain(target, drawn), start.sample(fromStart, foldIn(roundKey, "start"))]);
    const value = await logProb(theta);
    const proposal = start.logProb(theta); // on the scale of theta, as the target's value is
    const u = stackRows([drawn, matrix(fromStart, dim)]);
    for (let i = drawn.rows; i < size; i++) target.support.toUnconstrained(row(theta, i), row(u, i));
    logProbMixture(mixture, u).forEach((density, i) => {
      proposal[i] = logAddExp(
        Math.log(shareOfStart) + proposal[i],
        Math.log(1 - shareOfStart) + density - target.support.logDet(row(u, i)),
      );
    });
    current = weigh(target, theta, value, proposal);
    if (current.ess > best.ess) best = current;
  }
  return { best, rounds, evaluated: rounds * size };
}

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
  const first = weigh(target, theta, value, start.logProb(theta));
  const { best } = await refine(target, first, (at) => target.logProb(at), foldIn(key, "refine"), {
    size: fitCandidates,
    enough: enoughToFit,
  });
  const mixture = mixtureOf(best, foldIn(key, "mixture"));
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

function constrain(target: LogDensity, u: Matrix): Matrix {
  const theta = matrix(u.rows, u.cols);
  for (let i = 0; i < u.rows; i++) target.support.toConstrained(row(u, i), row(theta, i));
  return theta;
}
