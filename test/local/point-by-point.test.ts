import { describe, expect, it } from "vitest";
import { fromRows, matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import type { RatioEstimator } from "../../src/estimators/ratio.js";
import { gaussianProcess } from "../../src/local/gaussian-process.js";
import { pointByPoint } from "../../src/local/point-by-point.js";

const grid = (n: number, low: number, high: number) =>
  fromRows(Array.from({ length: n }, (_, i) => [low + ((high - low) * i) / (n - 1)]));

describe("a Gaussian process", () => {
  it("goes through smooth values and knows where it does not know", () => {
    const points = grid(12, 0, 6);
    const process = gaussianProcess(points, points.data.map(Math.sin));
    const at = process.predict(points);
    at.mean.forEach((value, i) => {
      expect(value).toBeCloseTo(Math.sin(points.data[i]), 3);
    });
    const between = process.predict(fromRows([[1.4], [3.3], [9]]));
    for (const i of [0, 1]) {
      const exact = Math.sin([1.4, 3.3][i]);
      expect(Math.abs(between.mean[i] - exact)).toBeLessThan(Math.max(3 * between.sd[i], 0.02));
    }
    expect(between.sd[2]).toBeGreaterThan(10 * between.sd[0]);
  });

  it("tells noise from signal by the marginal likelihood", () => {
    const rng = stream(key(1));
    const points = grid(40, 0, 6);
    const { noise } = gaussianProcess(
      points,
      points.data.map((t) => Math.sin(t) + rng.normal(0, 0.2)),
    );
    // sd(s) / s = 1 / sqrt(2 n) = 11 %, and the process may take some of it
    expect(noise / 0.2).toBeGreaterThan(0.6);
    expect(noise / 0.2).toBeLessThan(1.4);
  });

  it("finds a dimension that does not matter", () => {
    const rng = stream(key(2));
    const points = matrix(
      40,
      2,
      Float64Array.from({ length: 80 }, () => rng.uniform(-1, 1)),
    );
    const values = Float64Array.from({ length: 40 }, (_, i) => Math.sin(3 * points.data[2 * i]));
    const { lengthScales } = gaussianProcess(points, values);
    expect(lengthScales[1]).toBeGreaterThan(3 * lengthScales[0]);
  });

  it("takes values that are all the same, and refuses what it cannot fit", () => {
    const flat = gaussianProcess(grid(4, 0, 1), [2, 2, 2, 2]).predict(fromRows([[0.4]]));
    expect(flat.mean[0]).toBeCloseTo(2, 10);
    expect(() => gaussianProcess(grid(2, 0, 1), [1, 2])).toThrow(
      /at least 3 points and as many values, got 2 and 2/,
    );
    expect(() => gaussianProcess(grid(3, 0, 1), [1, 2, Number.NaN])).toThrow(
      /expected finite points and values/,
    );
  });
});

describe("point by point", () => {
  /** `x ~ N(theta, 1)` to the reference 0: what a perfect network at one point says. */
  const at = (theta: number, thetaRef = 0) => ({
    theta: [theta],
    estimator: {
      header: { reference: { thetaRef: [thetaRef] } },
      observe: (x: { data: Float64Array }) => ({
        logRatio: async () => Float64Array.of(x.data.reduce((sum, v) => sum + v * theta - theta ** 2 / 2, 0)),
      }),
    } as unknown as RatioEstimator,
  });

  it("interpolates the parabola of a Gaussian likelihood", async () => {
    const x = fromRows([[0.3], [0.9], [-0.2], [0.5]]);
    const joined = pointByPoint([-1, -0.6, -0.3, 0.3, 0.6, 1].map((theta) => at(theta)));
    expect(joined.points.rows).toBe(7);
    const ratio = await joined.observe(x);
    const theta = fromRows([[-0.8], [0], [0.45], [0.8]]);
    const spread = ratio.spread(theta);
    ratio.logRatio(theta).forEach((value, i) => {
      const t = theta.data[i];
      const exact = 1.5 * t - 2 * t * t;
      expect(Math.abs(value - exact)).toBeLessThan(Math.max(0.05, 3 * spread[i])); // its range is 3.5
    });
    expect(ratio.values[6]).toBe(0);
  });

  it("needs one reference point for all", () => {
    expect(() => pointByPoint([at(1)])).toThrow(/at 2 points or more, got 1/);
    expect(() => pointByPoint([at(1), at(2, 0.5)])).toThrow(/one and the same reference point/);
  });
});
