import { describe, expect, it } from "vitest";
import { findProblem } from "../../benchmarks/problems.js";
import { populationKernel } from "../../src/abc/population-kernel.js";
import { rejectionAbc } from "../../src/abc/rejection.js";
import { resampleDraws } from "../../src/abc/resample-draws.js";
import { smcAbc } from "../../src/abc/smc-abc.js";
import { fromRows, matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineSimulator } from "../../src/simulator.js";
import { conjugate, counting, exact, momentsOf, observed } from "./conjugate.js";

describe("smcAbc", () => {
  it("goes to the posterior of a conjugate model as epsilon falls", async () => {
    const found = await smcAbc(conjugate, {
      observed,
      distance: "euclidean",
      epsilon: 0.1,
      particles: 1000,
      maxSimulations: 200_000,
      seed: 1,
    });
    expect(found).toMatchObject({ stopped: "epsilon", epsilon: 0.1, failures: 0 });
    expect(Math.max(...found.distances)).toBeLessThanOrEqual(0.1);
    expect(found.weights.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    const { mean, sd } = momentsOf(found.theta, found.weights);
    // 4 standard errors; the window of x adds 0.8^2 epsilon^2 / 3 to the variance and moves the mean by less
    expect(Math.abs(mean - exact.mean)).toBeLessThan((4 * exact.sd) / Math.sqrt(found.ess) + 0.1 ** 2);
    expect(Math.abs(sd - exact.sd)).toBeLessThan((4 * exact.sd) / Math.sqrt(2 * found.ess) + 0.1 ** 2);
    // without its weights it would be far from there: proposals have forgotten the prior
    const unweighted = momentsOf(
      found.theta,
      found.weights.map(() => 1 / found.weights.length),
    );
    expect(unweighted.mean - exact.mean).toBeGreaterThan(0.15);

    const epsilons = found.stages.map(({ epsilon }) => epsilon);
    expect(epsilons).toEqual([...epsilons].sort((a, b) => b - a));
    expect(found.stages.reduce((sum, { simulations }) => sum + simulations, 0)).toBe(found.simulations);
    expect(found.stages.every(({ complete, accepted }) => complete && accepted >= 1000)).toBe(true);
  });

  it("spends its budget to the last simulation, and loses nothing of the stage that it ends in", async () => {
    const simulator = counting(conjugate);
    const found = await smcAbc(simulator, {
      observed,
      distance: "euclidean",
      particles: 500,
      maxSimulations: 7321,
      seed: 2,
    });
    expect(found).toMatchObject({ stopped: "budget", simulations: 7321 });
    expect(simulator.rows()).toBe(7321);
    const last = found.stages[found.stages.length - 1];
    expect(last.complete).toBe(false);
    // particles of two stages at one tolerance, worth as much as the population before
    const { ess } = found.stages[found.stages.length - 2];
    expect(found.ess).toBeGreaterThanOrEqual(ess);
    expect(found.theta.rows).toBeGreaterThan(last.accepted);
    expect(last.epsilon).toBeLessThan(found.stages[found.stages.length - 2].epsilon);
    expect(Math.max(...found.distances)).toBeLessThanOrEqual(last.epsilon);
    expect(found.weights.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    const { mean, sd } = momentsOf(found.theta, found.weights);
    expect(Math.abs(mean - exact.mean)).toBeLessThan(
      (4 * exact.sd) / Math.sqrt(found.ess) + last.epsilon ** 2,
    );
    expect(Math.abs(sd - exact.sd)).toBeLessThan(
      (4 * exact.sd) / Math.sqrt(2 * found.ess) + last.epsilon ** 2,
    );
  });

  it("gives the same bytes from the same seed, in batches of any size", async () => {
    const options = { observed, particles: 100, maxSimulations: 2500, seed: "bytes" } as const;
    const whole = await smcAbc(conjugate, options);
    expect(await smcAbc(conjugate, { ...options, batchSize: 37 })).toEqual(whole);
    expect((await smcAbc(conjugate, { ...options, seed: "others" })).theta).not.toEqual(whole.theta);
  });

  it("proposes inside the prior only, where the posterior lies at its edge", async () => {
    const edge = defineSimulator({
      prior: uniform({ a: [0, 1], b: [-2, 3] }),
      xShape: [2],
      run: ({ a, b }, rng) => {
        if (!(a >= 0 && a <= 1 && b >= -2 && b <= 3)) throw new Error("outside");
        return [a + 0.1 * rng.normal(), b + 0.1 * rng.normal()];
      },
    });
    const found = await smcAbc(edge, { observed: [0, 3], particles: 300, maxSimulations: 6000, seed: 3 });
    const { mean } = momentsOf(found.theta, found.weights);
    expect(mean).toBeLessThan(0.2);
  });

  it("comes nearer to the two moons than rejection does with the same budget", async () => {
    const problem = await findProblem("two_moons");
    const shared = {
      observed: problem.observation(1),
      distance: "euclidean",
      maxSimulations: 30_000,
    } as const;
    const smc = await smcAbc(problem.simulator, { ...shared, particles: 200, seed: 4 });
    const quantile = smc.ess / 30_000; // as many draws as particles are worth
    const rejection = await rejectionAbc(problem.simulator, { ...shared, quantile, seed: 4 });
    expect(smc.ess).toBeGreaterThan(190);
    expect(smc.epsilon).toBeLessThan(0.8 * rejection.epsilon);
  });

  it("says why it ends", async () => {
    const shared = { observed, particles: 50, seed: 5 } as const;
    const rare = await smcAbc(conjugate, { ...shared, maxSimulations: 1e6, minAcceptance: 0.1 });
    expect(rare.stopped).toBe("acceptance");
    expect(rare.stages[rare.stages.length - 1].simulations).toBe(500);
    const counts = defineSimulator({
      prior: uniform({ rate: [0, 10] }),
      xShape: [1],
      run: ({ rate }, rng) => Math.round(rate + rng.normal()),
    });
    const tied = await smcAbc(counts, {
      ...shared,
      observed: [3.25],
      distance: "euclidean",
      maxSimulations: 1e6,
    });
    expect(tied).toMatchObject({ stopped: "ties", epsilon: 0.25 });
    const none = defineSimulator({ prior: uniform({ mu: [0, 1] }), xShape: [1], run: () => Number.NaN });
    const failed = await smcAbc(none, { ...shared, observed: [0], maxSimulations: 1234 });
    expect(failed).toMatchObject({
      stopped: "budget",
      simulations: 1234,
      failures: 1234,
      ess: 0,
      theta: { rows: 0 },
    });
  });

  it("stops when it is aborted, and reports progress", async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const run = smcAbc(conjugate, {
      observed,
      maxSimulations: 1e6,
      particles: 100,
      seed: 7,
      signal: controller.signal,
      onProgress({ done, total, stage, epsilon }) {
        expect(total).toBe(1e6);
        expect(epsilon === Infinity).toBe(stage === 0);
        seen.push(done);
        if (seen.length === 5) controller.abort(new Error("enough"));
      },
    });
    await expect(run).rejects.toThrow("enough");
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it.each([
    [{ maxSimulations: 0 }, RangeError, /maxSimulations must be a positive integer, got 0/],
    [{ particles: 1.5 }, RangeError, /particles must be a positive integer, got 1.5/],
    [{ epsilon: -1 }, RangeError, /epsilon must be a number from 0, got -1/],
    [{ keep: 1 }, RangeError, /keep must lie in \(0, 1\), got 1/],
    [{ minAcceptance: 0 }, RangeError, /minAcceptance must lie in \(0, 1\], got 0/],
    [{ distance: "l1" }, RangeError, /distance must be "euclidean", "scaled" or a function, got "l1"/],
    [{ observed: [1, 2] }, Error, /observed has 2 values but "simulator" gives rows of 1/],
    [{ summary: () => matrix(3, 1) }, Error, /summary must return a matrix \[1, 1\] .* got \[3, 1\]/],
    [
      { summary: () => matrix(1, 1, Float64Array.of(Number.NaN)) },
      RangeError,
      /summary of observed must be finite/,
    ],
    [{ epsilons: [1] }, TypeError, /there is no option "epsilons"; did you mean epsilon\?/],
  ])("refuses %j", async (options, error, message) => {
    const run = smcAbc(conjugate, { observed, maxSimulations: 100, seed: 1, ...options } as never);
    await expect(run).rejects.toThrow(error);
    await expect(run).rejects.toThrow(message);
  });
});

describe("the kernel of a population", () => {
  const rng = stream(key("population"));
  const theta = fromRows(Array.from({ length: 400 }, () => [rng.normal(1, 2), 0]));
  for (let i = 0; i < 400; i++) theta.data[2 * i + 1] = 0.5 * theta.data[2 * i] + 0.1 * rng.normal();
  const raw = Float64Array.from({ length: 400 }, () => rng.uniform());
  const total = raw.reduce((a, b) => a + b, 0);
  const weights = raw.map((value) => value / total);
  const wide = normalPrior(
    ["a", "b"],
    [0, 0],
    [
      [1e4, 0],
      [0, 1e4],
    ],
  );

  it("has the population's mean, and three times its weighted covariance", () => {
    const proposals = populationKernel(wide, theta, weights).propose(20_000, key(1), 0)!;
    for (const j of [0, 1]) {
      const [before, after] = [
        momentsOf(theta, weights, j),
        momentsOf(proposals, new Float64Array(20_000).fill(1 / 20_000), j),
      ];
      const expected = Math.sqrt(3) * before.sd;
      expect(Math.abs(after.mean - before.mean)).toBeLessThan((4 * expected) / Math.sqrt(20_000));
      expect(Math.abs(after.sd / expected - 1)).toBeLessThan(4 / Math.sqrt(2 * 20_000));
    }
  });

  it("knows the density of its proposals", () => {
    // weights prior / mixture give the integral of the prior over the mixture's support: constant in theta
    const one = fromRows([[0.3, -0.2]]);
    const alone = populationKernel(
      wide,
      fromRows([
        [0, 0],
        [2, 1],
        [4, -1],
      ]),
      Float64Array.of(0.2, 0.5, 0.3),
    );
    // the population's covariance by hand: mean (2.2, 0.2), variances 1.96 and 0.76, covariance -0.64; correlations are
    // drawn towards zero by size / (size + 3), size = 1 / 0.38, since there are three particles only
    const keep = 1 / 0.38 / (1 / 0.38 + 3);
    const [vx, vy, cxy] = [2 * 1.96, 2 * 0.76, 2 * keep * -0.64];
    const determinant = vx * vy - cxy ** 2;
    const normal = (x: number, y: number) =>
      Math.exp((-0.5 * (vy * x * x - 2 * cxy * x * y + vx * y * y)) / determinant);
    const byHand = 0.2 * normal(0.3, -0.2) + 0.5 * normal(-1.7, -1.2) + 0.3 * normal(-3.7, 0.8);
    expect(alone.logProb(one)[0]).toBeCloseTo(Math.log(byHand), 12);
  });
});

describe("resampleDraws", () => {
  it("takes rows in proportion to their weights", () => {
    const theta = fromRows([[1], [2], [3]]);
    const weights = Float64Array.of(0.25, 0, 0.75);
    const drawn = resampleDraws({ theta, weights }, 400, { seed: 1 });
    expect(drawn.data.filter((value) => value === 1)).toHaveLength(100);
    expect(drawn.data.filter((value) => value === 3)).toHaveLength(300);
    expect(resampleDraws({ theta, weights }, 400, { seed: 1 })).toEqual(drawn);
    expect(() => resampleDraws({ theta, weights }, 0, { seed: 1 })).toThrow(/n must be a positive integer/);
    expect(() => resampleDraws({ theta, weights: new Float64Array(3) }, 1, { seed: 1 })).toThrow(
      /positive weight/,
    );
    expect(() => resampleDraws({ theta, weights: new Float64Array(2) }, 1, { seed: 1 })).toThrow(
      /one weight per row/,
    );
  });
});
