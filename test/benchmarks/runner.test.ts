import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { runGroupJob } from "../../benchmarks/group.js";
import { parsePlan, resolvePlan } from "../../benchmarks/plan.js";
import { flatRecord, type JobRecord, jobId } from "../../benchmarks/record.js";
import { readKeptDraws, readKeptMarginals, readResults } from "../../benchmarks/results.js";
import { type RunPlanOptions, runPlan } from "../../benchmarks/runner.js";
import { normal } from "../../src/core/distributions/normal.js";
import { column } from "../../src/core/matrix.js";
import { inline } from "../../src/executor/inline.js";
import { threads } from "../../src/executor/threads.js";

const folder = fileURLToPath(new URL(".", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "galton-bench-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const newFolder = () => join(root, String(count++));

const problem = "./own.ts#problem";
const base = {
  name: "trial",
  problems: [problem],
  simulations: [100],
  draws: 60,
  scores: ["slicedWasserstein"],
};
const resolve = async (json: object) => resolvePlan(await parsePlan({ ...base, ...json }), { folder });
const run = async (json: object, out: string, options: Partial<RunPlanOptions> = {}) => {
  const notes: string[] = [];
  const summary = await runPlan(await resolve(json), { onNote: (note) => notes.push(note), ...options, out });
  return { ...summary, notes };
};
const lines = (out: string) => readFileSync(join(out, "results.jsonl"), "utf8").split("\n").slice(0, -1);
/** What must be the same on any run. */
const lasting = ({ cost: _cost, made: _made, ...rest }: JobRecord) => rest;
const small = { methods: ["prior", "exact"], observations: [1, 2], seeds: [1, 2, 3] };

describe("running a plan", () => {
  it("writes a line per job in plan order, each with its draws, and nothing else", async () => {
    const out = newFolder();
    const { planned, kept, finished, failed, records } = await run(small, out);
    expect({ planned, kept, finished, failed }).toEqual({ planned: 12, kept: 0, finished: 12, failed: 0 });
    const { jobs, plan } = await resolve(small);
    expect(lines(out).map((line) => jobId(JSON.parse(line)))).toEqual(jobs.map(jobId));
    expect(records).toEqual(lines(out).map((line) => JSON.parse(line)));
    expect(readdirSync(out).sort()).toEqual(["draws", "plan.json", "results.jsonl"]);
    expect(JSON.parse(readFileSync(join(out, "plan.json"), "utf8"))).toEqual(plan);
    expect(readdirSync(join(out, "draws")).sort()).toEqual(jobs.map((job) => `${jobId(job)}.arrow`).sort());
    const { names, values } = await readKeptDraws(out, records[0]);
    expect(names).toEqual(["theta"]);
    expect(values).toMatchObject({ rows: 60, cols: 1 });
    expect(records[0]).toMatchObject({
      problem: "one_gaussian",
      status: "done",
      sampling: { draws: 60 },
      made: { engine: "none", node: process.versions.node, galton: expect.stringMatching(/^\d+\./) },
    });
  });

  it("tells a biased method from exact draws, by about its bias", async () => {
    const { records } = await run(
      { methods: ["exact", "./own.ts#biased"], draws: 2000, scores: ["mmd", "slicedWasserstein"] },
      newFolder(),
    );
    const [exact, biased] = records.map((record) => (record.status === "done" ? record : undefined)!);
    // In one dimension the distance of shifted copies is the shift, half of sqrt(1/2); sampling adds about
    // sqrt(2 / 2000) standard deviations, 0.03, of which four are allowed.
    expect(Math.abs(biased.scores.slicedWasserstein - Math.SQRT1_2 / 2)).toBeLessThan(0.1);
    expect(exact.scores.slicedWasserstein).toBeLessThan(0.1);
    expect(biased.scores.mmd).toBeGreaterThan(exact.scores.mmd + 4 * biased.errors.mmd);
  });

  it("keeps marginal densities of the methods that have one, beside the exact ones, where asked", async () => {
    const out = newFolder();
    const { records } = await run({ methods: ["prior", "exact"], marginals: true }, out);
    expect(readdirSync(join(out, "marginals"))).toEqual([`${jobId(records[0])}.arrow`]);
    expect(await readKeptMarginals(out, records[1])).toBeUndefined();
    const { names, values } = (await readKeptMarginals(out, records[0]))!;
    expect(names).toEqual(["parameter", "theta", "learned", "exact"]);
    const [theta, learned, exact] = [1, 2, 3].map((j) => column(values, j));
    const mass = (from: number, to: number) => {
      const law = normal(0, 1);
      return Math.exp(law.logCdf(to)) - Math.exp(law.logCdf(from));
    };
    const width = theta[1] - theta[0];
    const inside = mass(theta[0] - width / 2, theta[theta.length - 1] + width / 2);
    theta.forEach((value, i) => {
      // the prior N(0, 1) has been learned, and N(0.4, 1/2) is right; cells of a thirtieth leave 1e-4 of either
      expect(learned[i] * inside).toBeCloseTo(Math.exp(-0.5 * value ** 2) / Math.sqrt(2 * Math.PI), 3);
      expect(exact[i]).toBeCloseTo(Math.exp(-((value - 0.4) ** 2)) / Math.sqrt(Math.PI), 2);
    });
  });

  it("does nothing the second time", async () => {
    const out = newFolder();
    await run(small, out);
    const before = readFileSync(join(out, "results.jsonl"), "utf8");
    const seen: JobRecord[] = [];
    const again = await run(small, out, { onRecord: (record) => seen.push(record) });
    expect(again).toMatchObject({ kept: 12, finished: 0, notes: [] });
    expect(seen).toEqual([]);
    expect(readFileSync(join(out, "results.jsonl"), "utf8")).toBe(before);
  });

  it("gives the same results in threads", async () => {
    const [here, there] = [newFolder(), newFolder()];
    const one = await run(small, here);
    await using executor = threads({ workers: 2 });
    const two = await run(small, there, { executor });
    expect(two.records.map(lasting)).toEqual(one.records.map(lasting));
    for (const file of readdirSync(join(here, "draws")))
      expect(readFileSync(join(there, "draws", file)).equals(readFileSync(join(here, "draws", file)))).toBe(
        true,
      );
  });

  it("goes on where it was stopped", async () => {
    const [stopped, whole] = [newFolder(), newFolder()];
    const controller = new AbortController();
    const finished: string[] = [];
    const first = run(small, stopped, {
      signal: controller.signal,
      onRecord(record) {
        finished.push(jobId(record));
        if (finished.length === 5) controller.abort(new Error("Ctrl-C"));
      },
    });
    await expect(first).rejects.toThrow("Ctrl-C");
    const kept = lines(stopped).map((line) => jobId(JSON.parse(line)));
    expect(kept.slice(0, 5)).toEqual(finished.slice(0, 5));
    expect(existsSync(join(stopped, "lock"))).toBe(false);
    const rest = await run(small, stopped);
    expect(rest).toMatchObject({ kept: kept.length, finished: 12 - kept.length });
    expect(rest.records.map(lasting)).toEqual((await run(small, whole)).records.map(lasting));
  });

  it("records what fails with its reason, goes on, and tries again when asked", async () => {
    const out = newFolder();
    const plan = { methods: ["./own.ts#fragile", "./own.ts#unlucky", "prior"], observations: [1, 2] };
    const first = await run(plan, out);
    expect(first).toMatchObject({ finished: 6, failed: 3 });
    expect(first.records.map(({ status }) => status).join()).toBe("done,failed,failed,failed,done,done");
    expect(first.records[1]).toMatchObject({
      error: { name: "RangeError", message: "fragile: expected a positive observation." },
    });
    expect(first.records[2]).toMatchObject({ error: { name: "Error", message: "the moon was wrong" } });
    expect(await run(plan, out)).toMatchObject({ finished: 0 });
    process.env.GALTON_TEST_LUCK = "good";
    try {
      const again = await run(plan, out, { retryFailed: true });
      expect(again).toMatchObject({ kept: 3, finished: 3, failed: 1 });
      expect(again.records.map(({ status }) => status).join()).toBe("done,failed,done,done,done,done");
      expect(lines(out)).toHaveLength(6);
    } finally {
      delete process.env.GALTON_TEST_LUCK;
    }
  });

  it("counts a worker that dies as the failure of its jobs", async () => {
    const local = inline();
    const executor = {
      ...local,
      run: async () => {
        throw new Error("out of memory");
      },
    };
    const { records } = await run({ methods: ["prior"] }, newFolder(), { executor });
    expect(records).toMatchObject([{ status: "failed", error: { message: "out of memory" } }]);
  });

  it("says why a tolerance that nothing meets gave no result, and scores what a budget gave", async () => {
    const { records } = await run(
      { methods: ["abc-4"], problems: ["gaussian_linear_uniform"], simulations: [10, 40], draws: 100 },
      newFolder(),
    );
    expect(records).toMatchObject([{ status: "done" }, { status: "done", sampling: { draws: 38 } }]);
  });
});

describe("a results folder", () => {
  it("loses a half-written last line and does that job again", async () => {
    const out = newFolder();
    const whole = await run(small, out);
    truncateSync(join(out, "results.jsonl"), readFileSync(join(out, "results.jsonl")).length - 20);
    const again = await run(small, out);
    expect(again).toMatchObject({ kept: 11, finished: 1 });
    expect(again.notes).toEqual([
      expect.stringMatching(/last line of .*results\.jsonl \(12\) was half-written/),
    ]);
    expect(again.records.map(lasting)).toEqual(whole.records.map(lasting));
    expect(lines(out)).toHaveLength(12);
  });

  it("keeps a last line that lacks nothing but its end", async () => {
    const out = newFolder();
    await run(small, out);
    truncateSync(join(out, "results.jsonl"), readFileSync(join(out, "results.jsonl")).length - 1);
    expect(await run({ ...small, seeds: [1, 2, 3, 4] }, out)).toMatchObject({ kept: 12, finished: 4 });
    expect(lines(out)).toHaveLength(16);
  });

  it.each([
    ["no JSON", '{"problem":', /line 2 is not a result: /],
    ["another JSON", "[1,2]", /line 2 is not a result: /],
    [
      "a result without its scores",
      '{"status":"done","problem":"p","method":"m","simulations":1,"observation":1,"seed":1,"cost":{},"made":{}}',
      /line 2 is not a result: "scores"/,
    ],
  ])("is refused with %s in the middle, naming the line", async (_what, bad, message) => {
    const out = newFolder();
    await run({ methods: ["prior"], seeds: [1, 2, 3] }, out);
    const path = join(out, "results.jsonl");
    const [first, , third] = lines(out);
    writeFileSync(path, `${first}\n${bad}\n${third}\n`);
    await expect(run(small, out)).rejects.toThrow(message);
    await expect(readResults(out)).rejects.toThrow(message);
    expect(readFileSync(path, "utf8")).toBe(`${first}\n${bad}\n${third}\n`); // nothing was touched
    expect(existsSync(join(out, "lock"))).toBe(false);
  });

  it("does a job again whose draws are gone or damaged", async () => {
    const out = newFolder();
    const { records } = await run(small, out);
    const file = (i: number) => join(out, "draws", `${jobId(records[i])}.arrow`);
    const original = readFileSync(file(3));
    rmSync(file(2));
    truncateSync(file(3), 300);
    const again = await run(small, out);
    expect(again).toMatchObject({ kept: 10, finished: 2 });
    expect(again.notes.join()).toMatch(/draws of .* are missing or damaged/);
    expect(readFileSync(file(3)).equals(original)).toBe(true);
    expect(lines(out)).toHaveLength(12);
  });

  it("takes the later of two lines of one job", async () => {
    const out = newFolder();
    const { records } = await run({ methods: ["prior"] }, out);
    appendFileSync(
      join(out, "results.jsonl"),
      `${JSON.stringify({ ...records[0], scores: { slicedWasserstein: 0.125 } })}\n`,
    );
    expect(await readResults(out)).toMatchObject([{ scores: { slicedWasserstein: 0.125 } }]);
    expect((await run({ methods: ["prior"] }, out)).records).toMatchObject([
      { scores: { slicedWasserstein: 0.125 } },
    ]);
    expect(lines(out)).toHaveLength(1);
  });

  it("lets a plan add jobs, and remembers all of them", async () => {
    const out = newFolder();
    await run({ methods: ["prior"], seeds: [1, 2] }, out);
    expect(await run({ methods: ["prior", "exact"], seeds: [2, 3] }, out)).toMatchObject({
      kept: 1,
      finished: 3,
    });
    const stored = await parsePlan(JSON.parse(readFileSync(join(out, "plan.json"), "utf8")));
    const { jobs } = await resolvePlan(stored);
    expect(jobs.map(({ method, seed }) => `${method} ${seed}`).sort()).toEqual(
      ["prior 1", "prior 2", "prior 3", "exact 2", "exact 3"].sort(),
    );
    expect(lines(out)).toHaveLength(5);
  });

  it.each([
    [{ draws: 70 }, /"draws" 60 and 70/],
    [{ scores: ["mmd"] }, /"scores" \["slicedWasserstein"\] and \["mmd"\]/],
    [{ training: { epochs: 3 } }, /"training" \{\} and \{"epochs":3\}/],
    [{ draws: 70, seeds: [9] }, /"draws" 60 and 70/],
    [{ marginals: true }, /"marginals" false and true/],
  ])("refuses a plan with other settings: %j", async (other, message) => {
    const out = newFolder();
    await run({ methods: ["prior"] }, out);
    await expect(run({ methods: ["prior"], ...other }, out)).rejects.toThrow(message);
    expect(await run({ methods: ["prior"] }, out)).toMatchObject({ kept: 1, finished: 0 });
  });

  it("takes one runner at a time", async () => {
    const out = newFolder();
    const first = run(small, out);
    while (!existsSync(join(out, "lock"))) await new Promise((wait) => setTimeout(wait, 1));
    await expect(run(small, out)).rejects.toThrow(
      new RegExp(`the folder is in use by process ${process.pid}`),
    );
    expect(await first).toMatchObject({ finished: 12 });
  });

  it.each([
    ["a process that is gone", { pid: 2 ** 22 + 1, started: "long ago" }],
    ["an earlier process of the same number", { pid: process.pid, started: "another boot 1" }],
  ])("takes over the lock of %s", async (_whose, owner) => {
    const out = newFolder();
    await run({ methods: ["prior"] }, out);
    writeFileSync(join(out, "lock"), JSON.stringify({ host: hostname(), since: "2026-01-01", ...owner }));
    const { notes, finished } = await run(small, out);
    expect(finished).toBe(12 - 1);
    expect(notes).toEqual([expect.stringMatching(/no longer there had left its lock/)]);
    expect(existsSync(join(out, "lock"))).toBe(false);
  });

  it("leaves alone a lock of another machine, or of nobody", async () => {
    const out = newFolder();
    await run({ methods: ["prior"] }, out);
    writeFileSync(join(out, "lock"), JSON.stringify({ host: "elsewhere", pid: 1, since: "2026-01-01" }));
    await expect(run(small, out)).rejects.toThrow(
      /in use by process 1 on elsewhere, since 2026-01-01.* delete .*lock/,
    );
    writeFileSync(join(out, "lock"), "x");
    await expect(run(small, out)).rejects.toThrow(/is no lock of galton's/);
  });

  it("names a folder that cannot be used", async () => {
    const file = join(root, "file");
    writeFileSync(file, "");
    await expect(run(small, file)).rejects.toThrow(
      /cannot make the folder .*file: .*Choose another with --out/,
    );
    const strange = newFolder();
    await run({ methods: ["prior"] }, strange);
    rmSync(join(strange, "plan.json"));
    await expect(run(small, strange)).rejects.toThrow(/holds results but no plan\.json/);
  });

  it.skipIf(process.getuid?.() === 0)("names a folder that may not be written", async () => {
    const out = newFolder();
    await run({ methods: ["prior"] }, out);
    chmodSync(out, 0o500);
    try {
      await expect(run(small, out)).rejects.toThrow(/cannot write in .*EACCES.*Choose another folder/);
    } finally {
      chmodSync(out, 0o700);
    }
    expect(await readResults(out)).toHaveLength(1);
  });

  it("loses nothing that is done when the disk takes no more", async () => {
    const out = newFolder();
    const seen: string[] = [];
    const broken = run(small, out, {
      onRecord(record) {
        seen.push(jobId(record));
        if (seen.length !== 4) return;
        rmSync(join(out, "draws"), { recursive: true }); // the next file finds no place
        writeFileSync(join(out, "draws"), "");
      },
    });
    await expect(broken).rejects.toThrow(/cannot write a result .*Nothing that was finished is lost/);
    expect(lines(out).map((line) => jobId(JSON.parse(line)))).toEqual(seen);
    expect(existsSync(join(out, "lock"))).toBe(false);
  });
});

it("prints a result without nesting", async () => {
  const { records } = await run({ methods: ["prior"] }, newFolder());
  expect(flatRecord(records[0])).toMatchObject({
    problem: "one_gaussian",
    method: "prior",
    simulations: 100,
    observation: 1,
    seed: 1,
    status: "done",
    slicedWasserstein: expect.any(Number),
    trainCpuSeconds: 0,
    sampleCpuSeconds: expect.any(Number),
    draws: 60,
  });
});

it("keeps draws that have the moments of what made them", async () => {
  const out = newFolder();
  const { records } = await run({ methods: ["exact"], draws: 5000 }, out);
  const { values } = await readKeptDraws(out, records[0]);
  expect(values.rows).toBe(1000);
  const mean = column(values, 0).reduce((sum, value) => sum + value, 0) / 1000;
  expect(Math.abs(mean - 0.4)).toBeLessThan(4 * Math.sqrt(0.5 / 1000));
});

it("takes no settings from a queue that a plan could not have", async () => {
  const settings = { scores: [], draws: 60, training: { checkpoint: "/etc/passwd" } } as never;
  const references = { problem: new URL("./own.ts#problem", import.meta.url).href, method: "prior" };
  const group = { problem: "one_gaussian", method: "prior", simulations: 100, seed: 1, observations: [1] };
  const [{ record }] = await runGroupJob({ ...group, references, settings });
  expect(record).toMatchObject({
    status: "failed",
    error: { name: "ConfigError", message: expect.stringMatching(/training: .*checkpoint/) },
  });
});
