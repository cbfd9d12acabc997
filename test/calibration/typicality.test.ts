import { describe, expect, it } from "vitest";
import { cloudOf, cloudWarnings, scoreInCloud } from "../../src/calibration/cloud.js";
import { typicality, typicalityIn } from "../../src/calibration/typicality.js";
import { matrix, row } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";

const n = 4000;

/** Two correlated columns on very different scales, correlation 0.99. */
function correlated(rows: number, seed: number) {
  const rng = stream(key(seed));
  const x = matrix(rows, 2);
  for (let i = 0; i < rows; i++) {
    const a = rng.normal();
    x.data.set([100 * a + 5000, 0.01 * (0.99 * a + Math.sqrt(1 - 0.99 ** 2) * rng.normal())], 2 * i);
  }
  return x;
}

describe("typicality", () => {
  const training = correlated(n, 1);

  it("is silent about new draws of the simulator", () => {
    const fresh = correlated(500, 2);
    const check = typicalityIn(training);
    let warnings = 0;
    for (let i = 0; i < fresh.rows; i++) warnings += check(row(fresh, i)).warning ? 1 : 0;
    expect(warnings).toBeLessThanOrEqual(5); // two distances at 0.001 each: one expected
  });

  it("gives the Mahalanobis distance, and its place in the chi law", () => {
    const { centre } = typicality(training, [5000 + 100 * 2, 0.01 * 0.99 * 2]); // two sd along the ridge
    expect(Math.abs(centre.distance - 2)).toBeLessThan(0.15); // quartiles of 4,000 rows: 2 % on the scale
    expect(Math.abs(centre.quantile - (1 - Math.exp(-2)))).toBeLessThan(0.03); // chi^2 with two degrees of freedom
  });

  it("warns off the ridge, where each column by itself is typical", () => {
    const { centre, warning } = typicality(training, [5000 + 100, -0.01]);
    expect(centre.quantile).toBe(1);
    expect(warning).toMatch(/outside the simulations: farther from their centre than 100.0 %/);
  });

  it("warns of a hole in the cloud that the distance from the centre cannot see", () => {
    const rng = stream(key(3));
    const ring = matrix(n, 2);
    for (let i = 0; i < n; i++) {
      const angle = 2 * Math.PI * rng.uniform();
      const radius = 1 + 0.05 * rng.normal();
      ring.data.set([radius * Math.cos(angle), radius * Math.sin(angle)], 2 * i);
    }
    const { centre, neighbour, warning } = typicality(ring, [0, 0]);
    expect(centre.quantile).toBeLessThan(0.01);
    expect(neighbour.quantile).toBe(1);
    expect(warning).toBeDefined();
    expect(typicality(ring, [1, 0]).warning).toBeUndefined();
  });

  it("is not blinded by heavy tails: a Cauchy cloud", () => {
    const rng = stream(key(4));
    const cauchy = matrix(
      n,
      1,
      Float64Array.from({ length: n }, () => rng.normal() / rng.normal()),
    );
    expect(typicality(cauchy, [3]).warning).toBeUndefined();
    expect(typicality(cauchy, [1e9]).warning).toBeDefined();
  });

  it("warns when a column that never varied takes another value", () => {
    const constant = matrix(
      100,
      2,
      stream(key(5))
        .normals(200)
        .map((value, i) => (i % 2 === 0 ? value : 7)),
    );
    expect(typicality(constant, [0, 7]).warning).toBeUndefined();
    expect(typicality(constant, [0, 7.1]).warning).toBeDefined();
  });
});

it("refuses what does not fit, by name", () => {
  expect(() => typicality(matrix(50, 2), [1])).toThrow(
    /observed has 1 values but the simulations have 2 columns/,
  );
  expect(() => typicality(matrix(5, 1), [1])).toThrow(/at least 20 simulations, got 5/);
  expect(() => typicality(matrix(50, 1), [Number.NaN])).toThrow(
    /observed must be finite, but value 0 is NaN/,
  );
});

describe("the cloud that an estimator keeps", () => {
  const cloud = JSON.parse(JSON.stringify(cloudOf(correlated(n, 1))));

  it("gives the Mahalanobis distance and its place in the chi law, from a few numbers", () => {
    for (const sds of [0.5, 1, 2]) {
      const { distance, quantile } = scoreInCloud(cloud, [5000 + 100 * sds, 0.01 * 0.99 * sds]);
      expect(Math.abs(distance - sds)).toBeLessThan(0.15 * Math.max(1, sds)); // quartiles of 2,000 rows
      expect(Math.abs(quantile - (1 - Math.exp((-sds * sds) / 2)))).toBeLessThan(0.05);
    }
    expect(cloud.distances.length + cloud.factor.length).toBeLessThan(120);
  });

  it("warns off the ridge and of what is no number, and seldom of new draws", () => {
    expect(cloudWarnings(cloud, matrix(1, 2, Float64Array.of(5100, -0.01))).join()).toMatch(
      /The observation lies outside the simulations: .* farther than 100.0 %/,
    );
    expect(cloudWarnings(cloud, matrix(1, 2, Float64Array.of(Number.NaN, 0)))).toHaveLength(1);
    expect(cloudWarnings(cloud, correlated(1000, 2)).length).toBeLessThanOrEqual(6); // one or two expected
    expect(() => scoreInCloud(cloud, [1])).toThrow(/has 1 values but the simulations have 2 columns/);
    expect(cloudWarnings(cloudOf(correlated(39, 1)), correlated(5, 2))).toEqual([]);
  });

  it("takes new draws of wide data for typical, where a covariance of all rows would not", () => {
    const rng = stream(key("wide"));
    const wide = (rows: number) => matrix(rows, 60, rng.normals(rows * 60));
    const kept = cloudOf(wide(700));
    expect(cloudWarnings(kept, wide(300)).length).toBeLessThanOrEqual(8); // one in 350: one or two expected
  });
});
