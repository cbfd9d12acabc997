/** The program itself, as a process in a folder of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { type Outcome, temporaryFolder } from "./host.js";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const folder = temporaryFolder();

function start(argv: readonly string[]): { child: ChildProcess; outcome: Promise<Outcome> } {
  const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/loader.mjs")).href;
  const child = spawn(process.execPath, ["--import", tsx, join(root, "src/cli/main.ts"), ...argv], {
    cwd: folder,
  });
  const out = { stdout: "", stderr: "" };
  child.stdout.on("data", (bytes) => {
    out.stdout += bytes;
  });
  child.stderr.on("data", (bytes) => {
    out.stderr += bytes;
  });
  const outcome = new Promise<Outcome>((done) =>
    child.on("close", (code) => done({ status: code ?? -1, ...out })),
  );
  return { child, outcome };
}

/** Runs the program; lines of progress, which a busy machine shows, are left out of what it said. */
async function galton(line: string): Promise<Outcome> {
  const outcome = await start(line.split(" ")).outcome;
  return { ...outcome, stderr: outcome.stderr.replace(/^ *\d+ % .*\n/gm, "") };
}

describe("the program", { timeout: 180_000 }, () => {
  it("goes from a simulator of the current folder to a report", async () => {
    const source = readFileSync(join(root, "test/cli/simulator.ts"), "utf8");
    writeFileSync(
      join(folder, "simulator.ts"),
      source.replaceAll('"../../', `"${pathToFileURL(root).href}/`),
    );

    const simulated = await galton("simulate ./simulator.ts --n 500 --seed hello --out simulations");
    expect(simulated).toEqual({
      status: 0,
      stdout: "simulations: 500 simulations, theta (mu, sigma), x of shape [3].\n",
      stderr: "",
    });
    const trained = await galton("train simulations --epochs 3 --width 16 --blocks 1 --seed hello --quiet");
    expect(trained).toMatchObject({ status: 0, stderr: "" });
    expect(trained.stdout).toMatch(
      /^estimator.safetensors\n3 epochs \(all\)[\s\S]*Report card, on 50 held-out pairs/,
    );

    const sampled = await galton(
      "sample estimator.safetensors --observed 0.9,1.4,1.1 --chains 16 --warmup 100 --draws 50 --out draws.json --seed hello",
    );
    expect(sampled.status).toBe(0);
    expect(sampled.stdout).toMatch(/^hmc, 16 chains of 50 draws\n +mean +sd/);
    expect(sampled.stderr).toBe("Wrote draws.json.\n");

    const [diagnosed, reported] = await Promise.all([
      galton("diagnose draws.json --json"),
      galton("report --estimator estimator.safetensors --draws draws.json"),
    ]);
    expect(diagnosed).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse(diagnosed.stdout)).toMatchObject({ chains: 16, draws: 50, run: { sampler: "hmc" } });
    expect(reported.status).toBe(0);
    expect(readFileSync(join(folder, "report.html"), "utf8")).toMatch(/^<!DOCTYPE html>/);
  });

  it("stops at Ctrl-C with 130, keeps what is finished, and goes on from there to the same bytes", async () => {
    copyFileSync(join(folder, "simulator.ts"), join(folder, "models.ts"));
    const line = ["simulate", "./models.ts#slow", "--n", "400", "--shard-size", "20", "--out"];
    const { child, outcome } = start([...line, "stopped"]);
    while (!existsSync(join(folder, "stopped", "shard-000001.arrow"))) {
      expect(child.exitCode).toBe(null);
      await new Promise((wait) => setTimeout(wait, 10));
    }
    child.kill("SIGINT");
    const { status, stderr } = await outcome;
    expect(status).toBe(130);
    expect(stderr).toMatch(/stopped\. Finished files are in stopped; run the same command again to go on\./);
    const count = readdirSync(join(folder, "stopped")).length;
    expect(count).toBeLessThan(21);

    const [resumed, whole] = await Promise.all([
      start([...line, "stopped"]).outcome,
      start([...line, "whole"]).outcome,
    ]);
    expect([resumed.status, whole.status]).toEqual([0, 0]);
    for (const file of readdirSync(join(folder, "whole"))) {
      expect(
        readFileSync(join(folder, "stopped", file)).equals(readFileSync(join(folder, "whole", file))),
      ).toBe(true);
    }
  });
});
