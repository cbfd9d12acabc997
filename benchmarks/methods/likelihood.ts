/**
 * Methods that train a density over data, the likelihood. Every preset uses the defaults of the library except where its
 * name says otherwise; none knows which problem it is run on, but whether data are counted or measured.
 *
 * @module
 */
import { fromRows, repeatRow } from "../../src/core/matrix.js";
import type { GoldDataset } from "../../src/dataset/gold.js";
import type { LikelihoodEstimator } from "../../src/estimators/likelihood.js";
import { type NleOptions, nle, scandal, simulatedPairs } from "../../src/estimators/nle.js";
import { posterior } from "../../src/posterior.js";
import { simulateGold } from "../../src/simulate-gold.js";
import type { Simulator } from "../../src/simulator.js";
import type { Objective } from "../../src/train/objective.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
import type { GoldProblem } from "../gold-problem.js";
import type { Method, Prepared } from "../method.js";
import type { RatioMethod } from "../ratio-method.js";
import { sampleTarget } from "../sampling.js";
import { learnFrom, trainingOf } from "../training.js";

function nleMethod(name: string, title: string, preset: NleOptions): Method {
  return {
    name,
    title,
    async prepare(task): Promise<Prepared> {
      const { simulator } = task.problem;
      const { estimator, ...learned } = await learnFrom(task, (simulations) => nle(simulations, preset));
      return {
        ...learned,
        sample: (observed, drawing) =>
          sampleTarget(posterior(estimator, { observed: fromRows([observed]) }), drawing),
        // its constant is the evidence, which it does not know
        async logDensity(theta, observed) {
          const logPrior = simulator.prior.logProb(theta);
          const log = await estimator.logProb(theta, repeatRow(observed, theta.rows));
          return logPrior.map((value, i) => (value === -Infinity ? value : value + log[i]));
        },
        [Symbol.asyncDispose]: () => estimator.dispose(),
      };
    },
  };
}

/** The methods that give posteriors. */
export const nleMethods: readonly Method[] = [
  nleMethod("nle", "NLE with the defaults of the library (Papamakarios et al. 2019)", {}),
];

type LikelihoodObjective = (
  simulations: GoldDataset,
  options: NleOptions,
  problem: GoldProblem,
) => Objective<LikelihoodEstimator>;

/** The table that was simulated last: the methods of a plan come one after the other to the same budget and seed. */
let last:
  | { readonly simulator: Simulator; readonly n: number; readonly seed: number; readonly table: GoldDataset }
  | undefined;

/** Simulations from the prior, each at its own point. */
async function simulated(simulator: Simulator, n: number, seed: number, signal?: AbortSignal) {
  if (last?.simulator !== simulator || last.n !== n || last.seed !== seed) {
    last = { simulator, n, seed, table: await simulateGold(simulator, { n, seed, signal }) };
  }
  return last.table;
}

function likelihoodRatioMethod(name: string, title: string, objective: LikelihoodObjective): RatioMethod {
  return {
    name,
    title,
    async learn({ problem, simulations: n, seed, training, signal }) {
      const { simulator, thetaRef, values } = problem;
      const simulations = await simulated(simulator, n, seed, signal);
      const density = values && { kind: "categoricalDensity", values };
      const { options } = await trainingOf(training);
      const clock = cpuClock();
      const estimator = await train(objective(simulations, { ...(density && { density }) }, problem), {
        ...options,
        seed,
        signal,
      });
      return {
        engine: estimator.engine,
        trainCpuSeconds: clock(),
        logProb: (theta, x) => estimator.logProb(theta, x),
        async logRatio(theta, x) {
          const reference = await estimator.logProb(repeatRow(thetaRef, x.rows), x);
          return (await estimator.logProb(theta, x)).map((value, i) => value - reference[i]);
        },
        [Symbol.asyncDispose]: () => estimator.dispose(),
      };
    },
  };
}

/**
 * The weight of the score term in standardised parameters, as the library counts it, for a weight per unit of the
 * parameters, as publications do: `alpha |t|^2 = (alpha / sd^2) |sd t|^2`.
 *
 * @throws {RangeError} if the parameters have different spreads, so that no one weight is the same.
 */
export function standardisedAlpha(alpha: number, { name, simulator }: GoldProblem): number {
  const [first, ...others] = Array.from(simulator.prior.sd);
  if (others.some((sd) => Math.abs(sd / first - 1) > 1e-6)) {
    throw new RangeError(
      `scandal-${alpha}: the parameters of ${name} spread differently, and a weight per unit of them is none in standard ` +
        "deviations; expected equal spreads, or the method scandal.",
    );
  }
  return alpha / first ** 2;
}

/** Weights of the score term that were published, per unit of the parameters. */
export const publishedAlphas = [0.01, 0.1, 1] as const;

/** The methods that give ratios. */
export const likelihoodRatioMethods: readonly RatioMethod[] = [
  likelihoodRatioMethod(
    "nde",
    "NDE: the likelihood from simulations alone (Brehmer et al. 2018)",
    (rows, options) => nle(simulatedPairs(rows), options),
  ),
  likelihoodRatioMethod(
    "scandal",
    "SCANDAL: NDE and the joint score (Brehmer et al. 2018)",
    (rows, options) => scandal(rows, options),
  ),
  ...publishedAlphas.map((alpha) =>
    likelihoodRatioMethod(
      `scandal-${alpha}`,
      `SCANDAL whose score term weighs ${alpha} per unit of the parameters, as published (Brehmer et al. 2018)`,
      (rows, options, problem) => scandal(rows, { ...options, alpha: standardisedAlpha(alpha, problem) }),
    ),
  ),
];
