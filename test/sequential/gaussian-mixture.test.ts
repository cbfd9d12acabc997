import { describe, expect, it } from "vitest";
import { normal } from "../../src/core/distributions/normal.js";
import { column, fromRows, matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { gamma } from "../../src/index.js";
import { independent } from "../../src/prior/independent.js";
import { joined } from "../../src/prior/joined.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { uniform } from "../../src/prior/uniform.js";
import {
  drawsOf,
  type Gaussian,
  type GaussianMixture,
  logProbOf,
  quotient,
} from "../../src/sequential/gaussian-mixture.js";
import { priorGaussian } from "../../src/sequential/prior-gaussian.js";

const line = (mean: number, variance: number): Gaussian => ({
  mean: Float64Array.of(mean),
  precision: Float64Array.of(1 / variance),
});
const flat: Gaussian = { mean: Float64Array.of(0), precision: Float64Array.of(0) };

describe("the quotient of normal distributions", () => {
  it("gives the posterior of the prior from that of the proposal, exactly", () => {
    // theta ~ N(0.3, 2), proposal N(1.1, 0.6), x ~ N(theta, 0.7), x = 1.9
    const [x, noise] = [1.9, 0.7];
    const conjugate = ({ mean, precision }: Gaussian) => {
      const sum = precision[0] + 1 / noise;
      return line((precision[0] * mean[0] + x / noise) / sum, 1 / sum);
    };
    const [prior, proposal] = [line(0.3, 2), line(1.1, 0.6)];
    for (const own of [prior, flat]) {
      const learned = { logWeights: Float64Array.of(0), components: [conjugate(proposal)] };
      const { mixture, improper } = quotient(learned, { proposal, prior: own });
      const exact = conjugate(own);
      expect(improper).toEqual([]);
      expect(Math.abs(mixture.components[0].mean[0] - exact.mean[0])).toBeLessThan(1e-9);
      expect(Math.abs(mixture.components[0].precision[0] - exact.precision[0])).toBeLessThan(1e-9);
      expect(mixture.logWeights[0]).toBe(0);
    }
  });

  it("is proportional to q times prior over proposal, with its weights, in two dimensions", () => {
    const q: GaussianMixture = {
      logWeights: Float64Array.of(Math.log(0.3), Math.log(0.7)),
      components: [
        { mean: Float64Array.of(0.2, -0.4), precision: Float64Array.of(4, 1, 1, 3) },
        { mean: Float64Array.of(-1, 0.8), precision: Float64Array.of(3, -0.5, -0.5, 5) },
      ],
    };
    const proposal = { mean: Float64Array.of(-0.3, 0.1), precision: Float64Array.of(1, 0.2, 0.2, 1.5) };
    const prior = { mean: Float64Array.of(0, 0.5), precision: Float64Array.of(0.5, 0, 0, 0.25) };
    const { mixture } = quotient(q, { proposal, prior });
    const one = (gaussian: Gaussian) => ({ logWeights: Float64Array.of(0), components: [gaussian] });
    const at = fromRows([
      [0, 0],
      [1, -1],
      [-2, 0.5],
      [0.3, 2],
    ]);
    const [own, over, under, found] = [q, one(prior), one(proposal), mixture].map((each) =>
      logProbOf(each, at),
    );
    const constants = found.map((log, i) => log - (own[i] + over[i] - under[i]));
    for (const constant of constants) expect(Math.abs(constant - constants[0])).toBeLessThan(1e-9);
    expect(mixture.logWeights.reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 12);
  });

  it("names the components that the proposal is narrower than", () => {
    const q = {
      logWeights: Float64Array.of(Math.log(0.5), Math.log(0.5)),
      components: [line(0, 2), line(0, 0.5)],
    };
    const { mixture, improper } = quotient(q, { proposal: line(0, 1), prior: flat });
    expect(improper).toEqual([0]);
    expect(mixture.components).toHaveLength(1);
    expect(mixture.logWeights[0]).toBe(0);
    expect(quotient(q, { proposal: line(0, 0.1), prior: flat }).improper).toEqual([0, 1]);
  });

  it("is drawn from by its weights and covariances", () => {
    const n = 20_000;
    const mixture: GaussianMixture = {
      logWeights: Float64Array.of(Math.log(0.25), Math.log(0.75)),
      components: [
        { mean: Float64Array.of(10, 0), precision: Float64Array.of(1, 0, 0, 1) },
        { mean: Float64Array.of(-10, 0), precision: Float64Array.of(4 / 3, -2 / 3, -2 / 3, 4 / 3) },
      ],
    };
    const draws = drawsOf(mixture, n, key(1));
    const second = Array.from(column(draws, 0).entries()).filter(([, a]) => a < 0);
    expect(Math.abs(second.length / n - 0.75)).toBeLessThan(4 * Math.sqrt(0.1875 / n));
    // the covariance of the second is [[1, 0.5], [0.5, 1]]
    const product = second.reduce((sum, [i, a]) => sum + (a + 10) * draws.data[2 * i + 1], 0) / second.length;
    expect(Math.abs(product - 0.5)).toBeLessThan(4 * Math.sqrt(1.25 / second.length));
    expect(drawsOf(mixture, 3, key(1)).data).toEqual(draws.data.slice(0, 6));
    // normalised: a grid of 0.1 around the first component holds a quarter
    const grid = matrix(101 * 101, 2);
    for (let i = 0; i < grid.rows; i++) {
      grid.data.set([5 + (i % 101) * 0.1, -5 + Math.floor(i / 101) * 0.1], 2 * i);
    }
    const mass = logProbOf(mixture, grid).reduce((sum, log) => sum + Math.exp(log) * 0.01, 0);
    expect(mass).toBeCloseTo(0.25, 5);
  });
});

describe("a prior as a normal distribution", () => {
  it("has its precision, and none where it is flat", () => {
    const prior = joined([
      normalPrior(
        ["a", "b"],
        [1, 2],
        [
          [2, 1],
          [1, 2],
        ],
      ),
      uniform({ c: [0, 1] }),
      independent({ d: normal(3, 0.5) }),
    ]);
    const { mean, precision } = priorGaussian(prior, "test");
    expect([...mean]).toEqual([1, 2, 0, 3]);
    const expected = [2 / 3, -1 / 3, 0, 0, -1 / 3, 2 / 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4];
    for (const [i, value] of precision.entries()) expect(value).toBeCloseTo(expected[i], 12);
  });

  it("is refused where it is neither normal nor flat", () => {
    expect(() => priorGaussian(independent({ a: normal(0, 1), b: gamma(2, 1) }), "test")).toThrow(
      /test: "snpe-a" .* the prior must be normal or uniform; b has "gamma". Use method "apt", by atoms/,
    );
  });
});
