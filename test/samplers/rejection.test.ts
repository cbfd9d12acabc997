import { describe, expect, it } from "vitest";
import { rejection } from "../../samplers/rejection.js";
import { logDensity } from "../../samplers/target.js";
import { normal } from "../../src/core/distributions/normal.js";
import { independent } from "../../src/prior/independent.js";
import { uniform } from "../../src/prior/uniform.js";

/** Prior N(0, 2), one measurement 1.5 with error 0.5. */
const prior = independent({ a: normal(0, 2) });
const variance = 1 / (1 / 0.25 + 1 / 4);
const mean = (variance * 1.5) / 0.25;
const logNormal = (z: number, at: number, sd: number) =>
  -(((z - at) / sd) ** 2) / 2 - Math.log(sd) - Math.log(2 * Math.PI) / 2;
const logEvidence = logNormal(1.5, 0, Math.sqrt(4.25));
const target = logDensity({
  names: ["a"],
  start: prior,
  logProb: ([a]) => logNormal(a, 0, 2) + logNormal(1.5, a, 0.5),
});

const moments = ({ data }: { readonly data: Float64Array }) => {
  const average = data.reduce((sum, value) => sum + value, 0) / data.length;
  return { average, spread: data.reduce((sum, v) => sum + (v - average) ** 2, 0) / data.length };
};

