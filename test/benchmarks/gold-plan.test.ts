import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { findGoldProblem } from "../../benchmarks/gold-problems.js";
import { ratioMethods } from "../../benchmarks/methods.js";
import { parsePlan, readPlan, resolvePlan } from "../../benchmarks/plan.js";
import { ratioMseOf } from "../../benchmarks/published.js";
import { scoreRatio } from "../../benchmarks/ratio-method.js";
import type { JobRecord } from "../../benchmarks/record.js";
import { blockTable } from "../../benchmarks/report/blocks.js";
import { goldTargets, lotkaVolterraTargets, scandalTargets } from "../../benchmarks/report/gold-targets.js";
import { storedResults } from "../../benchmarks/report/measured.js";
import { benchmarkReport } from "../../benchmarks/report/report.js";
import { runPlan } from "../../benchmarks/runner.js";
import { fromRows, type Matrix, repeatRow } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { ignorant } from "./own-gold.js";

/** Five ends of the pond, at two points. */
async function fewRows() {
  const { simulator, thetaRef } = await findGoldProblem("lotka_volterra_small");
  const ends = [
    [2, 3],
    [1, 4],
    [0, 6],
    [3, 2],
    [2, 1],
  ];
  const other = simulator.prior.sample(1, key(1)).data;
  return {
    theta: fromRows([...ends.map(() => thetaRef), ...ends.map(() => other)]),
    x: fromRows([...ends, ...ends]),
    weights: new Float64Array(10).fill(0.1),
  };
}

