/**
 * Methods that train a ratio estimator. Every preset uses the defaults of the library except where its name says
 * otherwise; none knows which problem it is run on.
 *
 * @module
 */
import { repeatRow } from "../../src/core/matrix.js";
import { foldIn, key as keyOf } from "../../src/core/random.js";
import type { Dataset } from "../../src/dataset/dataset.js";
import { type AalrOptions, aalr } from "../../src/estimators/aalr.js";
import { aalrLrt } from "../../src/estimators/aalr-lrt.js";
import type { RatioEstimator } from "../../src/estimators/ratio.js";
import { reportCard } from "../../src/report-card.js";
import { simulate } from "../../src/simulate.js";
import { simulateRange } from "../../src/simulate-range.js";
import type { Simulator } from "../../src/simulator.js";
import type { TrainOptions } from "../../src/train/options.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
import type { Method, Prepared } from "../method.js";
import type { CoverageRecord } from "../record.js";
import { sampleRatio } from "../sampling.js";
import { trainingOf } from "../training.js";

type NetworkOptions = Pick<AalrOptions, "contrasts" | "gamma" | "balance" | "network">;

/** Trains an estimator on simulations of a simulator. */
type Trainer = (
  simulations: Dataset,
  simulator: Simulator,
  network: NetworkOptions,
  training: TrainOptions,
) => Promise<RatioEstimator>;

/** Fresh simulations that coverage is measured on, and prior draws that stand for each posterior. */
export const coveragePairs = 256;
const coverageDraws = 4096;

/** Credibilities that coverage is reported at. */
const credibility = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

function ratioMethod(name: string, title: string, preset: NetworkOptions, trainer: Trainer): Method {
  return {
    name,
    title,
    async prepare({ problem, simulations: n, seed, training, signal }): Promise<Prepared> {
      const { simulator } = problem;
      const simulations = await simulate(simulator, { n, seed, signal });
      const { options, ratio } = await trainingOf(training);
      const chosen = {
        ...preset,
        ...Object.fromEntries(Object.entries(ratio).filter(([, value]) => value !== undefined)),
      };
      const clock = cpuClock();
      const estimator = await trainer(simulations, simulator, chosen, { ...options, seed, signal });
      const trainCpuSeconds = clock();
      const { reference, loss } = estimator.header;
      const logDensity: Prepared["logDensity"] = async (theta, observed) => {
        const logPrior = simulator.prior.logProb(theta);
        const logRatio = await estimator.logRatio(theta, repeatRow(observed, theta.rows));
        return logPrior.map((value, i) => (value === -Infinity ? value : value + logRatio[i]));
      };
      const isNormalised = reference === "evidence" && loss.gamma !== Infinity;
      return {
        engine: estimator.engine,
        trainCpuSeconds,
        sample: (observed, drawing) => sampleRatio(estimator, observed, drawing),
        ...(isNormalised ? { logProb: logDensity } : { logDensity }),
        async coverage(checkSeed) {
          const heldOut = await simulate(simulator, { n: coveragePairs, seed: `coverage ${checkSeed}` });
          const options = { pairs: coveragePairs, priorDraws: coverageDraws, seed: checkSeed };
          const { coverage } = await reportCard(estimator, heldOut, options);
          return coverageRecord(coverage);
        },
        [Symbol.asyncDispose]: () => estimator.dispose(),
      };
    },
  };
}

const contrastive = (name: string, title: string, preset: NetworkOptions = {}) =>
  ratioMethod(name, title, preset, (simulations, _simulator, network, training) =>
    train(aalr(simulations, network), training),
  );

/** AALR as a user gets it who changes nothing. */
export const aalrMethod = contrastive(
  "aalr",
  "AALR with the defaults of the library (Hermans et al. 2020; NRE-C, Miller et al. 2022)",
);

/** More contrasts: more accurate, at a cost in proportion. */
export const aalrK32 = contrastive("aalr-k32", "AALR with 32 contrasts per simulation", { contrasts: 32 });

/** The loss of the AALR paper. */
export const nreA = contrastive("nre-a", "AALR with one contrast, as in Algorithm 1 of Hermans et al. 2020", {
  contrasts: 1,
});

/** The softmax loss, whose ratio is known up to a factor of x. */
export const nreB = contrastive("nre-b", "Softmax over contrasts (Durkan et al. 2020)", { gamma: Infinity });

/** The balanced loss, which errs on the wide side. */
export const bnre = contrastive("bnre", "AALR with the balance penalty (Delaunoy et al. 2022)", {
  balance: 100,
  contrasts: 1,
});

/** The variant that the AALR paper warns of; it needs as many simulations again at the reference point. */
export const aalrLrtMethod = ratioMethod(
  "aalr-lrt",
  "Ratio to one reference point, the prior mean (Hermans et al. 2020, Table 2)",
  {},
  async (simulations, simulator, { network }, training) => {
    const thetaRef = Array.from(simulator.prior.mean);
    const theta = repeatRow(thetaRef, simulations.theta.rows);
    const root = foldIn(keyOf(training.seed ?? 0), "reference");
    const { x } = await simulateRange(simulator, theta, root);
    const reference = { ...simulations, theta, x };
    return train(aalrLrt(simulations, { reference, thetaRef, network }), training);
  },
);

/** Coverage at the credibilities that are reported. */
export function coverageRecord({
  levels,
  coverage,
}: {
  readonly levels: readonly number[];
  readonly coverage: readonly number[];
}): CoverageRecord {
  const at = credibility.map((level) => nearestIndex(levels, level));
  return { credibility, coverage: at.map((i) => coverage[i]), pairs: coveragePairs };
}

function nearestIndex(values: readonly number[], wanted: number): number {
  let best = 0;
  values.forEach((value, i) => {
    if (Math.abs(value - wanted) < Math.abs(values[best] - wanted)) best = i;
  });
  return best;
}
