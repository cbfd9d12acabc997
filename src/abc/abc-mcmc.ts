/**
 * ABC by Markov chains: a random walk in unconstrained space whose proposals are simulated, and accepted where the data come
 * within `epsilon` of the observation and `v < prior(theta') / prior(theta)`, `v` uniform. The chain's distribution is
 * that of rejection at the same tolerance.
 *
 * `v` is drawn first: what the prior rejects is never simulated. Chains start at accepted draws of the prior, which have the
 * chain's distribution already, so there is no warm-up; their covariance scales the walk. In the tails a chain may stay
 * where it is for long (`longestStay`): a larger `epsilon` with `adjustByRegression` helps more than patience.
 *
 * All chains propose together, one call of the simulator per step, and the budget counts every row that it is given.
 *
 * @see Marjoram, Molitor, Plagnol and Tavare (2003), https://doi.org/10.1073/pnas.0306899100, algorithm F
 * @see Wegmann, Leuenberger and Excoffier (2009), https://doi.org/10.1534/genetics.109.102509 (start from rejection)
 * @module
 */
import type { Draws } from "../../samplers/draws.js";
import { proposeAround, walkScale } from "../../samplers/random-walk.js";
import { populationOf, shrunkCovariance } from "../../samplers/starts/population.js";
import type { LongTask, Prior } from "../core/contracts.js";
import { ShapeError } from "../core/errors.js";
import { cholesky } from "../core/linalg.js";
import { fromRows, matrix, row } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { foldIn, type Key, key as keyOf, stream } from "../core/random.js";
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

/** Options of `abcMcmc`. */
export interface AbcMcmcOptions extends AbcOptions, LongTask {
  /** How summaries are compared. Default `"scaled"`, by the spread over the first 1000 simulations. */
  readonly distance?: DistanceChoice;
  /** Largest distance that is accepted, `> 0`. */
  readonly epsilon: number;
  /** Simulations that may be made, failures and the search for starting points included. */
  readonly maxSimulations: number;
  /** Default 20. */
  readonly chains?: number;
  /** Draws of each chain. Default: as many as the budget allows, at most one per simulation. */
  readonly draws?: number;
  /**
   * Covariance of the proposal in unconstrained space, `[D, D]`. Default `2.38^2 / D` times that of the accepted draws of the
   * prior.
   */
  readonly proposalCovariance?: Float64Array;
}

const optionNames: OptionNames<AbcMcmcOptions> = {
  observed: true,
  seed: true,
  summary: true,
  distance: true,
  batchSize: true,
  epsilon: true,
  maxSimulations: true,
  chains: true,
  draws: true,
  proposalCovariance: true,
  signal: true,
  onProgress: true,
};

/** What `abcMcmc` found: the draws of all chains, chain after chain, of equal weights. */
export interface AbcChains extends AbcSample {
  /** The same draws by chain, for `summary` and `rhat`; `logProb` is that of the prior, beside `distance` and `acceptanceRate`. */
  readonly draws: Draws;
  /** Share of steps, and of the simulations of steps, that were accepted; `NaN` where there are none. */
  readonly acceptanceRate: number;
  readonly simulationAcceptance: number;
  /** The longest run of draws that each chain stayed at one point, `[chains]`. */
  readonly longestStay: Int32Array;
  /** Rows that the simulator was given, and those of them before the first step. */
  readonly simulations: number;
  readonly startSimulations: number;
  /** Simulations that gave no usable data; they are rejected and counted. */
  readonly failures: number;
  /**
   * Why it ended: all `"draws"` are there; the `"budget"` is spent, or does not allow for another step; or half of it gave no
   * `"start"`, and there are no draws.
   */
  readonly stopped: "draws" | "budget" | "start";
}

/** Starting points per parameter that the covariance of the walk is taken from. */
const startsPerParameter = 10;

