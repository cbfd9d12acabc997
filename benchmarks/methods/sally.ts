/**
 * SALLY as a method of the benchmark: the score at the reference point is learned from the joint score, and its local model
 * gives the log ratio to anywhere else, right near the reference only.
 *
 * @module
 */

import { dot } from "../../src/core/linalg.js";
import { repeatRow, row } from "../../src/core/matrix.js";
import { sally } from "../../src/estimators/sally.js";
import { localModel } from "../../src/local/local-model.js";
import { simulateScore } from "../../src/simulate-gold.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
import { sharedByRows } from "../gold-problem.js";
import type { RatioMethod } from "../ratio-method.js";
import { trainingOf } from "../training.js";

export const sallyMethod: RatioMethod = {
  name: "sally",
  title: "SALLY: the score at the reference, and its local model (Brehmer et al. 2018)",
  async learn({ problem, simulations: n, seed, training, signal }) {
    const { simulator, thetaRef } = problem;
    const table = await simulateScore(simulator, { n, seed, signal, thetaRef });
    const { options, ratio } = await trainingOf(training);
    const clock = cpuClock();
    const estimator = await train(sally(table, { network: ratio.network }), { ...options, seed, signal });
    const trainCpuSeconds = clock();
    const model = await localModel(estimator, table.x);
    return {
      engine: estimator.engine,
      trainCpuSeconds,
      async logRatio(theta, x) {
        const scores = await estimator.score(x);
        const normaliser = sharedByRows(theta, (point) => model.logNormaliser(repeatRow(point, 1))[0]);
        return Float64Array.from({ length: x.rows }, (_, i) => {
          const shift = row(theta, i).map((value, j) => value - thetaRef[j]);
          return dot(row(scores, i), shift) - normaliser(i);
        });
      },
      score: (x) => estimator.score(x),
      [Symbol.asyncDispose]: () => estimator.dispose(),
    };
  },
};