const folder = fileURLToPath(new URL(".", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "galton-gold-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const own = (name: string) => `./own-gold.ts#${name}`;
const base = { name: "gold", simulations: [64], scores: ["logRatioMse"] };
const resolve = async (json: object) => resolvePlan(await parsePlan({ ...base, ...json }), { folder });
const lasting = ({ cost: _cost, made: _made, ...rest }: JobRecord) => rest;

describe("a plan of ratios learned from gold", () => {
  it("scores with the weighted squared error, records what fails, and keeps no draws", async () => {
    const out = join(root, "own");
    const plan = await resolve({
      problems: [own("problem")],
      methods: [own("ignorant"), own("undecided"), own("broken")],
      seeds: [1, 2],
    });
    const { finished, failed, records } = await runPlan(plan, { out });
    expect({ finished, failed }).toEqual({ finished: 6, failed: 4 });
    const mse = 0.25 * 0.5 ** 2 + 0.5 * 4 ** 2; // log r = theta x - theta^2 / 2 at (1, 1) and (2, 3)
    expect(records.slice(0, 2)).toMatchObject([1, 2].map((seed) => ({ seed, scores: { logRatioMse: mse } })));
    expect(records[0]).not.toHaveProperty("sampling");
    expect(records.slice(2).map((record) => record.status === "failed" && record.error.message)).toEqual([
      ...Array(2).fill("scoreRatio: logRatioMse must be a finite number, got NaN."),
      ...Array(2).fill("the gold was lead"),
    ]);
    expect(readdirSync(join(out, "draws"))).toEqual([]);

    const before = readFileSync(join(out, "results.jsonl"), "utf8");
    expect(await runPlan(plan, { out })).toMatchObject({ kept: 6, finished: 0 });
    expect(readFileSync(join(out, "results.jsonl"), "utf8")).toBe(before);
  });

  it("trains the library's methods, with the same result for the same seed, and shows them", async () => {
    const results = join(root, "results");
    const out = join(results, "gold");
    const plan = await resolve({
      problems: ["galton_board"],
      methods: ["alices"],
      simulations: [200, 500],
      training: {
        epochs: 1,
        network: { kind: "mlp", hidden: [4], activation: "tanh" },
      },
    });
    const { records } = await runPlan(plan, { out });
    expect(records.map(({ status }) => status)).toEqual(["done", "done"]);
    const again = await runPlan({ ...plan, jobs: plan.jobs.slice(0, 1) }, { out: join(root, "again") });
    expect(again.records.map(lasting)).toEqual(records.slice(0, 1).map(lasting));

    const { page, sections } = await benchmarkReport(out);
    expect(sections).toEqual(["Summary", "galton_board"]);
    expect(page).toContain("times the reference");
    expect(page).toContain("SCANDAL"); // a published curve of the figure
    expect(page).toContain("the way of a ball");

    mkdirSync(results, { recursive: true });
    const stored = storedResults(results);
    const table = await blockTable(goldTargets, stored);
    expect(table).toMatch(/galton_board, alices, n = 200: MSE of log r \| 0\.\d+ \| ≤ 0\.027/);
    expect(table).toMatch(/galton_board, carl, n = 200: MSE of log r \| {2}\| ≤ 0\.292 \| not measured/);
    expect(existsSync(join(out, "lock"))).toBe(false);
  });

  it("pairs two budgets of two methods by seed", async () => {
    const results = join(root, "paired");
    const at = join(results, "gold");
    mkdirSync(at, { recursive: true });
    const record = (method: string, simulations: number, seed: number, logRatioMse: number) => ({
      ...{ problem: "eft", method, simulations, observation: 1, seed, status: "done" },
      ...{ scores: { logRatioMse }, errors: {}, cost: {}, made: { time: "2026-11-27T00:00:00.000Z" } },
    });
    const records = [1, 2].flatMap((seed) => [
      record("alices", 1000, seed, 0.1 + seed / 100),
      record("carl", 1000, seed, 9),
      record("carl", 10_000, seed, 0.2),
    ]);
    writeFileSync(join(at, "results.jsonl"), records.map((each) => `${JSON.stringify(each)}\n`).join(""));
    const target = goldTargets.find(({ what }) => what.includes("less that of carl"))!;
    const { value, jobs } = (await storedResults(results).measure(target))!;
    expect(value).toBeCloseTo((0.11 + 0.12) / 2 - 0.2, 12);
    expect(jobs).toBe(2);
  });

  it.each([
    [["slcp"], ["alices"], /alices learns a ratio from gold, which slcp does not give/],
    [["galton_board"], ["aalr"], /aalr gives posteriors, but galton_board compares ratios/],
    [[own("unknown")], ["carl"], /unknown_gold has no exact log ratio to compare carl with/],
  ])("refuses %s with %s", async (problems, methods, message) => {
    await expect(resolve({ problems, methods })).rejects.toThrow(message);
  });

  it("has one observation", async () => {
    await expect(resolve({ problems: ["eft"], methods: ["carl"], observations: [1, 2] })).rejects.toThrow(
      /observations\[1\]: eft has no observation 2; it has 1\./,
    );
  });
});

it.each([
  ["gold", goldTargets],
  ["gold-lotka-volterra", lotkaVolterraTargets],
  ["scandal", scandalTargets],
])("plans in %s.json what the targets ask for", async (name, targets) => {
  const { jobs } = await readPlan(
    fileURLToPath(new URL(`../../benchmarks/plans/${name}.json`, import.meta.url)),
  );
  const planned = new Set(
    jobs.map(({ problem, method, simulations }) => `${problem} ${method} ${simulations}`),
  );
  for (const { source } of targets) {
    if (!("plan" in source)) continue;
    expect(planned).toContain(`${source.problem} ${source.method} ${source.simulations}`);
  }
  expect(ratioMseOf("galton_board", "carl", 200, "published")).toBe(0.133); // LRT by its other name
});

it("finds the slope of an exact ratio to be the exact score, and a half of it to miss a quarter", async () => {
  const problem = await findGoldProblem("lotka_volterra_small");
  const logRatio = async (theta: Matrix, x: Matrix) =>
    problem.logRatio!(theta, repeatRow(problem.thetaRef, x.rows), x);
  const score = async (x: Matrix) => {
    const exact = problem.score!(repeatRow(problem.thetaRef, x.rows), x);
    return { ...exact, data: exact.data.map((t) => t / 2) };
  };
  const few = { ...problem, comparison: { denominators: "thetaRef", test: fewRows } } as const;
  expect(await scoreRatio(["scoreMse"], few, { logRatio, score })).toEqual({ scoreMse: 0.25 });
  // the error of fourth order of a step of 0.02 standard deviations
  const slopes = await scoreRatio(["logRatioMse", "scoreMse"], few, { logRatio });
  expect(slopes.logRatioMse).toBe(0);
  expect(slopes.scoreMse).toBeLessThan(1e-12);
});

it("learns a score and its local model as a method", async () => {
  const problem = await findGoldProblem("eft");
  await using learned = await (await ratioMethods.sally()).learn({
    problem,
    simulations: 300,
    seed: 1,
    training: { epochs: 1, network: { kind: "mlp", hidden: [4], activation: "tanh" } },
  });
  const x = fromRows([
    [0.3, -1],
    [1, 2],
  ]);
  const at = (theta: number[]) => learned.logRatio(repeatRow(Float64Array.from(theta), 2), x);
  expect(Array.from(await at([0, 0])).every((value) => Math.abs(value) < 1e-12)).toBe(true);
  const h = 1e-4;
  const [up, down, score] = [await at([h, 0]), await at([-h, 0]), await learned.score!(x)];
  // the local model's slope is the score less its mean over the simulations, which is the same for both rows
  const off = up.map((value, i) => (value - down[i]) / (2 * h) - score.data[2 * i]);
  expect(Math.abs(off[0] - off[1])).toBeLessThan(1e-6);
});

// exact sums, and for eft that of 20,000 events with a standard error of about 1 %
it.each([
  ["galton_board", 0.06325, 1e-5],
  ["eft", 0.539, 0.02],
  ["lotka_volterra_small", 0.3043, 1e-4],
] as const)("%s: ignoring the data scores %d, and misses the whole score", async (name, expected, tolerance) => {
  const problem = await findGoldProblem(name);
  await using nothing = await ignorant.learn({ problem, simulations: 1, seed: 1 });
  const { logRatioMse, scoreMse } = await scoreRatio(["logRatioMse", "scoreMse"], problem, nothing);
  expect(Math.abs(logRatioMse - expected)).toBeLessThan(tolerance);
  expect(scoreMse).toBe(1);
});
