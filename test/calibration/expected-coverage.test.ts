import { describe, expect, it } from "vitest";
import {
  credibilitiesFromDraws,
  credibilitiesFromRatios,
  expectedCoverage,
} from "../../src/calibration/expected-coverage.js";
import { matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";

// theta ~ Normal(0, 1), x ~ Normal(theta, 1): the posterior is Normal(x / 2, 1 / 2)
const n = 1000;
const numDraws = 400;

function conjugatePairs(seed: number) {
  const rng = stream(key(seed));
  return Array.from({ length: n }, () => {
    const theta = rng.normal();
    return { theta, x: rng.normal(theta, 1) };
  });
}

/** Coverage of Normal(x / 2, width^2 / 2), by its own draws. */
function coverageOf(width: number) {
  const pairs = conjugatePairs(1);
  const logProb = (z: number) => -(z * z) / 2;
  const z = stream(key(2))
    .normals(n * numDraws)
    .map(logProb);
  const truth = pairs.map(({ theta, x }) => logProb((theta - x / 2) / (width * Math.SQRT1_2)));
  return expectedCoverage(credibilitiesFromDraws(matrix(n, numDraws, z), truth));
}

describe("expected coverage of a conjugate normal posterior", () => {
  it("lies on the diagonal within binomial error", () => {
    const { levels, coverage, bias, pValue, numPairs } = coverageOf(1);
    expect(numPairs).toBe(n);
    levels.forEach((level, i) => {
      const error = Math.sqrt((level * (1 - level)) / n) + 1 / numDraws;
      expect(Math.abs(coverage[i] - level)).toBeLessThan(4.5 * error + 1e-12); // 4.5 for a hundred levels
    });
    expect(Math.abs(bias)).toBeLessThan(4 / Math.sqrt(12 * n)); // sd of a mean of uniforms
    expect(pValue).toBeGreaterThan(1e-3);
  });

  it("lies below where the posterior is half as wide, as the normal law says", () => {
    const { levels, coverage, bias, pValue } = coverageOf(0.5);
    // the central 68.27 % of a normal half as wide holds erf(0.5 / sqrt 2) = 38.29 %
    const at68 = coverage[levels.findIndex((level) => level >= 0.68)];
    expect(Math.abs(at68 - 0.381)).toBeLessThan((4 * 0.5) / Math.sqrt(n));
    expect(bias).toBeLessThan(-0.1);
    expect(pValue).toBeLessThan(1e-6);
  });

  it("lies above where it is twice as wide", () => {
    const { bias } = coverageOf(2);
    expect(bias).toBeGreaterThan(0.1);
  });

  it("is the same from the ratio at prior draws", () => {
    const pairs = conjugatePairs(3);
    const prior = stream(key(4)).normals(2000);
    const logPriorOf = (theta: number) => -(theta * theta) / 2;
    const logRatioOf = (theta: number, x: number) => -((x - theta) ** 2) / 2; // up to log p(x)
    const table = new Float64Array(n * prior.length);
    pairs.forEach(({ x }, i) => {
      prior.forEach((theta, s) => {
        table[i * prior.length + s] = logRatioOf(theta, x);
      });
    });
    const { credibilities, effectiveDraws } = credibilitiesFromRatios(
      matrix(n, prior.length, table),
      pairs.map(({ theta, x }) => logRatioOf(theta, x)),
      { logPrior: { draws: prior.map(logPriorOf), truth: pairs.map(({ theta }) => logPriorOf(theta)) } },
    );
    pairs.forEach(({ theta, x }, i) => {
      // exact: the central mass within |theta - x / 2| of the posterior mean
      const exact = 2 * normalCdf(Math.abs(theta - x / 2) * Math.SQRT2) - 1;
      expect(Math.abs(credibilities[i] - exact)).toBeLessThan(5 * (0.5 / Math.sqrt(effectiveDraws[i])));
    });
    const { bias, pValue } = expectedCoverage(credibilities);
    expect(Math.abs(bias)).toBeLessThan(4 / Math.sqrt(12 * n));
    expect(pValue).toBeGreaterThan(1e-3);
  });
});

/** By the midpoint rule: independent of the product's own functions. */
function normalCdf(z: number): number {
  const steps = 400;
  let sum = 0;
  for (let i = 0; i < steps; i++) sum += Math.exp(-((((i + 0.5) * z) / steps) ** 2) / 2);
  return 0.5 + (sum * z) / steps / Math.sqrt(2 * Math.PI);
}

it("keeps credibilities of equal densities in the middle", () => {
  expect(credibilitiesFromDraws(matrix(1, 9), [0])[0]).toBe(0.5); // nine ties: (4.5 + 0.5) / 10
});

it("refuses what does not fit, by name", () => {
  expect(() => expectedCoverage([])).toThrow(/expected credibilities, got none/);
  expect(() => expectedCoverage([0.2, 1.5])).toThrow(/must lie in \[0, 1\], got 1.5/);
  expect(() => credibilitiesFromDraws(matrix(2, 3), [0])).toThrow(/2 rows of draws but 1 true values/);
  const logPrior = { draws: [0], truth: [0] };
  expect(() => credibilitiesFromRatios(matrix(1, 3), [0], { logPrior })).toThrow(
    /must hold 3 draws and 1 truths/,
  );
});

it.each([
  ["credibilitiesFromDraws", credibilitiesFromDraws],
  ["credibilitiesFromRatios", credibilitiesFromRatios],
])("%s refuses NaN instead of ranking it", (name, credibilities) => {
  expect(() => credibilities(matrix(2, 3), [0, Number.NaN])).toThrow(
    new RegExp(`${name}: the true parameters of pair 1 have the log density NaN`),
  );
  const draws = matrix(2, 3, Float64Array.of(0, 0, 0, 0, 0, Number.NaN));
  expect(() => credibilities(draws, [0, 0])).toThrow(new RegExp(`${name}: draw 2 of pair 1 has`));
});
