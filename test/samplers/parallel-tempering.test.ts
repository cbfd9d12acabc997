import { describe, expect, it } from "vitest";
import { mcseMean } from "../../samplers/diagnostics/mcse.js";
import { chainValues } from "../../samplers/draws.js";
import { evidence } from "../../samplers/evidence.js";
import { type ParallelTemperingOptions, parallelTempering } from "../../samplers/parallel-tempering.js";
import { sample } from "../../samplers/sample.js";
import { summary } from "../../samplers/summary.js";
import { logDensity } from "../../samplers/target.js";
import { spaceLadder } from "../../samplers/tuning/ladder.js";
import type { LogDensity } from "../../src/core/contracts.js";
import { matrix } from "../../src/core/matrix.js";
import { boxStart, normalStart } from "./targets.js";

const logNormal = (x: number, mean: number, sd: number) =>
  -0.5 * ((x - mean) / sd) ** 2 - Math.log(sd * Math.sqrt(2 * Math.PI));

/** Modes at -4 and 4 in each of two dimensions, of width 0.3: weights 0.3 and 0.7 along x, normalised on the box. */
const modes: LogDensity = logDensity({
  names: ["x", "y"],
  start: boxStart(2, -8, 8),
  logProb: ([x, y]) =>
    Math.max(Math.abs(x), Math.abs(y)) > 8
      ? -Infinity
      : Math.log(0.3 * Math.exp(logNormal(x, -4, 0.3)) + 0.7 * Math.exp(logNormal(x, 4, 0.3)) + 1e-300) +
        logNormal(y, 0, 0.3),
});

