/**
 * Warm-up of one chain by itself, as Stan does it: a search for the step size, dual averaging, and a metric from the
 * chain's own draws at the ends of windows. It lives in the chain's state, so that it needs no other chain.
 *
 * @see Hoffman and Gelman (2014), https://jmlr.org/papers/v15/hoffman14a.html, algorithms 4 and 6
 * @see Stan, `base_hmc.hpp`, `adapt_diag_e_nuts.hpp`, `welford_var_estimator.hpp`
 * @module
 */
import { type DualAveraging, startDualAveraging, updateDualAveraging, type Windows } from "./adaptation.js";
import { factorOf } from "./metric.js";

/** Stan's scale of dual averaging for one chain. */
const gamma = 0.05;

/** Where a search for the step size goes on; plain data. */
export interface StepSearch {
  /** 1 doubles and -1 halves; 0 until the first answer. */
  direction: -1 | 0 | 1;
  /** Steps tried. */
  attempts: number;
}

/** What one chain has learnt; plain data, updated in place. */
export interface ChainAdaptation {
  stepSize: number;
  /** Factor of the inverse mass, `[D]` or `[D, D]`. */
  factor: Float64Array;
  averaging: DualAveraging;
  /** Draws of this window, their mean, and the sums of squares (and products) about it: `[D]` or `[D, D]`. */
  draws: number;
  readonly mean: Float64Array;
  readonly scatter: Float64Array;
  /** The search that is due before the next draw, or under way; `null` where none is. */
  search: StepSearch | null;
}

/** Starts from a step size, with a search if warm-up follows, and a factor. */
export function startChain(
  stepSize: number,
  factor: Float64Array,
  dim: number,
  dense: boolean,
  searches: boolean,
): ChainAdaptation {
  return {
    stepSize,
    factor: factor.slice(),
    averaging: startDualAveraging(stepSize, 10 * stepSize),
    draws: 0,
    mean: new Float64Array(dim),
    scatter: new Float64Array(dense ? dim * dim : dim),
    search: searches ? { direction: 0, attempts: 0 } : null,
  };
}

/** Learns from one draw of the warm-up, the `draw`-th counted from 0, at `u`. */
export function learn(
  own: ChainAdaptation,
  draw: number,
  u: Float64Array,
  acceptance: number,
  plan: { readonly target: number; readonly warmup: number; readonly windows: Windows },
): void {
  updateDualAveraging(own.averaging, acceptance, plan.target, gamma);
  own.stepSize = Math.exp(own.averaging.logStep);
  if (draw >= plan.windows.first) addDraw(own, u);
  if (plan.windows.ends.includes(draw)) {
    own.factor = factorOf(regularised(own), u.length);
    own.draws = 0;
    own.mean.fill(0);
    own.scatter.fill(0);
    own.search = { direction: 0, attempts: 0 };
  }
  if (draw === plan.warmup - 1) own.stepSize = Math.exp(own.averaging.logStepAverage);
}

/**
 * One answer of the search: doubles the step while a single step is accepted with probability above 0.8, or halves it
 * while it is not, each time with a fresh velocity. `true` when it is over; dual averaging then starts there.
 *
 * @param error - change of the energy in one leapfrog step; `NaN` counts as infinite.
 * @param isFirst - whether this is the search before the first draw, after which Stan keeps the centre of dual averaging.
 * @throws {RangeError} if no step is too long, or none short enough.
 */
export function searchStep(own: ChainAdaptation, error: number, isFirst: boolean): boolean {
  const search = own.search!;
  const isGood = -error > Math.log(0.8);
  search.attempts++;
  if (search.direction === 0) {
    search.direction = isGood ? 1 : -1;
    return false;
  }
  if (isGood !== search.direction > 0) {
    if (!isFirst) own.averaging = startDualAveraging(own.stepSize, 10 * own.stepSize);
    own.search = null;
    return true;
  }
  own.stepSize *= search.direction > 0 ? 2 : 0.5;
  if (own.stepSize > 1e7) {
    throw new RangeError(
      "nuts: expected a step size at which the energy errs, got a step of 1e7 that keeps it: the target does not seem to " +
        "integrate to one (a parameter that nothing bounds?). Give every parameter a proper prior.",
    );
  }
  if (own.stepSize === 0) {
    throw new RangeError(
      "nuts: expected a step size that is accepted, got none above zero: the target jumps at the chain's point, or its " +
        "gradient does not belong to its log density. Check the gradient by differences, or use slice(target).",
    );
  }
  return false;
}

/** Welford's update. */
function addDraw(own: ChainAdaptation, u: Float64Array): void {
  const { mean, scatter } = own;
  const dim = u.length;
  const t = ++own.draws;
  for (let i = 0; i < dim; i++) {
    const before = u[i] - mean[i];
    mean[i] += before / t;
    if (scatter.length === dim) {
      scatter[i] += before * (u[i] - mean[i]);
      continue;
    }
    // before_i of the old mean of i, after_j of the new mean of j <= i
    for (let j = 0; j <= i; j++) scatter[i * dim + j] += before * (u[j] - mean[j]);
  }
}

/** `n / (n + 5)` of the sample covariance and `5 / (n + 5)` of 0.001, `[D]` or `[D, D]`. */
function regularised({ draws: n, mean, scatter }: ChainAdaptation): Float64Array {
  const dim = mean.length;
  const isDense = scatter.length !== dim;
  const out = scatter.map((value) => ((n / (n + 5)) * value) / Math.max(1, n - 1));
  for (let i = 0; i < dim; i++) {
    out[isDense ? i * (dim + 1) : i] += 1e-3 * (5 / (n + 5));
    for (let j = 0; isDense && j < i; j++) out[j * dim + i] = out[i * dim + j];
  }
  return out;
}
