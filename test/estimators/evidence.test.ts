import { beforeAll, describe, expect, it } from "vitest";
import { column, type Matrix, toRows } from "../../src/core/matrix.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import type { LikelihoodEstimator } from "../../src/estimators/likelihood.js";
import { nle } from "../../src/estimators/nle.js";
import { npe } from "../../src/estimators/npe.js";
import { logEvidence, type ReferredRatio } from "../../src/evidence.js";
import { posterior } from "../../src/posterior.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";
import { exactLogRatio, exactPosterior, gaussian } from "./gaussian.js";

const prior = gaussian.prior;
const x = [0.8, 1.7];
const logNormal = (z: number, mean: number, sd: number) =>
  -(((z - mean) / sd) ** 2) / 2 - Math.log(sd) - Math.log(2 * Math.PI) / 2;
const logLikelihood = (theta: number, data: ArrayLike<number>) =>
  Array.from(data).reduce((sum, value) => sum + logNormal(value, theta, 1), 0);
/** Bayes' rule at theta = 0. */
function exactEvidence(...rows: number[][]): number {
  const { mean, sd } = exactPosterior(...rows);
  return logNormal(0, 0, 1) + logLikelihood(0, rows.flat()) - logNormal(0, mean, sd);
}

/** The log of `p(x | theta)` over something at observations, as an estimator would give it. */
const known = (logRatio: (theta: number, data: ArrayLike<number>) => number) => (observed: Matrix) => {
  const sums = ({ data }: Matrix) =>
    data.map((theta) => toRows(observed).reduce((sum, rows) => sum + logRatio(theta, rows), 0));
  return { logProb: async (theta: Matrix) => sums(theta), logRatio: async (theta: Matrix) => sums(theta) };
};
const likelihood = {
  kind: "likelihood",
  header: { names: ["theta"] },
  prior,
  xDim: 2,
  observe: known(logLikelihood),
} as unknown as LikelihoodEstimator;
const ratio = (reference: ReferredRatio["header"]["reference"], f = exactLogRatio, gamma = 1) =>
  ({
    header: { names: ["theta"], reference, loss: { gamma } },
    prior,
    xDim: 2,
    observe: known(f),
  }) as unknown as ReferredRatio;

describe("the evidence", () => {
  const set = [x, [0.2, -0.9]];
  const each = set.reduce((sum, rows) => sum + exactEvidence(rows), 0);
  const toPoint = (theta: number, data: ArrayLike<number>) =>
    logLikelihood(theta, data) - logLikelihood(0.5, data);
  it.each([
    ["a likelihood", likelihood, x, exactEvidence(x), "nothing"],
    ["a likelihood of several observations", likelihood, set, exactEvidence(...set), "nothing"],
    ["a ratio: zero", ratio("evidence"), x, 0, "evidence"],
    ["a ratio, several observations", ratio("evidence"), set, exactEvidence(...set) - each, "evidence"],
    [
      "a ratio to a point",
      ratio({ thetaRef: [0.5] }, toPoint),
      x,
      exactEvidence(x) - logLikelihood(0.5, x),
      { thetaRef: [0.5] },
    ],
  ] as const)("of %s is the closed form within its error", async (_, estimator, observed, exact, to) => {
    const { value, standardError, relativeTo, warnings } = await logEvidence(estimator, {
      observed: observed as number[],
      draws: 4000,
      seed: 1,
    });
    expect(standardError).toBeLessThan(0.02);
    expect(Math.abs(value - exact)).toBeLessThan(4 * standardError);
    expect(relativeTo).toEqual(to);
    expect(warnings).toEqual([]);
  });

  it("says that a ratio does not integrate to one, and refuses what has no evidence", async () => {
    const shifted = ratio("evidence", (theta, data) => exactLogRatio(theta, data) + 0.5);
    const { value, warnings } = await logEvidence(shifted, { observed: x, draws: 4000 });
    expect(value).toBeCloseTo(0.5, 1);
    expect(warnings.join()).toMatch(/the ratio averages 1\.\d+ over the prior instead of 1/);
    await expect(logEvidence(ratio("evidence", exactLogRatio, Infinity), { observed: x })).rejects.toThrow(
      /NRE-B holds an unknown function/,
    );
    const silent = { ...ratio("evidence"), header: { names: ["theta"] } } as unknown as ReferredRatio;
    await expect(logEvidence(silent, { observed: x })).rejects.toThrow(/does not say what it is a ratio to/);
  });
});

describe("a learned posterior, corrected by a learned likelihood", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine("auto");
  });

  it("is nearer to the truth, and gives the evidence", async () => {
    const simulations = await simulate(gaussian, { n: 2000, seed: 1 });
    const density = { kind: "mixtureDensity", components: 1, hidden: [16] };
    const options = { engine, seed: 1, card: false } as const;
    await using rough = await train(npe(simulations, { density }), { ...options, epochs: 1 });
    await using learned = await train(nle(simulations, { density }), { ...options, epochs: 20 });
    const flow = posterior(rough, { observed: x });
    const { value, standardError, draws } = await logEvidence(learned, {
      observed: x,
      proposal: flow,
      draws: 4000,
      seed: 2,
    });
    expect(draws.warnings).toEqual([]);
    expect(Math.abs(value - exactEvidence(x))).toBeLessThan(4 * standardError + 0.1); // 2,000 simulations

    const exact = exactPosterior(x);
    const errors = (theta: Matrix) => {
      const values = column(theta, 0);
      const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
      const sd = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
      return Math.abs(mean - exact.mean) / exact.sd + Math.abs(Math.log(sd / exact.sd));
    };
    const before = errors(await flow.sample(4000, { seed: 3 }));
    const after = errors(draws.resample(4000, { seed: 3 }));
    expect(before).toBeGreaterThan(0.2); // one epoch
    expect(after).toBeLessThan(0.15);
  });
});