/**
 * Samples the ABC posterior by Markov chains.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {RangeError} if `epsilon` is not positive, a count not a positive integer, or `proposalCovariance` not positive definite.
 * @throws {ShapeError} if `observed` does not have the simulator's shape, or `proposalCovariance` does not hold `D * D` numbers.
 * @example
 * const { draws, longestStay } = await abcMcmc(simulator, { observed, epsilon: 0.2, maxSimulations: 50_000, seed: 1 });
 * console.log(summary(draws));
 */
export async function abcMcmc(simulator: Simulator, options: AbcMcmcOptions): Promise<AbcChains> {
  checkOptions("abcMcmc", options, optionNames);
  const { seed, epsilon, maxSimulations, distance = "scaled", chains = 20, signal, onProgress } = options;
  const { draws: wanted = maxSimulations } = options;
  checkMcmc(options);
  const { prior } = simulator;
  const { dim } = prior;
  const root = keyOf(seed);
  const thetaKey = foldIn(root, "theta");
  const run = abcRun("abcMcmc", simulator, { ...options, distance }, foldIn(root, "simulation"));
  const given = options.proposalCovariance && checkCovariance(options.proposalCovariance, dim);

  const { particles: found } = await collect(run, {
    propose: (count, from) => prior.sample(count, thetaKey, from),
    tolerance: epsilon,
    wanted: given ? chains : Math.max(chains, startsPerParameter * dim),
    most: Math.ceil(maxSimulations / 2),
    rate: 0.1,
    first: distance === "scaled" ? scalePilot : undefined,
    onRequest: () => onProgress?.({ done: run.simulations, total: maxSimulations }),
  });
  const starts = found.filter(({ theta }) => unconstrained(theta, prior).every(Number.isFinite)); // not those on an edge
  const startSimulations = run.simulations;
  const walkers = starts.length === 0 ? [] : walkersAt(starts, chains, prior, foldIn(root, "chain"));
  const factor = given ?? (starts.length === 0 ? new Float64Array(dim * dim) : walkFactor(starts, prior));

  let steps = 0;
  let accepted = 0;
  let stopped: AbcChains["stopped"] = starts.length === 0 ? "start" : "draws";
  while (stopped === "draws" && steps < wanted) {
    signal?.throwIfAborted();
    const proposals = walkers.map((walker) => proposal(walker, factor, prior, steps));
    const passed = walkers.map((_, c) => c).filter((c) => proposals[c].passes);
    if (run.simulations + passed.length > maxSimulations) {
      stopped = "budget";
      break;
    }
    const theta = matrix(passed.length, dim);
    for (let k = 0; k < passed.length; k++) theta.data.set(proposals[passed[k]].theta, k * dim);
    const compared = await run.simulate(theta);
    const moves = new Map<number, Particle>();
    passed.forEach((c, k) => {
      if (!(compared.distances[k] <= epsilon)) return; // NaN rejects
      moves.set(c, {
        theta: proposals[c].theta,
        summary: row(compared.summaries, k).slice(),
        distance: compared.distances[k],
      });
    });
    walkers.forEach((walker, c) => {
      const particle = moves.get(c);
      if (particle) Object.assign(walker, { particle, u: proposals[c].u, logPrior: proposals[c].logPrior });
      walker.visited.push({
        particle: walker.particle,
        logPrior: walker.logPrior,
        isMove: particle !== undefined,
      });
    });
    accepted += moves.size;
    steps++;
    onProgress?.({ done: run.simulations, total: maxSimulations });
  }

  const visited = walkers.flatMap((walker) => walker.visited);
  const sample = sampleOf(
    visited.map(({ particle }) => particle),
    equalWeights(visited.length),
    epsilon,
    run,
    dim,
  );
  const made = run.simulations - startSimulations;
  const termination = { reason: stopped === "draws" ? "complete" : stopped };
  return {
    ...sample,
    draws: {
      names: prior.names,
      chains,
      draws: steps,
      values: sample.theta.data,
      stats: {
        logProb: Float64Array.from(visited, ({ logPrior }) => logPrior),
        acceptanceRate: Float64Array.from(visited, ({ isMove }) => Number(isMove)),
        distance: sample.distances,
      },
      warmup: { proposalFactor: factor },
      run: {
        sampler: "abcMcmc",
        seed,
        chains,
        draws: steps,
        epsilon,
        simulations: run.simulations,
        termination,
      },
    },
    acceptanceRate: accepted / (steps * chains),
    simulationAcceptance: accepted / made,
    longestStay: Int32Array.from(walkers, longestStayOf),
    simulations: run.simulations,
    startSimulations,
    failures: run.failures,
    stopped,
  };
}

