import { describe, expect, it } from "vitest";
import { drawsMatrix } from "../../samplers/draws.js";
import { evidence } from "../../samplers/evidence.js";
import { metropolis } from "../../samplers/metropolis.js";
import { sample } from "../../samplers/sample.js";
import { type SmcOptions, smc } from "../../samplers/smc.js";
import { summary } from "../../samplers/summary.js";
import { logDensity } from "../../samplers/target.js";
import { nextBeta } from "../../samplers/tuning/smc-tuner.js";
import type { LogDensity } from "../../src/core/contracts.js";
import { matrix, row } from "../../src/core/matrix.js";
import { logSumExp } from "../../src/core/special.js";
import { boxStart, fourModes, normalStart } from "./targets.js";

const logNormal = (x: number, mean: number, sd: number) =>
  -0.5 * ((x - mean) / sd) ** 2 - Math.log(sd * Math.sqrt(2 * Math.PI));

/** Prior `N(0, 3^2)` of each of three means, one measurement of each with errors `sd`: all is known. */
const measured = [4, -1, 0.5];
const sd = [0.3, 1, 0.1];
const conjugate: LogDensity = logDensity({
  names: ["a", "b", "c"],
  start: normalStart(3, 3),
  logProb: (theta) =>
    measured.reduce((sum, y, i) => sum + logNormal(theta[i], 0, 3) + logNormal(y, theta[i], sd[i]), 0),
});
const trueEvidence = measured.reduce((sum, y, i) => sum + logNormal(y, 0, Math.hypot(3, sd[i])), 0);

