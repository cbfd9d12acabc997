import { describe, expect, it } from "vitest";
import { findGoldProblem } from "../../benchmarks/gold-problems.js";
import { publishedAlphas, standardisedAlpha } from "../../benchmarks/methods/likelihood.js";
import { ratioMethods } from "../../benchmarks/methods.js";
import { gridPoints, simulator, zoomTest } from "../../benchmarks/problems/lotka-volterra-zoom.js";
import { scoreRatio } from "../../benchmarks/ratio-method.js";

import { fromRows, type Matrix, matrix, repeatRow, row, sliceRows } from "../../src/core/matrix.js";
import { key, split } from "../../src/core/random.js";
import { uniform } from "../../src/prior/uniform.js";

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

/** How many standard errors the mean of `values` is from `expected`. */
function zScore(values: ArrayLike<number>, expected: number): number {
  const centre = mean(values);
  const variance = mean(Array.from(values, (value) => (value - centre) ** 2));
  return (centre - expected) / Math.sqrt(variance / values.length);
}

describe("the error of log p", () => {
  it("is that of a constant where log p is off by one, which no ratio has", async () => {
    const problem = await findGoldProblem("galton_board");
    const learned = {
      logRatio: async (theta: Matrix, x: Matrix) =>
        problem.logRatio!(theta, repeatRow(problem.thetaRef, x.rows), x),
      logProb: async (theta: Matrix, x: Matrix) => problem.logProb!(theta, x).map((log) => log + 0.5),
    };
    const { logRatioMse, logProbMse } = await scoreRatio(["logRatioMse", "logProbMse"], problem, learned);
    const { weights } = await problem.comparison!.test();
    expect(logRatioMse).toBe(0);
    expect(logProbMse).toBeCloseTo(0.25 * weights.reduce((a, b) => a + b, 0), 12);
    const { logProb: _, ...ratioOnly } = learned;
    expect(await scoreRatio(["logProbMse"], problem, ratioOnly)).toEqual({});
  });

  it("needs a truth", async () => {
    const { logProb: _, ...problem } = await findGoldProblem("galton_board");
    const logProb = async (_: Matrix, x: Matrix) => new Float64Array(x.rows);
    await expect(scoreRatio(["logProbMse"], problem, { logRatio: logProb, logProb })).rejects.toThrow(
      /galton_board has no true log p to compare with/,
    );
  });

  it.each([
    ["galton_board", Array.from({ length: 32 }, (_, slot) => [slot])],
    ["lotka_volterra_small", Array.from({ length: 49 }, (_, s) => [Math.floor(s / 7), s % 7])],
  ])("%s: exact probabilities sum to one, and their differences are the exact log ratio", async (name, all) => {
    const { thetaRef, logProb, logRatio, simulator } = await findGoldProblem(name);
    const other = row(simulator.prior.sample(1, key(3)), 0);
    const x = fromRows(all);
    const logs = logProb!(repeatRow(other, x.rows), x);
    expect(logs.reduce((total, log) => total + Math.exp(log), 0)).toBeCloseTo(1, 12);
    const reference = repeatRow(thetaRef, x.rows);
    const ratios = logRatio!(repeatRow(other, x.rows), reference, x);
    const base = logProb!(reference, x);
    ratios.forEach((ratio, i) => {
      if (Number.isFinite(base[i])) expect(Math.abs(logs[i] - base[i] - ratio)).toBeLessThan(1e-12);
    });
  });
});

describe("SCANDAL by its published weight", () => {
  it("is a method for each weight, in standard deviations of the prior", async () => {
    for (const alpha of publishedAlphas) {
      expect((await ratioMethods[`scandal-${alpha}`]()).name).toBe(`scandal-${alpha}`);
    }
    expect(standardisedAlpha(0.1, await findGoldProblem("galton_board"))).toBeCloseTo(
      0.1 / (0.6 ** 2 / 12),
      10,
    );
  });

  it("is refused where parameters spread differently", async () => {
    const problem = await findGoldProblem("lotka_volterra_zoom");
    const prior = uniform({ a: [0, 1], b: [0, 2] });
    expect(() => standardisedAlpha(0.1, { ...problem, simulator: { ...simulator, prior } })).toThrow(
      /scandal-0\.1: the parameters of lotka_volterra_zoom spread differently/,
    );
  });
});

describe("the truth near one point of Lotka-Volterra", () => {
  it("is given at the grid of the study, for data of the point in the middle", async () => {
    const { theta, x, weights } = await zoomTest();
    expect(theta).toEqual(gridPoints());
    expect(new Set(Array.from({ length: theta.rows }, (_, i) => row(theta, i).join())).size).toBe(625);
    expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
    const { thetaRef } = await findGoldProblem("lotka_volterra_zoom");
    const keys = split(key("comparison"), theta.rows).slice(0, 3);
    const again = await simulator.simulate(repeatRow(thetaRef, 3), keys);
    expect(again.x).toEqual(matrix(3, 9, sliceRows(x, 0, 3).data.slice()));
  });

  it("has ratios whose mean is one, and which the joint ratios of the paths agree with on average", async () => {
    const { logRatio, jointLogRatio } = await zoomTest();
    expect(Math.abs(zScore(logRatio.map(Math.exp), 1))).toBeLessThan(4);
    const off = jointLogRatio.map((log, i) => Math.exp(log) - Math.exp(logRatio[i]));
    expect(Math.abs(zScore(off, 0))).toBeLessThan(4);
    const pulls = off.map((error, i) => error * Math.tanh(logRatio[i]));
    expect(Math.abs(zScore(pulls, 0))).toBeLessThan(4);
    // what the ratios explain of the joint ones is far from nothing: r = 1 fails the same check
    const ignorant = jointLogRatio.map((log, i) => (Math.exp(log) - 1) * Math.tanh(logRatio[i]));
    expect(Math.abs(zScore(ignorant, 0))).toBeGreaterThan(8);
  });
});
