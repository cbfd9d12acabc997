/**
 * Sequential Monte Carlo ABC, also called population Monte Carlo: populations of weighted particles at smaller and smaller
 * tolerances.
 *
 * 1. The first population are draws from the prior; its tolerance is its largest distance.
 * 2. The next tolerance is the smallest distance within which particles of a share `keep` of the effective sample size
 *    lie; with equal weights, the `keep` quantile of the distances.
 * 3. Proposals come from the population, moved by a normal with twice its weighted covariance, and are simulated until enough
 *    come within the tolerance.
 * 4. Particle `i` gets the weight `w_i ~ prior(theta_i) / sum_j W_j N(theta_i; theta_j, 2 Sigma)`.
 *
 * The budget counts every row that the simulator is given and is never exceeded. Where it ends within a stage nothing is
 * lost: its particles, and those of the population before it with the weights that they had, are at any tolerance two
 * weighted samples of one distribution. They are put together in proportion to their effective sizes, at the smallest
 * tolerance at which these add up to that of the population before.
 *
 * @see Beaumont, Cornuet, Marin and Robert (2009), Adaptive approximate Bayesian computation, https://doi.org/10.1093/biomet/asp052
 * @see Del Moral, Doucet and Jasra (2012), https://doi.org/10.1007/s11222-011-9271-y (tolerances by effective sample size)
 * @module
 */
import type { LongTask, Prior } from "../core/contracts.js";
import { matrix } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn, key as keyOf } from "../core/random.js";
import type { Simulator } from "../simulator.js";
import {
  type AbcOptions,
  type AbcSample,
  abcRun,
  checkPositive,
  equalWeights,
  type Particle,
  sampleOf,
} from "./abc-run.js";
import { collect } from "./collect.js";
import { type DistanceChoice, scalePilot } from "./distance.js";
import { type PopulationKernel, populationKernel } from "./population-kernel.js";

/** How far it has come. */
export interface SmcAbcProgress {
  /** Simulations made, and the budget. */
  readonly done: number;
  readonly total: number;
  /** Number of the stage, from 0, and its tolerance; `Infinity` in stage 0. */
  readonly stage: number;
  readonly epsilon: number;
}

/** Options of `smcAbc`. */
export interface SmcAbcOptions extends AbcOptions, LongTask<SmcAbcProgress> {
  /** How summaries are compared. Default `"scaled"`, by the spread of the first population. */
  readonly distance?: DistanceChoice;
  /** Simulations that may be made, failures included. */
  readonly maxSimulations: number;
  /** Particles of a population, at the least: what was simulated and accepted is kept. Default 1000. */
  readonly particles?: number;
  /** The tolerance to end with. Default 0: as small as the budget allows. */
  readonly epsilon?: number;
  /** Share of the effective sample size that lies within the next tolerance, in (0, 1). Default 0.5. */
  readonly keep?: number;
  /** The smallest acceptance rate of a stage: it may make `particles / minAcceptance` simulations. Default 0.001. */
  readonly minAcceptance?: number;
}

const optionNames: OptionNames<SmcAbcOptions> = {
  observed: true,
  seed: true,
  summary: true,
  distance: true,
  batchSize: true,
  maxSimulations: true,
  particles: true,
  epsilon: true,
  keep: true,
  minAcceptance: true,
  signal: true,
  onProgress: true,
};

/** What one stage did. */
export interface SmcAbcStage {
  /** Tolerance of its population: a larger one than it set out with where it is not complete. */
  readonly epsilon: number;
  readonly simulations: number;
  /** Particles that it accepted, at the tolerance that it set out with. */
  readonly accepted: number;
  /** Effective sample size of its population, `1 / sum W^2`. */
  readonly ess: number;
  /** Whether there were as many as were wanted. */
  readonly complete: boolean;
}

/**
 * Why it ended: `"epsilon"` was reached; the `"budget"` is spent; a stage met its smallest `"acceptance"`; distances have
 * `"ties"`, as of counts, and no smaller tolerance is left; moved particles hardly ever lie inside the prior, `"support"`.
 */
export type SmcAbcStop = "epsilon" | "budget" | "acceptance" | "ties" | "support";

