import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/core/errors.js";
import { key } from "../../src/core/random.js";
import { readDataset } from "../../src/dataset/files.js";
import { uniform } from "../../src/prior/uniform.js";
import { simulate } from "../../src/simulate.js";
import { defineSimulator } from "../../src/simulator.js";
import { elsewhere, scratchFolder } from "./scratch.js";
import { gaussian, prior, slow, sometimesNaN } from "./simulators.js";

const { scratch, two, newFolder } = scratchFolder();

describe("a folder of simulations", () => {
  const files = async (folder: string) => {
    const names = (await readdir(folder)).sort();
    return Promise.all(
      names.map(async (name) => [name, (await readFile(join(folder, name))).toString("hex")]),
    );
  };

  it("goes on after an abort with the bytes of an unbroken run", async () => {
    const options = { n: 200, seed: "resume", shardSize: 20 };
    const unbroken = newFolder();
    const expected = await simulate(slow, { ...options, out: unbroken });
    for (const how of ["inline", "threads"]) {
      const out = newFolder();
      const run = how === "inline" ? slow : elsewhere("slow");
      const executor = how === "inline" ? undefined : two;
      const controller = new AbortController();
      const reason = new Error("stop here");
      const onProgress = ({ done }: { done: number }) => done >= 90 && controller.abort(reason);
      const { signal } = controller;
      await expect(simulate(run, { ...options, out, executor, signal, onProgress })).rejects.toBe(reason);
      const left = JSON.parse(await readFile(join(out, "manifest.json"), "utf8")).shards.length;
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThan(10);
      await expect(readDataset(out)).rejects.toThrow(/not finished: \d of 10 shards/);

      const simulated: number[] = [];
      const resumed = await simulate(run, {
        ...options,
        out,
        executor,
        onProgress: (p) => simulated.push(p.done),
      });
      expect(simulated[0]).toBeGreaterThan(20 * left); // the finished shards count as done
      expect(resumed.x).toEqual(expected.x);
      expect(await files(out)).toEqual(await files(unbroken));
    }
  });

  it("goes on after the process was killed", async () => {
    const options = { n: 400, seed: "kill", shardSize: 20 };
    const [out, unbroken] = [newFolder(), newFolder()];
    const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const script = join(scratch, "run.ts");
    await writeFile(
      script,
      `import { simulate } from ${url("../../src/simulate.ts")}; import { slow } from ${url("./simulators.ts")};
       simulate(slow, ${JSON.stringify({ ...options, out })});`,
    );
    const child = spawn(process.execPath, ["--import", "tsx", script], { stdio: "inherit" });
    const ended = once(child, "close");
    const written = async () =>
      (await readdir(out).catch(() => [])).filter((name) => name.endsWith(".arrow")).length;
    while ((await written()) < 3 && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill("SIGKILL");
    await ended;
    expect(await written()).toBeLessThan(20);
    await writeFile(join(out, "shard-000019.arrow.123.tmp"), "half a shard"); // as a kill in a write leaves it
    await simulate(slow, { ...options, out });
    await simulate(slow, { ...options, out: unbroken });
    expect(await files(out)).toEqual(await files(unbroken));
  });

  it("rejects at once while a simulator waits", async () => {
    const never = defineSimulator({ prior, xShape: [], runBatch: () => new Promise(() => {}) });
    const signal = AbortSignal.timeout(30);
    await expect(simulate(never, { n: 5, seed: 1, signal })).rejects.toThrow(/timeout/);
    await expect(simulate(gaussian, { n: 5, seed: 1, signal })).rejects.toThrow(/timeout/);
  });

  it("writes missing and damaged shards anew", async () => {
    const out = newFolder();
    const options = { n: 100, seed: 1, shardSize: 10, out };
    const expected = await simulate(gaussian, options);
    const before = await files(out);
    const bytes = await readFile(join(out, "shard-000003.arrow"));
    bytes[bytes.length >> 1] ^= 1;
    await writeFile(join(out, "shard-000003.arrow"), bytes);
    await expect(readDataset(out)).rejects.toThrow(/shard-000003\.arrow is damaged/);
    await rm(join(out, "shard-000007.arrow"));
    const again = await simulate(gaussian, options);
    expect(again.x).toEqual(expected.x);
    expect(await files(out)).toEqual(before);
    await rm(join(out, "shard-000007.arrow"));
    await expect(readDataset(out)).rejects.toThrow(/shard-000007\.arrow is missing/);
  });

  it.each([
    [{ seed: 2 }, gaussian, '"seed" is 1 there and 2 now'],
    [{ n: 60 }, gaussian, '"n" is 50 there and 60 now'],
    [{ shardSize: 25 }, gaussian, '"shardSize" is 10 there and 25 now'],
    [{}, sometimesNaN, '"simulator" is "gaussian" there and "sometimesNaN" now'],
    [
      {},
      defineSimulator({
        ...gaussian,
        prior: uniform({ mu: [-3, 3], sigma: [0.1, 3] }),
        run: () => [1, 2, 3],
      }),
      '"prior" is',
    ],
  ])("refuses other arguments: %o", async (change, simulator, message) => {
    const out = newFolder();
    const options = { n: 50, seed: 1, shardSize: 10, out };
    await simulate(gaussian, options);
    const failed = simulate(simulator, { ...options, ...change });
    await expect(failed).rejects.toThrow(ConfigError);
    await expect(failed).rejects.toThrow(message);
  });

  it("refuses to go on with a simulator whose code was changed", async () => {
    const out = newFolder();
    const options = { n: 50, seed: 1, shardSize: 10, out };
    await simulate(gaussian, options);
    const changed = defineSimulator({
      name: "gaussian",
      prior,
      xShape: [3],
      run: ({ mu, sigma }, rng) => rng.normals(3, mu, sigma * 2),
    });
    await expect(simulate(changed, options)).rejects.toThrow(/row 0 .* comes out different now/);
  });

  it("refuses manifests that it does not understand", async () => {
    const out = newFolder();
    const options = { n: 20, seed: 1, out };
    await simulate(gaussian, options);
    const path = join(out, "manifest.json");
    const manifest = JSON.parse(await readFile(path, "utf8"));
    for (const [change, message] of [
      [{ version: 2 }, /"version" is 2; this release of galton reads version 1/],
      [{ format: "other" }, /"format" is "other"/],
      [{ shards: undefined }, /lacks/],
    ] as const) {
      await writeFile(path, JSON.stringify({ ...manifest, ...change }));
      await expect(readDataset(out)).rejects.toThrow(message);
      await expect(simulate(gaussian, options)).rejects.toThrow(message);
    }
    await writeFile(path, "{");
    await expect(readDataset(out)).rejects.toThrow(/not JSON/);
    await rm(path);
    await expect(readDataset(out)).rejects.toThrow(/has no manifest\.json/);
  });

  it("reads back what was simulated, prior included", async () => {
    const out = newFolder();
    const written = await simulate(gaussian, { n: 30, seed: 9, out });
    const read = await readDataset(out);
    expect(read.theta).toEqual(written.theta);
    expect(read.x).toEqual(written.x);
    expect(read.source).toEqual(written.source);
    expect(read.prior?.sample(5, key(1))).toEqual(prior.sample(5, key(1)));
  });
});
