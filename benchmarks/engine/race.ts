/**
 * Contenders taking turns.
 *
 * @module
 */
import type { Contender } from "./contenders.js";

const ROUND_MILLISECONDS = 40; // short, so that some rounds are undisturbed
const BUDGET_MILLISECONDS = 6000; // of one slow engine on one network

/** Lets the contenders take turns; the fastest round of each, CPU milliseconds per step. */
export async function race(contenders: readonly Contender[], rounds: number): Promise<number[]> {
  const entries: { contender: Contender; calls: number; turns: number; best: number }[] = [];
  for (const contender of contenders) {
    const first = (await contender.round(1)) * contender.stepsPerCall; // warms up, and is not counted
    const calls = Math.max(1, Math.round(ROUND_MILLISECONDS / first));
    const turns = Math.max(1, Math.min(rounds, Math.floor(BUDGET_MILLISECONDS / (first * calls))));
    entries.push({ contender, calls, turns, best: Number.POSITIVE_INFINITY });
  }
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) {
      if (round < entry.turns) entry.best = Math.min(entry.best, await entry.contender.round(entry.calls));
    }
  }
  return entries.map(({ best }) => best);
}
