import { describe, expect, it } from "vitest";
import { findProblem } from "../../benchmarks/problems.js";
import { rejectionAbc } from "../../src/abc/rejection.js";
import { column } from "../../src/core/matrix.js";
import { normalCdf } from "../../src/core/special.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineSimulator } from "../../src/simulator.js";

/** `theta ~ N(0, 1)`, `x ~ N(theta, 1)`: the posterior is `N(x / 2, 1 / 2)` and `p(x)` is `N(0, 2)`. */
const simulator = defineSimulator({
  prior: normalPrior(["theta"], [0], [[1]]),
  xShape: [],
  run: ({ theta }, rng) => theta + rng.normal(),
});
const observed = [0.8];

describe("rejectionAbc", () => {
  it("draws from the posterior of a conjugate model as epsilon gets small", async () => {
    const draws = 4000;
    const result = await rejectionAbc(simulator, { observed, epsilon: 0.1, draws, seed: "small" });
    expect(result).toMatchObject({ complete: true, epsilon: 0.1, failures: 0 });
    const theta = column(result.theta, 0);
    const mean = theta.reduce((sum, value) => sum + value, 0) / draws;
    const variance = theta.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws;
    // The window of x adds epsilon^2 / 12 to the variance and moves the mean by less; 4 standard errors.
    expect(Math.abs(mean - 0.4)).toBeLessThan(4 * Math.sqrt(0.5 / draws) + 0.1 ** 2);
    expect(Math.abs(variance - 0.5)).toBeLessThan(4 * 0.5 * Math.sqrt(2 / draws) + 0.1 ** 2);
  });

  it("accepts as often as data fall within epsilon", async () => {
    const epsilon = 0.5;
    const { acceptanceRate, simulations, distances } = await rejectionAbc(simulator, {
      observed,
      epsilon,
      draws: 5000,
      seed: 2,
    });
    const probability = normalCdf((0.8 + epsilon) / Math.SQRT2) - normalCdf((0.8 - epsilon) / Math.SQRT2);
    const standardError = Math.sqrt((probability * (1 - probability)) / simulations);
    expect(Math.abs(acceptanceRate - probability)).toBeLessThan(4 * standardError);
    expect(Math.max(...distances)).toBeLessThanOrEqual(epsilon);
  });

  it.each([1, 7, 1000])("gives the same bytes in batches of %i", async (batchSize) => {
    const options = { observed, epsilon: 0.5, draws: 50, seed: "batches" } as const;
    const whole = await rejectionAbc(simulator, options);
    expect(await rejectionAbc(simulator, { ...options, batchSize })).toEqual(whole);
    const nearest = { observed, quantile: 0.1, maxSimulations: 500, seed: "batches" } as const;
    expect(await rejectionAbc(simulator, { ...nearest, batchSize })).toEqual(
      await rejectionAbc(simulator, nearest),
    );
  });

  it("keeps the nearest share of the simulations when given a quantile", async () => {
    const nearest = await rejectionAbc(simulator, {
      observed,
      quantile: 0.02,
      maxSimulations: 5000,
      seed: 5,
    });
    expect(nearest).toMatchObject({
      simulations: 5000,
      acceptanceRate: 0.02,
      complete: true,
      theta: { rows: 100 },
    });
    const within = await rejectionAbc(simulator, {
      observed,
      epsilon: nearest.epsilon,
      draws: 100,
      maxSimulations: 5000,
      seed: 5,
    });
    expect(within.theta).toEqual(nearest.theta); // the same simulations, told by their distance
  });

  it("stops at its budget with what it has, and says that it is not complete", async () => {
    const result = await rejectionAbc(simulator, {
      observed,
      epsilon: 0.5,
      draws: 1000,
      maxSimulations: 300,
      seed: 3,
    });
    expect(result).toMatchObject({ complete: false, simulations: 300, theta: { cols: 1 } });
    expect(result.theta.rows).toBeGreaterThan(20); // about a quarter come within
    expect(result.acceptanceRate).toBe(result.theta.rows / 300);
    const none = await rejectionAbc(simulator, {
      observed: [1e6],
      epsilon: 1,
      draws: 5,
      maxSimulations: 10,
      seed: 3,
    });
    expect(none).toMatchObject({ complete: false, theta: { rows: 0, cols: 1 }, acceptanceRate: 0 });
  });

  it("rejects and counts simulations without usable data", async () => {
    const half = defineSimulator({
      prior: uniform({ mu: [-1, 1] }),
      xShape: [1],
      run: ({ mu }) => (mu > 0 ? Number.NaN : mu),
    });
    const result = await rejectionAbc(half, { observed: [0], epsilon: 10, draws: 100, seed: 4 });
    expect(result.failures).toBe(result.simulations - 100);
    expect(result.theta.data.every((mu) => mu <= 0)).toBe(true);
  });

  it("gives the acceptance rates of the tractable benchmark at the four tolerances of its table", async () => {
    const problem = await findProblem("slcp_aalr");
    // The table of the paper's protocol; 3 digits of it, and 4 standard errors of 10,000 simulations.
    for (const [epsilon, expected] of [
      [32, 0.994],
      [16, 0.757],
      [8, 0.221],
      [4, 0.032],
    ]) {
      const { acceptanceRate } = await rejectionAbc(problem.simulator, {
        observed: problem.observation(1),
        epsilon,
        draws: 10_000,
        maxSimulations: 10_000,
        seed: 6,
      });
      const standardError = Math.sqrt((expected * (1 - expected)) / 10_000);
      expect(Math.abs(acceptanceRate - expected)).toBeLessThan(4 * standardError + 5e-4);
    }
  });

  it("stops when it is aborted, and reports progress", async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const run = rejectionAbc(simulator, {
      observed,
      epsilon: 0.5,
      draws: 1_000_000,
      batchSize: 100,
      seed: 7,
      signal: controller.signal,
      onProgress({ done, total }) {
        seen.push(done / total);
        if (seen.length === 3) controller.abort(new Error("enough"));
      },
    });
    await expect(run).rejects.toThrow("enough");
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it.each([
    [{ epsilon: 1, quantile: 0.1, draws: 5 }, /either epsilon or quantile, got both/],
    [{ draws: 5 }, /got neither/],
    [{ epsilon: -1, draws: 5 }, /epsilon must be a positive number, got -1/],
    [{ quantile: 2, maxSimulations: 5 }, /quantile must lie in \(0, 1\], got 2/],
    [{ quantile: 0.1 }, /maxSimulations must be a positive integer, got undefined/],
    [{ epsilon: 1, draws: 0.5 }, /draws must be a positive integer, got 0.5/],
    [{ epsilon: 1, draws: 5, observed: [1, 2] }, /observed has 2 values but "simulator" gives rows of 1/],
    [{ epsilon: 1, draws: 5, observed: [Number.NaN] }, /observed must be finite, but value 0 is NaN/],
  ])("refuses %j", async (options, message) => {
    await expect(rejectionAbc(simulator, { observed, seed: 1, ...options } as never)).rejects.toThrow(
      message,
    );
  });
});
