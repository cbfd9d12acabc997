/**
 * What looks at a run while it goes on: rules that end it, and the reader of its chunks. Both see only draws that all
 * chains have completed, at fixed numbers of draws, so they do not favour draws that happened to be quick, and what
 * they do depends on the seed alone.
 *
 * @module
 */
import { checkOptions } from "../../src/core/options.js";
import type { Draws } from "../draws.js";
import { type SummaryRow, summary } from "../summary.js";

/** When a run may end before its last draw. All conditions must hold for every parameter. */
export interface StopRule {
  /** Least effective sample size, of bulk and of tails. Default 400. */
  readonly ess?: number;
  /** Largest R-hat, the one of `summary`. Default 1.01. */
  readonly rhat?: number;
  /** Draws per chain that are taken at least. Default 100. */
  readonly minDraws?: number;
  /** Draws per chain between two looks. Default 100. */
  readonly every?: number;
}

/** Something that looks at a run. */
export interface Watch {
  /** Draws per chain between two looks. */
  readonly every: number;
  /**
   * Looks at the first `draws` of every chain.
   *
   * @returns whether they are enough.
   */
  see(draws: number): boolean | Promise<boolean>;
  /** Is told how many draws of every chain the run has given in all. */
  end?(draws: number): Promise<void>;
}

/** Draws `from` to `to - 1` of every chain. */
export type Completed = (from: number, to: number) => Draws;

/** Makes a watch for a run of which the first `done` draws are there already. */
export type WatchMaker = (completed: Completed, done: number) => Watch;

/**
 * Makes the watch that ends a run by a rule.
 *
 * @throws {TypeError} if the rule has another condition.
 * @throws {RangeError} for a rule that cannot be met, or fewer than four chains, whose agreement says little.
 */
export function stopWatch(rule: StopRule, chains: number, completed: Completed): Watch {
  checkOptions("sample: stop", rule, { ess: true, rhat: true, minDraws: true, every: true });
  const { ess = 400, rhat = 1.01, minDraws = 100, every = 100 } = rule;
  if (!(ess > 0)) throw new RangeError(`sample: stop.ess must be positive, got ${ess}.`);
  if (!(rhat > 1)) throw new RangeError(`sample: stop.rhat must be above 1, got ${rhat}.`);
  for (const [name, value] of Object.entries({ minDraws, every })) {
    if (!(Number.isSafeInteger(value) && value >= 1)) {
      throw new RangeError(`sample: stop.${name} must be an integer of at least 1, got ${value}.`);
    }
  }
  if (chains < 4) {
    throw new RangeError(`sample: stop needs at least 4 chains that can agree, got ${chains}.`);
  }
  return {
    every,
    see: (draws) => draws >= minDraws && meets({ ess, rhat }, summary(completed(0, draws)).rows),
  };
}

/** Whether the ESS and R-hat of every parameter are those of a rule. */
export function meets(
  { ess, rhat }: Required<Pick<StopRule, "ess" | "rhat">>,
  rows: readonly SummaryRow[],
): boolean {
  return rows.every((row) => row.essBulk >= ess && row.essTail >= ess && row.rhat <= rhat);
}

/**
 * Lets every watch look at each of its numbers of draws among `seen + 1, ..., completed`.
 *
 * @returns the first number of draws that is enough for one of them.
 */
export async function look(
  watches: readonly Watch[],
  seen: number,
  completed: number,
): Promise<number | undefined> {
  for (let draws = seen + 1; draws <= completed; draws++) {
    let enough = false;
    for (const watch of watches) {
      if (draws % watch.every === 0 && (await watch.see(draws))) enough = true;
    }
    if (enough) return draws;
  }
  return undefined;
}
