import { describe, expect, it } from "vitest";
import type { Prepared } from "../../benchmarks/method.js";
import { aalrLrtMethod, aalrMethod, nreB } from "../../benchmarks/methods/ratio.js";
import type { Problem } from "../../benchmarks/problem.js";
import { problems } from "../../benchmarks/problems.js";
import { score } from "../../benchmarks/scores.js";
import { column, matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { problem as oneGaussian } from "./own.js";

const all: readonly Problem[] = await Promise.all(Object.values(problems).map((load) => load()));

it.each(all)("$name has the evidence that importance sampling finds", (problem) => {
  const { prior } = problem.simulator;
  const x = problem.observation(1);
  const draws = problem.exactPosterior(x, 500, key("proposal"));
  const n = problem.name.startsWith("slcp") ? 50_000 : 20_000; // its proposal covers several modes
  const theta = matrix(n, prior.dim);
  const logProposal = new Float64Array(n);
  for (let j = 0; j < prior.dim; j++) {
    const values = column(draws, j);
    const mean = values.reduce((a, b) => a + b) / values.length;
    const sd = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length) * 1.5; // covers the tails
    stream(key(j))
      .normals(n)
      .forEach((z, i) => {
        theta.data[i * prior.dim + j] = mean + sd * z;
        logProposal[i] -= z ** 2 / 2 + Math.log(sd) + Math.log(2 * Math.PI) / 2;
      });
  }
  const logPrior = prior.logProb(theta);
  const logWeights = problem.logLikelihood(theta, x).map((value, i) => value + logPrior[i] - logProposal[i]);
  const top = logWeights.reduce((most, value) => Math.max(most, value), -Infinity); // they may be far below zero
  const weights = logWeights.map((value) => Math.exp(value - top));
  const mean = weights.reduce((a, b) => a + b) / n;
  const variance = weights.reduce((a, weight) => a + (weight - mean) ** 2, 0) / n;
  const error = Math.sqrt(variance / n) / mean;
  expect(error).toBeLessThan(0.2); // or the comparison says nothing
  expect(Math.abs(problem.logEvidence!(x) - top - Math.log(mean))).toBeLessThan(4 * error + 0.01);
});

describe("logRatioMse", () => {
  const exact = oneGaussian.exactPosterior(oneGaussian.observation(1), 4000, key("exact"));
  /** A method whose log ratio is wrong by `error` at each `theta`. */
  const wrongBy = (error: (theta: number) => number): Prepared => ({
    engine: "none",
    trainCpuSeconds: 0,
    sample: async () => ({ draws: exact, sampling: { draws: exact.rows } }),
    async logProb(theta, x) {
      const logPrior = oneGaussian.simulator.prior.logProb(theta);
      const logLikelihood = oneGaussian.logLikelihood(theta, x);
      const logEvidence = oneGaussian.logEvidence!(x);
      return theta.data.map((value, i) => logLikelihood[i] + logPrior[i] - logEvidence + error(value));
    },
    async [Symbol.asyncDispose]() {},
  });
  const scored = (method: Prepared, problem: Problem = oneGaussian) =>
    score(["logRatioMse"], { problem, observation: 1, method, draws: exact, exact, seed: 1 });

  it("is the square of a wrong constant, and nothing for the exact ratio", async () => {
    expect((await scored(wrongBy(() => 0))).scores.logRatioMse).toBeLessThan(1e-20);
    const { scores, errors } = await scored(wrongBy(() => -0.3));
    expect(scores.logRatioMse).toBeCloseTo(0.09, 12);
    expect(errors.logRatioMse).toBeLessThan(1e-9);
  });

  it("is the mean over the exact posterior, with its error", async () => {
    // theta is N(0.4, 1/2) there, so the mean of (theta - 0.4)^2 is 1/2 and its variance 2 (1/2)^2
    const { scores, errors } = await scored(wrongBy((theta) => theta - 0.4));
    expect(errors.logRatioMse).toBeCloseTo(Math.SQRT1_2 / Math.sqrt(4000), 3);
    expect(Math.abs(scores.logRatioMse - 0.5)).toBeLessThan(4 * errors.logRatioMse);
  });

  it("is left out where the evidence or the density is not known", async () => {
    const { logEvidence: _, ...unknown } = oneGaussian;
    expect(
      (
        await scored(
          wrongBy(() => 0),
          unknown,
        )
      ).scores,
    ).toEqual({});
    const { logProb: __, ...without } = wrongBy(() => 0);
    expect((await scored(without)).scores).toEqual({});
  });

  it.each([
    [aalrMethod, true],
    [nreB, false],
    [aalrLrtMethod, false],
  ])("is given by ratios to the evidence only: $name", async (method, isNormalised) => {
    const network = { kind: "mlp", hidden: [4], activation: "silu" } as const;
    const task = { problem: oneGaussian, simulations: 100, seed: 1, training: { epochs: 1, network } };
    await using prepared = await method.prepare(task);
    expect(Object.keys((await scored(prepared)).scores)).toEqual(isNormalised ? ["logRatioMse"] : []);
  });
});