describe("parallel tempering", () => {
  it("gives separated modes their weights though all chains start in one", async () => {
    const initial = matrix(
      8,
      2,
      Float64Array.from({ length: 16 }, (_, i) => (i % 2 ? 0.1 : -4)),
    );
    const draws = await sample(parallelTempering(modes), {
      chains: 8,
      warmup: 150,
      draws: 400,
      seed: 1,
      initial,
    });
    const x = chainValues(draws, "x");
    const isRight = { ...x, data: x.data.map((value) => Number(value > 0)) };
    const share = isRight.data.reduce((a, b) => a + b, 0) / isRight.data.length;
    const mcse = mcseMean(isRight);
    expect(mcse).toBeLessThan(0.06); // chains that stay where they began would show a share of 0, or none
    expect(Math.abs(share - 0.7)).toBeLessThan(4 * mcse);
    const [, y] = summary(draws).rows;
    expect(Math.abs(y.mean)).toBeLessThan(4 * y.mcse);
    expect(y.sd / 0.3).toBeCloseTo(1, 1);
    const { logEvidence, standardError } = evidence(draws);
    expect(Math.abs(logEvidence)).toBeLessThan(4 * standardError);
    expect(standardError).toBeLessThan(0.1);
    // states travel the whole ladder and back
    expect(draws.stats.roundTrip.reduce((a, b) => a + b, 0)).toBeGreaterThan(50);
  });

  it("spaces the ladder so that swaps fail alike", async () => {
    const draws = await sample(parallelTempering(modes, { replicas: 8 }), {
      warmup: 250,
      draws: 10,
      seed: 2,
      candidates: 1000,
    });
    const { swapRates, inverseTemperatures, barrier } = draws.warmup as Record<string, number[]>;
    expect(inverseTemperatures.length).toBe(8);
    expect(inverseTemperatures[0]).toBe(1);
    expect(inverseTemperatures[7]).toBe(0);
    expect(Math.max(...swapRates) - Math.min(...swapRates)).toBeLessThan(0.25); // 50 draws of 8 ladders
    expect(barrier).toBeCloseTo(
      swapRates.reduce((sum, rate) => sum + 1 - rate, 0),
      10,
    );
  });

  it("finds the evidence and the posterior of a conjugate model", async () => {
    const target = logDensity({
      names: ["a", "b"],
      start: normalStart(2, 3),
      logProb: ([a, b]) =>
        logNormal(a, 0, 3) + logNormal(b, 0, 3) + logNormal(4, a, 0.3) + logNormal(-1, b, 1),
    });
    const truth = logNormal(4, 0, Math.hypot(3, 0.3)) + logNormal(-1, 0, Math.hypot(3, 1));
    const draws = await sample(parallelTempering(target, { replicas: 6 }), {
      warmup: 150,
      draws: 250,
      seed: 3,
      candidates: 1000,
    });
    const { logEvidence, standardError } = evidence(draws);
    expect(Math.abs(logEvidence - truth)).toBeLessThan(4 * standardError);
    const [a, b] = summary(draws).rows;
    expect(Math.abs(a.mean - (4 * 9) / 9.09)).toBeLessThan(4 * a.mcse);
    expect(Math.abs(b.mean + 0.9)).toBeLessThan(4 * b.mcse);
    expect(
      evidence(await sample(parallelTempering(target), { chains: 1, warmup: 0, draws: 1, candidates: 100 }))
        .standardError,
    ).toBeNaN();
  });

  it("divides the barrier in equal parts", () => {
    // failures of 0.6 and 0.2: a third of the whole lies in two thirds of the first stretch
    const next = spaceLadder(Float64Array.of(1, 0.5, 0), Float64Array.of(0.6, 0.2));
    expect(next[1] ** 0.25).toBeCloseTo(1 + (2 / 3) * (0.5 ** 0.25 - 1), 12);
    const even = Float64Array.of(1, 0.3, 0.05, 0);
    spaceLadder(even, Float64Array.of(0.4, 0.4, 0.4)).forEach((beta, k) => {
      expect(beta).toBeCloseTo(even[k], 12);
    });
  });

  it("asks once per draw for all replicas, however many rows a call takes", async () => {
    const run = { chains: 3, warmup: 0, draws: 10, candidates: 100, seed: 4 };
    const sampler = parallelTempering(modes, { replicas: 5 });
    const whole = await sample(sampler, run);
    const small = await sample(sampler, { ...run, maxBatch: 4 });
    expect(whole.run.evaluations).toMatchObject({ calls: 11, rows: 3 + 10 * 15 });
    expect(small.values).toEqual(whole.values);
    expect(small.run.evaluations).toMatchObject({ calls: 1 + 10 * 4, rows: 3 + 10 * 15 });
  });

  it("walks past points where the target fails", async () => {
    const holed = logDensity({
      names: ["x"],
      start: normalStart(1, 3),
      logProb: ([x]) => (x > 1 ? Number.NaN : -0.5 * x * x),
    });
    const run = { chains: 4, warmup: 100, draws: 200, seed: 5, candidates: 500 };
    const draws = await sample(parallelTempering(holed, { replicas: 4 }), run);
    expect(draws.values.every((x) => x <= 1)).toBe(true);
    expect(draws.stats.logProb.every(Number.isFinite)).toBe(true);
  });

  it.each([
    [{ replicas: 1 }, /replicas must be an integer of at least 2, got 1/],
    [{ replicas: 3, inverseTemperatures: [1, 0] }, /expected replicas or inverseTemperatures, got both/],
    [{ inverseTemperatures: [1, 0.5] }, /must fall from 1 to 0.*got \[1, 0.5\]/],
    [{ inverseTemperatures: [1, 0.5, 0.5, 0] }, /must fall from 1 to 0/],
    [{ targetAcceptance: 0 }, /targetAcceptance must be between 0 and 1/],
    [{ replica: 3 } as ParallelTemperingOptions, /there is no option "replica"; did you mean replicas/],
  ])("refuses %o", (options, message) => {
    expect(() => parallelTempering(modes, options)).toThrow(message);
  });

  it("refuses a target without a start", () => {
    const bare = logDensity({ names: ["x"], logProb: ([x]) => -x * x });
    expect(() => parallelTempering(bare)).toThrow(/parallelTempering: target has no start to temper from/);
  });
});
