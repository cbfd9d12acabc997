/**
 * Methods that learn a likelihood ratio from gold. Each uses the defaults of the library; none knows which problem it is
 * run on.
 *
 * @module
 */
import type { GoldDataset } from "../../src/dataset/gold.js";
import { alice, alices, carl, cascal, type GoldOptions, rascal, rolr } from "../../src/estimators/gold.js";
import type { RatioEstimator } from "../../src/estimators/ratio.js";
import { simulateGold } from "../../src/simulate-gold.js";
import type { Objective } from "../../src/train/objective.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
import type { RatioMethod } from "../ratio-method.js";
import { trainingOf } from "../training.js";

type GoldObjective = (simulations: GoldDataset, options: GoldOptions) => Objective<RatioEstimator>;

function goldMethod(name: string, title: string, objective: GoldObjective): RatioMethod {
  return {
    name,
    title,
    async learn({ problem, simulations: n, seed, training, signal }) {
      const { simulator, thetaRef, comparison } = problem;
      const reference = comparison?.denominators === "drawn" ? {} : { thetaRef };
      const simulations = await simulateGold(simulator, { n, seed, signal, ...reference });
      const { options, ratio } = await trainingOf(training);
      const clock = cpuClock();
      const estimator = await train(objective(simulations, { network: ratio.network, thetaRef }), {
        ...options,
        seed,
        signal,
      });
      return {
        engine: estimator.engine,
        trainCpuSeconds: clock(),
        logRatio: (theta, x) => estimator.logRatio(theta, x),
        [Symbol.asyncDispose]: () => estimator.dispose(),
      };
    },
  };
}

/** By name. */
export const goldMethods: readonly RatioMethod[] = [
  goldMethod("carl", "CARL: labels alone, no gold (Cranmer et al. 2015)", carl),
  goldMethod("rolr", "ROLR: regression of the joint ratio (Brehmer et al. 2018)", rolr),
  goldMethod("alice", "ALICE: labels from the joint ratio (Stoye et al. 2018)", alice),
  goldMethod("cascal", "CASCAL: CARL and the joint score (Brehmer et al. 2018)", cascal),
  goldMethod("rascal", "RASCAL: ROLR and the joint score (Brehmer et al. 2018)", rascal),
  goldMethod("alices", "ALICES: ALICE and the joint score (Stoye et al. 2018)", alices),
];
