import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";

const scratch = mkdtempSync(join(tmpdir(), "galton-docs-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

it("docs/gold.md: its code runs as it stands, and prints what it says", async () => {
  const page = readFileSync(new URL("../../docs/gold.md", import.meta.url), "utf8");
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
  expect(blocks).toHaveLength(2);
  const file = join(scratch, "gold.ts");
  const galton = new URL("../../src/index.ts", import.meta.url).pathname;
  writeFileSync(file, blocks.join("\n").replaceAll('from "galton"', `from ${JSON.stringify(galton)}`));
  const printed = vi.spyOn(console, "log").mockImplementation(() => undefined);
  try {
    await import(/* @vite-ignore */ file);
    const [[checks], [gold], [mean]] = printed.mock.calls;
    expect(checks).toHaveLength(3);
    // an error of the ratio of a few percent, and the checks' own
    for (const { mean: ratio, standardError } of checks)
      expect(Math.abs(ratio - 1)).toBeLessThan(0.1 + 4 * standardError);
    expect(gold.targets.infinite).toBe(0);
    expect(Math.abs(mean)).toBeLessThan(4 * 0.0071);
  } finally {
    printed.mockRestore();
  }
});

it("docs/gold.md names examples and functions that exist", async () => {
  const page = readFileSync(new URL("../../docs/gold.md", import.meta.url), "utf8");
  const galton = await import("../../src/index.js");
  const functions = [...page.matchAll(/`(\w+)`/g)].map(([, name]) => name);
  const known = [...Object.keys(galton), "colony", "theta", "x", "z", "r", "paretoK"];
  for (const name of functions) expect(known).toContain(name);
  for (const [path] of page.matchAll(/(?:examples|benchmarks)\/[\w./-]+\w/g))
    expect(() => readFileSync(new URL(`../../${path}`, import.meta.url))).not.toThrow();
});
