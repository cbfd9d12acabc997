import { expect, it } from "vitest";
import { gridDensity } from "../../benchmarks/grid.js";
import { type PeakedPosterior, peakedDraws, peakedLogEvidence } from "../../benchmarks/peaked-posterior.js";
import { multivariateNormal } from "../../src/core/distributions/multivariate-normal.js";
import { column } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { logPoissonMass } from "../../src/core/special.js";

/** Counts of rate `exp(u)`, in each of as many dimensions as there are counts. */
const counts = (observed: readonly number[]): PeakedPosterior => ({
  name: "counts",
  prior: multivariateNormal(
    observed.map(() => 0),
    observed.map((_, i) => observed.map((_, j) => (i === j ? 4 : 1))),
  ),
  logLikelihood: (u) => u.reduce((sum, value, j) => sum + logPoissonMass(observed[j], Math.exp(value)), 0),
  expand(u, gradient, information) {
    u.forEach((value, j) => {
      gradient[j] += observed[j] - Math.exp(value);
      information[j * (u.length + 1)] += Math.exp(value);
    });
  },
});

it("has the moments and the evidence of quadrature on a skewed posterior", () => {
  const target = counts([0, 7]);
  const { prior } = target;
  const grid = gridDensity(
    (u) =>
      Float64Array.from({ length: u.rows }, (_, i) => {
        const point = u.data.subarray(2 * i, 2 * i + 2);
        return prior.logProb(point) + target.logLikelihood(point);
      }),
    [
      [-12, 6],
      [-2, 4],
    ],
    [300, 300],
  );
  expect(peakedLogEvidence(target)).toBeCloseTo(grid.logEvidence, 1.7); // to 0.01
  const n = 8000;
  const draws = peakedDraws(target, n, key(1));
  for (const j of [0, 1]) {
    const { mean, sd } = grid.moments(j);
    const values = column(draws, j);
    const found = values.reduce((a, b) => a + b, 0) / n;
    const spread = Math.sqrt(values.reduce((a, b) => a + (b - found) ** 2, 0) / n);
    expect(Math.abs(found - mean)).toBeLessThan((4 * sd) / Math.sqrt(n));
    expect(Math.abs(spread / sd - 1)).toBeLessThan(0.05); // 4 / sqrt(2 n), and room for skewness
  }
});

it("gives independent draws, the same for the same key", () => {
  const target = counts([0, 7]);
  const draws = peakedDraws(target, 4000, key(2));
  expect(draws).toEqual(peakedDraws(target, 4000, key(2)));
  const values = column(draws, 0);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  let [variance, next] = [0, 0];
  for (let i = 1; i < values.length; i++) {
    variance += (values[i] - mean) ** 2;
    next += (values[i] - mean) * (values[i - 1] - mean);
  }
  expect(Math.abs(next / variance)).toBeLessThan(4 / Math.sqrt(4000));
});

it("refuses a likelihood that its own curvature does not describe", () => {
  const target = counts([3]);
  const spike: PeakedPosterior = {
    ...target,
    name: "spike",
    logLikelihood: ([u]) => -(((u - 1) / 1e-7) ** 2),
    expand: () => {},
  };
  expect(() => peakedDraws(spike, 1, key(1))).toThrow(/spike: expected data that the simulator can make/);
});
