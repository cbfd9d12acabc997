import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { galton, interrupted, temporaryFolder } from "./host.js";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const own = join(root, "test/benchmarks/own.ts");
const folder = temporaryFolder();
const path = (name: string) => join(folder, name);
const write = (name: string, json: object) => {
  writeFileSync(path(name), JSON.stringify(json));
  return path(name);
};
const quickFlags = ["--simulations", "50", "--draws", "60", "--scores", "mmd"];
const parse = (stdout: string) =>
  stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

describe("galton bench", () => {
  it("prints a flat line per job and nothing else with --json", async () => {
    const network = ["--epochs", "1", "--method", "aalr", "--simulations", "200", "--draws", "60"];
    const { status, stdout } = await galton(
      ...["bench", "--problem", "two_moons", "--observations", "1-2", "--scores", "mmd,auc"],
      ...[...network, "--json", "--out", path("flat")],
    );
    expect(status).toBe(0);
    const lines = parse(stdout);
    expect(lines.map(({ observation }) => observation)).toEqual([1, 2]);
    for (const line of lines) {
      expect(line).toMatchObject({
        problem: "two_moons",
        method: "aalr",
        simulations: 200,
        seed: 1,
        draws: 60,
      });
      for (const field of ["mmd", "auc", "trainCpuSeconds", "sampleCpuSeconds", "rhat", "essBulk"])
        expect(line[field], field).toBeTypeOf("number");
      expect(line.made.engine).toMatch(/\d/);
      expect(line.errors.auc).toBeGreaterThan(0);
    }
  });

  it("runs a plan once, by as many seeds as are asked for", async () => {
    const plan = write("repeats.json", {
      name: "repeats",
      problems: [`${own}#problem`],
      methods: ["prior", "exact"],
      simulations: [10],
      seeds: "1-4",
      draws: 60,
      scores: ["mmd"],
    });
    const first = await galton("bench", plan, "--out", path("repeats"), "--seeds", "1-2");
    expect(first.status).toBe(0);
    expect(first.stdout).toMatch(/^one_gaussian prior n=10 observation 1 seed 1: MMD \d/);
    expect(first.stdout).toMatch(/one_gaussian exact n=10, mean of 2: MMD \d/);
    expect(first.stderr).toMatch(/^4 jobs done, 0 of them failed; results in .*repeats\.$/m);
    const rest = await galton("bench", plan, "--out", path("repeats"));
    expect(rest.stderr).toMatch(/4 jobs done, 0 of them failed; 4 were there before/);
    expect(await galton("bench", plan, "--out", path("repeats"), "--json")).toEqual({
      status: 0,
      stdout: "",
      stderr: `Nothing to do: all 8 jobs are in ${path("repeats")}.\n`,
    });
  });

  it("says what failed, and ends well all the same", async () => {
    const { status, stdout, stderr } = await galton(
      ...["bench", "--problem", `${own}#problem`, "--method", `${own}#fragile`, "--observations", "1,2"],
      ...[...quickFlags, "--out", path("fragile")],
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/observation 2 seed 1: FAILED: fragile: expected a positive observation/);
    expect(stderr).toMatch(/2 jobs done, 1 of them failed/);
  });

  it("stops at Ctrl-C, keeps what is finished, and says how to go on", async () => {
    const argv = ["bench", "--problem", `${own}#problem`, "--method", "exact", "--seed", "1-200"];
    const { status, stderr } = await interrupted(...argv, ...quickFlags, "--out", path("stopped"));
    expect(status).toBe(130);
    expect(stderr).toMatch(/Finished jobs are in .*stopped; run the same command again to go on\./);
    const done = readFileSync(path("stopped/results.jsonl"), "utf8").split("\n").length - 1;
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(200);
    expect(readdirSync(path("stopped/draws"))).toHaveLength(done);
    expect(existsSync(path("stopped/lock"))).toBe(false);
  });

  it.each([
    [[], /expected a plan file or --problem, got neither\. Problems: asymmetries, .*slcp/],
    [["--problem", "slpc"], /bench: problems\[0\]: problem "slpc" is unknown; did you mean slcp\?/],
    [
      ["--problem", "slcp", "--method", "alr"],
      /bench: methods\[0\]: method "alr" is unknown; did you mean aalr/,
    ],
    [
      ["--problem", "slcp", "--observations", "1-x"],
      /--observations must be whole numbers such as 1,2,3 or 1-3/,
    ],
    [["--problem", "slcp", "--observations", "99"], /slcp has no observation 99/],
    [["--problem", "slcp", "--quick", "--draws", "5"], /--quick and --draws contradict/],
    [["--problem", "slcp", "--seed", "1", "--seeds", "2"], /--seed and --seeds are the same/],
    [["--probelm", "slcp"], /unknown option --probelm; did you mean --problem\?/],
    [["absent.json"], /cannot read the plan absent\.json/],
    [
      ["absent.json", "--seed", "3"],
      /--seed goes without a plan; absent\.json says it itself\. --seeds takes/,
    ],
  ])("refuses %j", async (argv, message) => {
    const { status, stdout, stderr } = await galton("bench", ...argv);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("makes a new folder for each run of flags", async () => {
    const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/loader.mjs")).href;
    const argv = ["--problem", `${own}#problem`, "--method", "exact", ...quickFlags, "--json"];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--import", tsx, join(root, "src/cli/main.ts"), "bench", ...argv],
      { cwd: folder },
    );
    expect(parse(stdout)).toMatchObject([{ problem: "one_gaussian", method: "exact", draws: 60 }]);
    const [made] = readdirSync(path("results"));
    expect(readFileSync(path(`results/${made}/results.jsonl`), "utf8").split("\n")).toHaveLength(2);
  });
});
