/**
 * The registry of methods: named presets that turn simulations into an estimator. Every preset uses the
 * defaults of the library except where its name says otherwise; none knows which problem it is run on.
 *
 * @module
 */
import { ConfigError } from "../src/core/errors.js";
import { repeatRow } from "../src/core/matrix.js";
import { foldIn, key as keyOf } from "../src/core/random.js";
import type { Dataset } from "../src/dataset/dataset.js";
import { type AalrOptions, aalr } from "../src/estimators/aalr.js";
import { aalrLrt } from "../src/estimators/aalr-lrt.js";
import type { RatioEstimator } from "../src/estimators/ratio.js";
import { simulateRange } from "../src/simulate-range.js";
import type { Simulator } from "../src/simulator.js";
import type { TrainOptions } from "../src/train/options.js";
import { train } from "../src/train/train.js";

/** What a method may be told on the command line. */
export interface MethodOptions
  extends TrainOptions,
    Pick<AalrOptions, "contrasts" | "gamma" | "balance" | "network"> {}

/** Trains an estimator on simulations of a simulator. */
export interface Method {
  /** What it is, and where it was published. */
  readonly title: string;
  /** The trained estimator; `simulator` is for methods that need more simulations than those given. */
  train(simulations: Dataset, simulator: Simulator, options: MethodOptions): Promise<RatioEstimator>;
}

const contrastive = (title: string, preset: Partial<MethodOptions>): Method => ({
  title,
  train(simulations, _simulator, options) {
    const { contrasts, gamma, balance, network, ...training } = { ...preset, ...options };
    return train(aalr(simulations, { contrasts, gamma, balance, network }), training);
  },
});

/** Methods by name. */
export const methods: Readonly<Record<string, Method>> = {
  aalr: contrastive(
    "AALR with the defaults of the library (Hermans et al. 2020; NRE-C, Miller et al. 2022)",
    {},
  ),
  "aalr-k32": contrastive("AALR with 32 contrasts per simulation", { contrasts: 32 }),
  "nre-a": contrastive("AALR with one contrast, as in Algorithm 1 of Hermans et al. 2020", { contrasts: 1 }),
  "nre-b": contrastive("Softmax over contrasts (Durkan et al. 2020)", { gamma: Infinity }),
  bnre: contrastive("AALR with the balance penalty (Delaunoy et al. 2022)", { balance: 100, contrasts: 1 }),
  "aalr-lrt": {
    title: "Ratio to one reference point, the prior mean (Hermans et al. 2020, Table 2)",
    async train(simulations, simulator, { contrasts: _k, gamma: _g, balance: _b, network, ...training }) {
      const { prior } = simulator;
      const thetaRef = Array.from(prior.mean);
      const theta = repeatRow(thetaRef, simulations.theta.rows);
      const root = foldIn(keyOf(training.seed ?? 0), "reference");
      const { x } = await simulateRange(simulator, theta, root);
      const reference = { ...simulations, theta, x };
      return train(aalrLrt(simulations, { reference, thetaRef, network }), training);
    },
  },
};

/**
 * The method called `name`.
 *
 * @throws {ConfigError} listing the methods there are.
 */
export function findMethod(name: string): Method {
  if (!Object.hasOwn(methods, name)) {
    throw new ConfigError(`bench: method "${name}" is unknown; expected ${Object.keys(methods).join(", ")}.`);
  }
  return methods[name];
}
