/**
 * Where chains begin: by default a resampling of draws from `target.start` (the prior) with weights
 * `exp(logProb - start.logProb)`, sampling-importance-resampling.
 *
 * With many chains the start decides the weights of separated modes, so it is made as good as the target
 * allows: where few of the draws carry the weight, the proposal is refined (see `refine.ts`) until the
 * effective sample size is a multiple of the number of chains or the rounds are used up.
 *
 * @see Rubin (1988), Using the SIR algorithm to simulate posterior distributions
 * @module
 */
import type { LogDensity } from "../../src/core/contracts.js";
import { ShapeError } from "../../src/core/errors.js";
import { type Matrix, matrix, row, takeRows } from "../../src/core/matrix.js";
import { foldIn, type Key } from "../../src/core/random.js";
import type { Answer, Population } from "../kernel.js";
import { resample } from "./importance.js";
import { populationOf } from "./population.js";
import { mixtureOf, refine } from "./refine.js";

/** Starting points and what was learnt on the way. */
export interface Start {
  /** `[chains, D]`. */
  readonly theta: Matrix;
  readonly population: Population;
  /** For `Draws.run.start`. */
  readonly record: StartRecord;
}

/** How the chains were started; plain data. */
export interface StartRecord {
  readonly method: "resampling" | "prior" | "initial";
  /** Points at which the target was evaluated. */
  readonly candidates: number;
  /** Effective sample size of the importance weights; below the number of chains, starting points repeat. */
  readonly ess: number;
  /** Different points among the starts. */
  readonly distinct: number;
  /** Rounds of refinement of the proposal. */
  readonly refinements: number;
}

/** The effective sample size that is worth a refinement, in units of the number of chains. */
const enough = 2;

/**
 * Chooses the starting points.
 *
 * @param options.initial - the user's own points, `[chains, D]`, on the scale of `theta`.
 * @param options.candidates - draws from `target.start`. Default `max(10_000, 20 * chains)`.
 * @param options.plain - whether to take draws from `target.start` as they are.
 * @throws {RangeError} if the target has no `start` and no `initial` is given, or no candidate has a finite
 *   log density.
 */
export async function startingPoints(
  target: LogDensity,
  key: Key,
  chains: number,
  options: {
    readonly initial?: Matrix;
    readonly candidates?: number;
    readonly maxBatch?: number;
    readonly plain?: boolean;
  },
): Promise<Start> {
  const { initial, candidates = Math.max(10_000, 20 * chains), maxBatch = Infinity } = options;
  if (initial) return givenPoints(target, initial, chains);
  if (!target.start) {
    throw new RangeError(
      "sample: target has no start to draw starting points from; pass initial, a matrix " +
        `[${chains}, ${target.dim}] of starting points.`,
    );
  }
  if (options.plain) return startOfPrior(target, target.start.sample(chains, foldIn(key, "candidates")));
  const logProb = (theta: Matrix) => inBatches(target, theta, maxBatch);
  const theta = target.start.sample(candidates, foldIn(key, "candidates"));
  const value = await logProb(theta);
  const proposal = target.start.logProb(theta);
  const usable = value.some((v, i) => Number.isFinite(v) && Number.isFinite(proposal[i]));
  if (!usable) {
    const count = (test: (v: number) => boolean) => value.reduce((sum, v) => sum + Number(test(v)), 0);
    throw new RangeError(
      `sample: none of ${candidates} points drawn from target.start has a finite log density ` +
        `(${count(Number.isNaN)} NaN, ${count((v) => v === -Infinity)} -Infinity, ` +
        `${count((v) => v === Infinity)} Infinity). Check the target at a point that you trust, raise ` +
        "candidates, or pass initial.",
    );
  }
  const first = { theta, logProb: value };
  const { points, rounds, evaluated } = await refine(target, first, logProb, foldIn(key, "refine"), {
    size: Math.max(4000, 10 * chains, Math.min(20_000, 40 * chains)),
    enough: enough * chains,
  });
  const chosen = resample(points, chains, foldIn(key, "resample"));
  return {
    theta: takeRows(points.theta, chosen),
    population: {
      ...populationOf(points.u, points.weights),
      size: points.ess,
      mixture: () => mixtureOf(points, foldIn(key, "mixture")),
    },
    record: {
      method: "resampling",
      candidates: candidates + evaluated,
      ess: points.ess,
      distinct: new Set(chosen).size,
      refinements: rounds,
    },
  };
}

function startOfPrior(target: LogDensity, theta: Matrix): Start {
  const u = matrix(theta.rows, theta.cols);
  for (let c = 0; c < theta.rows; c++) target.support.toUnconstrained(row(theta, c), row(u, c));
  const size = theta.rows;
  return {
    theta,
    population: populationOf(u),
    record: { method: "prior", candidates: 0, ess: size, distinct: size, refinements: 0 },
  };
}

function givenPoints(target: LogDensity, initial: Matrix, chains: number): Start {
  if (initial.rows !== chains || initial.cols !== target.dim) {
    throw new ShapeError(
      `sample: initial must be [${chains}, ${target.dim}] (chains, parameters), got [${initial.rows}, ${initial.cols}].`,
    );
  }
  const u = matrix(chains, target.dim);
  const distinct = new Set<string>();
  for (let c = 0; c < chains; c++) {
    target.support.toUnconstrained(row(initial, c), row(u, c));
    if (!row(u, c).every(Number.isFinite)) {
      throw new RangeError(
        `sample: initial row ${c} (${describe(target, row(initial, c))}) is outside the support or on its edge.`,
      );
    }
    distinct.add(row(u, c).join());
  }
  return {
    theta: initial,
    population: { ...populationOf(u), size: distinct.size },
    record: { method: "initial", candidates: 0, ess: distinct.size, distinct: distinct.size, refinements: 0 },
  };
}

/** `"mu = 0.5, sigma = 1"`. */
export function describe(target: LogDensity, theta: ArrayLike<number>): string {
  return target.names.map((name, j) => `${name} = ${theta[j]}`).join(", ");
}

async function inBatches(target: LogDensity, theta: Matrix, maxBatch: number): Promise<Float64Array> {
  if (theta.rows <= maxBatch) return target.logProb(theta);
  const out = new Float64Array(theta.rows);
  for (let from = 0; from < theta.rows; from += maxBatch) {
    const to = Math.min(from + maxBatch, theta.rows);
    const part = {
      data: theta.data.slice(from * theta.cols, to * theta.cols),
      rows: to - from,
      cols: theta.cols,
    };
    out.set(await target.logProb(part), from);
  }
  return out;
}

/**
 * Refuses a starting point where the target is not finite.
 *
 * @throws {RangeError} that says which chain, where, and what to do.
 */
export function checkStart(
  target: LogDensity,
  c: number,
  u: Float64Array,
  answer: Answer,
  needsGradient: boolean,
): void {
  const theta = matrix(1, target.dim);
  target.support.toConstrained(u, theta.data);
  const where = `sample: chain ${c} cannot start at ${describe(target, theta.data)}: `;
  const advice = "Pass initial with points where the target is finite, or check the target there.";
  if (!Number.isFinite(answer.logProb)) {
    throw new RangeError(`${where}its log density is ${answer.logProb}, expected a finite number. ${advice}`);
  }
  if (needsGradient && !answer.gradient.every(Number.isFinite)) {
    throw new RangeError(`${where}its gradient is [${answer.gradient}], expected finite numbers. ${advice}`);
  }
}
