/**
 * Methods that train a density over parameters and draw from it without a chain. Every preset uses the defaults of the
 * library except where its name says otherwise; none knows which problem it is run on.
 *
 * @module
 */
import { fromRows, repeatRow } from "../../src/core/matrix.js";
import { key as keyOf } from "../../src/core/random.js";
import { type NpeOptions, npe } from "../../src/estimators/npe.js";
import { posteriorCard } from "../../src/posterior-card.js";
import { simulate } from "../../src/simulate.js";
import type { Method, Prepared } from "../method.js";
import { learnFrom } from "../training.js";
import { coveragePairs, coverageRecord } from "./ratio.js";

function npeMethod(name: string, title: string, preset: NpeOptions): Method {
  return {
    name,
    title,
    async prepare(task): Promise<Prepared> {
      const { simulator } = task.problem;
      const { estimator, ...learned } = await learnFrom(task, (simulations) => npe(simulations, preset));
      return {
        ...learned,
        async sample(observed, drawing) {
          const draws = await estimator.sample(fromRows([observed]), drawing.draws, keyOf(drawing.seed));
          return { draws, sampling: { draws: draws.rows } };
        },
        logProb: (theta, observed) => estimator.logProb(theta, repeatRow(observed, theta.rows)),
        async coverage(checkSeed) {
          const heldOut = await simulate(simulator, { n: coveragePairs, seed: `coverage ${checkSeed}` });
          const { coverage } = await posteriorCard(estimator, heldOut, {
            pairs: coveragePairs,
            draws: 499,
            seed: checkSeed,
          });
          return coverageRecord(coverage);
        },
        [Symbol.asyncDispose]: () => estimator.dispose(),
      };
    },
  };
}

/** The methods of this file. */
export const npeMethods: readonly Method[] = [
  npeMethod("npe", "NPE with the defaults of the library (Papamakarios and Murray 2016)", {}),
  npeMethod("npe-maf", "NPE with a masked autoregressive flow", { density: { kind: "maf" } }),
];