describe("rejection", () => {
  it("draws from a posterior by its prior, and knows bound and evidence", async () => {
    const found = await rejection(target, { draws: 4000, seed: 1 });
    expect(found).toMatchObject({ isComplete: true, reason: "draws", warnings: [] });
    expect(found.theta.rows).toBe(4000);
    const { average, spread } = moments(found.theta);
    expect(Math.abs(average - mean)).toBeLessThan(4 * Math.sqrt(variance / 4000));
    expect(Math.abs(spread / variance - 1)).toBeLessThan(4 * Math.sqrt(2 / 4000));
    const highest = logNormal(0, 0, 0.5); // of the likelihood, which is the ratio to the prior
    expect(found.logBound).toBeGreaterThan(highest);
    expect(found.logBound).toBeLessThan(highest + 0.2);
    expect(found.acceptance).toBeCloseTo(Math.exp(logEvidence - found.logBound), 1);
    const { value, standardError } = found.logIntegral;
    expect(standardError).toBeLessThan(0.02);
    expect(Math.abs(value - logEvidence)).toBeLessThan(4 * standardError);
  });

  it("gives the same bytes for the same seed", async () => {
    const run = async (seed: number) => (await rejection(target, { draws: 50, seed })).theta.data;
    expect(await run(7)).toEqual(await run(7));
    expect(await run(7)).not.toEqual(await run(8));
  });

  it("raises a bound that was too low, judges again what it kept, and says so", async () => {
    const found = await rejection(target, { draws: 4000, seed: 1, logBound: -3 });
    expect(found.warnings.join()).toMatch(/The bound was exceeded 1 times and raised/);
    expect(Math.abs(moments(found.theta).spread / variance - 1)).toBeLessThan(4 * Math.sqrt(2 / 4000));
  });

  it("judges again what it kept by a bound that a later candidate raised", async () => {
    const spiked = logDensity({
      names: ["a"],
      start: uniform({ a: [0, 1] }),
      logProb: ([a]) => (a < 2e-5 ? Math.log(4) : 0), // none of the first 10,000 candidates lies there
    });
    const found = await rejection(spiked, { draws: 30_000, seed: 1 });
    expect(found.attempts).toBeGreaterThan(20_000);
    expect(found.logBound).toBeCloseTo(Math.log(4 * 1.2), 10);
    expect(found.acceptance).toBeCloseTo(1 / (4 * 1.2), 2); // of all candidates, early and late
    expect(found.warnings.join()).toMatch(/The bound was exceeded 1 times and raised/);
  });

  it("warns where the proposal's tails are too light for any bound", async () => {
    const narrow = independent({ a: normal(0, 0.3) });
    const wide = logDensity({ names: ["a"], start: narrow, logProb: ([a]) => -0.5 * a * a });
    const found = await rejection(wide, { draws: 100, seed: 1 });
    expect(found.paretoK).toBeGreaterThan(0.5);
    expect(found.warnings.join()).toMatch(/have no bound in sight/);
  });

  it("hands on what it has where attempts or time run out", async () => {
    const needle = logDensity({
      names: ["a"],
      start: uniform({ a: [0, 1] }),
      logProb: ([a]) => (a < 1e-3 ? 0 : -Infinity),
    });
    const few = await rejection(needle, { draws: 1000, attempts: 25_000, seed: 1 });
    expect(few).toMatchObject({ isComplete: false, reason: "attempts", attempts: 25_000 });
    expect(few.theta.rows).toBeGreaterThan(5);
    expect(few.theta.data.every((a) => a < 1e-3)).toBe(true);
    expect(few.warnings.join()).toMatch(/of 1000 draws were found in 25000 attempts/);
    const late = await rejection(needle, { draws: 1e5, seconds: 1e-6, seed: 1 });
    expect(late).toMatchObject({ isComplete: false, reason: "seconds", attempts: 10_000 });
  });

  it("hands on nothing where the target is zero at every candidate", async () => {
    const nowhere = logDensity({ names: ["a"], start: prior, logProb: () => -Infinity });
    const found = await rejection(nowhere, { draws: 10, attempts: 20_000 });
    expect(found).toMatchObject({ isComplete: false, theta: { rows: 0 }, acceptance: 0 });
  });

  it("counts what is no number as impossible, and says so", async () => {
    const broken = logDensity({
      names: ["a"],
      start: prior,
      logProb: ([a]) => (a < 0 ? Number.NaN : logNormal(a, 0, 2) + logNormal(1.5, a, 0.5)),
    });
    const found = await rejection(broken, { draws: 100 });
    expect(found.theta.data.every((a) => a >= 0)).toBe(true);
    expect(found.warnings.join()).toMatch(/candidates the target or the proposal is not finite/);
  });

  it("lets an abort come while it runs, though the target never waits", async () => {
    const needle = logDensity({ names: ["a"], start: prior, logProb: ([a]) => (a > 100 ? 0 : -Infinity) });
    const seen: number[] = [];
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 0);
    const { signal } = stop;
    const running = rejection(needle, { draws: 200, signal, onProgress: ({ done }) => seen.push(done) });
    await expect(running).rejects.toThrow(/abort/);
    expect(seen.length).toBeLessThan(150); // of the 200 that all attempts take
  });

  it("knows no standard error from a single candidate", async () => {
    const { logIntegral, attempts } = await rejection(target, { draws: 1, attempts: 1 });
    expect(attempts).toBe(1);
    expect(logIntegral.standardError).toBeNaN();
  });

  it("takes a proposal, stops when aborted, and refuses what cannot be", async () => {
    const proposal = {
      names: ["a"],
      logProb: async ({ data }: { readonly data: Float64Array }) => data.map((a) => logNormal(a, mean, 0.6)),
      sample: async (n: number, { seed }: { readonly seed: string | number }) =>
        independent({ a: normal(mean, 0.6) }).sample(n, [Number.parseInt(String(seed), 10) || 1, 2]),
    };
    expect((await rejection(target, { draws: 500, proposal })).acceptance).toBeGreaterThan(0.5);
    await expect(rejection(target, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
    const refused = (options: object) => expect(rejection(target, options)).rejects;
    await refused({ draws: 0 }).toThrow("rejection: draws must be a positive whole number, got 0.");
    await refused({ seconds: -1 }).toThrow("rejection: seconds must be a positive number, got -1.");
    await refused({ logBound: Number.NaN }).toThrow("rejection: logBound must be a finite number, got NaN.");
    await refused({ drawn: 3 }).toThrow(/there is no option "drawn"; did you mean draws/);
    await refused({ proposal: { ...proposal, names: ["b"] } }).toThrow(
      /over \(b\) but the target over \(a\)/,
    );
    await expect(rejection(logDensity({ names: ["a"], logProb: () => 0 }))).rejects.toThrow(/no start/);
  });
});
