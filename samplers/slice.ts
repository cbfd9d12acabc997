/**
 * Slice sampling with stepping out and shrinkage along the axes of the target, one chain as a state machine: needs no
 * gradient and no tuning by hand.
 *
 * A draw is a sweep over `D` directions in random order. `L L'` is the covariance of the population, and the directions
 * are the columns of `L`: coordinates of the affine map in which the target is about round, so that correlated
 * parameters mix as well as independent ones. Along a direction `d`, from `u`:
 *
 *     level = logProb(u) + log U;    the slice is { t: logProb(u + t d) >= level }
 *
 * an interval of width `w` is laid at random around `t = 0`, stepped out at both ends by `w` while they are in the slice
 * (at most `maxExpansions` times, divided at random between the ends, which keeps the draw exact), then points are drawn
 * from it until one is in the slice, and each other point becomes its new end. `logProb(u)` is known from the direction
 * before, and a chain that has finished its sweep is not evaluated for the sake of others.
 *
 * Warm-up tunes, with all chains together, the width of each direction until steps out are as frequent as shrinks,
 * and the directions at the ends of Stan's windows. It starts from the covariance of the starting population.
 *
 * @see Neal (2003), https://doi.org/10.1214/aos/1056562461, figures 3 and 5
 * @see Tibbits et al. (2014), https://doi.org/10.1080/10618600.2013.791193 (factors and widths)
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { copy } from "../src/core/linalg.js";
import { checkOptions, type OptionNames } from "../src/core/options.js";
import { foldIn, type Key, type Rng, stream } from "../src/core/random.js";
import { checkMetric, positiveInteger } from "./hmc-options.js";
import type { Answer, ChainState, Kernel, Sampler, Step, Tuner } from "./kernel.js";
import { checkTarget } from "./target.js";
import { inverseMassOf } from "./tuning/metric.js";
import { type PooledMetric, startMetric, updateMetric } from "./tuning/pooled-metric.js";

/** What a chain needs to go on, in the middle of a sweep too; `u` moves with every direction. */
export interface SliceState extends ChainState {
  logProb: number;
  draw: number;
  /** Directions in the order of this sweep, and how many are done. */
  readonly order: Float64Array;
  done: number;
  /** Which of the interval's ends is being stepped out, or that points are drawn from it. */
  phase: "low" | "high" | "inside";
  /** `log` of the height of the slice. */
  level: number;
  /** The interval, the point asked for, in units of the direction, and how often each end may still step out. */
  low: number;
  high: number;
  at: number;
  lowSteps: number;
  highSteps: number;
  /** The point asked for, `[D]`. */
  readonly point: Float64Array;
  /** Of this sweep, by direction: steps out, and shrinks; `[D]`. */
  readonly expansions: Float64Array;
  readonly shrinks: Float64Array;
  numEvaluations: number;
  /** Where the stream of this draw stands. */
  readonly rng: [number, number, number, number];
}

/** What the chains share, and how warm-up stands; plain data. */
export interface SliceTuning extends PooledMetric {
  /** Width of the first interval by direction, `[D]`, in units of the direction. */
  readonly widths: Float64Array;
  /** Updates of the widths since the directions changed. */
  updates: number;
}

/** Options of `slice`. */
export interface SliceOptions {
  /** `"dense"`: along the axes of the covariance's Cholesky factor; `"diagonal"`: along the parameters. Default `"dense"`. */
  readonly metric?: "diagonal" | "dense";
  /** Covariance in unconstrained space where warm-up starts, `[D]` or `[D, D]`. Default that of the starting population. */
  readonly inverseMass?: Float64Array;
  /** Most steps out per direction, both ends together. Default 32. */
  readonly maxExpansions?: number;
}

const optionNames: OptionNames<SliceOptions> = { metric: true, inverseMass: true, maxExpansions: true };

/** Width where warm-up starts, in standard deviations: about the mean width of the slices of a normal density. */
const startWidth = 2.5;

/** Shrinks after which a chain stays where it is: the interval is then narrower than the numbers can tell. */
const maxShrinks = 200;

/**
 * Builds a slice sampler for `sample`.
 *
 * @param target - needs no gradient.
 * @throws {TypeError} if the target is no log density, or there is no such option.
 * @throws {RangeError} for an option out of range.
 * @throws {ShapeError} if `inverseMass` holds neither `D` nor `D * D` numbers.
 * @example
 * const draws = await sample(slice(target), { chains: 20, warmup: 200, draws: 500, seed: 1 });
 */
export function slice(target: LogDensity, options: SliceOptions = {}): Sampler<SliceState, SliceTuning> {
  checkTarget("slice", target);
  checkOptions("slice", options, optionNames);
  checkMetric("slice", options, target.dim);
  positiveInteger("slice", "maxExpansions", options.maxExpansions);
  return {
    name: "slice",
    target,
    kernel: new Sweep(target.dim, options.maxExpansions ?? 32),
    tuner: widthTuner(target.dim, options),
    options: { ...options },
  };
}

// A class, because closures would be compiled anew for every sampler.
class Sweep implements Kernel<SliceState, SliceTuning> {
  readonly stats = ["numEvaluations"];
  private readonly rng = stream([0, 0]); // scratch, which goes on where a chain's stands

  constructor(
    private readonly dim: number,
    private readonly maxExpansions: number,
  ) {}

