/**
 * What happens between two calls of the target: starts the draws of the chains that may go on, hands them their answers,
 * lets the tuner learn from a draw of the warm-up, and keeps the draws after it.
 *
 * @module
 */
import type { Key } from "../../src/core/random.js";
import { type RowMap, rowMap } from "../../src/core/row-map.js";
import type { Answer, ChainState, Info, Kernel, Request, Sampler, Step } from "../kernel.js";
import { checkStart, type StartRecord } from "../starts/start.js";
import type { EvaluationCounts, Receiver } from "./evaluate.js";

/** A run between two rounds. `warm` once the tuning is frozen, which is at once where chains learn each by itself. */
export interface Run {
  readonly seed: string | number;
  readonly key: Key;
  readonly chains: number;
  readonly warmup: number;
  readonly thin: number;
  warm: boolean;
  tuning: unknown;
  readonly states: ChainState[];
  readonly requests: (Request | undefined)[];
  infos: Info[];
  readonly room: number;
  readonly values: Float64Array;
  readonly stats: Record<string, Float64Array>;
  divergences: number;
  readonly counts: EvaluationCounts;
  readonly start: StartRecord;
}

/** Where a statistic of the kernel is kept, `[chains, room]`. */
interface Column {
  readonly name: string;
  readonly kept: Float64Array;
}

const noGroup: readonly ChainState[] = [];

// A class, because closures would be compiled anew in every run, which takes longer than a short run itself.
export class Scheduler implements Receiver {
  /** Chains that wait for an answer. */
  waiting: number;
  private readonly kernel: Kernel;
  private readonly map: RowMap;
  private readonly columns: readonly Column[];

  /**
   * @param total - draws of every chain, warm-up included.
   * @param perGroup - chains of a group.
   */
  constructor(
    private readonly sampler: Sampler,
    private readonly run: Run,
    private readonly total: number,
    private readonly perGroup: number,
  ) {
    const { kernel, target } = sampler;
    this.kernel = kernel;
    this.map = rowMap(target.support);
    this.columns = kernel.stats.map((name) => ({ name, kept: run.stats[name] }));
    this.waiting = run.requests.filter((request) => request !== undefined).length;
  }

  /** Starts draws until chains wait for an answer, or all are done. */
  startDraws(): void {
    while (this.startNext() && this.waiting === 0) {} // draws that ask for nothing
  }

  deliver(c: number, answer: Answer): void {
    const { states, requests, tuning } = this.run;
    const state = states[c];
    if (state.draw < 0 && this.sampler.startsFrom !== "prior") {
      checkStart(this.sampler.target, c, state.u, answer, "gradient" in requests[c]!);
    }
    this.waiting--;
    this.take(c, this.kernel.step(state, answer, tuning));
  }

  /** Starts the next draw of every chain that may go on, and says whether there was one. */
  private startNext(): boolean {
    const { states, requests } = this.run;
    if (!this.run.warm) {
      if (this.waiting > 0) return false;
      if (states.every(({ draw }) => draw === states[0].draw)) this.endDraw();
    }
    if (this.kernel.movesFirst) return this.startGroups();
    let started = false;
    for (let c = 0; c < states.length; c++) {
      if (requests[c] !== undefined || states[c].draw >= this.total) continue;
      this.take(c, this.kernel.begin(states[c], this.run.tuning, noGroup));
      started = true;
    }
    return started;
  }

  /** The same for ensembles, where some chains of a group wait for the others. */
  private startGroups(): boolean {
    const { states, requests } = this.run;
    let started = false;
    for (let from = 0; from < states.length; from += this.perGroup) {
      const group = states.slice(from, from + this.perGroup);
      if (group.some((_, i) => requests[from + i] !== undefined)) continue;
      const draw = group.reduce((least, state) => Math.min(least, state.draw), this.total);
      const behind = group.map((state) => state.draw === draw);
      const first = behind.every(Boolean) && draw < this.total ? this.kernel.movesFirst!(group) : undefined;
      behind.forEach((isBehind, i) => {
        const c = from + i;
        if (!isBehind || requests[c] !== undefined || states[c].draw >= this.total || first?.[i] === 0)
          return;
        this.take(c, this.kernel.begin(states[c], this.run.tuning, group));
        started = true;
      });
    }
    return started;
  }

  /** Learns from a draw of the warm-up that all chains have completed. */
  private endDraw(): void {
    const { run } = this;
    const { tuner } = this.sampler;
    if (run.infos.length > 0) run.tuning = tuner.update(run.tuning, run.states, run.infos);
    run.infos = [];
    if (run.states[0].draw === run.warmup) {
      run.tuning = tuner.finish(run.tuning);
      run.warm = true;
    }
  }

  private take(c: number, { state, request, info }: Step<ChainState>): void {
    const { run } = this;
    run.states[c] = state;
    run.requests[c] = request;
    if (request !== undefined) this.waiting++;
    if (info === undefined) return;
    if (run.warm) this.record(c, state, info);
    else run.infos[c] = info;
  }

  /** Keeps a completed draw, if it comes after warm-up. */
  private record(c: number, state: ChainState, info: Info): void {
    const run = this.run;
    const map = this.map;
    const columns = this.columns;
    const after = state.draw - run.warmup;
    if (after <= 0) return;
    if (info.diverging === 1) run.divergences++;
    if (after % run.thin !== 0) return;
    const slot = c * run.room + after / run.thin - 1;
    map.constrain(state.u, run.values, slot * state.u.length);
    for (let k = 0; k < columns.length; k++) columns[k].kept[slot] = info[columns[k].name];
    run.stats.logProb[slot] = state.logProb - map.logDet(state.u);
  }
}
