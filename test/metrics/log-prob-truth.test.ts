import { expect, it } from "vitest";
import { matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { logRatioMse, negativeLogProbTruth, normaliseLogRatios } from "../../src/metrics/log-prob-truth.js";

const logNormal = (x: number, mean: number, variance: number) =>
  -0.5 * Math.log(2 * Math.PI * variance) - (x - mean) ** 2 / (2 * variance);

/** theta ~ N(0, 1), x ~ N(theta, s^2): posterior N(x / (1 + s^2), s^2 / (1 + s^2)), and a ratio off by `factor`. */
function gaussian(pairs: number, draws: number, seed: number, factor: number, spread = 1) {
  const noise = 0.25; // s^2
  const rng = stream(key(seed));
  const theta = rng.normals(pairs);
  const x = theta.map((value) => rng.normal(value, Math.sqrt(noise)));
  const logRatio = (t: number, i: number) =>
    logNormal(x[i], t, noise) - logNormal(x[i], 0, 1 + noise) + Math.log(factor);
  const samples = rng.normals(pairs * draws, 0, spread);
  return {
    logRatio: matrix(
      pairs,
      draws,
      samples.map((t, k) => logRatio(t, Math.floor(k / draws))),
    ),
    logWeight: matrix(
      pairs,
      draws,
      samples.map((t) => logNormal(t, 0, 1) - logNormal(t, 0, spread ** 2)),
    ),
    logRatioTruth: theta.map(logRatio),
    logPriorTruth: theta.map((t) => logNormal(t, 0, 1)),
    exact: theta.map((t, i) => logNormal(t, x[i] / (1 + noise), noise / (1 + noise))),
  };
}

it("normalises a ratio that is off by a factor, within its error", () => {
  const { exact, logRatio, logRatioTruth, logPriorTruth } = gaussian(300, 4000, 1, 7);
  const result = normaliseLogRatios(logRatio, logRatioTruth, { logPriorTruth });
  const z = result.logProb.map((value, i) => (value - exact[i]) / result.standardError[i]);
  const meanSquare = z.reduce((sum, value) => sum + value * value, 0) / 300;
  expect(Math.abs(meanSquare - 1)).toBeLessThan(4 * Math.sqrt(2 / 300) + 0.1); // chi squared, and log's curvature
  const mean = result.logEvidenceRatio.reduce((sum, value) => sum + value, 0) / 300;
  expect(Math.abs(mean - Math.log(7))).toBeLessThan(0.01);
});

it("takes draws from a wider proposal by their weights", () => {
  const { exact, ...rest } = gaussian(100, 4000, 2, 1, 2);
  const { logProb, standardError } = normaliseLogRatios(rest.logRatio, rest.logRatioTruth, rest);
  logProb.forEach((value, i) => {
    expect(Math.abs(value - exact[i])).toBeLessThan(5 * standardError[i]);
  });
});

it("scores the exact posterior by its entropy, and worse posteriors worse", () => {
  const { exact } = gaussian(20_000, 1, 3, 1);
  const entropy = 0.5 * Math.log(2 * Math.PI * Math.E * 0.2); // posterior variance 0.25 / 1.25
  const { value, standardError, numPairs } = negativeLogProbTruth(exact);
  expect(Math.abs(value - entropy)).toBeLessThan(4 * standardError);
  expect(Math.abs(standardError - Math.sqrt(0.5 / 20_000))).toBeLessThan(2e-4); // Var of chi squared / 2 is 1/2
  expect(numPairs).toBe(20_000);
});

it("is infinite where a posterior excludes the truth", () => {
  expect(negativeLogProbTruth([-1, -Infinity]).value).toBe(Infinity);
});

it("measures squared errors of log ratios", () => {
  expect(logRatioMse([1, 2, 4], [1, 1, 2])).toEqual({
    value: 5 / 3,
    standardError: Math.sqrt(((5 / 3) ** 2 + (2 / 3) ** 2 + (7 / 3) ** 2) / 6),
    numPairs: 3,
  });
  expect(logRatioMse([1], [0]).standardError).toBeNaN();
});

it("refuses bad input by name", () => {
  expect(() => negativeLogProbTruth([])).toThrow(/negativeLogProbTruth: logProb must hold at least one/);
  expect(() => negativeLogProbTruth([0, Number.NaN])).toThrow(/value 1 is NaN/);
  expect(() => logRatioMse([1], [1, 2])).toThrow(/1 learned log ratios but 2 true/);
  expect(() => logRatioMse([-Infinity], [1])).toThrow(/value 0 is -Infinity/);
  const truth = { logPriorTruth: [0] };
  expect(() => normaliseLogRatios(matrix(1, 2), [0, 0], truth)).toThrow(/1 rows but there are 2/);
  expect(() => normaliseLogRatios(matrix(1, 0), [0], truth)).toThrow(/at least one draw/);
  expect(() => normaliseLogRatios(matrix(1, 1, Float64Array.of(-Infinity)), [0], truth)).toThrow(/vanish/);
  expect(() => normaliseLogRatios(matrix(1, 1), [Number.NaN], truth)).toThrow(/logRatioTruth must be finite/);
  expect(() => normaliseLogRatios(matrix(1, 2), [0], { ...truth, logWeight: matrix(2, 1) })).toThrow(
    /\[1, 2\]/,
  );
});
