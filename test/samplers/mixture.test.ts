import { describe, expect, it } from "vitest";
import { chooseMixture, fitMixture } from "../../samplers/starts/fit-mixture.js";
import { logProbMixture, type Mixture, sampleMixture } from "../../samplers/starts/mixture.js";
import { type Matrix, matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import { logGamma } from "../../src/core/special.js";

/** Standard normals around `+-shift` in every coordinate, in turn: `2^min(2, D)` modes, or one where `shift` is 0. */
function points(n: number, dim: number, shift: number, seed: number): Matrix {
  const rng = stream(key(seed));
  const out = matrix(n, dim);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < dim; j++) {
      const sign = j < 2 && (i >> j) % 2 === 1 ? -1 : 1;
      out.data[i * dim + j] = sign * shift + rng.normal();
    }
  }
  return out;
}

/** Mean of `exp(log N(u; 0, I) - log q(u))` over draws of `q`, with its standard error. */
function meanWeight(mixture: Mixture, n: number): { mean: number; error: number } {
  const { dim } = mixture;
  const u = sampleMixture(mixture, n, stream(key(5)));
  const logProb = logProbMixture(mixture, u);
  const weights = logProb.map((q, i) => {
    let square = 0;
    for (let j = 0; j < dim; j++) square += u.data[i * dim + j] ** 2;
    return Math.exp(-0.5 * square - (dim / 2) * Math.log(2 * Math.PI) - q);
  });
  const mean = weights.reduce((a, b) => a + b) / n;
  const variance = weights.reduce((sum, w) => sum + (w - mean) ** 2, 0) / n;
  return { mean, error: Math.sqrt(variance / n) };
}

describe("a mixture of Student t densities", () => {
  it.each([1, 2, 5])("in %s dimensions has the density that it draws from", (dim) => {
    const { mean, error } = meanWeight(fitMixture(points(400, dim, 0, 1), 4, stream(key(2))), 20_000);
    expect(Math.abs(mean - 1)).toBeLessThan(4 * error);
    expect(error).toBeLessThan(0.02);
  });

  it("has the density of Student's t with 7 degrees of freedom, however far out", () => {
    const one: Mixture = {
      dim: 1,
      components: [{ weight: 1, mean: Float64Array.of(2), factor: Float64Array.of(3) }],
    };
    const x = [2, 3.5, -40, 1e20, 1e150];
    const norm = logGamma(4) - logGamma(3.5) - 0.5 * Math.log(7 * Math.PI) - Math.log(3);
    logProbMixture(one, matrix(x.length, 1, Float64Array.from(x))).forEach((value, i) => {
      expect(value).toBeCloseTo(norm - 4 * Math.log1p(((x[i] - 2) / 3) ** 2 / 7), 10);
    });
  });

  it("adds up its components, far from both of them too", () => {
    const component = (mean: number, weight: number) => ({
      weight,
      mean: Float64Array.of(mean),
      factor: Float64Array.of(0.5),
    });
    const parts = [component(-1, 0.25), component(4, 0.75)];
    const u = matrix(4, 1, Float64Array.of(-1, 1, 4, 1e60));
    const [a, b] = parts.map((part) => logProbMixture({ dim: 1, components: [{ ...part, weight: 1 }] }, u));
    logProbMixture({ dim: 1, components: parts }, u).forEach((value, i) => {
      const expected = Math.log(0.25 * Math.exp(a[i] - b[i]) + 0.75) + b[i];
      expect(value).toBeCloseTo(expected, 10);
    });
  });
});

describe("chooseMixture", () => {
  it("keeps one component for one normal in eight dimensions", () => {
    const mixture = chooseMixture(points(400, 8, 0, 1), points(130, 8, 0, 2), 16, stream(key(3)));
    expect(mixture.components).toHaveLength(1);
  });

  it("takes more components for four separated modes, but no more than it may", () => {
    const [fitted, heldOut] = [points(400, 2, 8, 1), points(130, 2, 8, 2)];
    const mixture = chooseMixture(fitted, heldOut, 16, stream(key(3)));
    expect(mixture.components.length).toBeGreaterThanOrEqual(4);
    expect(chooseMixture(fitted, heldOut, 3, stream(key(3))).components).toHaveLength(1);
  });

  it("copes with points that are all the same", () => {
    const same = matrix(50, 2, new Float64Array(100).fill(1.5));
    const mixture = chooseMixture(same, same, 16, stream(key(3)));
    expect([...mixture.components[0].mean]).toEqual([1.5, 1.5]);
  });
});