/** What `smcAbc` found: particles at the smallest tolerance. Draws of equal weight come from `resampleDraws`. */
export interface SmcAbcResult extends AbcSample {
  /** Effective sample size of the weights. */
  readonly ess: number;
  /** Rows that the simulator was given. */
  readonly simulations: number;
  /** Simulations that gave no usable data; they are rejected and counted. */
  readonly failures: number;
  readonly stages: readonly SmcAbcStage[];
  readonly stopped: SmcAbcStop;
}

/**
 * Draws from the ABC posterior by populations at falling tolerances.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {RangeError} if a count is not a positive integer, `epsilon` is negative, `keep` is not in (0, 1) or `minAcceptance` not in (0, 1].
 * @throws {ShapeError} if `observed` does not have the simulator's shape.
 * @example
 * const found = await smcAbc(simulator, { observed, maxSimulations: 100_000, seed: 1 });
 * const theta = resampleDraws(found, 1000, { seed: 2 });
 */
export async function smcAbc(simulator: Simulator, options: SmcAbcOptions): Promise<SmcAbcResult> {
  checkOptions("smcAbc", options, optionNames);
  checkSmc(options);
  const { seed, maxSimulations, particles: wanted = 1000, keep = 0.5 } = options;
  const { epsilon: last = 0, minAcceptance = 0.001, distance = "scaled", onProgress } = options;
  const { prior } = simulator;
  const root = keyOf(seed);
  const [thetaKey, proposalKey] = [foldIn(root, "theta"), foldIn(root, "proposal")];
  const run = abcRun("smcAbc", simulator, { ...options, distance }, foldIn(root, "simulation"));
  const stages: SmcAbcStage[] = [];
  const progress = (epsilon: number) => () =>
    onProgress?.({ done: run.simulations, total: maxSimulations, stage: stages.length, epsilon });
  const result = ({ particles, weights, epsilon }: Population, stopped: SmcAbcStop): SmcAbcResult => ({
    ...sampleOf(particles, weights, epsilon, run, prior.dim),
    ess: particles.length === 0 ? 0 : effectiveSize(weights),
    simulations: run.simulations,
    failures: run.failures,
    stages,
    stopped,
  });

  const most = Math.ceil(wanted / minAcceptance);
  const first = await collect(run, {
    propose: (count, from) => prior.sample(count, thetaKey, from),
    tolerance: Infinity,
    wanted,
    most: Math.min(most, maxSimulations),
    rate: 1,
    first: distance === "scaled" ? scalePilot : undefined,
    onRequest: progress(Infinity),
  });
  let population: Population = {
    particles: first.particles,
    weights: equalWeights(first.particles.length),
    epsilon: first.particles.reduce((largest, particle) => Math.max(largest, particle.distance), 0),
  };
  const note = (simulations: number, accepted: number, { epsilon, weights }: Population) =>
    stages.push({
      epsilon,
      simulations,
      accepted,
      ess: weights.length === 0 ? 0 : effectiveSize(weights),
      complete: accepted >= wanted,
    });
  note(first.simulations, first.particles.length, population);
  if (first.particles.length < wanted) {
    return result(population, run.simulations === maxSimulations ? "budget" : "acceptance");
  }

  while (population.epsilon > last) {
    if (run.simulations === maxSimulations) return result(population, "budget");
    const epsilon = Math.max(last, nextTolerance(population, keep));
    if (!(epsilon < population.epsilon)) return result(population, "ties");
    const kernel = populationKernel(prior, thetaOf(population, prior.dim), population.weights);
    const stage = await collect(run, {
      propose: (count, from) => kernel.propose(count, proposalKey, from),
      tolerance: epsilon,
      reach: population.epsilon, // in case that the stage is not completed
      wanted,
      most: Math.min(most, maxSimulations - run.simulations),
      rate: keep,
      onRequest: progress(epsilon),
    });
    const fresh = weighed(stage.particles, population.epsilon, prior, kernel);
    const isComplete = stage.accepted >= wanted;
    population = isComplete ? within(fresh, epsilon) : together(population, fresh, epsilon);
    note(stage.simulations, stage.accepted, population);
    if (isComplete) continue;
    if (stage.exhausted) return result(population, "support");
    return result(population, run.simulations === maxSimulations ? "budget" : "acceptance");
  }
  return result(population, "epsilon");
}

interface Population {
  readonly particles: readonly Particle[];
  /** Summing to one. */
  readonly weights: Float64Array;
  readonly epsilon: number;
}

