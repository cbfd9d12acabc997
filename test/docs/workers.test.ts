import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import * as galton from "../../src/index.js";

const page = readFileSync(new URL("../../docs/workers.md", import.meta.url), "utf8");
const scratch = mkdtempSync(join(tmpdir(), "galton-docs-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

it("docs/workers.md: its code runs as it stands", async () => {
  const index = new URL("../../src/index.ts", import.meta.url).pathname;
  const blocks = [...page.matchAll(/^```ts ?(\S*)\n(.*?)^```$/gms)].map(([, name, code]) => ({ name, code }));
  expect(blocks.map(({ name }) => name)).toEqual(["my-sampler.ts", ""]);
  for (const { name, code } of blocks) {
    // one worker is this thread; threads have tests of their own
    const text = code
      .replaceAll('from "galton"', `from ${JSON.stringify(index)}`)
      .replace("workers: 2", "workers: 1");
    writeFileSync(join(scratch, name || "main.ts"), text);
  }
  const printed = vi.spyOn(console, "log").mockImplementation(() => undefined);
  try {
    await import(/* @vite-ignore */ join(scratch, "main.ts"));
    const [[table]] = printed.mock.calls;
    expect(table).toMatch(/^frequency +1\.[12]\d/m); // 1.2, of an error of a few percent
    expect(table).not.toMatch(/R-hat is above/);
  } finally {
    printed.mockRestore();
  }
});

it("docs/workers.md names functions that exist", () => {
  const calls = [...page.matchAll(/`(\w+)\(/g)].map(([, name]) => name);
  const functions = [...page.matchAll(/`(sample\w*|stretch|differentialEvolution|smc)`/g)].map(
    ([, name]) => name,
  );
  for (const name of [...calls, ...functions]) expect(Object.keys(galton)).toContain(name);
});