describe("tempered sequential Monte Carlo", () => {
  it("finds the evidence and the posterior of a conjugate model", async () => {
    const draws = await sample(smc(conjugate, { islands: 10 }), { chains: 500, draws: 10, seed: 1 });
    const { logEvidence, standardError } = evidence(draws);
    // 4 standard errors of ten islands
    expect(Math.abs(logEvidence - trueEvidence)).toBeLessThan(4 * standardError);
    expect(standardError).toBeLessThan(0.2);
    expect(draws.groups).toBe(10);
    summary(draws).rows.forEach((row, i) => {
      const shrink = 9 / (9 + sd[i] ** 2);
      expect(Math.abs(row.mean - shrink * measured[i])).toBeLessThan(4 * row.mcse);
      expect(row.sd / (sd[i] * Math.sqrt(shrink))).toBeCloseTo(1, 1);
    });
  });

  it("is unbiased for the evidence where islands are small", async () => {
    // mean of Z over 30 islands of 20 particles; log Z alone is biased by -Var(Z) / 2
    const draws = await sample(smc(conjugate, { islands: 30 }), { chains: 600, draws: 1, seed: 2 });
    const { logEvidence, standardError } = evidence(draws);
    expect(Math.abs(logEvidence - trueEvidence)).toBeLessThan(4 * standardError);
  });

  it("gives separated modes their weights, and the volume of the box", async () => {
    const target = fourModes(); // a normalised density, but for what lies outside the box
    const draws = await sample(smc(target), { chains: 400, draws: 1, seed: 3 });
    const theta = drawsMatrix(draws);
    const share = [0, 0, 0, 0];
    for (let i = 0; i < theta.rows; i++) share[target.modeOf(row(theta, i))] += 1 / theta.rows;
    // resampling at every temperature leaves less than a multinomial count of 400 / 8 would
    [0.1, 0.2, 0.3, 0.4].forEach((weight, k) => {
      expect(Math.abs(share[k] - weight)).toBeLessThan(4 * Math.sqrt((weight * (1 - weight)) / 50));
    });
    const { logEvidence, standardError } = evidence(draws);
    expect(Math.abs(logEvidence)).toBeLessThan(4 * standardError);
  });

  it("counts prior draws without a likelihood as zero weight", async () => {
    // a likelihood of one on a tenth of the box, NaN on another tenth: the evidence is 0.1
    const target = logDensity({
      names: ["x"],
      start: boxStart(1, 0, 1),
      logProb: ([x]) => (x > 0.9 ? Number.NaN : x > 0 && x < 0.1 ? 0 : -Infinity),
    });
    const draws = await sample(smc(target), { chains: 800, draws: 1, seed: 4 });
    const { logEvidence, standardError } = evidence(draws);
    expect(Math.abs(logEvidence - Math.log(0.1))).toBeLessThan(4 * standardError + 4 * Math.sqrt(9 / 800));
    expect(drawsMatrix(draws).data.every((x) => x > 0 && x < 0.1)).toBe(true);
  });

  it("draws the prior, with evidence one, where the likelihood is flat", async () => {
    const prior = normalStart(1, 3);
    const flat = logDensity({ names: ["x"], start: prior, logProbBatch: (theta) => prior.logProb(theta) });
    const draws = await sample(smc(flat, { islands: 1 }), { chains: 500, draws: 1, seed: 5 });
    expect(evidence(draws).logEvidence).toBeCloseTo(0, 12);
    expect(evidence(draws).standardError).toBeNaN(); // one island has no spread
  });

  it("asks for nothing in draws of the warm-up that it does not need", async () => {
    const run = (warmup: number) => sample(smc(conjugate), { chains: 200, warmup, draws: 2, seed: 6 });
    const short = await run(500);
    const long = await run(5000);
    expect(long.run.evaluations).toEqual(short.run.evaluations);
    expect(evidence(long)).toEqual(evidence(short));
  });

  it("says that tempering was not complete, in the evidence and in words", async () => {
    const draws = await sample(smc(conjugate), { chains: 200, warmup: 5, draws: 10, seed: 7 });
    expect(evidence(draws).logEvidence).toBeNaN();
    expect(summary(draws).warnings.join()).toMatch(/tempering had come to .* Raise warmup/);
  });

  it("leaves a temperature behind when the weights are worth the share that was asked for", () => {
    const logs = Float64Array.from({ length: 100 }, (_, i) => -i);
    const beta = nextBeta(logs, 0.01, 0.4);
    const weights = logs.map((value) => (beta - 0.01) * value);
    const squares = weights.map((value) => 2 * value);
    expect(Math.exp(2 * logSumExp(weights) - logSumExp(squares))).toBeCloseTo(40, 3);
    expect(nextBeta(new Float64Array(3), 0.2, 0.5)).toBe(1);
  });

  it.each([
    [{ islands: 0 }, /islands must be a positive integer/],
    [{ essShare: 1 }, /essShare must be between 0 and 1/],
    [{ movedShare: Number.NaN }, /movedShare must be between 0 and 1/],
    [{ targetAcceptance: 2 }, /targetAcceptance must be between 0 and 1/],
    [{ island: 2 } as SmcOptions, /there is no option "island"; did you mean islands\?/],
  ])("refuses %o", (options, message) => {
    expect(() => smc(conjugate, options)).toThrow(message);
  });

  it("refuses what it cannot temper, with the way out", async () => {
    const bare = logDensity({ names: ["x"], logProb: ([x]) => -x * x });
    expect(() => smc(bare)).toThrow(/smc: target has no start to temper from; give it its prior/);
    await expect(sample(smc(conjugate), { chains: 1 })).rejects.toThrow(/multiple of 4/);
    await expect(sample(smc(conjugate), { chains: 8 })).rejects.toThrow(/expected 10 chains or more/);
    await expect(sample(smc(conjugate), { warmup: 0 })).rejects.toThrow(/got warmup = 0/);
    await expect(sample(smc(conjugate), { initial: matrix(1000, 3) })).rejects.toThrow(/leave initial out/);
    const nowhere = logDensity({ names: ["x"], start: normalStart(1), logProb: () => Number.NaN });
    await expect(sample(smc(nowhere))).rejects.toThrow(/no finite log density at any of 250 particles/);
    const others = await sample(metropolis(conjugate), { chains: 2, warmup: 1, draws: 1, candidates: 100 });
    expect(() => evidence(others)).toThrow(
      /expected draws of smc or parallelTempering, got draws of metropolis/,
    );
  });
});