/** New particles with their weights, `prior / mixture`. */
function weighed(
  particles: readonly Particle[],
  epsilon: number,
  prior: Prior,
  kernel: PopulationKernel,
): Population {
  const theta = thetaOf({ particles }, prior.dim);
  const mixture = kernel.logProb(theta);
  const logWeights = prior.logProb(theta).map((value, i) => value - mixture[i]);
  const largest = logWeights.reduce((a, b) => Math.max(a, b), -Infinity);
  return { particles, weights: normalised(logWeights.map((value) => Math.exp(value - largest))), epsilon };
}

/** The smallest distance within which the effective sample size is `keep` of the whole. */
function nextTolerance({ particles, weights }: Population, keep: number): number {
  const order = particles
    .map((_, i) => i)
    .sort((a, b) => particles[a].distance - particles[b].distance || a - b);
  const target = keep * effectiveSize(weights);
  let sum = 0;
  let squares = 0;
  for (const i of order) {
    sum += weights[i];
    squares += weights[i] ** 2;
    if (sum ** 2 >= target * squares && sum > 0) return particles[i].distance;
  }
  return particles[order[order.length - 1]].distance;
}

/** Those of a population within a smaller tolerance: a weighted sample of what that tolerance stands for. */
function within({ particles, weights }: Population, epsilon: number): Population {
  const inside = particles.map((_, i) => i).filter((i) => particles[i].distance <= epsilon);
  return {
    particles: inside.map((i) => particles[i]),
    weights: normalised(Float64Array.from(inside, (i) => weights[i])),
    epsilon,
  };
}

/**
 * Two weighted samples of one distribution as one, at the smallest tolerance, from `least` on, at which their effective sizes add up to
 * that of the first. With shares in proportion to these, the whole has their sum.
 */
function together(before: Population, fresh: Population, least: number): Population {
  if (fresh.particles.length === 0) return before;
  const target = effectiveSize(before.weights);
  const all = [before, fresh].flatMap(({ particles, weights }, group) =>
    particles.map(({ distance }, i) => ({ distance, weight: weights[i], group })),
  );
  all.sort((a, b) => a.distance - b.distance);
  const sums = [0, 0];
  const squares = [0, 0];
  const size = (group: number) => (squares[group] > 0 ? sums[group] ** 2 / squares[group] : 0);
  let epsilon = before.epsilon;
  for (const { distance, weight, group } of all) {
    sums[group] += weight;
    squares[group] += weight ** 2;
    if (distance < least || size(0) + size(1) < target) continue;
    epsilon = distance;
    break;
  }
  const parts = [within(before, epsilon), within(fresh, epsilon)].filter(
    ({ particles }) => particles.length > 0,
  );
  const sizes = parts.map(({ weights }) => effectiveSize(weights));
  const total = sizes.reduce((a, b) => a + b, 0);
  return {
    particles: parts.flatMap(({ particles }) => particles),
    weights: Float64Array.from(
      parts.flatMap(({ weights }, group) => Array.from(weights, (weight) => (weight * sizes[group]) / total)),
    ),
    epsilon,
  };
}

function thetaOf({ particles }: Pick<Population, "particles">, dim: number) {
  const theta = matrix(particles.length, dim);
  for (let i = 0; i < particles.length; i++) theta.data.set(particles[i].theta, i * dim);
  return theta;
}

function normalised(weights: Float64Array): Float64Array {
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** `1 / sum W^2` of weights that sum to one. */
function effectiveSize(weights: Float64Array): number {
  return 1 / weights.reduce((sum, weight) => sum + weight ** 2, 0);
}

function checkSmc({ maxSimulations, particles = 1000, epsilon, keep, minAcceptance }: SmcAbcOptions): void {
  checkPositive("smcAbc", { maxSimulations, particles });
  if (epsilon !== undefined && !(epsilon >= 0 && epsilon < Infinity)) {
    throw new RangeError(`smcAbc: epsilon must be a number from 0, got ${epsilon}.`);
  }
  if (keep !== undefined && !(keep > 0 && keep < 1)) {
    throw new RangeError(`smcAbc: keep must lie in (0, 1), got ${keep}.`);
  }
  if (minAcceptance !== undefined && !(minAcceptance > 0 && minAcceptance <= 1)) {
    throw new RangeError(`smcAbc: minAcceptance must lie in (0, 1], got ${minAcceptance}.`);
  }
}
