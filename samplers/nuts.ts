/**
 * The no-U-turn sampler, as Stan runs it, one chain as a state machine: Hamiltonian Monte Carlo whose trajectories end
 * where they would turn back.
 *
 * From a fresh `v ~ N(0, I)` the trajectory is doubled, forward or backward, by leapfrog steps
 *
 *     v += eps/2 L' g(u);   u += eps L v;   v += eps/2 L' g(u)
 *
 * until it turns round (see `nuts-tree.ts`), diverges, or has been doubled `maxTreeDepth` times. The draw is one of its
 * points: within a subtree each with its weight `exp(H0 - H)`, `H = -logProb + |v|^2 / 2` (multinomial); between the
 * trajectory and a new subtree the latter with probability `min(1, W_new / W_old)` (biased progressive). A subtree that
 * turned round or diverged (`H - H0 > 1000`, or not finite) gives no draw. `L L' = M^-1` is the inverse mass.
 *
 * Within a subtree the last leaf that replaced the proposal stays until the total weight passes `W / U`, where `W` was
 * the total then: that has the same law as a coin per leaf, and takes a random number per replacement only.
 *
 * Warm-up tunes step size and metric, either with all chains together (as `hmc` does) or each chain by itself
 * (`adaptation: "stan"`). What a chain learns by itself is part of its state: the contract of kernels has one tuning for
 * all chains, and a table of tunings per chain in it would still make chains wait for each other and tell no chain
 * which row is its own.
 *
 * @see Hoffman and Gelman (2014), https://jmlr.org/papers/v15/hoffman14a.html
 * @see Betancourt (2017), https://arxiv.org/abs/1701.02434
 * @module
 */
import type { LogDensity } from "../src/core/contracts.js";
import { copy } from "../src/core/linalg.js";
import { foldIn, type RngState, stream, streamFrom } from "../src/core/random.js";
import type { ChainState, Kernel, Sampler, Step } from "./kernel.js";
import { checkNutsOptions, type NutsOptions, type NutsTuning } from "./nuts-options.js";
import {
  addLeaf,
  emptyTree,
  mergeSubtree,
  plant,
  startSubtree,
  type TrajectoryEnd,
  type Tree,
} from "./nuts-tree.js";
import { checkGradient } from "./target.js";
import { applyFactor, kick } from "./tuning/metric.js";
import { type ChainAdaptation, learn, searchStep, startChain } from "./tuning/nuts-adaptation.js";
import { nutsTuner } from "./tuning/nuts-tuner.js";
import { isDense } from "./tuning/pooled-metric.js";

export type { NutsOptions, NutsTuning } from "./nuts-options.js";

/** What a chain needs to go on, in the middle of a tree too. `u` is the draw so far. */
export interface NutsState extends ChainState {
  logProb: number;
  draw: number;
  /** Gradient at `u`, `[D]`. */
  readonly gradient: Float64Array;
  readonly tree: Tree;
  /** The point of the subtree that was chosen, `[D]`, with its gradient, log density and energy. */
  readonly proposal: Float64Array;
  readonly proposalGradient: Float64Array;
  proposalLogProb: number;
  proposalEnergy: number;
  /** `log` of the weights of the trajectory and of the subtree, and the weight at which the next leaf is chosen. */
  logWeight: number;
  logSubtreeWeight: number;
  threshold: number;
  /** Energy at the start and at `u`; sum of the acceptance probabilities; leapfrog steps so far. */
  initialEnergy: number;
  energy: number;
  acceptance: number;
  numSteps: number;
  /** Where the stream of this draw stands. */
  rng: RngState;
  /** What the chain has learnt by itself; `null` with pooled adaptation, or before the first draw. */
  own: ChainAdaptation | null;
}

/** Energy error above which a trajectory is divergent; Stan's value. */
const maxEnergyError = 1000;

