import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isMet, rewriteBlocks } from "../../benchmarks/report/blocks.js";
import { storedResults } from "../../benchmarks/report/measured.js";
import { type Target, targets } from "../../benchmarks/report/targets.js";
import { fixtureRecords } from "./report-fixture.js";

const root = mkdtempSync(join(tmpdir(), "galton-results-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const records = fixtureRecords({ problems: ["two_moons"], methods: ["aalr", "nre-b"], simulations: [1000] });
const lines = (values: readonly unknown[]) => values.map((each) => `${JSON.stringify(each)}\n`).join("");
mkdirSync(join(root, "smoke"));
writeFileSync(join(root, "smoke", "results.jsonl"), lines(records));
writeFileSync(
  join(root, "engine.jsonl"),
  lines([
    { command: "npm run bench:engine", date: "2026-01-02", processor: "p" },
    { network: "mlp", engine: "onnx", cpuMsPerStep: 0.2, sd: 0.05 },
    { network: "mlp", engine: "torch", cpuMsPerStep: 0.9 },
  ]),
);

const jobs = {
  plan: "smoke",
  problem: "two_moons",
  method: "aalr",
  simulations: 1000,
  field: "c2st",
} as const;
const base = { block: "b", what: "w", kind: "atMost", limit: 1, origin: "a test" } as const;
const stored = storedResults(root);
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const scores = (method: string) =>
  records.flatMap((record) =>
    record.status === "done" && record.method === method ? [record.scores.c2st] : [],
  );

describe("what was measured", () => {
  it("is the mean over the jobs that the target names", async () => {
    const all = await stored.measure({ ...base, source: jobs });
    expect(all!.value).toBeCloseTo(mean(scores("aalr")), 12);
    expect([all!.jobs, all!.date]).toEqual([6, "2026-11-22"]);
    const some = await stored.measure({ ...base, source: { ...jobs, observations: [1], seeds: [2] } });
    expect(some!.jobs).toBe(1);
  });

  it("is that of the best of several methods, by name", async () => {
    const best = mean(scores("aalr")) < mean(scores("nre-b")) ? "aalr" : "nre-b";
    const measured = await stored.measure({
      ...base,
      source: { ...jobs, method: ["abc-4", "nre-b", "aalr"] },
    });
    expect(measured!.value).toBeCloseTo(mean(scores(best)), 12);
    expect(measured!.by).toBe(best);
    expect(await stored.measure({ ...base, source: { ...jobs, method: ["abc-4"] } })).toBeUndefined();
  });

  it("is a paired difference, a total with trainings counted once, or a ratio of two lines", async () => {
    const difference = await stored.measure({ ...base, source: { ...jobs, method: "nre-b", minus: "aalr" } });
    expect(difference!.value).toBeCloseTo(mean(scores("nre-b")) - mean(scores("aalr")), 12);
    expect(difference!.error).toBeGreaterThan(0);
    expect(difference!.pValue).toBe(0.5); // the least that two seeds can give
    const total = await stored.measure({ ...base, source: { ...jobs, method: "*", field: "cpuMinutes" } });
    const trainings = 2 * (3 + 6); // two seeds of both methods, which three observations share
    const others = records.reduce((sum, { cost }) => sum + cost.sampleCpuSeconds + cost.scoreCpuSeconds, 0);
    expect(total!.value).toBeCloseTo((trainings + others) / 60, 9);
    const source = { file: "engine", where: { network: "mlp", engine: "onnx" }, field: "cpuMsPerStep" };
    const over = { network: "mlp", engine: "torch" };
    const ratio = await stored.measure({ ...base, source: { ...source, over } });
    const spread = await stored.measure({ ...base, source: { ...source, spreadField: "sd" } });
    expect(spread).toMatchObject({ value: 0.2, spread: 0.05, error: NaN });
    const known = await stored.measure({ ...base, source: { ...source, errorField: "sd" } });
    expect(known).toMatchObject({ value: 0.2, error: 0.05 });
    expect(ratio).toMatchObject({ value: 4.5, command: "npm run bench:engine", date: "2026-01-02" });
  });

  it("is nothing where a file, an observation, a method or a line is missing", async () => {
    const missing: Target["source"][] = [
      { ...jobs, plan: "none" },
      { ...jobs, observations: [1, 4] },
      { ...jobs, method: "abc-4" },
      { ...jobs, field: "logRatioMse" },
      { ...jobs, minus: "nre-b", observations: [1], seeds: [1] }, // one pair
      { file: "engine", where: { network: "conv" }, field: "cpuMsPerStep" },
      { file: "none", where: {}, field: "x" },
    ];
    for (const source of missing) expect(await stored.measure({ ...base, source })).toBeUndefined();
  });

  it("is refused where a stored timing is damaged", async () => {
    writeFileSync(join(root, "bad.jsonl"), '{"command":"c","date":"d"}\n{"half');
    writeFileSync(join(root, "headless.jsonl"), '{"name":"mmd"}\n');
    const source = (file: string) => ({ ...base, source: { file, where: {}, field: "x" } });
    await expect(stored.measure(source("bad"))).rejects.toThrow(/bad\.jsonl, line 2 is not a JSON object/);
    await expect(stored.measure(source("headless"))).rejects.toThrow(/must say command and date/);
  });
});

describe("a promise", () => {
  const measured = (value: number, error = NaN, failed = 0) => ({
    value,
    error,
    failed,
    command: "",
    date: "",
  });
  const target = (rest: Partial<Target>): Target => ({ ...base, source: jobs, ...rest });

  it.each([
    ["at most 1", target({}), [1, 0.5], [1.001]],
    ["at least 1", target({ kind: "atLeast" }), [1, 2], [0.999]],
    ["within 0.1 of 1", target({ kind: "within", tolerance: 0.1 }), [0.95, 1.05], [0.85, 1.15]],
  ])("of %s is kept by the numbers that keep it", (_, promise, kept, broken) => {
    for (const value of kept) expect(isMet(promise, measured(value))).toBe(true);
    for (const value of broken) expect(isMet(promise, measured(value))).toBe(false);
    expect(isMet(promise, measured(NaN))).toBe(false);
  });

  it("that asks for standard errors needs them, and failed jobs break it", () => {
    const clear = target({ kind: "atLeast", limit: 0, sigmas: 3 });
    expect(isMet(clear, measured(0.4, 0.1))).toBe(true);
    expect(isMet(clear, measured(0.2, 0.1))).toBe(false);
    expect(isMet(clear, measured(0.4))).toBe(false);
    expect(isMet(target({}), measured(0.5, 0.1, 1))).toBe(false);
  });

  it("is on the list once", () => {
    expect(new Set(targets.map(({ what, block }) => `${block} ${what}`)).size).toBe(targets.length);
    expect(targets.length).toBeGreaterThan(20);
  });
});

describe("RESULTS.md", () => {
  const where = { network: "mlp", engine: "onnx" };
  const wide = { file: "engine", where, field: "cpuMsPerStep", spreadField: "sd" };
  const list: Target[] = [
    { ...base, what: "a | b", source: jobs, published: "0.7" },
    { ...base, what: "known", source: jobs, kind: "shown", limit: NaN },
    { ...base, what: "wide", source: wide, limit: 1000 },
    { ...base, block: "other", source: { ...jobs, plan: "none" } },
  ];
  const text = "# Results\n<!-- b -->\nold\n<!-- /b -->\ntyped\n<!-- other --><!-- /other -->\n";

  it("gets its blocks from the stored results, and keeps what people wrote", async () => {
    const made = await rewriteBlocks(text, list, stored);
    expect(made).toMatch(/^# Results\n<!-- b -->\n\| what \|/);
    expect(made).toContain("| met | 0.7 | 2026-11-22 | `npm run bench -- benchmarks/plans/smoke.json` |");
    expect(made).toContain("a \\| b");
    expect(made).toContain("| wide | 0.2000 ± 0.0500 | ≤ 1000 | met |");
    expect(made).toMatch(/\| known \| 0\.\d+ ± 0\.\d+ \(6 jobs\) \| {2}\| {2}\| {2}\| 2026/); // no target, no verdict
    expect(made).toContain("not measured");
    expect(made).toContain("<!-- /b -->\ntyped\n");
    expect(made).not.toContain("old");
    expect(await rewriteBlocks(made, list, stored)).toBe(made);
  });

  it("is refused with blocks that do not close, or without any", async () => {
    await expect(rewriteBlocks("<!-- b -->", list, stored)).rejects.toThrow(
      /is not closed; write <!-- \/b -->/,
    );
    await expect(rewriteBlocks("none", list, stored)).rejects.toThrow(/NAME one of b, other/);
  });

  it("is checked and written by the command, which also stores timings", () => {
    const tool = resolve(import.meta.dirname, "../../benchmarks/report/results.ts");
    const results = (...args: string[]) =>
      execFileSync(process.execPath, ["--import", "tsx", tool, "--results", root, ...args], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
    const file = join(root, "RESULTS.md");
    writeFileSync(file, "<!-- metrics -->\n<!-- /metrics -->\n");
    expect(() => results("--file", file, "--check")).toThrow(/is not what its results say/);
    const print = 'console.log(JSON.stringify({ name: "mmd", cpuSeconds: 2.5 }))';
    results("--store", "metrics", "--", process.execPath, "-e", print);
    results("--file", file);
    expect(readFileSync(file, "utf8")).toMatch(/MMD of 10,000 .* \| 2\.50 \| ≤ 3 \| met \|/);
    expect(results("--file", file, "--check")).toBe("");
  });
});
