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
  "05-carl-and-its-checks.ts"(output) {
    const ways = output.split(/^(?=(?:well|badly) )/m).slice(1);
    const off = ways.map((text) => Number(/off by (\S+)/.exec(text)?.[1]));
    expect(off[0]).toBeLessThan(0.02); // half a standard deviation of 500 events
    expect(Math.min(off[1], off[2])).toBeGreaterThan(2 * off[0]);
    expect(ways.map((text) => text.includes("not to be trusted"))).toEqual([false, true, true]);
  },
  "06-sally-near-the-standard-model.ts"(output) {
    const kept = [...output.matchAll(/kept (\S+) %/g)].map(([, share]) => Number(share));
    expect(kept).toHaveLength(2);
    expect(Math.min(...kept)).toBeGreaterThan(95);
    const rows = [...output.matchAll(/^\(.*\) +(-?\d\.\d+) +(-?\d\.\d+) +(-?\d\.\d+)$/gm)];
    expect(rows).toHaveLength(5);
    // 37 bins of 20,000 events have noise of 0.06 each, twice the sum over 36 events twelve times that
    for (const [, exact, found] of rows)
      expect(Math.abs(Number(found) - Number(exact))).toBeLessThan(4 * 0.72);
  },
  "07-alices-on-the-galton-board.ts"(output) {
    const [alices, carl] = [/ALICES (\d\.\d+)/, /CARL (\d\.\d+)/].map((of) => Number(of.exec(output)?.[1]));
    expect(alices).toBeLessThan(0.005);
    expect(carl).toBeGreaterThan(4 * alices);
  },
  "08-hares-and-lynxes.ts"(output) {
    const rows = [
      ...output.matchAll(
        /^\w+ +\d+\.\d+ +\d+\.\d+ +(-?\d\.\d+) \d\.\d+ +(-?\d\.\d+) \d\.\d+ +(-?\d\.\d+) (\d\.\d+)$/gm,
      ),
    ].map((match) => match.slice(1).map(Number));
    expect(rows).toHaveLength(8);
    for (const [j, [learned, weighted, chains, sd]] of rows.entries()) {
      expect(Math.abs(learned)).toBeLessThan(j < 6 ? 1.5 : 4); // Stan's standard deviations; the spreads are the hard part
      expect(Math.abs(weighted)).toBeLessThan(0.5); // a hundred effective draws and more
      // 3,000 effective draws: means err by 0.02, standard deviations, whose tails are long, by a few times that
      expect(Math.abs(chains)).toBeLessThan(0.15);
      expect(Math.abs(sd - 1)).toBeLessThan(0.2);
    }
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
