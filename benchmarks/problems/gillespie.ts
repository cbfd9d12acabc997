/**
 * Continuous-time jump processes as programs: events happen at rates that depend on the state, until time runs out.
 *
 *     log p(path) = sum_events log rate(event) - integral of the total rate
 *
 * The last interval, in which nothing happened any more, is part of the path: its draw is the time that was left, with
 * the probability that no event came before.
 *
 * @see Gillespie (1977), https://doi.org/10.1021/j100540a008
 * @module
 */
import type { Rng } from "../../src/core/random.js";
import type { Drawn, Trace } from "../../src/program/trace.js";

/** A jump process on counts. */
export interface JumpProcess {
  readonly start: readonly number[];
  /** What each event adds to the state. */
  readonly changes: readonly (readonly number[])[];
  /** Writes the rate of each event in this state to `out`, per unit of time. */
  rates(state: readonly number[], constants: readonly number[], out: Float64Array): void;
  readonly duration: number;
  /** After so many events the run ends, whatever the time: an outcome like any other. */
  readonly maxEvents: number;
}

/** Time to the next event, or all that is left. One object serves a whole run. */
class Wait {
  total = 0;
  left = 0;

  sample(rng: Rng): number {
    return this.total > 0 ? Math.min(rng.exponential(this.total), this.left) : this.left;
  }
  logProb(time: number): number {
    return (time < this.left ? Math.log(this.total) : 0) - this.total * time;
  }
}

/** Which event it is, in proportion to the rates. */
class Which {
  total = 0;
  constructor(readonly rates: Float64Array) {}

  sample(rng: Rng): number {
    return rng.categorical(this.rates);
  }
  logProb(event: number): number {
    return Math.log(this.rates[event] / this.total);
  }
}

/** Where a run ended. */
export interface JumpsEnd {
  readonly state: readonly number[];
  /** Whether it had as many events as it may before its time was over. */
  readonly truncated: boolean;
}

/**
 * Runs a jump process through a trace. Where it is cut short its path ends with the last event. To stop there is decided by the
 * path so far, not by what would come (a stopping time), so the joint ratio and the joint score of the shorter path are those of
 * the outcome.
 *
 * @param onHold - told each interval and the state during it, the state *before* the jump that ends it; a run that was
 *   cut short holds its last state to the end.
 */
export function runJumps(
  { start, changes, rates, duration, maxEvents }: JumpProcess,
  constants: readonly number[],
  trace: Trace,
  onHold: (state: readonly number[], from: number, to: number) => void,
): JumpsEnd {
  const state = [...start];
  const which = new Which(new Float64Array(changes.length));
  const wait = new Wait();
  let time = 0;
  for (let events = 0; events < maxEvents; events++) {
    rates(state, constants, which.rates);
    which.total = wait.total = which.rates.reduce((sum, rate) => sum + rate, 0);
    wait.left = duration - time;
    const waited = trace.sample("wait", wait);
    if (waited === wait.left) {
      onHold(state, time, duration);
      return { state, truncated: false };
    }
    onHold(state, time, time + waited);
    time += waited;
    const event = trace.sample("event", which);
    for (let k = 0; k < state.length; k++) state[k] += changes[event][k];
  }
  onHold(state, time, duration);
  return { state, truncated: true };
}

/**
 * Joint score by the logarithm of each event's constant, where rate `j` is proportional to constant `j`:
 * `number of events j - integral of rate j`.
 */
export function jumpScore(
  { start, changes, rates }: JumpProcess,
  constants: readonly number[],
  values: readonly Drawn[],
): number[] {
  const state = [...start];
  const now = new Float64Array(changes.length);
  const score = changes.map(() => 0);
  for (let i = 0; i < values.length; i += 2) {
    rates(state, constants, now);
    const waited = values[i] as number;
    for (let j = 0; j < score.length; j++) score[j] -= now[j] * waited;
    if (i + 1 === values.length) break; // the interval without an event
    const event = values[i + 1] as number;
    score[event]++;
    for (let k = 0; k < state.length; k++) state[k] += changes[event][k];
  }
  return score;
}
