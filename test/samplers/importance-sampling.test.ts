import { describe, expect, it } from "vitest";
import { importance } from "../../samplers/importance-sampling.js";
import type { Proposal } from "../../samplers/proposal.js";
import { logDensity } from "../../samplers/target.js";
import { normal } from "../../src/core/distributions/normal.js";
import { column, matrix } from "../../src/core/matrix.js";
import { foldIn, key, stream } from "../../src/core/random.js";
import { independent } from "../../src/prior/independent.js";
import { uniform } from "../../src/prior/uniform.js";

/** Six measurements of `a` with error one; prior N(0, 2), so everything is known. */
const x = [0.4, 1.9, 1.1, 0.2, 1.6, 0.8];
const prior = independent({ a: normal(0, 2) });
const posteriorSd = 1 / Math.sqrt(x.length + 1 / 4);
const posteriorMean = x.reduce((sum, value) => sum + value, 0) * posteriorSd ** 2;
const logLikelihood = (a: number) =>
  x.reduce((sum, value) => sum - (value - a) ** 2 / 2 - Math.log(2 * Math.PI) / 2, 0);
const logNormal = (z: number, mean: number, sd: number) =>
  -(((z - mean) / sd) ** 2) / 2 - Math.log(sd) - Math.log(2 * Math.PI) / 2;
/** Bayes' rule at any point: prior times likelihood over posterior. */
const logEvidence = logNormal(0, 0, 2) + logLikelihood(0) - logNormal(0, posteriorMean, posteriorSd);
const target = logDensity({
  names: ["a"],
  start: prior,
  logProb: ([a]) => logNormal(a, 0, 2) + logLikelihood(a),
});

/** What a network may have learned: a normal. */
function proposal(mean: number, sd: number): Proposal {
  return {
    names: ["a"],
    logProb: async ({ data }) => data.map((a) => logNormal(a, mean, sd)),
    sample: async (n, { seed }) =>
      matrix(
        n,
        1,
        Float64Array.from({ length: n }, (_, i) => stream(foldIn(key(seed), i)).normal(mean, sd)),
      ),
  };
}

const moments = (values: Float64Array) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, sd: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length) };
};

describe("importance sampling", () => {
  it.each([
    ["a proposal that is shifted and wide", proposal(posteriorMean + 0.3, 1.4 * posteriorSd), undefined],
    ["the prior", undefined, 1],
    ["a mixture that it fits itself", undefined, undefined],
  ] as const)("corrects %s and knows the evidence", async (_, from, shareOfStart) => {
    const found = await importance(target, {
      draws: 8000,
      seed: 1,
      ...(from && { proposal: from }),
      ...(shareOfStart && { shareOfStart }),
    });
    expect(found.reliable).toBe(true);
    const { value, standardError } = found.logIntegral;
    expect(standardError).toBeLessThan(0.03);
    expect(Math.abs(value - logEvidence)).toBeLessThan(4 * standardError);
    const weighted = found.weights.reduce((sum, w, i) => sum + w * found.theta.data[i], 0);
    const mcse = posteriorSd / Math.sqrt(found.ess);
    expect(Math.abs(weighted - posteriorMean)).toBeLessThan(4 * mcse);
    const { mean, sd } = moments(column(found.resample(2000, { seed: 2 }), 0));
    expect(Math.abs(mean - posteriorMean)).toBeLessThan(4 * posteriorSd * Math.sqrt(1 / 2000) + 4 * mcse);
    expect(Math.abs(sd / posteriorSd - 1)).toBeLessThan(0.1);
  });

  it("has standard errors that are the scatter of the estimate", async () => {
    const values: number[] = [];
    const errors: number[] = [];
    for (let seed = 0; seed < 60; seed++) {
      const found = await importance(target, {
        proposal: proposal(posteriorMean + 0.4, posteriorSd),
        draws: 500,
        seed,
      });
      values.push(found.logIntegral.value);
      errors.push(found.logIntegral.standardError);
    }
    const ratio = moments(Float64Array.from(values)).sd / moments(Float64Array.from(errors)).mean;
    expect(Math.abs(Math.log(ratio))).toBeLessThan(Math.log(1.45)); // a deviation of 60 values is known to 9 %
  });

  it("flags a proposal that is too narrow, and nothing else", async () => {
    const narrow = proposal(posteriorMean + 0.2, posteriorSd / 4);
    const { paretoK, reliable, warnings } = await importance(target, { proposal: narrow, shareOfStart: 0 });
    expect(paretoK).toBeGreaterThan(0.7);
    expect(reliable).toBe(false);
    expect(warnings.join()).toMatch(/Pareto k = .*above 0.7.*Do not trust it/);
    const good = await importance(target, { proposal: proposal(posteriorMean, 1.1 * posteriorSd) });
    expect(good.paretoK).toBeLessThan(0.5);
    expect(good.warnings).toEqual([]);
  });

  it("finds the mode that a proposal missed by the draws from the prior", async () => {
    const two = logDensity({
      names: ["a"],
      start: uniform({ a: [-6, 6] }),
      logProb: ([a]) =>
        Math.log(0.5 * Math.exp(logNormal(a, 3, 0.5)) + 0.5 * Math.exp(logNormal(a, -3, 0.5))),
    });
    const shareLeft = async (shareOfStart: number) => {
      const { theta, weights, logIntegral } = await importance(two, {
        proposal: proposal(3, 0.5),
        draws: 10_000,
        shareOfStart,
      });
      return [weights.reduce((sum, w, i) => sum + (theta.data[i] < 0 ? w : 0), 0), logIntegral.value];
    };
    const [left, value] = await shareLeft(0.05);
    expect(Math.abs(left - 0.5)).toBeLessThan(0.2); // 500 draws from the box, a sixth of them under the mode
    expect(Math.abs(value)).toBeLessThan(0.4);
    expect((await shareLeft(0))[0]).toBe(0); // without them the mistake is not seen
  });

  it("is the same for the same seed, and counts what is no number", async () => {
    const broken = logDensity({
      names: ["a"],
      start: prior,
      logProb: ([a]) => (a > 1 ? Number.NaN : -a * a),
    });
    const [first, second] = await Promise.all(
      [4, 4].map((seed) => importance(broken, { draws: 400, seed, shareOfStart: 1 })),
    );
    expect(first.logRatios).toEqual(second.logRatios);
    expect(first.resample(9, { seed: 1 })).toEqual(second.resample(9, { seed: 1 }));
    expect(first.nonFinite).toBe(first.theta.data.filter((a) => a > 1).length);
    expect(first.warnings.join()).toMatch(/the target or the proposal is not finite/);
  });

  it("refuses what it cannot do", async () => {
    const bare = logDensity({ names: ["a"], logProb: ([a]) => -a * a });
    await expect(importance(bare)).rejects.toThrow(/no start to draw from; pass a proposal/);
    const other = { ...proposal(0, 1), names: ["b"] };
    await expect(importance(target, { proposal: other })).rejects.toThrow(
      /over \(b\) but the target over \(a\)/,
    );
    await expect(importance(target, { draws: 1 })).rejects.toThrow(/at least 2, got 1/);
    await expect(importance(target, { shareOfStart: 2 })).rejects.toThrow(/lie in \[0, 1\], got 2/);
    const nowhere = logDensity({ names: ["a"], start: prior, logProb: () => -Infinity });
    await expect(importance(nowhere, { shareOfStart: 1 })).rejects.toThrow(/zero or no number at all/);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(importance(target, { signal })).rejects.toThrow(/enough/);
  });
});
