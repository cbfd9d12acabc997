import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parsePlan, readPlan, resolvePlan, withSeeds } from "../../benchmarks/plan.js";
import { readRange } from "../../benchmarks/plan-schema.js";
import { jobId } from "../../benchmarks/record.js";
import { groupJobs } from "../../benchmarks/runner.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const plans = fileURLToPath(new URL("../../benchmarks/plans", import.meta.url));

const resolve = async (json: object) =>
  resolvePlan(await parsePlan({ name: "trial", ...json }, "trial.json"), {
    folder: here,
    where: "trial.json",
  });

describe("a plan", () => {
  it("is every combination of its lists, in their order", async () => {
    const { jobs } = await resolve({
      problems: ["two_moons", "slcp"],
      methods: ["prior", "exact"],
      simulations: [10, 20],
      observations: "1-3",
      seeds: [4, 7],
    });
    expect(jobs).toHaveLength(2 * 2 * 2 * 3 * 2);
    expect(jobs.slice(0, 3).map(jobId)).toEqual([
      "two_moons.prior.10.obs1.seed4",
      "two_moons.prior.10.obs1.seed7",
      "two_moons.prior.10.obs2.seed4",
    ]);
  });

  it("fills in what it does not say, and says it for each comparison that does not", async () => {
    const plan = await parsePlan({
      name: "trial",
      methods: ["prior"],
      draws: 100,
      comparisons: [{ problems: ["slcp"] }, { problems: ["two_moons"], draws: 200, seeds: "2-3" }],
    });
    expect(plan.comparisons).toMatchObject([
      { problems: ["slcp"], methods: ["prior"], draws: 100, simulations: [10_000], seeds: [1] },
      { problems: ["two_moons"], methods: ["prior"], draws: 200, seeds: [2, 3] },
    ]);
    expect(plan.comparisons[0].scores).toEqual(["c2st", "mmd", "mmdReference", "auc"]);
  });

  it("sends observations of one training together, small budgets and first seeds first", async () => {
    const { jobs } = await resolve({
      problems: ["two_moons"],
      methods: ["exact", "prior"],
      simulations: [100, 10],
      observations: [1, 2],
      seeds: [2, 1],
    });
    const groups = groupJobs(jobs).map(
      ({ method, simulations, seed, observations }) => `${simulations} ${seed} ${method} ${observations}`,
    );
    expect(groups).toEqual([
      "10 1 exact 1,2",
      "10 1 prior 1,2",
      "10 2 exact 1,2",
      "10 2 prior 1,2",
      "100 1 exact 1,2",
      "100 1 prior 1,2",
      "100 2 exact 1,2",
      "100 2 prior 1,2",
    ]);
  });

  it("can be narrowed to some of its seeds", async () => {
    const plan = await resolve({ problems: ["slcp"], methods: ["prior"], seeds: "1-25" });
    expect(withSeeds(plan, [1, 2, 3]).jobs.map(({ seed }) => seed)).toEqual([1, 2, 3]);
    expect(() => withSeeds(plan, [26])).toThrow(/has none of the seeds 26/);
  });

  it("names problems and methods of a user's own by their modules", async () => {
    const { jobs, plan } = await resolve({ problems: ["./own.ts#problem"], methods: ["./own.ts#biased"] });
    expect(jobs).toMatchObject([{ problem: "one_gaussian", method: "biased" }]);
    const [word] = plan.comparisons[0].problems;
    expect(word).toBe(`${new URL("own.ts", import.meta.url).href}#problem`);
    expect((await resolve({ problems: [word], methods: ["prior"] })).jobs).toHaveLength(1);
  });

  it.each([
    [{ problems: ["slpc"] }, /^trial\.json: problems\[0\]: problem "slpc" is unknown; did you mean slcp\?/],
    [
      { problems: ["slcp"], methods: ["aalr", "abc-5"] },
      /^trial\.json: methods\[1\]: method "abc-5" is unknown; did you mean abc-/,
    ],
    [
      { problems: ["xyz"] },
      /problem "xyz" is unknown; expected one of asymmetries, .* or an export of your own module/,
    ],
    [{ problems: ["./own.ts"] }, /Write \.\/own\.ts#NAME/],
    [{ problems: ["./absent.js#problem"] }, /problems\[0\]: .*absent\.js#problem": cannot import it/],
    [{ problems: ["no-such-package-here#problem"] }, /cannot import it/],
    [{ problems: ["./own.ts#problm"] }, /exports no such problem; it exports .*problem/],
    [{ problems: ["./own.ts#empty"] }, /it has no simulator/],
    [{ problems: ["slcp"], methods: ["./own.ts#problem"] }, /it has no function prepare/],
    [{ problems: ["./own.ts#impostor"] }, /its name "slcp" is that of one that comes with galton/],
    [{ problems: ["./own.ts#climber"] }, /its name must be letters, digits .*got "\.\.\/\.\.\/climber"/],
    [
      { problems: ["slcp"], observations: [1, 99] },
      /^trial\.json: observations\[1\]: slcp has no observation 99; it has 1, 2/,
    ],
    [
      { problems: ["slcp"], observations: "3-1" },
      /^trial\.json: observations: expected a list of whole numbers .* "1-3"/,
    ],
    [{ problems: ["slcp"], seeds: [1, 1] }, /^trial\.json: seeds: has an entry twice/],
    [{ problems: ["slcp"], simulations: [-5] }, /^trial\.json: simulations\[0\]: .*>=1/],
    [{ problems: [] }, /^trial\.json: problems: /],
    [{ problem: ["slcp"] }, /^trial\.json: there is no field "problem"; did you mean problems\?/],
    [
      { comparisons: [{ problems: ["slcp"], seds: [1] }] },
      /comparisons\[0\]: there is no field "seds"; did you mean seeds\?/,
    ],
    [{ problems: ["slcp"], training: { epochs: 0 } }, /^trial\.json: training\.epochs: /],
    [{ problems: ["slcp"], scores: ["c2ts"] }, /^trial\.json: scores\[0\]: /],
    [{ problems: ["slcp"], name: "a/b" }, /^trial\.json: name: expected letters, digits/],
    [
      { comparisons: [{ problems: ["slcp"] }, { problems: ["slcp"], draws: 7 }] },
      /comparisons\[1\]: slcp\.prior\.10000\.obs1\.seed1 is planned twice, with "draws" 10000 and 7/,
    ],
  ])("is refused before anything runs: %j", async (json, message) => {
    await expect(resolve({ methods: ["prior"], ...json })).rejects.toThrow(message);
  });

  it("says which file is not a plan", async () => {
    await expect(readPlan("absent.json")).rejects.toThrow(
      /^bench: cannot read the plan absent\.json: there is no such file\. Give a JSON file/,
    );
    await expect(readPlan(`${here}own.ts`)).rejects.toThrow(/^own\.ts: is not JSON/);
  });
});

describe("the plans that come with galton", () => {
  it.each(
    readdirSync(plans).filter((file) => file !== "samplers.json"),
  )("%s names what exists, and is called as its file", async (file) => {
    const { plan, jobs } = await readPlan(`${plans}/${file}`);
    expect(jobs.length).toBeGreaterThan(0);
    expect(`${plan.name}.json`).toBe(file);
    expect(Object.keys(JSON.parse(readFileSync(`${plans}/${file}`, "utf8")))).toContain("title");
  });

  it("leave that of the samplers to its own command, and say so", async () => {
    await expect(readPlan(`${plans}/samplers.json`)).rejects.toThrow(
      "samplers.json: is a plan of samplers on known densities; run npm run bench:samplers.",
    );
  });

  it("repeat Table 2 twenty-five times", async () => {
    const { jobs } = await readPlan(`${plans}/table2.json`);
    expect(jobs).toHaveLength(9 * 25);
  });
});

it.each([
  ["1-3,7", [1, 2, 3, 7]],
  [" 2 , 4 - 5 ", [2, 4, 5]],
  ["3-1", undefined],
  ["1.5", undefined],
  ["", undefined],
  ["0-100000000000", undefined],
])("reads the range %j", (text, numbers) => {
  expect(readRange(text)).toEqual(numbers);
});
