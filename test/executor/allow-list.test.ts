import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, ExecutorError } from "../../src/core/errors.js";
import { allowList, importModule, restrictedTo } from "../../src/executor/allow-list.js";
import { callJob } from "../../src/executor/executor.js";
import { inline } from "../../src/executor/inline.js";
import { ownUrl } from "../../src/executor/own-modules.js";
import { loadSampler } from "../../src/sampler-module.js";

const folder = mkdtempSync(join(tmpdir(), "galton-allow-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
for (const name of ["inside", "inside-too"]) {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, "module.mjs"), "export const answer = () => 42;\n");
}
writeFileSync(join(folder, "secret.mjs"), "export const answer = () => 0;\n");
symlinkSync(join(folder, "secret.mjs"), join(folder, "inside", "link.mjs"));
symlinkSync(folder, join(folder, "inside", "up"));
const at = (path: string) => `${pathToFileURL(folder).href}/${path}`;

const allowed = allowList([join(folder, "inside"), "piscina"]);
const load = (module: string) => restrictedTo(allowed, () => importModule(module));

describe("an allow-list", () => {
  it("lets in the files of its folders and its packages", async () => {
    expect(await load(at("inside/module.mjs"))).toHaveProperty("answer");
    expect(await load(at("inside-too/../inside/module.mjs"))).toHaveProperty("answer");
    expect(await load("piscina")).toHaveProperty("Piscina");
  });

  it.each([
    at("secret.mjs"),
    at("inside/../secret.mjs"),
    at("inside/%2e%2e/secret.mjs"),
    at("inside/link.mjs"),
    at("inside/up/secret.mjs"),
    at("inside-too/module.mjs"),
    at("inside/absent.mjs"),
    at("inside"),
    at("inside/module.mjs?again"),
    at("inside%2fmodule.mjs"),
    "file://elsewhere/module.mjs",
    "FILE:inside",
    "zod",
    "piscina/../zod",
    "piscina/%2e%2e/zod",
    "piscina\\..\\zod",
    "fs",
    "node:fs",
    "#internal",
    "data:text/javascript,0",
    "https://example.org/module.mjs",
    "blob:nodedata:1",
  ])("keeps out %s", async (module) => {
    await expect(load(module)).rejects.toThrow(ExecutorError);
    await expect(load(module)).rejects.toThrow(/worker: refused to load/);
  });

  it("holds for the sampler that a job names in its input", async () => {
    const make = (module: string, exportName: string) =>
      restrictedTo(allowed, () => loadSampler({ module, exportName }));
    await expect(make(at("inside/module.mjs"), "answer")).rejects.toThrow(/"answer" of .* gave no sampler/);
    await expect(make(at("secret.mjs"), "answer")).rejects.toThrow(/refused to load/);
    await expect(make(ownUrl("src/executor/threads"), "threads")).rejects.toThrow(
      /refused to call "threads"/,
    );
  });

  it("lets in galton's own libraries, not its programs", async () => {
    const own = (path: string) => new URL(`../../${path}`, import.meta.url).href;
    expect(await load(own("benchmarks/problems/slcp.ts"))).toHaveProperty("simulator");
    for (const path of ["src/cli/main.ts", "src/cli/commands.ts", "benchmarks/engine/run.ts"]) {
      await expect(load(own(path))).rejects.toThrow(/refused to load/);
    }
  });

  it("lets jobs call only functions named ...Job of galton's own, and any export of an allowed module", async () => {
    const call = (module: string, exportName: string) =>
      restrictedTo(allowed, () => callJob({ module, exportName, input: {} }));
    expect(await call(at("inside/module.mjs"), "answer")).toBe(42);
    await expect(call(new URL("../../src/core/random.ts", import.meta.url).href, "key")).rejects.toThrow(
      /refused to call "key" of .*only functions named \.\.\.Job/,
    );
  });

  it("binds nothing outside of the jobs that it was made for", async () => {
    const [inside, outside] = await Promise.allSettled([
      load(at("secret.mjs")),
      inline().run({ module: at("secret.mjs"), exportName: "answer", input: 0 }),
    ]);
    expect(inside.status).toBe("rejected");
    expect(outside).toEqual({ status: "fulfilled", value: 0 });
  });

  it.each(["./absent", "fs", "two words", "@scope", "https://example.org/"])("cannot hold %s", (entry) => {
    expect(() => allowList([entry])).toThrow(ConfigError);
  });
});
