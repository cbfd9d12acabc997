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
import type { Objective } from "../../src/train/objective.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
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

type LikelihoodObjective = (simulations: GoldDataset, options: NleOptions) => Objective<LikelihoodEstimator>;

/** Simulations are drawn from the prior, each at its own point. */
function likelihoodRatioMethod(name: string, title: string, objective: LikelihoodObjective): RatioMethod {
  return {
    name,
    title,
    async learn({ problem, simulations: n, seed, training, signal }) {
      const { simulator, thetaRef, values } = problem;
      const simulations = await simulateGold(simulator, { n, seed, signal });
      const density = values && { kind: "categoricalDensity", values };
      const { options } = await trainingOf(training);
      const clock = cpuClock();
      const estimator = await train(objective(simulations, { ...(density && { density }) }), {
        ...options,
        seed,
        signal,
      });
      return {
        engine: estimator.engine,
        trainCpuSeconds: clock(),
        async logRatio(theta, x) {
          const reference = await estimator.logProb(repeatRow(thetaRef, x.rows), x);
          return (await estimator.logProb(theta, x)).map((value, i) => value - reference[i]);
        },
        [Symbol.asyncDispose]: () => estimator.dispose(),
      };
    },
  };
}

/** The methods that give ratios. */
export const likelihoodRatioMethods: readonly RatioMethod[] = [
  likelihoodRatioMethod(
    "nde",
    "NDE: the likelihood from simulations alone (Brehmer et al. 2018)",
    (rows, options) => nle(simulatedPairs(rows), options),
  ),
  likelihoodRatioMethod("scandal", "SCANDAL: NDE and the joint score (Brehmer et al. 2018)", scandal),
];
