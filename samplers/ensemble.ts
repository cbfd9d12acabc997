/**
 * What ensemble samplers share: walkers that propose from where the others stand, so that proposals have the shape of the
 * target and nothing is tuned.
 *
 * In each draw an ensemble is split into two random halves. The walkers of the first move with proposals made of
 * the positions in the second, all at once; then those of the second with the new positions in the first. Each half
 * moves with the other at rest, so the product of the densities of the walkers stays as it is.
 *
 * Walkers of one ensemble are not independent chains. A run holds several ensembles, which are; `Draws.groups` counts
 * them, R-hat compares them, and effective sample sizes follow their means.
 *
 * @see Goodman and Weare (2010), https://doi.org/10.2140/camcos.2010.5.65
 * @see Foreman-Mackey et al. (2013), https://arxiv.org/abs/1202.3665, algorithm 3 (halves at once)
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { cholesky, copy } from "../src/core/linalg.js";
import { fromRows } from "../src/core/matrix.js";
import { foldIn, type Rng, stream } from "../src/core/random.js";
import { positiveInteger } from "./hmc-options.js";
import type { ChainState, Kernel, Sampler } from "./kernel.js";
import { populationOf } from "./starts/population.js";
import { checkTarget } from "./target.js";

/** What a walker remembers. */
export interface WalkerState extends ChainState {
  logProb: number;
  draw: number;
  /** The proposed point, `[D]`. */
  readonly proposal: Float64Array;
  /** Log of the factor by which the proposal's density ratio departs from one; nats. */
  logFactor: number;
  /** `log` of the uniform that decides. */
  logUniform: number;
}

/**
 * Writes a proposal for `u` to `out`.
 *
 * @param others - the positions of the other half, each `[D]`.
 * @returns log of the Hastings factor, nats.
 */
export type EnsembleMove = (
  u: Float64Array,
  others: readonly Float64Array[],
  rng: Rng,
  out: Float64Array,
) => number;

/** Options that ensemble samplers share. */
export interface EnsembleOptions {
  /** Independent ensembles, each of as many walkers. Default 4. */
  readonly ensembles?: number;
}

/** Halves of three: the most that a move takes from the others. */
const fewestWalkers = 6;
/** Smallest share of a parameter's spread that the others must leave unexplained. */
const flattest = 1e-4;

/** The sampler for a move. */
export function ensemble(
  name: string,
  target: LogDensity,
  move: EnsembleMove,
  options: EnsembleOptions & Readonly<Record<string, unknown>>,
): Sampler<WalkerState, null> {
  checkTarget(name, target);
  const { ensembles = 4 } = options;
  positiveInteger(name, "ensembles", ensembles);
  const { dim } = target;
  return {
    name,
    target,
    kernel: walkers(name, dim, move),
    tuner: {
      start(_, { chains }) {
        const size = chains / ensembles;
        const least = Math.max(fewestWalkers, 2 * dim);
        if (size >= least) return null;
        throw new RangeError(
          `${name}: expected ${least} walkers or more in each of ${ensembles} ensembles (2 per parameter), got ${size}; ` +
            `pass chains: ${ensembles * least} or more, or fewer ensembles.`,
        );
      },
      update: () => null,
      finish: () => null,
      report: () => ({}),
    },
    options: { ...options, ensembles },
    groups: ensembles,
  };
}

/** `count` different ones of the others. */
export function pick(others: readonly Float64Array[], count: number, rng: Rng): Float64Array[] {
  const chosen: Float64Array[] = [];
  while (chosen.length < count) {
    const other = others[rng.integer(others.length)];
    if (!chosen.includes(other)) chosen.push(other);
  }
  return chosen;
}

function walkers(name: string, dim: number, move: EnsembleMove): Kernel<WalkerState, null> {
  let last: Halves | undefined; // all walkers of a group ask for the same
  const halvesOf = (group: readonly WalkerState[], draw: number): Halves => {
    if (last?.leader !== group[0] || last.draw !== draw) last = halve(group, draw);
    return last;
  };

  return {
    stats: ["acceptanceRate"],

    init: (u, key) => ({
      state: { u, logProb: Number.NaN, draw: -1, key, proposal: u.slice(), logFactor: 0, logUniform: 0 },
      request: { logProb: u },
    }),

    movesFirst(group) {
      if (group[0].draw === 0) checkSpread(name, dim, group);
      return halvesOf(group, group[0].draw).isFirst;
    },

    begin(state, _, group) {
      const { isFirst, first, second } = halvesOf(group, state.draw);
      const others = isFirst[group.indexOf(state)] ? second : first;
      const rng = stream(foldIn(state.key, state.draw)); // the same draw always sees the same numbers
      state.logFactor = move(state.u, others, rng, state.proposal);
      state.logUniform = Math.log(1 - rng.uniform());
      return { state, request: { logProb: state.proposal } };
    },

    step(state, { logProb }) {
      if (state.draw < 0) {
        // the answer is for the starting point
        state.logProb = logProb;
        state.draw = 0;
        return { state };
      }
      const gain = logProb - state.logProb + state.logFactor;
      if (state.logUniform < gain) {
        // NaN rejects
        copy(state.proposal, state.u);
        state.logProb = logProb;
      }
      state.draw++;
      return { state, info: { acceptanceRate: gain >= 0 ? 1 : Math.exp(gain) || 0 } };
    },
  };
}

/** How an ensemble is split for a draw: who moves first, and the positions of those and of the others. */
interface Halves {
  readonly leader: WalkerState;
  readonly draw: number;
  readonly isFirst: Uint8Array;
  readonly first: readonly Float64Array[];
  readonly second: readonly Float64Array[];
}

/** A random half moves first; which one, the ensemble's own key says. */
function halve(group: readonly WalkerState[], draw: number): Halves {
  const rng = stream(foldIn(foldIn(group[0].key, "halves"), draw));
  const isFirst = new Uint8Array(group.length);
  for (const i of rng.permutation(group.length).subarray(0, group.length >> 1)) isFirst[i] = 1;
  const positions = (half: number) => group.filter((_, i) => isFirst[i] === half).map(({ u }) => u);
  return { leader: group[0], draw, isFirst, first: positions(1), second: positions(0) };
}

/** Refuses an ensemble on a line or a plane, which no move would leave. */
function checkSpread(name: string, dim: number, group: readonly WalkerState[]): void {
  const { covariance } = populationOf(fromRows(group.map(({ u }) => u)));
  const spread = Float64Array.from({ length: dim }, (_, i) => Math.sqrt(covariance[i * dim + i]));
  const correlation = covariance.map((value, k) => value / (spread[Math.floor(k / dim)] * spread[k % dim]));
  try {
    const factor = cholesky(correlation, dim);
    if (spread.every((_, i) => factor[i * dim + i] > flattest)) return;
  } catch {
    // not positive definite, or a parameter without any spread
  }
  const distinct = new Set(group.map(({ u }) => u.join())).size;
  throw new RangeError(
    `${name}: the ${group.length} walkers of an ensemble, ${distinct} of them different, do not span the ${dim} parameters, and ` +
      "no move would leave where they lie. Pass initial with points spread in every direction, or raise candidates.",
  );
}
