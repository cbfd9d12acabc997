/**
 * A problem with a known answer: a simulator whose likelihood is known exactly, observations to infer from,
 * and draws from the exact posterior to be compared with.
 *
 * @module
 */
import type { Matrix } from "../src/core/matrix.js";
import type { Key } from "../src/core/random.js";
import type { Simulator } from "../src/simulator.js";

/** A simulator with its exact likelihood and posterior. */
export interface Problem {
  /** Name in the registry, e.g. `slcp`. */
  readonly name: string;
  /** One sentence: what is inferred from what. */
  readonly title: string;
  /** Where the problem was published. */
  readonly source: string;
  /** Problem that has the same exact posteriors, under whose name their draws are published. Default `name`. */
  readonly publishedAs?: string;
  readonly simulator: Simulator;
  /** Numbers of the observations there are. */
  readonly observations: readonly number[];
  /**
   * Observed data `[L]`, a fresh copy.
   *
   * @throws {RangeError} if there is no observation `k`.
   */
  observation(k: number): Float64Array;
  /** The parameters `[D]` that made observation `k`; `undefined` where nature did. */
  trueParameters(k: number): Float64Array | undefined;
  /** Exact `log p(x | theta)`, normalised over x: `[N, D]` and `[L]` to `[N]`, nats. */
  logLikelihood(theta: Matrix, x: ArrayLike<number>): Float64Array;
  /** `log p(x)`, the evidence under the simulator's prior, nats, where it is known to within 0.01. */
  logEvidence?(x: ArrayLike<number>): number;
  /** `d log p(x | theta) / d theta`, `[N, D]`, where it is simple. */
  likelihoodGradient?(theta: Matrix, x: ArrayLike<number>): Matrix;
  /** `n` independent draws `[n, D]` from the exact posterior of any `x`. Same key, same bytes. */
  exactPosterior(x: ArrayLike<number>, n: number, key: Key): Matrix;
}

/** An observation that stands in code: its data and, where they are known, the parameters that made it. */
export interface Observation {
  readonly x: readonly number[];
  readonly theta?: readonly number[];
}

/**
 * The three members of a `Problem` that read a list of observations, numbered from 1.
 *
 * @param name - the problem, for the error.
 */
export function observationList(
  name: string,
  list: readonly Observation[],
): Pick<Problem, "observations" | "observation" | "trueParameters"> {
  const find = (k: number): Observation => {
    const found = list[k - 1];
    if (found === undefined) {
      throw new RangeError(`${name}: observation must be one of 1 to ${list.length}, got ${k}.`);
    }
    return found;
  };
  return {
    observations: list.map((_, i) => i + 1),
    observation: (k) => Float64Array.from(find(k).x),
    trueParameters(k) {
      const { theta } = find(k);
      return theta && Float64Array.from(theta);
    },
  };
}
