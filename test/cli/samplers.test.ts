import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { galton, interrupted } from "./host.js";
import { trainedFolder } from "./trained.js";

const { estimator, path } = trainedFolder();

describe("galton sample --sampler", () => {
  const draw = ["sample", estimator, "--observed", "0.9,1.4,1.1"];

  it.each([
    ["mala", ["--chains", "8", "--warmup", "50", "--draws", "40"], "8 chains of 40 draws"],
    ["stretch", ["--chains", "24", "--warmup", "50", "--draws", "40"], "24 chains of 40 draws"],
    [
      "differential-evolution",
      ["--chains", "24", "--warmup", "50", "--draws", "40"],
      "24 chains of 40 draws",
    ],
  ])("samples by %s, which knows no evidence", async (sampler, size, title) => {
    const { status, stdout, stderr } = await galton(...draw, "--sampler", sampler, ...size);
    expect(stderr).toMatch(/^$/);
    expect(status).toBe(0);
    expect(stdout.split("\n")[0]).toBe(`${sampler}, ${title}`);
    expect(stdout).not.toMatch(/log of the integral/);
  });

  it.each([
    ["parallel-tempering", ["--chains", "4", "--warmup", "60", "--draws", "50"], 4, 50],
    ["smc", ["--chains", "80", "--draws", "3"], 80, 3],
  ])("finds the evidence by %s", async (sampler, size, chains, draws) => {
    const command = [...draw, "--sampler", sampler, ...size];
    const { status, stdout } = await galton(...command);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^log of the integral of prior times ratio: -?\d+\.\d{3} \+- \d+\.\d{3} nats$/m);
    const told = JSON.parse((await galton(...command, "--json")).stdout);
    expect(told).toMatchObject({ chains, draws, run: { termination: { reason: "complete" } } });
    expect(stdout).toContain(`${told.evidence.logEvidence.toFixed(3)} +- `);
  });

  it("knows no error of the evidence from one ladder", async () => {
    const size = ["--chains", "1", "--warmup", "20", "--draws", "20"];
    const { stdout } = await galton(...draw, "--sampler", "parallel-tempering", ...size);
    expect(stdout).toMatch(
      /^log of the integral of prior times ratio: -?\d+\.\d{3} nats, without an error$/m,
    );
  });

  it("tells ensembles that are too small for the parameters, and what is no sampler", async () => {
    const small = await galton(...draw, "--sampler", "stretch", "--chains", "8");
    expect(small).toMatchObject({ status: 1, stderr: expect.stringMatching(/pass chains: 24 or more/) });
    const none = await galton(...draw, "--sampler", "gibbs");
    expect(none).toMatchObject({ status: 1, stderr: expect.stringMatching(/one of hmc, nuts, mala, slice/) });
  });
});

describe("galton sample --workers", () => {
  const draw = ["sample", estimator, "--observed", "0.9,1.4,1.1;1,1,1", "--chains", "9", "--draws", "100"];

  it("writes the same draws, also where it goes on from a run that was stopped", async () => {
    const read = (name: string) => JSON.parse(readFileSync(path(name), "utf8"));
    await galton(...draw, "--given", "sigma=0.7", "--out", path("one.json"));
    const { run: runOfOne, ...drawsOfOne } = read("one.json");
    const command = (name: string) => [...draw, "--given", "sigma=0.7", "--out", path(name)];
    await galton(...command("two.json"), "--workers", "2");
    const { run: runOfTwo, ...drawsOfTwo } = read("two.json");
    expect(drawsOfTwo).toEqual(drawsOfOne);
    expect(runOfTwo.evaluations.rows).toBe(runOfOne.evaluations.rows);
    expect(runOfTwo.evaluations.calls).toBeGreaterThan(runOfOne.evaluations.calls); // two batches for one

    const stopped = await interrupted(...command("stopped.json"));
    expect(stopped.status).toBe(130);
    const { status, stdout } = await galton(...command("stopped.json"), "--workers", "2");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^hmc, 9 chains of 100 draws, given sigma = 0.7\n/);
    const { run, ...draws } = read("stopped.json");
    expect(draws).toEqual(drawsOfOne);
    expect(run.evaluations.rows).toBe(runOfOne.evaluations.rows);
  });
});

describe("galton sample --min-ess and --max-rhat", () => {
  const draw = ["sample", estimator, "--observed", "0.9,1.4,1.1", "--chains", "8", "--warmup", "60"];

  it("stop a run whose draws are enough, and say so", async () => {
    const rule = ["--draws", "1000", "--min-ess", "100", "--max-rhat", "1.1"];
    const { stdout } = await galton(...draw, ...rule);
    const [, draws] = /^hmc, 8 chains of (\d+) draws, enough for ESS 100 and R-hat 1.1\n/.exec(stdout) ?? [];
    expect(Number(draws) % 100).toBe(0);
    expect(Number(draws)).toBeLessThan(1000);
    const { run, rows } = JSON.parse((await galton(...draw, ...rule, "--json")).stdout);
    expect(run).toMatchObject({
      draws: Number(draws),
      termination: { reason: "enough", stop: { ess: 100 } },
    });
    for (const { essBulk, essTail } of rows) expect(Math.min(essBulk, essTail)).toBeGreaterThanOrEqual(100);
  });

  it("say that all draws were not enough", async () => {
    const { status, stdout } = await galton(...draw, "--draws", "100", "--min-ess", "100000");
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /8 chains of 100 draws, all there were to be, not enough for ESS 100000 and R-hat 1.01\n/,
    );
  });

  it("are held to all draws where a run ended before the first look", async () => {
    const rule = ["--min-ess", "20", "--max-rhat", "1.5"];
    const { stdout } = await galton(...draw, "--draws", "90", ...rule);
    expect(stdout).toMatch(/8 chains of 90 draws, all there were to be, enough for ESS 20 and R-hat 1.5\n/);
  });

  it("need chains that can agree, and numbers that can be met", async () => {
    const few = await galton("sample", estimator, "--observed", "1,1,1", "--chains", "2", "--min-ess", "10");
    expect(few).toMatchObject({ status: 1, stderr: expect.stringMatching(/needs at least 4 chains/) });
    const low = await galton(...draw, "--max-rhat", "0.9");
    expect(low).toMatchObject({ status: 1, stderr: expect.stringMatching(/--max-rhat must be a number/) });
  });
});
