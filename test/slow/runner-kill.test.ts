/** A benchmark whose runner is killed without warning, again and again, ends with the results of one that was not. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, expect, it } from "vitest";
import { type JobRecord, jobId } from "../../benchmarks/record.js";
import { readKeptDraws } from "../../benchmarks/results.js";
import { key, stream } from "../../src/core/random.js";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const folder = mkdtempSync(join(tmpdir(), "galton-kill-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const kills = 20;
const plan = join(folder, "plan.json");
const own = join(root, "test/benchmarks/own.ts");
writeFileSync(
  plan,
  JSON.stringify({
    name: "kill",
    problems: [`${own}#problem`],
    methods: ["exact", `${own}#biased`, `${own}#fragile`, "abc-4"],
    simulations: [200],
    observations: [1, 2],
    seeds: "1-25",
    scores: ["mmd", "slicedWasserstein"],
    draws: 100,
  }),
);

function start(out: string, workers: number): { child: ChildProcess; done: Promise<number | null> } {
  const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/loader.mjs")).href;
  const argv = ["bench", plan, "--out", join(folder, out), "--workers", String(workers), "--quiet", "--json"];
  const child = spawn(process.execPath, ["--import", tsx, join(root, "src/cli/main.ts"), ...argv], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return { child, done: new Promise((settle) => child.on("close", (status) => settle(status))) };
}

/** The whole lines of the results, whatever comes behind the last. */
function wholeLines(out: string): string[] {
  try {
    return readFileSync(join(folder, out, "results.jsonl"), "utf8")
      .split("\n")
      .slice(0, -1);
  } catch {
    return []; // not yet there
  }
}

/** What is the same on every run, as text. */
function lasting(line: string): string {
  const { cost: _cost, made: _made, ...rest } = JSON.parse(line) as JobRecord;
  return JSON.stringify(rest);
}

it(`equals an undisturbed run after ${kills} kills of the runner`, async () => {
  expect(await start("undisturbed", 1).done).toBe(0);
  const expected = wholeLines("undisturbed");
  expect(expected).toHaveLength(200);

  const rng = stream(key("kill the runner"));
  let hits = 0;
  for (let k = 0; k < kills; k++) {
    const before = wholeLines("killed");
    const { child, done } = start("killed", 1 + (k % 2));
    const ended = done.then(() => true);
    const target = before.length + Math.floor(16 * rng.uniform()); // 0: while it starts
    let over = false;
    while (!over && wholeLines("killed").length < Math.min(target, 195)) {
      over = await Promise.race([ended, new Promise<false>((next) => setTimeout(() => next(false), 2))]);
    }
    const pause = (target === before.length ? 3000 : 40) * rng.uniform();
    await new Promise((next) => setTimeout(next, pause));
    child.kill("SIGKILL");
    if ((await done) === null) hits++;
    const after = wholeLines("killed");
    expect(after.slice(0, before.length)).toEqual(before); // nothing that was done is lost
    for (const line of after) {
      const record = JSON.parse(line) as JobRecord;
      if (record.status === "done") await readKeptDraws(join(folder, "killed"), record); // throws if damaged
    }
  }
  expect(hits).toBe(kills);

  expect(await start("killed", 1).done).toBe(0);
  const lines = wholeLines("killed");
  expect(new Set(lines.map((line) => jobId(JSON.parse(line)))).size).toBe(200);
  expect(lines.map(lasting)).toEqual(expected.map(lasting));
  const draws = readdirSync(join(folder, "undisturbed", "draws"));
  expect(draws).toHaveLength(expected.filter((line) => JSON.parse(line).status === "done").length);
  expect(readdirSync(join(folder, "killed", "draws")).sort()).toEqual(draws.sort());
  for (const file of draws) {
    const [left, right] = ["killed", "undisturbed"].map((out) =>
      readFileSync(join(folder, out, "draws", file)),
    );
    expect(left.equals(right)).toBe(true);
  }
  expect(readdirSync(join(folder, "killed")).sort()).toEqual(["draws", "plan.json", "results.jsonl"]);
});
