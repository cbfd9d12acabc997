/**
 * A run shared out by its chains: once warm-up is over (or where each chain learns by itself) blocks of them go on in
 * different places, in legs, and what each leg brought is put back in the order of the chains.
 *
 * Chains draw from keys of their own and no longer change what they share, so how they are divided, and where a leg
 * ends, leaves no trace in the draws. Chains of an ensemble propose from each other and stay in one block.
 *
 * @module
 */
import type { Checkpoint } from "../checkpoint.js";
import type { ChainState, Request } from "../kernel.js";
import { relay } from "./relay.js";

/** A stretch of a run that rests before its end. */
export interface Leg {
  /** Whether it ends here; asked between two rounds. Draws under way stay so in the checkpoint, and no chain has waited. */
  ends(run: Pick<Checkpoint, "warm" | "states">): boolean;
  /** Whether the checkpoint is known to be of this run, and need not be compared. Default `false`. */
  readonly isKnown?: boolean;
}

/** Chains `from` to `to - 1`. */
export interface Block {
  readonly from: number;
  readonly to: number;
}

/** A whole run, while its blocks are under way. */
export interface Ledger extends Checkpoint {
  readonly states: ChainState[];
  readonly requests: (Request | undefined)[];
  divergences: number;
}

/** What a leg of a block brought. */
export type BlockDraws = Pick<
  Checkpoint,
  "warmup" | "states" | "requests" | "room" | "values" | "stats" | "divergences" | "counts"
>;

/** Cuts chains into `count` blocks, or as many as there are groups, whose sizes differ by a group at most. */
export function blocksOf(chains: number, perGroup: number, count: number): Block[] {
  const groups = chains / perGroup;
  const blocks = Math.min(count, groups);
  const edge = (b: number) => Math.floor((b * groups) / blocks) * perGroup;
  return Array.from({ length: blocks }, (_, b) => ({ from: edge(b), to: edge(b + 1) }));
}

/** The ledger of a run that has come to a checkpoint, which is used up. */
export function openLedger(checkpoint: Checkpoint): Ledger {
  return { ...checkpoint, states: [...checkpoint.states], requests: [...checkpoint.requests] };
}

/** Draws of a chain after warm-up that are kept. */
export function keptDraws(
  { draw }: ChainState,
  { warmup, thin }: Pick<Checkpoint, "warmup" | "thin">,
): number {
  return Math.max(0, Math.floor((draw - warmup) / thin));
}

/** Room for `draws` per chain, and for one more where a chain has begun it: a draw that was begun is ended and kept for a later run. */
export function roomFor(checkpoint: Checkpoint, draws: number): number {
  const { states, requests } = checkpoint;
  const begun = states.map((state, c) => ({
    ...state,
    draw: state.draw + (requests[c] === undefined ? 0 : 1),
  }));
  return Math.max(draws, ...begun.map((state) => keptDraws(state, checkpoint)));
}

/**
 * A block as a run of its own, without the draws that the ledger has already: those that all its chains have count as
 * warm-up, which is over.
 */
export function cutBlock(ledger: Checkpoint, { from, to }: Block): Checkpoint {
  const states = ledger.states.slice(from, to);
  const handed = Math.min(...states.map((state) => keptDraws(state, ledger)));
  return {
    ...ledger,
    chains: to - from,
    warmup: ledger.warmup + handed * ledger.thin,
    states,
    requests: ledger.requests.slice(from, to),
    infos: [],
    room: 0,
    values: new Float64Array(0),
    stats: mapValues(ledger.stats, () => new Float64Array(0)),
    divergences: 0,
    counts: { calls: 0, rows: 0, outside: 0, nonFinite: 0 },
  };
}

/** What a leg brought, with no more room than its draws need. */
export function blockDraws(reached: Checkpoint): BlockDraws {
  const { chains, names, warmup, states, requests, divergences, counts } = reached;
  const room = Math.max(...states.map((state) => keptDraws(state, reached)));
  const narrow = (data: Float64Array, width: number) => relay(data, chains, reached.room, room, width);
  const values = narrow(reached.values, names.length);
  const stats = mapValues(reached.stats, (data) => narrow(data, 1));
  return { warmup, states, requests, room, values, stats, divergences, counts };
}

/** Writes to the ledger what a leg of a block brought. */
export function pasteBlock(ledger: Ledger, { from }: Block, leg: BlockDraws): void {
  const { thin, names, counts } = ledger;
  const handed = (leg.warmup - ledger.warmup) / thin; // number of the first draw of the leg's arrays
  leg.states.forEach((state, i) => {
    const c = from + i;
    const first = keptDraws(ledger.states[c], ledger);
    const end = keptDraws(state, ledger);
    const copy = (into: Float64Array, data: Float64Array, width: number) => {
      const row = (draw: number) => (i * leg.room + draw - handed) * width;
      into.set(data.subarray(row(first), row(end)), (c * ledger.room + first) * width);
    };
    if (end > first) {
      copy(ledger.values, leg.values, names.length);
      for (const [name, data] of Object.entries(leg.stats)) copy(ledger.stats[name], data, 1);
    }
    ledger.states[c] = state;
    ledger.requests[c] = leg.requests[i];
  });
  ledger.divergences += leg.divergences;
  for (const name of ["calls", "rows", "outside", "nonFinite"] as const) counts[name] += leg.counts[name];
}

function mapValues(
  table: Readonly<Record<string, Float64Array>>,
  map: (data: Float64Array) => Float64Array,
): Record<string, Float64Array> {
  return Object.fromEntries(Object.entries(table).map(([name, data]) => [name, map(data)]));
}
