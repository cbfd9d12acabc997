import { beforeAll, describe, expect, it } from "vitest";
import { chainValues, drawsMatrix } from "../../samplers/draws.js";
import { importance } from "../../samplers/importance-sampling.js";
import { summary } from "../../samplers/summary.js";
import { predictiveCheck } from "../../src/calibration/predictive-check.js";
import { fromRows } from "../../src/core/matrix.js";
import { key, split } from "../../src/core/random.js";
import { directDraws } from "../../src/direct-posterior.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { nle } from "../../src/estimators/nle.js";
import { npe } from "../../src/estimators/npe.js";
import { posterior } from "../../src/posterior.js";
import { modeEach, posteriors, sampleEach } from "../../src/posteriors.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";
import { exactPosterior, gaussian } from "../estimators/gaussian.js";

const rows = [
  [0.8, 1.7],
  [-1.2, -0.4],
  [0.1, 0.3],
];
const density = { kind: "mixtureDensity", components: 1, hidden: [16] };

describe.each(["npe", "nle"] as const)("the posteriors of many observations by %s", (method) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine("auto");
  });
  const learn = async () => {
    const simulations = await simulate(gaussian, { n: 2000, seed: 1 });
    const options = { engine, seed: 1, epochs: 15, card: false } as const;
    return method === "npe"
      ? train(npe(simulations, { density }), options)
      : train(nle(simulations, { density }), options);
  };

  it("are each its own, whoever stands beside it", async () => {
    await using estimator = await learn();
    const counts = { chains: 8, warmup: 50, draws: 100, candidates: 1000, seed: "many" };
    const targets = posteriors(estimator, { observed: rows });
    const steps: number[] = [];
    const draws = await sampleEach(targets, { ...counts, onProgress: ({ done }) => steps.push(done) });
    const modes = await modeEach(targets, { seed: 1 });
    expect(steps).toEqual([1, 2, 3]);
    for (const [i, data] of rows.entries()) {
      const exact = exactPosterior(data);
      const [{ mean, sd, essBulk }] = summary(draws[i]).rows;
      // 2,000 simulations leave a tenth of a standard deviation beside the Monte Carlo error
      expect(Math.abs(mean - exact.mean)).toBeLessThan((0.2 + 4 / Math.sqrt(essBulk)) * exact.sd);
      expect(Math.abs(Math.log(sd / exact.sd))).toBeLessThan(0.3);
      expect(Math.abs(modes[i].theta[0] - exact.mean)).toBeLessThan(0.3 * exact.sd);
    }
    const fewer = await sampleEach(posteriors(estimator, { observed: fromRows(rows.slice(0, 2)) }), counts);
    expect(fewer.map(({ values }) => values)).toEqual(draws.slice(0, 2).map(({ values }) => values));
    const others = await sampleEach(posteriors(estimator, { observed: [[9, 9], rows[1], rows[1]] }), counts);
    expect(others[1].values).toEqual(draws[1].values);
    expect(others[2].values).not.toEqual(draws[1].values); // equal observations do not share random numbers

    // the estimator tells of an observation that it has never seen the like of, and of no other
    const alarm = /The observation lies outside the simulations: .* widths from their centre/;
    expect(summary(others[0]).warnings[0]).toMatch(alarm);
    for (const each of draws) expect(summary(each).warnings.join()).not.toMatch(alarm);
    const far = await importance(posterior(estimator, { observed: [9, 9] }), { draws: 200 });
    expect(far.warnings[0]).toMatch(alarm);

    const abort = AbortSignal.abort(new Error("enough"));
    await expect(sampleEach(targets, { signal: abort })).rejects.toThrow(/enough/);
    expect(() => posteriors(estimator, { observed: [[1]] })).toThrow(/has 1 values but .* xDim = 2/);
    await expect(sampleEach(targets, { chain: 3 } as never)).rejects.toThrow(/did you mean chains\?/);
    if (estimator.kind !== "posterior") return;

    // direct draws carry their density, and look independent
    const target = posterior(estimator, { observed: rows[0] });
    const direct = await directDraws(target, { chains: 4, draws: 500, seed: 2 });
    expect(direct.stats.logProb).toEqual(await target.logProb(await target.sample(2000, { seed: 2 })));
    expect(chainValues(direct, "theta").rows).toBe(4);
    expect(summary(direct).warnings).toEqual([]);
    // the predictive check takes them as it takes chains
    const theta = drawsMatrix(direct);
    const { x } = await gaussian.simulate(theta, split(key("replicate"), theta.rows));
    const misfit = (observed: number[]) =>
      predictiveCheck(observed, x, { theta }).discrepancies.chiSquared.pValue;
    expect(misfit(rows[0])).toBeGreaterThan(0.05);
    expect(misfit([rows[0][0] - 6, rows[0][1] + 6])).toBeLessThan(0.001);
    await expect(directDraws(target, { chains: 0 })).rejects.toThrow(
      /chains must be a positive whole number/,
    );
  });
});
