import { describe, expect, it } from "vitest";
import { chainValues } from "../../samplers/draws.js";
import { type NutsOptions, nuts } from "../../samplers/nuts.js";
import { sample } from "../../samplers/sample.js";
import { summary } from "../../samplers/summary.js";
import { logDensity } from "../../samplers/target.js";
import { learn, startChain } from "../../samplers/tuning/nuts-adaptation.js";
import { between, stacked } from "../../src/core/bijection.js";
import { fromRows, matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import { departures, funnel, skewed } from "./stationarity.js";
import { normalTarget, quartic } from "./targets.js";

describe("the no-U-turn sampler", () => {
  it.each([
    ["a skewed density", skewed, 0.45],
    ["Neal's funnel", funnel, 0.3],
  ])("leaves exact draws of %s exact", async (_, exact, stepSize) => {
    const inverseMass = Float64Array.of(1, 1);
    for (const statistic of await departures((target) => nuts(target, { stepSize, inverseMass }), exact)) {
      expect(statistic).toBeLessThan(1.95); // exceeded once in 1000 times
    }
  });

  const target = normalTarget(
    [1, -2],
    [
      [1, 0.6],
      [0.6, 4],
    ],
  );
  const initial = (chains: number) =>
    fromRows(Array.from({ length: chains }, (_, c) => [0.1 * c, -2 - 0.3 * c]));
  const stan = (chains: number, change: object = {}, options: NutsOptions = {}) =>
    sample(nuts(target, { adaptation: "stan", ...options }), {
      chains,
      warmup: 60,
      draws: 20,
      seed: 4,
      initial: initial(chains),
      ...change,
    });

  it.each([
    "diagonal",
    "dense",
  ] as const)("gives a chain that adapts a %s metric by itself the same draws whoever its neighbours are", async (metric) => {
    const five = await stan(5, {}, { metric });
    const six = await stan(6, { maxBatch: 2 }, { metric });
    const alone = await stan(1, {}, { metric });
    expect(six.values.subarray(0, five.values.length)).toEqual(five.values);
    expect(five.values.subarray(0, alone.values.length)).toEqual(alone.values);
    const { stepSize, inverseMass } = five.warmup as {
      stepSize: Float64Array;
      inverseMass: Float64Array[];
    };
    expect(new Set(stepSize).size).toBe(5);
    expect(inverseMass.map(({ length }) => length)).toEqual(new Array(5).fill(metric === "dense" ? 4 : 2));
    expect(five.run.evaluations).not.toEqual(alone.run.evaluations);
  });

  it("searches the step size in the scale of the target, and then reaches the acceptance asked for", async () => {
    const scaled = (scale: number) =>
      logDensity({
        names: ["x"],
        logProb: ([x]) => -0.5 * (x / scale) ** 2,
        gradient: ([x], out) => {
          out[0] = -x / scale ** 2;
        },
      });
    const run = (scale: number, warmup: number, draws: number) =>
      sample(nuts(scaled(scale), { adaptation: "stan" }), {
        chains: 8,
        warmup,
        draws,
        seed: 2,
        initial: matrix(8, 1),
      });
    // without warm-up the search alone decides
    const [unit, small] = [await run(1, 0, 1), await run(2 ** -10, 0, 1)];
    const steps = (draws: typeof unit) => Array.from(draws.warmup.stepSize as Float64Array);
    steps(small).forEach((step) => {
      expect(step).toBeGreaterThanOrEqual(2 ** -12);
      expect(step).toBeLessThanOrEqual(2 ** -7);
    });
    steps(unit).forEach((step) => {
      expect(step).toBeGreaterThanOrEqual(0.25);
      expect(step).toBeLessThanOrEqual(8);
    });
    const { stats } = await run(0.01, 300, 200);
    const rate = stats.acceptanceRate.reduce((a, b) => a + b, 0) / stats.acceptanceRate.length;
    // Stan's averages settle above the target, the more the shorter the last window
    expect(rate).toBeGreaterThan(0.75);
    expect(rate).toBeLessThan(0.95);
  });

  it("has Stan's metric at the end of a window", () => {
    const rng = stream(key(1));
    const plan = { target: 0.8, warmup: 100, windows: { first: 10, ends: [59] } };
    for (const dense of [false, true]) {
      const own = startChain(1, Float64Array.of(1, 1), 2, dense, true);
      const points: number[][] = [];
      for (let draw = 0; draw < 60; draw++) {
        const x = rng.normal();
        const u = [x, 3 * x + rng.normal()];
        if (draw >= 10) points.push(u);
        learn(own, draw, Float64Array.from(u), 0.8, plan);
      }
      const n = 50;
      const mean = [0, 1].map((i) => points.reduce((sum, u) => sum + u[i] / n, 0));
      const covariance = (i: number, j: number) =>
        points.reduce((sum, u) => sum + ((u[i] - mean[i]) * (u[j] - mean[j])) / (n - 1), 0);
      const want = (i: number, j: number) =>
        (n / (n + 5)) * covariance(i, j) + (i === j ? 1e-3 * (5 / (n + 5)) : 0);
      const { factor: l } = own;
      if (dense) {
        expect(l[0] * l[0]).toBeCloseTo(want(0, 0), 12);
        expect(l[2] * l[0]).toBeCloseTo(want(1, 0), 12);
        expect(l[2] * l[2] + l[3] * l[3]).toBeCloseTo(want(1, 1), 12);
      } else {
        expect(l[0] ** 2).toBeCloseTo(want(0, 0), 12);
        expect(l[1] ** 2).toBeCloseTo(want(1, 1), 12);
      }
      expect(own.search).toEqual({ direction: 0, attempts: 0 });
    }
  });

  it("draws once with one chain", async () => {
    for (const adaptation of ["pooled", "stan"] as const) {
      const one = { chains: 1, warmup: 1, draws: 1, initial: initial(1) };
      const draws = await sample(nuts(target, { adaptation }), one);
      expect(draws.values.every(Number.isFinite)).toBe(true);
      expect(draws.stats.numSteps[0]).toBeGreaterThan(0);
    }
  });

  it("samples a parameter of constant density", async () => {
    const flat = logDensity({
      names: ["a", "b"],
      support: stacked([between(0, 1), between(-2, 2)]),
      logProb: () => 0,
      gradient: (_, out) => out.fill(0),
    });
    const start = matrix(
      20,
      2,
      new Float64Array(40).map((_, i) => (i % 2 ? 0 : 0.5)),
    );
    const draws = await sample(nuts(flat), { chains: 20, warmup: 100, draws: 100, initial: start, seed: 3 });
    const [a, b] = summary(draws).rows;
    expect(Math.abs(a.mean - 0.5)).toBeLessThan(4 * a.mcse);
    expect(Math.abs(b.mean)).toBeLessThan(4 * b.mcse);
    expect(a.sd).toBeCloseTo(Math.sqrt(1 / 12), 1);
  });

  it("says that a target is improper instead of searching for ever", async () => {
    const improper = logDensity({
      names: ["x"],
      logProb: () => 0,
      gradient: (_, out) => out.fill(0),
    });
    const run = sample(nuts(improper, { adaptation: "stan" }), { chains: 1, initial: matrix(1, 1) });
    await expect(run).rejects.toThrow(/nuts: expected a step size.*does not seem to integrate to one/);
    const wrong = logDensity({
      names: ["x"],
      logProb: ([x]) => (x === 0 ? 0 : -1e6),
      gradient: (_, out) => out.fill(0),
    });
    const search = sample(nuts(wrong, { adaptation: "stan" }), { chains: 1, initial: matrix(1, 1) });
    await expect(search).rejects.toThrow(/nuts: expected a step size that is accepted.*use slice/);
  });

  it("ends trajectories where the gradient fails, and counts them", async () => {
    const cliff = logDensity({
      names: ["x"],
      logProb: ([x]) => -0.5 * x * x,
      gradient: ([x], out) => {
        out[0] = x > 1 ? Number.NaN : -x;
      },
    });
    const draws = await sample(nuts(cliff, { stepSize: 0.2 }), {
      chains: 4,
      warmup: 0,
      draws: 50,
      initial: matrix(4, 1),
    });
    const divergences = draws.stats.diverging.reduce((a, b) => a + b, 0);
    expect(divergences).toBeGreaterThan(0);
    expect(draws.run.divergences).toBe(divergences);
    expect(Math.max(...draws.values)).toBeLessThanOrEqual(1);
    expect(draws.stats.energy.every(Number.isFinite)).toBe(true);
  });

  it("counts divergences after warm-up only, where chains adapt by themselves, too", async () => {
    const cliff = logDensity({
      names: ["x"],
      logProb: ([x]) => (Math.abs(x) > 1 ? -Infinity : -0.5 * x * x),
      gradient: ([x], out) => {
        out[0] = -x;
      },
    });
    const options = { chains: 4, warmup: 30, draws: 20, initial: matrix(4, 1), seed: 1 };
    const { run, stats } = await sample(nuts(cliff, { adaptation: "stan" }), options);
    expect(run.divergences).toBe(stats.diverging.reduce((a, b) => a + b, 0));
    expect(run.divergences).toBeGreaterThan(0);
  });

  it("cannot start where the density is zero", async () => {
    const half = logDensity({
      names: ["x"],
      logProb: ([x]) => (x > 0 ? -x : -Infinity),
      gradient: (_, out) => out.fill(-1),
    });
    await expect(sample(nuts(half), { chains: 1, initial: fromRows([[-1]]) })).rejects.toThrow(
      /chain 0 cannot start at x = -1: its log density is -Infinity/,
    );
  });

  it("keeps what warm-up found for a run that warms up no more", async () => {
    const first = await stan(4);
    const { stepSize, inverseMass } = first.warmup as { stepSize: Float64Array; inverseMass: Float64Array[] };
    const kept = { stepSize: stepSize[0], inverseMass: inverseMass[0] };
    const again = await sample(nuts(target, kept), {
      chains: 40,
      warmup: 0,
      draws: 50,
      seed: 2,
      initial: initial(40),
    });
    expect(new Set(again.stats.stepSize)).toEqual(new Set([stepSize[0]]));
    expect(chainValues(again, "x1").data.every(Number.isFinite)).toBe(true);
  });

  it.each([
    [{ targetAcceptance: 0 }, /nuts: targetAcceptance must be between 0 and 1, got 0/],
    [{ stepSize: -1 }, /nuts: stepSize must be a positive number, got -1/],
    [{ maxTreeDepth: 0 }, /nuts: maxTreeDepth must be a positive integer, got 0/],
    [{ maxTreeDepth: 21 }, /nuts: maxTreeDepth must be at most 20, got 21/],
    [{ adaptation: "none" as "stan" }, /nuts: adaptation must be "pooled" or "stan", got "none"/],
    [{ inverseMass: Float64Array.of(1) }, /nuts: inverseMass must hold 2 or 4 numbers, got 1/],
    [
      { maxTreedepth: 5 } as NutsOptions,
      /nuts: there is no option "maxTreedepth"; did you mean maxTreeDepth/,
    ],
  ])("refuses %o", (options, message) => {
    expect(() => nuts(quartic, options)).toThrow(message);
  });

  it("needs a gradient", () => {
    const bare = logDensity({ names: ["x"], logProb: ([x]) => -x * x });
    expect(() => nuts(bare)).toThrow(/nuts: target has no gradient; use metropolis\(target\)/);
  });
});