/** A chain. */
interface Walker {
  readonly key: Key;
  particle: Particle;
  /** Unconstrained, `[D]`. */
  u: Float64Array;
  /** Log density of the prior there, of `theta`; nats. */
  logPrior: number;
  readonly visited: { readonly particle: Particle; readonly logPrior: number; readonly isMove: boolean }[];
}

/** One chain at each start, from the first again where there are more chains. */
function walkersAt(starts: readonly Particle[], chains: number, prior: Prior, key: Key): Walker[] {
  return Array.from({ length: chains }, (_, c) => {
    const particle = starts[c % starts.length];
    const u = unconstrained(particle.theta, prior);
    const logPrior = prior.logProb(matrix(1, prior.dim, particle.theta))[0];
    return { key: foldIn(key, c), particle, u, logPrior, visited: [] };
  });
}

/** Where a chain would go, and whether the prior lets it. */
function proposal(walker: Walker, factor: Float64Array, prior: Prior, step: number) {
  const { dim, support } = prior;
  const rng = stream(foldIn(walker.key, step));
  const [u, theta] = [new Float64Array(dim), new Float64Array(dim)];
  proposeAround(walker.u, factor, rng, new Float64Array(dim), u);
  support.toConstrained(u, theta);
  const logPrior = prior.logProb(matrix(1, dim, theta))[0];
  const gain = logPrior + support.logDet(u) - walker.logPrior - support.logDet(walker.u);
  return { u, theta, logPrior, passes: Math.log(1 - rng.uniform()) < gain }; // NaN rejects
}

/** Cholesky factor of `2.38^2 / D` times the covariance of the starts, unconstrained. */
function walkFactor(starts: readonly Particle[], prior: Prior): Float64Array {
  const u = fromRows(starts.map(({ theta }) => unconstrained(theta, prior)));
  const covariance = shrunkCovariance(populationOf(u), prior.dim);
  return cholesky(covariance, prior.dim).map((value) => walkScale(prior.dim) * value);
}

function unconstrained(theta: Float64Array, { dim, support }: Prior): Float64Array {
  const u = new Float64Array(dim);
  support.toUnconstrained(theta, u);
  return u;
}

function longestStayOf({ visited }: Walker): number {
  let longest = 0;
  let stay = 0;
  for (const { isMove } of visited) {
    stay = isMove ? 1 : stay + 1;
    longest = Math.max(longest, stay);
  }
  return longest;
}

function checkCovariance(covariance: Float64Array, dim: number): Float64Array {
  if (covariance.length !== dim * dim) {
    throw new ShapeError(
      `abcMcmc: proposalCovariance must hold ${dim} x ${dim} numbers, got ${covariance.length}.`,
    );
  }
  return cholesky(covariance, dim);
}

function checkMcmc({ epsilon, maxSimulations, chains = 1, draws = 1 }: AbcMcmcOptions): void {
  if (!(epsilon > 0 && epsilon < Infinity)) {
    throw new RangeError(`abcMcmc: epsilon must be a positive number, got ${epsilon}.`);
  }
  checkPositive("abcMcmc", { maxSimulations, chains, draws });
}
