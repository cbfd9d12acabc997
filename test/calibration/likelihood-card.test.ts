import { describe, expect, it } from "vitest";
import { normal } from "../../src/core/distributions/normal.js";
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import type { LikelihoodEstimator } from "../../src/estimators/likelihood.js";
import { type LikelihoodCardOptions, likelihoodCard } from "../../src/likelihood-card.js";
import { independent } from "../../src/prior/independent.js";

const prior = independent({ a: normal(0, 1), b: normal(2, 3) });

/** Pairs with noise of a known size on each parameter. */
function pairs(n: number, noise: number) {
  const rng = stream(key("pairs"));
  const theta = prior.sample(n, key("theta"));
  return {
    theta,
    x: matrix(
      n,
      2,
      theta.data.map((value) => value + noise * rng.normal()),
    ),
  };
}

/** A likelihood that takes the noise for `sd`, and the data for shifted. */
function believing(sd: number, shift = 0): LikelihoodEstimator {
  const observe = ({ data }: Matrix) => ({
    logProb: async (theta: Matrix) =>
      Float64Array.from({ length: theta.rows }, (_, i) =>
        row(theta, i).reduce(
          (sum, value, j) => sum - ((data[j] - shift - value) / sd) ** 2 / 2 - Math.log(sd),
          0,
        ),
      ),
  });
  const header = { names: prior.names, logs: [{ bestValidationLoss: 1.5, epochs: [] }] };
  return { kind: "likelihood", header, prior, xDim: 2, observe } as unknown as LikelihoodEstimator;
}

describe("the report card of a likelihood", () => {
  const check = (estimator: LikelihoodEstimator, noise: number, options: LikelihoodCardOptions = {}) =>
    likelihoodCard(estimator, pairs(60, noise), { pairs: 60, priorDraws: 512, seed: 1, ...options });

  it.each([1, 0.02])("passes an exact one with noise %s, however narrow the posterior", async (noise) => {
    const card = await check(believing(noise), noise);
    expect(card.warnings).toEqual([]);
    expect(Math.abs(card.coverage.bias)).toBeLessThan(4 / Math.sqrt(12 * 60)); // mean of 60 uniforms
    expect(card.effectiveDraws).toBeGreaterThan(100);
    expect(card.refined).toBeGreaterThan(noise === 1 ? -1 : 55); // of 512 prior draws hardly one is under a peak of 0.02
    expect(card.heldOutLoss).toBe(1.5);
    expect(card.sbc.ranks).toHaveLength(60);
  });

  it.each([
    ["overconfident", believing(0.01), /hold the truth less often .*a larger network/, -0.1, -1],
    ["conservative", believing(0.04), /hold the truth more often/, 1, 0.1],
    ["shifted", believing(0.02, 0.04), /ranks of the true parameters are not uniform/, 1, -1],
  ] as const)("finds one that is %s", async (_, estimator, message, most, least) => {
    const { coverage, warnings } = await check(estimator, 0.02, { pairs: 30 });
    expect(warnings.join(" ")).toMatch(message);
    expect(coverage.bias).toBeLessThan(most);
    expect(coverage.bias).toBeGreaterThan(least);
  });

  it("is the same for the same seed, and refuses too few pairs", async () => {
    const [first, second] = await Promise.all([0, 1].map(() => check(believing(0.3), 0.3, { pairs: 20 })));
    expect(first).toEqual(second);
    await expect(likelihoodCard(believing(1), pairs(19, 1))).rejects.toThrow(/at least 20 held-out pairs/);
    const bare = { ...believing(1), prior: undefined } as unknown as LikelihoodEstimator;
    await expect(likelihoodCard(bare, pairs(30, 1))).rejects.toThrow(/without a prior; pass one/);
    const impossible = believing(Number.NaN);
    const { coverage, effectiveDraws } = await check(impossible, 1, { pairs: 20 });
    expect([coverage.bias, effectiveDraws]).toEqual([-0.5, 0]);
  });
});
