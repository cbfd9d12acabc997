import { expect, it } from "vitest";
import { predictiveCheck } from "../../src/calibration/predictive-check.js";
import { matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";

const draws = 4000;
const columns = 3;

/** Replicates of x ~ Normal(theta, 1) in three columns at posterior draws theta ~ Normal(0, 0.1). */
function replicates(seed: number) {
  const rng = stream(key(seed));
  const theta = matrix(draws, 1, rng.normals(draws, 0, 0.1));
  const x = matrix(draws, columns);
  for (let i = 0; i < x.data.length; i++) x.data[i] = rng.normal(theta.data[Math.floor(i / columns)], 1);
  return { theta, x };
}

it("gives the p-values of the normal law", () => {
  const { x } = replicates(1);
  const sd = Math.sqrt(1.01);
  const { perColumn, discrepancies, band } = predictiveCheck([0, sd, 3 * sd], x);
  expect(perColumn[0]).toBeGreaterThan(0.93);
  expect(Math.abs(perColumn[1] - 0.3173)).toBeLessThan(8 * Math.sqrt((0.16 * 0.84) / draws)); // two-sided: twice the error
  expect(perColumn[2]).toBeLessThan(0.01);
  // chi^2 = 10 with three degrees of freedom, columns nearly independent: p = 0.0186
  expect(discrepancies.chiSquared.observed).toBeCloseTo(10, 0);
  expect(Math.abs(discrepancies.chiSquared.pValue - 0.0186)).toBeLessThan(0.01);
  expect(Math.abs(band.upper68[0] - 0.9945 * sd)).toBeLessThan(0.1); // 5 errors of a quantile, 0.024 each
  expect(Math.abs(band.lower95[0] + 1.96 * sd)).toBeLessThan(0.2);
});

it("hands each discrepancy the parameters of its own draw", () => {
  const { theta, x } = replicates(2);
  const distance = (values: Float64Array, [at]: Float64Array) =>
    values.reduce((sum, value) => sum + (value - at) ** 2, 0);
  const { discrepancies } = predictiveCheck([0.5, -1, 0.2], x, { theta, discrepancies: { distance } });
  // replicated: chi^2 with three degrees of freedom, mean 3; observed: 1.29 + 3 * 0.01; P(chi^2 > 1.29) = 0.731
  expect(Math.abs(discrepancies.distance.replicated - 3)).toBeLessThan(4 * Math.sqrt(6 / draws));
  expect(Math.abs(discrepancies.distance.observed - 1.32)).toBeLessThan(0.03);
  expect(Math.abs(discrepancies.distance.pValue - 0.73)).toBeLessThan(0.04);
});

it("counts ties half, and never gives a p-value of zero", () => {
  const { perColumn, discrepancies } = predictiveCheck([1, 5], matrix(10, 2, new Float64Array(20).fill(1)));
  expect(perColumn[0]).toBe(1);
  expect(perColumn[1]).toBeCloseTo(1 / 11, 12);
  expect(discrepancies.chiSquared).toEqual({ observed: Infinity, replicated: 0, pValue: 0 });
});

it("refuses what does not fit, by name", () => {
  expect(() => predictiveCheck([1], matrix(5, 2))).toThrow(
    /observed has 1 values but replicated has 2 columns/,
  );
  expect(() => predictiveCheck([1, 2], matrix(1, 2))).toThrow(/at least 2 rows, got 1/);
  expect(() => predictiveCheck([1, 2], matrix(5, 2), { theta: matrix(4, 1) })).toThrow(/theta has 4 rows/);
  expect(() => predictiveCheck([1, Number.NaN], matrix(5, 2))).toThrow(
    /observed must be finite, but value 1 is NaN/,
  );
  const discrepancies = { ratio: () => Number.NaN };
  expect(() => predictiveCheck([1, 2], matrix(5, 2), { discrepancies })).toThrow(
    /"ratio" must be a number, but at draw 0 it is NaN/,
  );
});