  init(u: Float64Array, key: Key): Step<SliceState> {
    const { dim } = this;
    const state: SliceState = {
      u,
      logProb: Number.NaN,
      draw: -1,
      key,
      order: Float64Array.from({ length: dim }, (_, i) => i),
      done: 0,
      phase: "low",
      level: Number.NaN,
      low: 0,
      high: 0,
      at: 0,
      lowSteps: 0,
      highSteps: 0,
      point: u.slice(),
      expansions: new Float64Array(dim),
      shrinks: new Float64Array(dim),
      numEvaluations: 0,
      rng: [1, 0, 0, 0],
    };
    return { state, request: { logProb: u } };
  }

  begin(state: SliceState, tuning: SliceTuning): Step<SliceState> {
    const { order, expansions, shrinks } = state;
    const rng = stream(foldIn(state.key, state.draw)); // the same draw always sees the same numbers
    for (let i = 0; i < this.dim; i++) {
      order[i] = i;
      expansions[i] = 0;
      shrinks[i] = 0;
    }
    rng.shuffle(order);
    state.numEvaluations = 0;
    state.done = 0;
    const step = this.lay(state, tuning, rng);
    rng.state(state.rng);
    return step;
  }

  step(state: SliceState, { logProb }: Answer, tuning: SliceTuning): Step<SliceState> {
    if (state.draw < 0) {
      // the answer is for the starting point
      state.logProb = logProb;
      state.draw = 0;
      return { state };
    }
    const { rng } = this;
    rng.resume(state.rng);
    const k = state.order[state.done];
    const isInside = logProb >= state.level; // NaN is outside
    if (state.phase === "inside") {
      if (isInside) {
        copy(state.point, state.u);
        state.logProb = logProb;
        return this.advance(state, tuning, rng);
      }
      if (++state.shrinks[k] >= maxShrinks) return this.advance(state, tuning, rng);
      if (state.at < 0) state.low = state.at;
      else state.high = state.at;
    } else if (!isInside) {
      state.phase = state.phase === "low" ? "high" : "inside";
    } else {
      const width = tuning.widths[k];
      state.expansions[k]++;
      if (state.phase === "low") {
        state.low -= width;
        state.lowSteps--;
      } else {
        state.high += width;
        state.highSteps--;
      }
    }
    const step = this.stepOut(state, tuning, rng);
    rng.state(state.rng);
    return step;
  }

  /** Goes on with the next direction, or ends the sweep. */
  private advance(state: SliceState, tuning: SliceTuning, rng: Rng): Step<SliceState> {
    const more = ++state.done < this.dim;
    const step = more
      ? this.lay(state, tuning, rng)
      : { state, info: { numEvaluations: state.numEvaluations } };
    if (!more) state.draw++;
    rng.state(state.rng);
    return step;
  }

  /** Lays the first interval of a direction. */
  private lay(state: SliceState, tuning: SliceTuning, rng: Rng): Step<SliceState> {
    const width = tuning.widths[state.order[state.done]];
    state.level = state.logProb + Math.log(1 - rng.uniform());
    state.low = -width * rng.uniform();
    state.high = state.low + width;
    state.lowSteps = rng.integer(this.maxExpansions + 1);
    state.highSteps = this.maxExpansions - state.lowSteps;
    state.phase = "low";
    return this.stepOut(state, tuning, rng);
  }

  /** Asks for the end that may still step out, else for a point inside. */
  private stepOut(state: SliceState, tuning: SliceTuning, rng: Rng): Step<SliceState> {
    if (state.phase === "low") {
      if (state.lowSteps > 0) return this.ask(state, tuning, state.low);
      state.phase = "high";
    }
    if (state.phase === "high") {
      if (state.highSteps > 0) return this.ask(state, tuning, state.high);
      state.phase = "inside";
    }
    return this.ask(state, tuning, rng.uniform(state.low, state.high));
  }

  /** Asks for the density `t` along the current direction. */
  private ask(state: SliceState, { factor }: SliceTuning, t: number): Step<SliceState> {
    const { dim } = this;
    const { point, u, order, done } = state;
    const k = order[done];
    copy(u, point);
    if (factor.length === dim) point[k] += t * factor[k];
    else for (let i = k; i < dim; i++) point[i] += t * factor[i * dim + k];
    state.at = t;
    state.numEvaluations++;
    return { state, request: { logProb: point } };
  }
}

function widthTuner(dim: number, { metric, inverseMass }: SliceOptions): Tuner<SliceState, SliceTuning> {
  const dense = metric !== "diagonal";
  return {
    start: (population, plan) => ({
      ...startMetric(population, plan, dim, dense, inverseMass),
      widths: new Float64Array(dim).fill(startWidth),
      updates: 0,
    }),

    update(tuning, states) {
      const gain = (++tuning.updates) ** -0.5;
      for (let k = 0; k < dim; k++) {
        let expansions = 0;
        let shrinks = 0;
        for (const state of states) {
          expansions += state.expansions[k];
          shrinks += state.shrinks[k];
        }
        if (expansions + shrinks === 0) continue;
        tuning.widths[k] *= 4 ** (gain * (expansions / (expansions + shrinks) - 0.5));
      }
      if (updateMetric(tuning, states, dense)) {
        tuning.widths.fill(startWidth);
        tuning.updates = 0;
      }
      return tuning;
    },

    finish: (tuning) => tuning,

    report: ({ factor, widths, pooled }) => ({ inverseMass: inverseMassOf(factor, dim), widths, pooled }),
  };
}
