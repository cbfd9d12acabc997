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
import { foldIn, type Key, type Rng, stream } from "../src/core/random.js";
import type { Answer, ChainState, Kernel, Sampler, Step } from "./kernel.js";
import { checkNutsOptions, type NutsOptions, type NutsTuning } from "./nuts-options.js";
import {
  addLeaf,
  copyPoint,
  emptyTree,
  mergeSubtree,
  plant,
  startSubtree,
  type TrajectoryEnd,
  type Tree,
} from "./nuts-tree.js";
import { checkGradient } from "./target.js";
import { drift, kick } from "./tuning/metric.js";
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
  readonly rng: [number, number, number, number];
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
    kernel: new NoUTurn(target.dim, options),
    tuner: nutsTuner(target.dim, options),
    options: { ...options },
  };
}

// A class, because closures would be compiled anew for every sampler.
class NoUTurn implements Kernel<NutsState, NutsTuning> {
  readonly stats = ["acceptanceRate", "stepSize", "treeDepth", "numSteps", "diverging", "energy"];
  private readonly maxTreeDepth: number;
  private readonly dense: boolean;
  private readonly motion: Float64Array; // scratch, as is the stream, which goes on where a chain's stands
  private readonly rng = stream([0, 0]);

  constructor(
    private readonly dim: number,
    private readonly options: NutsOptions,
  ) {
    this.maxTreeDepth = options.maxTreeDepth ?? 10;
    this.dense = isDense(options, dim);
    this.motion = new Float64Array(dim);
  }

  init(u: Float64Array, key: Key): Step<NutsState> {
    const { dim } = this;
    const state: NutsState = {
      u,
      logProb: Number.NaN,
      draw: -1,
      key,
      gradient: new Float64Array(dim),
      tree: emptyTree(dim, this.maxTreeDepth),
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
    };
    return { state, request: { gradient: u } };
  }

  begin(state: NutsState, tuning: NutsTuning): Step<NutsState> {
    const { stepSize, adaptation } = this.options;
    if (adaptation === "stan" && state.own === null) {
      const searches = tuning.warmup > 0 || stepSize === undefined;
      state.own = startChain(tuning.stepSize, tuning.factor, this.dim, this.dense, searches);
    }
    const key = foldIn(state.key, state.draw); // the same draw always sees the same numbers
    const { own } = state;
    if (own?.search) {
      state.initialEnergy = launch(state, stream(foldIn(key, own.search.attempts)));
      return this.drift(state, state.tree.ends[1], own.stepSize, own.factor);
    }
    const rng = stream(key);
    state.energy = state.initialEnergy = launch(state, rng);
    plant(state.tree);
    state.logWeight = 0;
    state.acceptance = 0;
    state.numSteps = 0;
    return this.grow(state, tuning, rng);
  }

  step(state: NutsState, { logProb, gradient }: Answer, tuning: NutsTuning): Step<NutsState> {
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
      return this.begin(state, tuning);
    }
    const end = tree.ends[tree.forward];
    const energy = arrive(end, logProb, gradient, tree.forward ? stepSize : -stepSize, factor);
    const error = energy - state.initialEnergy;
    state.numSteps++;
    if (!(error <= maxEnergyError)) {
      // NaN diverges
      if (error < Infinity) state.acceptance += Math.exp(-error);
      return this.finish(state, tuning, 1);
    }
    state.acceptance += error < 0 ? 1 : Math.exp(-error);
    state.logSubtreeWeight = logAddExp(state.logSubtreeWeight, -error);
    if (state.logSubtreeWeight > state.threshold) this.choose(state, end, logProb, energy);
    if (!addLeaf(tree)) return this.finish(state, tuning, 0);
    if (tree.leaves < 1 << tree.depth) return this.advance(state, tuning);

    const goesOn = mergeSubtree(tree);
    const { rng } = this;
    rng.resume(state.rng);
    if (Math.log(1 - rng.uniform()) < state.logSubtreeWeight - state.logWeight) {
      copyPoint(state.proposal, state.proposalGradient, state.u, state.gradient);
      state.logProb = state.proposalLogProb;
      state.energy = state.proposalEnergy;
    }
    state.logWeight = logAddExp(state.logWeight, state.logSubtreeWeight);
    if (!goesOn || tree.depth === this.maxTreeDepth) return this.finish(state, tuning, 0);
    return this.grow(state, tuning, rng);
  }

  /** Tosses for a side, and takes the first step of a subtree there. */
  private grow(state: NutsState, tuning: NutsTuning, rng: Rng): Step<NutsState> {
    startSubtree(state.tree, rng.uniform() < 0.5 ? 0 : 1);
    rng.state(state.rng);
    state.logSubtreeWeight = -Infinity;
    state.threshold = -Infinity;
    return this.advance(state, tuning);
  }

  private advance(state: NutsState, tuning: NutsTuning): Step<NutsState> {
    const { stepSize, factor } = state.own ?? tuning;
    const { ends, forward } = state.tree;
    return this.drift(state, ends[forward], forward ? stepSize : -stepSize, factor);
  }

  /** First half of a leapfrog step, and the request for the second. */
  private drift(
    state: NutsState,
    { u, velocity, gradient }: TrajectoryEnd,
    stepSize: number,
    factor: Float64Array,
  ): Step<NutsState> {
    drift(factor, gradient, stepSize, velocity, this.motion, u, u);
    return { state, request: { gradient: u } };
  }

  private choose(state: NutsState, end: TrajectoryEnd, logProb: number, energy: number): void {
    const { rng } = this;
    rng.resume(state.rng);
    const u = rng.uniform();
    rng.state(state.rng);
    const { leaves, depth } = state.tree; // behind the last leaf no other is chosen
    if (leaves + 1 < 1 << depth) state.threshold = state.logSubtreeWeight - Math.log(1 - u);
    copyPoint(end.u, end.gradient, state.proposal, state.proposalGradient);
    state.proposalLogProb = logProb;
    state.proposalEnergy = energy;
  }

  private finish(state: NutsState, tuning: NutsTuning, diverging: number): Step<NutsState> {
    const { targetAcceptance = 0.8 } = this.options;
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
}

/** Puts the chain's point with a fresh velocity at the forward end; returns the energy. */
function launch({ u, gradient, logProb, tree }: NutsState, rng: Rng): number {
  const end = tree.ends[1];
  copyPoint(u, gradient, end.u, end.gradient);
  rng.fillNormals(end.velocity);
  return kineticEnergy(end.velocity) - logProb;
}

/** Second half of a leapfrog step; returns the energy. */
function arrive(
  end: TrajectoryEnd,
  logProb: number,
  gradient: Float64Array,
  stepSize: number,
  factor: Float64Array,
): number {
  copy(gradient, end.gradient);
  return kick(factor, gradient, 0.5 * stepSize, end.velocity) - logProb;
}

function kineticEnergy(velocity: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < velocity.length; i++) sum += 0.5 * velocity[i] * velocity[i];
  return sum;
}

/** `log(exp(a) + exp(b))`; `b` is finite. */
function logAddExp(a: number, b: number): number {
  if (a === -Infinity) return b;
  return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b));
}
