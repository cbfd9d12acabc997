/**
 * Disks that are full and folders that may not be written: a clear error, and nothing done is lost. A full disk is
 * a tiny file system in memory, which only root may mount; elsewhere those tests skip.
 */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/core/errors.js";
import { matrix, takeRows } from "../../src/core/matrix.js";
import { foldIn, key } from "../../src/core/random.js";
import { readDataset, writeDataset } from "../../src/dataset/files.js";
import { inline } from "../../src/executor/inline.js";
import { simulate, simulateToFolder } from "../../src/simulate.js";
import { thetaRows } from "../../src/simulate-shards.js";
import { simulatorModule } from "../../src/simulator-module.js";
import { growDisk, tinyDisk } from "../tiny-disk.js";
import { batched, gaussian, prior, sometimesNaN } from "./simulators.js";

const scratch = mkdtempSync(join(tmpdir(), "galton-disk-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let folders = 0;
const newFolder = () => join(scratch, `run-${folders++}`);
const elsewhere = (name: string) => simulatorModule(new URL("./simulators.ts", import.meta.url), name);

const files = async (folder: string) => {
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map(async (name) => [name, (await readFile(join(folder, name))).toString("hex")]));
};
const listed = async (folder: string): Promise<{ file: string }[]> =>
  JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")).shards;

describe("a full disk", () => {
  const disks = [tinyDisk(256), tinyDisk(256)];
  const may = it.skipIf(disks.includes(undefined));
  const options = { n: 10_000, seed: "full", shardSize: 500 }; // 5 numbers a row: 400 kB

  may.each([
    ["in this thread", 0],
    ["on an executor", 1],
  ])(
    "stops with what to do, keeps what was done, and goes on (%s; skips unless it may mount)",
    async (_, disk) => {
      const out = join(disks[disk]!, "simulations");
      const run = () =>
        disk === 0
          ? simulateToFolder(batched, { ...options, out })
          : simulateToFolder(elsewhere("batched"), { ...options, out, executor: inline() });
      const failed = run();
      await expect(failed).rejects.toThrow(ConfigError);
      await expect(failed).rejects.toThrow(
        /simulateToFolder: cannot write .*: ENOSPC.*finished before are kept.*Make room.*same arguments/,
      );
      const before = await listed(out);
      expect(before.length).toBeGreaterThan(2);
      expect(before.length).toBeLessThan(20);
      expect((await readdir(out)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
      const written = before.map(({ file }) => statSync(join(out, file)).mtimeMs);
      await expect(run()).rejects.toThrow(/ENOSPC/); // and once more, to no harm

      growDisk(disks[disk]!, 2048);
      const simulations = await run();
      expect(simulations.n).toBe(options.n);
      expect(before.map(({ file }) => statSync(join(out, file)).mtimeMs)).toEqual(written); // not made again
      const unbroken = newFolder();
      await simulateToFolder(batched, { ...options, out: unbroken });
      expect(await files(out)).toEqual(await files(unbroken));
    },
  );
});

describe("a folder that may not be written", () => {
  /** Runs as a user without special rights: root may write anywhere. */
  async function asNobody<T>(work: () => Promise<T>): Promise<T> {
    if (process.getuid!() !== 0) return work();
    process.seteuid!(65_534);
    try {
      return await work();
    } finally {
      process.seteuid!(0);
    }
  }
  const options = { n: 100, seed: 1, shardSize: 10 };

  it("is refused before anything is simulated", async () => {
    chmodSync(scratch, 0o755);
    const out = newFolder();
    mkdirSync(out, { mode: 0o555 });
    let simulated = 0;
    const counting = {
      ...gaussian,
      simulate: (...args: Parameters<typeof gaussian.simulate>) => {
        simulated++;
        return gaussian.simulate(...args);
      },
    };
    await asNobody(async () => {
      const failed = simulate(counting, { ...options, out });
      await expect(failed).rejects.toThrow(ConfigError);
      await expect(failed).rejects.toThrow(
        /simulate: cannot write .*manifest\.json: EACCES.*choose another folder/,
      );
      const below = simulate(gaussian, { ...options, out: join(out, "below") });
      await expect(below).rejects.toThrow(/simulate: cannot make the folder .*EACCES.*Choose another/);
      const dataset = await simulate(gaussian, options);
      await expect(writeDataset(dataset, out)).rejects.toThrow(/writeDataset: cannot write/);
    });
    expect(simulated).toBe(0);
    expect(await readdir(out)).toEqual([]);
  });

  it("loses nothing when it becomes so in the middle", async () => {
    const out = newFolder();
    mkdirSync(out);
    if (process.getuid!() === 0) chownSync(out, 65_534, 65_534);
    await asNobody(async () => {
      const onProgress = ({ done }: { done: number }) => done >= 50 && chmodSync(out, 0o555);
      const failed = simulateToFolder(gaussian, { ...options, out, onProgress });
      await expect(failed).rejects.toThrow(/cannot write .*shard-000004\.arrow: EACCES/);
      expect(await listed(out)).toHaveLength(4);
      chmodSync(out, 0o755);
      await simulateToFolder(gaussian, { ...options, out });
    });
    expect((await readDataset(out)).x).toEqual((await simulate(gaussian, options)).x);
  });
});

describe("simulateToFolder", () => {
  const options = { n: 300, seed: "farm", shardSize: 41 };

  it("writes the files that simulate writes, here, on an executor and on 2 workers", async () => {
    const expected = newFolder();
    await simulate(gaussian, { ...options, out: expected });
    for (const where of [{}, { executor: inline() }, { workers: 2 }]) {
      const out = newFolder();
      const stored = await simulateToFolder(elsewhere("gaussian"), { ...options, out, ...where });
      expect(stored).toMatchObject({ folder: out, n: 300, xShape: [3], dropped: 0 });
      expect(await files(out)).toEqual(await files(expected));
    }
  });

  it("keeps only the shards under way: an executor sees no further than it works", async () => {
    let open = 0;
    let most = 0;
    const executor = inline();
    const watched = {
      ...executor,
      workers: 3,
      async run<Output>(...args: Parameters<typeof executor.run>): Promise<Output> {
        most = Math.max(most, ++open);
        const output = await executor.run<Output>(...args);
        open--;
        return output;
      },
    };
    await simulateToFolder(elsewhere("gaussian"), {
      ...options,
      shardSize: 5,
      out: newFolder(),
      executor: watched,
    });
    expect(most).toBeLessThanOrEqual(6); // of 60 shards: two jobs for each of three workers
  });

  it("stops at rows that are not finite with the words of simulate, and leaves them out by choice", async () => {
    const run = { ...options, seed: 1 };
    const message = (error: Error) => error.message.replace(/^\w+: /, "");
    const [here, there] = [
      await simulate(sometimesNaN, run).catch(message),
      await simulateToFolder(sometimesNaN, { ...run, out: newFolder() }).catch(message),
    ];
    expect(there).toBe(here);
    expect(there).toMatch(/gave no usable data/);
    const kept = await simulate(sometimesNaN, { ...run, invalid: "drop" });
    const stored = await simulateToFolder(sometimesNaN, { ...run, invalid: "drop", out: newFolder() });
    expect(stored).toMatchObject({ n: kept.x.rows, dropped: kept.dropped });
    expect((await stored.read(0)).x).toEqual(
      takeRows(
        kept.x,
        Array.from({ length: stored.shards[0] }, (_, i) => i),
      ),
    );
  });

  it("needs a folder", async () => {
    await expect(simulateToFolder(gaussian, options as never)).rejects.toThrow(/out must be a folder/);
  });

  it("asks a prior that cannot begin later for all rows, and any other for those it needs", () => {
    const root = key("rows");
    const asked: number[] = [];
    const whole = {
      ...prior,
      sample: (n: number, from: typeof root) => {
        asked.push(n);
        return prior.sample(n, from); // leaves the third argument out, as a prior of one's own may
      },
    };
    const expected = prior.sample(1000, root);
    for (const each of [prior, whole]) {
      const theta = thetaRows(each, 1000, root);
      for (const [from, to] of [
        [0, 10],
        [400, 1000],
        [999, 1000],
      ]) {
        expect(Array.from(theta(from, to).data)).toEqual(Array.from(expected.data.slice(2 * from, 2 * to)));
      }
    }
    expect(asked.filter((n) => n === 1000)).toHaveLength(1);
    const point = thetaRows({ ...prior, sample: (n) => matrix(n, 2) }, 50, foldIn(root, 1));
    expect(point(20, 30).rows).toBe(10);
  });
});
