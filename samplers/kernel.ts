/**
 * The contract of Markov kernels: each chain is a state machine that asks for the density at one point and
 * goes on when it is answered. One scheduler gathers the requests of all chains into one batched call.
 *
 * ```
 * init -> request -> step -> ready
 *                              |  begin -> request -> step -> request -> ... -> step -> info (a draw), ready
 * ```
 *
 * - A state is plain data (numbers, typed arrays, keys), so a checkpoint is the state. A state passed to
 *   `begin` or `step` is used up: the kernel may overwrite its arrays and hand it back.
 * - Kernels work in unconstrained space. `logProb` includes `log |det J|` of the map to `theta`.
 * - All randomness of a draw comes from `stream(foldIn(state.key, state.draw))`: a chain does not notice
 *   which other chains shared its batches.
 * - What chains share is the tuning, plain data that is passed in; it changes between draws of the warm-up
 *   and never after it. A kernel whose chains adapt each by itself keeps what a chain learns in its state: such chains
 *   have nothing to wait for, and `Tuner.independent` says so.
 * - Chains of an ensemble propose from where the others of their group stand. Their kernel names those that move first
 *   in a draw; the others begin when these have come, so what a chain sees of the rest is at rest.
 *
 * @see Dance et al. (2025), https://proceedings.mlr.press/v267/dance25a.html
 * @module
 */

import type { LogDensity } from "../src/core/contracts.js";
import type { Key } from "../src/core/random.js";
import type { Mixture } from "./starts/mixture.js";

/**
 * Where a chain wants to know the log density, at one point `[D]` or at several `[K, D]`, or the log density and its
 * gradient, at one; unconstrained.
 */
export type Request = { readonly logProb: Float64Array } | { readonly gradient: Float64Array };

/** What the scheduler found there. It belongs to the scheduler and is overwritten by the next answer. */
export interface Answer {
  /** `log p(theta(u)) + log |det J(u)|`, nats; `-Infinity` outside the support, `NaN` where the target failed. */
  readonly logProb: number;
  /** The log densities at all points of a request for several, `[K]`; the first is `logProb`. */
  readonly logProbs?: Float64Array;
  /** `d logProb / du`, `[D]`; only after a request for it. */
  readonly gradient: Float64Array;
}

/** What every chain remembers. */
export interface ChainState {
  /** The current point in unconstrained space, `[D]`. */
  readonly u: Float64Array;
  /** Log density at `u`, `log |det J|` included; nats. */
  readonly logProb: number;
  /** Draws completed, warm-up included. */
  readonly draw: number;
  readonly key: Key;
}

/** Statistics of one draw, by the names in `Kernel.stats`. */
export type Info = Readonly<Record<string, number>>;

/** A transition: with a `request` the chain waits for an answer, with `info` it has completed a draw. */
export interface Step<State> {
  readonly state: State;
  readonly request?: Request;
  readonly info?: Info;
}

/** One chain as a state machine. */
export interface Kernel<State extends ChainState = ChainState, Tuning = unknown> {
  /** Names of the statistics in `info`. */
  readonly stats: readonly string[];
  /** Starts a chain at `u`, and asks for what it must know there. Chains are numbered from 0. */
  init(u: Float64Array, key: Key, chain: number): Step<State>;
  /**
   * Starts a draw, which may be complete at once, with `info` and no request.
   *
   * @param group - all chains of the group, this one among them, where there is `movesFirst`; else empty. Not to be written to.
   */
  begin(state: State, tuning: Tuning, group: readonly State[]): Step<State>;
  /** Takes the answer to the last request. */
  step(state: State, answer: Answer, tuning: Tuning): Step<State>;
  /** Which chains of a group move first in this draw, `[size of the group]`, 1 or 0; the others wait for them. Ensembles only. */
  movesFirst?(group: readonly State[]): Uint8Array;
}

/** What is known of the target before the first draw. */
export interface Population {
  /** Covariance in unconstrained space, `[D, D]`. */
  readonly covariance: Float64Array;
  /** How many independent draws it is worth; below `D + 1` it has no full rank. */
  readonly size: number;
  /** Fits a mixture to it, where the start was an importance sample: a proposal that reaches every mode. */
  readonly mixture?: () => Mixture;
}

/** How warm-up finds the tuning of a kernel. A tuning is plain data. */
export interface Tuner<State extends ChainState = ChainState, Tuning = unknown> {
  /**
   * Whether chains adapt each by itself, in their states. Then none waits for the others during warm-up, and `update`
   * and `finish` are never called. Default `false`.
   */
  readonly independent?: boolean;
  start(population: Population, plan: { readonly chains: number; readonly warmup: number }): Tuning;
  /** After each warm-up draw, once all chains have completed it; may overwrite `tuning`, and move chains by their states. */
  update(tuning: Tuning, states: readonly State[], infos: readonly Info[]): Tuning;
  /** After the last warm-up draw: what the kept draws use. */
  finish(tuning: Tuning): Tuning;
  /** What warm-up found, for `Draws.warmup`. */
  report(tuning: Tuning, states: readonly State[]): Readonly<Record<string, unknown>>;
}

/** A kernel, its tuner and the density that they sample: what `sample` runs. */
export interface Sampler<State extends ChainState = ChainState, Tuning = unknown> {
  readonly name: string;
  readonly target: LogDensity;
  readonly kernel: Kernel<State, Tuning>;
  readonly tuner: Tuner<State, Tuning>;
  /** The options it was made with, for `Draws.run`. */
  readonly options: Readonly<Record<string, unknown>>;
  /**
   * What chains begin from: draws of `target.start` resampled by the target, or `"prior"`, those draws as they are, which
   * may have no density. Default `"resampling"`.
   */
  readonly startsFrom?: "resampling" | "prior";
  /** Groups of neighbouring chains that are independent of each other, where chains of one group are not. */
  readonly groups?: number;
  /** Where they should differ from those of `sample`. */
  readonly defaults?: { readonly chains?: number; readonly warmup?: number; readonly draws?: number };
}
