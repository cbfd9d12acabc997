import { describe, expect, it } from "vitest";
import { essMean } from "../../samplers/diagnostics/ess.js";
import { rhat } from "../../samplers/diagnostics/rhat.js";
import { chainValues } from "../../samplers/draws.js";
import { abcMcmc } from "../../src/abc/abc-mcmc.js";
import { rejectionAbc } from "../../src/abc/rejection.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineSimulator } from "../../src/simulator.js";
import { conjugate, counting, exact, momentsOf, observed } from "./conjugate.js";

describe("abcMcmc", () => {
  it("has the posterior of a conjugate model at a small epsilon", async () => {
    const found = await abcMcmc(conjugate, {
      observed,
      distance: "euclidean",
      epsilon: 0.3,
      draws: 1000,
      maxSimulations: 60_000,
      seed: 1,
    });
    expect(found).toMatchObject({ stopped: "draws", theta: { rows: 20_000 }, failures: 0 });
    expect(Math.max(...found.distances)).toBeLessThanOrEqual(0.3);
    const values = chainValues(found.draws, "theta");
    const ess = essMean(values);
    expect(ess).toBeGreaterThan(500);
    expect(rhat(values)).toBeLessThan(1.05);
    const { mean, sd } = momentsOf(found.theta, found.weights);
    // 4 standard errors; the window of x adds 0.8^2 epsilon^2 / 3 to the variance, and moves the mean by less than half as much
    expect(Math.abs(mean - exact.mean)).toBeLessThan((4 * exact.sd) / Math.sqrt(ess) + 0.02);
    expect(Math.abs(sd - Math.sqrt(0.2 + (0.64 * 0.09) / 3))).toBeLessThan(
      (4 * exact.sd) / Math.sqrt(2 * ess),
    );
    expect(Math.max(...found.longestStay)).toBeLessThan(1000);
    expect(found.acceptanceRate).toBeLessThan(found.simulationAcceptance); // the prior rejects some before they are simulated
  });

  it("has the distribution of rejection, on a prior with an edge and a slope", async () => {
    const edge = defineSimulator({
      prior: uniform({ mu: [0, 1] }),
      xShape: [],
      run: ({ mu }, rng) => mu ** 2 + 0.2 * rng.normal(),
    });
    const shared = { observed: [0.05], epsilon: 0.1, distance: "euclidean" } as const;
    const exactly = await rejectionAbc(edge, { ...shared, draws: 4000, seed: 2 });
    const found = await abcMcmc(edge, { ...shared, draws: 1000, maxSimulations: 60_000, seed: 2 });
    const ess = essMean(chainValues(found.draws, 0));
    const expected = momentsOf(exactly.theta, exactly.weights);
    const { mean, sd } = momentsOf(found.theta, found.weights);
    const standardError = expected.sd * Math.sqrt(1 / ess + 1 / 4000);
    expect(Math.abs(mean - expected.mean)).toBeLessThan(4 * standardError);
    expect(Math.abs(sd - expected.sd)).toBeLessThan(4 * standardError);
    expect(found.theta.data.every((mu) => mu > 0 && mu < 1)).toBe(true);
  });

  it("never makes more simulations than its budget, and counts each", async () => {
    const simulator = counting(conjugate);
    const found = await abcMcmc(simulator, {
      observed,
      epsilon: 0.3,
      chains: 7,
      maxSimulations: 3001,
      seed: 3,
    });
    expect(found.stopped).toBe("budget");
    expect(simulator.rows()).toBe(found.simulations);
    expect(found.simulations).toBeLessThanOrEqual(3001);
    expect(found.simulations).toBeGreaterThan(3001 - 7);
    expect(found.draws.values).toHaveLength(7 * found.draws.draws);
    const none = await abcMcmc(simulator, { observed: [1e9], epsilon: 1e-9, maxSimulations: 101, seed: 3 });
    expect(none).toMatchObject({ stopped: "start", simulations: 51, theta: { rows: 0, cols: 1 } });
  });

  it("gives the same bytes from the same seed, in batches of any size", async () => {
    const options = {
      observed,
      epsilon: 0.5,
      draws: 30,
      chains: 5,
      maxSimulations: 5000,
      seed: "bytes",
    } as const;
    const whole = await abcMcmc(conjugate, options);
    expect(await abcMcmc(conjugate, { ...options, batchSize: 3 })).toEqual(whole);
  });

  it.each([
    [{ epsilon: 0 }, /epsilon must be a positive number, got 0/],
    [{ chains: 0 }, /chains must be a positive integer, got 0/],
    [{ draws: 0.5 }, /draws must be a positive integer, got 0.5/],
    [{ maxSimulations: undefined }, /maxSimulations must be a positive integer, got undefined/],
    [{ proposalCovariance: new Float64Array(4) }, /proposalCovariance must hold 1 x 1 numbers, got 4/],
    [{ proposalCovariance: Float64Array.of(-1) }, /must be positive definite/],
    [{ warmup: 3 }, /there is no option "warmup"/],
  ])("refuses %j", async (options, message) => {
    const run = abcMcmc(conjugate, {
      observed,
      epsilon: 1,
      maxSimulations: 100,
      seed: 1,
      ...options,
    } as never);
    await expect(run).rejects.toThrow(message);
  });
});