/**
 * Builds a no-U-turn sampler for `sample`. It finds the length of its trajectories by itself; choose it over `hmc` for a
 * handful of chains, for targets of varying scale, and where nobody should have to look at tuning.
 *
 * @param target - must have a `gradient`.
 * @throws {TypeError} if the target is no log density or has no gradient.
 * @throws {RangeError} for an option out of range.
 * @example
 * const draws = await sample(nuts(target, { adaptation: "stan" }), { chains: 4, warmup: 1000, draws: 1000, seed: 1 });
 */
export function nuts(target: LogDensity, options: NutsOptions = {}): Sampler<NutsState, NutsTuning> {
  checkGradient("nuts", target);
  checkNutsOptions(options, target.dim);
  return {
    name: "nuts",
    target,
    kernel: noUTurn(target.dim, options),
    tuner: nutsTuner(target.dim, options),
    options: { ...options },
  };
}

function noUTurn(dim: number, options: NutsOptions): Kernel<NutsState, NutsTuning> {
  const { maxTreeDepth = 10, targetAcceptance = 0.8, adaptation } = options;
  const dense = isDense(options, dim);
  const motion = new Float64Array(dim); // scratch

  /** First half of a leapfrog step, and the request for the second. */
  function drift(
    state: NutsState,
    end: TrajectoryEnd,
    stepSize: number,
    factor: Float64Array,
  ): Step<NutsState> {
    kick(factor, end.gradient, 0.5 * stepSize, end.velocity);
    applyFactor(factor, end.velocity, motion);
    for (let i = 0; i < dim; i++) end.u[i] += stepSize * motion[i];
    return { state, request: { gradient: end.u } };
  }

  /** Second half; returns the energy. */
  function arrive(
    end: TrajectoryEnd,
    logProb: number,
    gradient: Float64Array,
    stepSize: number,
    factor: Float64Array,
  ): number {
    copy(gradient, end.gradient);
    kick(factor, gradient, 0.5 * stepSize, end.velocity);
    return kineticEnergy(end.velocity) - logProb;
  }

  /** Puts the chain's point with a fresh velocity at the forward end; returns the energy. */
  function launch({ u, gradient, logProb, tree }: NutsState, rng: ReturnType<typeof stream>): number {
    const end = tree.ends[1];
    copy(u, end.u);
    copy(gradient, end.gradient);
    rng.fillNormals(end.velocity);
    return kineticEnergy(end.velocity) - logProb;
  }

  function begin(state: NutsState, tuning: NutsTuning): Step<NutsState> {
    if (adaptation === "stan" && state.own === null) {
      const searches = tuning.warmup > 0 || options.stepSize === undefined;
      state.own = startChain(tuning.stepSize, tuning.factor, dim, dense, searches);
    }
    const key = foldIn(state.key, state.draw); // the same draw always sees the same numbers
    const { own } = state;
    if (own?.search) {
      state.initialEnergy = launch(state, stream(foldIn(key, own.search.attempts)));
      return drift(state, state.tree.ends[1], own.stepSize, own.factor);
    }
    const rng = stream(key);
    state.energy = state.initialEnergy = launch(state, rng);
    plant(state.tree);
    state.logWeight = 0;
    state.acceptance = 0;
    state.numSteps = 0;
    return grow(state, tuning, rng);
  }

  /** Tosses for a side, and takes the first step of a subtree there. */
  function grow(state: NutsState, tuning: NutsTuning, rng: ReturnType<typeof stream>): Step<NutsState> {
    startSubtree(state.tree, rng.uniform() < 0.5 ? 0 : 1);
    state.rng = rng.state();
    state.logSubtreeWeight = -Infinity;
    state.threshold = -Infinity;
    return advance(state, tuning);
  }

  function advance(state: NutsState, tuning: NutsTuning): Step<NutsState> {
    const { stepSize, factor } = state.own ?? tuning;
    const { ends, forward } = state.tree;
    return drift(state, ends[forward], forward ? stepSize : -stepSize, factor);
  }

  function choose(state: NutsState, end: TrajectoryEnd, logProb: number, energy: number): void {
    const rng = streamFrom(state.rng);
    state.threshold = state.logSubtreeWeight - Math.log(1 - rng.uniform());
    state.rng = rng.state();
    copy(end.u, state.proposal);
    copy(end.gradient, state.proposalGradient);
    state.proposalLogProb = logProb;
    state.proposalEnergy = energy;
  }

  function finish(state: NutsState, tuning: NutsTuning, diverging: number): Step<NutsState> {
    const acceptanceRate = state.acceptance / state.numSteps;
    const { stepSize } = state.own ?? tuning;
    const draw = state.draw++;
    if (state.own && draw < tuning.warmup) {
      const plan = { target: targetAcceptance, warmup: tuning.warmup, windows: tuning.windows };
      learn(state.own, draw, state.u, acceptanceRate, plan);
    }
    const { energy, numSteps, tree } = state;
    return { state, info: { acceptanceRate, stepSize, treeDepth: tree.depth, numSteps, diverging, energy } };
  }

  return {
    stats: ["acceptanceRate", "stepSize", "treeDepth", "numSteps", "diverging", "energy"],

    init: (u, key) => ({
      state: {
        u,
        logProb: Number.NaN,
        draw: -1,
        key,
        gradient: new Float64Array(dim),
        tree: emptyTree(dim, maxTreeDepth),
        proposal: new Float64Array(dim),
        proposalGradient: new Float64Array(dim),
        proposalLogProb: Number.NaN,
        proposalEnergy: Number.NaN,
        logWeight: 0,
        logSubtreeWeight: 0,
        threshold: 0,
        initialEnergy: Number.NaN,
        energy: Number.NaN,
        acceptance: 0,
        numSteps: 0,
        rng: [1, 0, 0, 0],
        own: null,
      },
      request: { gradient: u },
    }),

    begin,

    step(state, { logProb, gradient }, tuning) {
      if (state.draw < 0) {
        // the answer is for the starting point
        state.logProb = logProb;
        copy(gradient, state.gradient);
        state.draw = 0;
        return { state };
      }
      const { tree, own } = state;
      const { stepSize, factor } = own ?? tuning;
      if (own?.search) {
        const energy = arrive(tree.ends[1], logProb, gradient, stepSize, factor);
        searchStep(own, energy - state.initialEnergy, state.draw === 0);
        return begin(state, tuning);
      }
      const end = tree.ends[tree.forward];
      const energy = arrive(end, logProb, gradient, tree.forward ? stepSize : -stepSize, factor);
      const error = energy - state.initialEnergy;
      state.numSteps++;
      if (!(error <= maxEnergyError)) {
        // NaN diverges
        if (error < Infinity) state.acceptance += Math.exp(-error);
        return finish(state, tuning, 1);
      }
      state.acceptance += error < 0 ? 1 : Math.exp(-error);
      state.logSubtreeWeight = logAddExp(state.logSubtreeWeight, -error);
      if (state.logSubtreeWeight > state.threshold) choose(state, end, logProb, energy);
      if (!addLeaf(tree)) return finish(state, tuning, 0);
      if (tree.leaves < 1 << tree.depth) return advance(state, tuning);

      const goesOn = mergeSubtree(tree);
      const rng = streamFrom(state.rng);
      if (Math.log(1 - rng.uniform()) < state.logSubtreeWeight - state.logWeight) {
        copy(state.proposal, state.u);
        copy(state.proposalGradient, state.gradient);
        state.logProb = state.proposalLogProb;
        state.energy = state.proposalEnergy;
      }
      state.logWeight = logAddExp(state.logWeight, state.logSubtreeWeight);
      if (!goesOn || tree.depth === maxTreeDepth) return finish(state, tuning, 0);
      return grow(state, tuning, rng);
    },
  };
}

function kineticEnergy(velocity: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < velocity.length; i++) sum += 0.5 * velocity[i] * velocity[i];
  return sum;
}

/** `log(exp(a) + exp(b))`; `b` is finite. */
function logAddExp(a: number, b: number): number {
  return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b));
}
