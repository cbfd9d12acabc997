import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const folder = new URL("../../examples/", import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), "galton-examples-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** The first number behind a parameter's name in a printed summary: its posterior mean. */
const meanOf = (name: string, output: string) =>
  Number(new RegExp(`^${name} +(\\S+)`, "m").exec(output)?.[1]);

/** What each example has to print or write. */
const expectations: Readonly<Record<string, (output: string) => void>> = {
  "01-z-mass-before-lep.ts"(output) {
    expect(output).toMatch(/Fermi coupling \(relative\) and Z mass \(GeV\)/);
    expect(existsSync(join(scratch, "report.html"))).toBe(true);
  },
  "02-hello.ts"(output) {
    // ten data of mean 1.05 and standard deviation 0.51: half the posterior's width of 0.51 / sqrt(10)
    expect(Math.abs(meanOf("mu", output) - 1.05)).toBeLessThan(0.08);
    expect(meanOf("sigma", output)).toBeGreaterThan(0.4);
    expect(meanOf("sigma", output)).toBeLessThan(0.8);
  },
  "03-python-simulator.ts"(output) {
    // three data of mean 1 and a flat prior: the posterior is even about 1, about 0.65 wide
    expect(Math.abs(meanOf("mu", output) - 1)).toBeLessThan(0.2);
  },
  "04-gold-from-a-program.ts"(output) {
    const slots = [...output.matchAll(/^\d +(-?\d\.\d+) +(-?\d\.\d+)$/gm)];
    expect(slots).toHaveLength(7);
    // thousands of paths a slot, whose ratios differ by half at most
    for (const [, found, exact] of slots) expect(Math.abs(Number(found) - Number(exact))).toBeLessThan(0.03);
  },
};
const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe("the examples", () => {
  it("are all here", () => {
    const files = readdirSync(folder).filter((name) => name.endsWith(".ts"));
    expect(files.sort()).toEqual(Object.keys(expectations));
  });

  for (const [file, check] of Object.entries(expectations)) {
    const isMissing = file.includes("python") && !hasPython;
    it.skipIf(isMissing)(`${file} runs alone and finds what it says`, async () => {
      const example = spawn(
        process.execPath,
        ["--import", import.meta.resolve("tsx"), fileURLToPath(new URL(file, folder))],
        {
          cwd: scratch,
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      const ended = new Promise((resolve, reject) => {
        example.once("error", reject);
        example.once("close", resolve);
      });
      const [output, errors, status] = await Promise.all([text(example.stdout), text(example.stderr), ended]);
      expect(status, errors).toBe(0);
      check(output);
    });
  }
});
