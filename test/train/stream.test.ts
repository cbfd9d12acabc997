import { appendFileSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { studentT } from "../../src/core/distributions/student-t.js";
import { ConfigError } from "../../src/core/errors.js";
import { fromRows } from "../../src/core/matrix.js";
import { foldIn, key } from "../../src/core/random.js";
import { readDataset } from "../../src/dataset/files.js";
import { openDataset, type StoredDataset } from "../../src/dataset/stored.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { aalr, aalrFromPortable } from "../../src/estimators/aalr.js";
import { aalrLrt } from "../../src/estimators/aalr-lrt.js";
import { independent } from "../../src/prior/independent.js";
import { simulateToFolder } from "../../src/simulate.js";
import { defineSimulator } from "../../src/simulator.js";
import type { Objective } from "../../src/train/objective.js";
import { shardOrder } from "../../src/train/stream.js";
import { train } from "../../src/train/train.js";
import { exactLogRatio, gaussian, smallNetwork } from "../estimators/gaussian.js";
import { tinyDisk } from "../tiny-disk.js";

const scratch = mkdtempSync(join(tmpdir(), "galton-stream-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let folders = 0;
const newFolder = () => join(scratch, `run-${folders++}`);

const run = { seed: 1, epochs: 3, card: false as const };
const network = smallNetwork;
let folder: string;
let stored: StoredDataset;

beforeAll(async () => {
  folder = newFolder();
  await simulateToFolder(gaussian, { n: 4000, seed: 1, out: folder, shardSize: 250 });
  stored = await openDataset(folder, { windowRows: 900 });
});

type InMemoryObjective = Extract<Objective<unknown>, { tables: unknown }>;

/** An engine that tells when tables are loaded. */
function observed(engine: Engine, onLoad: () => void): Engine {
  return {
    ...engine,
    compile: (...args) => engine.compile(...args),
    async train(program, options) {
      const session = await engine.train(program, options);
      return {
        run: (rates, indices) => session.run(rates, indices),
        state: () => session.state(),
        restore: (state) => session.restore(state),
        dispose: () => session.dispose(),
        [Symbol.asyncDispose]: () => session.dispose(),
        load(tables) {
          onLoad();
          session.load(tables);
        },
      };
    },
  };
}

describe("training on simulations on disk", () => {
  it("gives the bytes of training in memory where one window holds them", async () => {
    const small = await openDataset(folder);
    await using streamed = await train(aalr(small, { network }), run);
    await using table = await train(aalr(await readDataset(folder), { network }), run);
    expect(streamed.weights).toEqual(table.weights);
  });

  it("learns the exact log ratio from windows, and comes with a report card", async () => {
    await using estimator = await train(aalr(stored, { network }), { seed: 1, epochs: 20 });
    const points = [-1, 0.2, 1.3];
    const data = [0.8, 1.5];
    const learned = await estimator.logRatio(
      fromRows(points.map((theta) => [theta])),
      fromRows([data, data, data]),
    );
    // As for the same table in memory: 4,000 rows leave an error of 0.13 over the joint, and less at its centre.
    points.forEach((theta, i) => {
      expect(Math.abs(learned[i] - exactLogRatio(theta, data))).toBeLessThan(0.4);
    });
    const [log] = estimator.header.logs;
    expect(log).toMatchObject({ trainingRows: 3600, validationRows: 400 });
    expect(estimator.header.card?.pairs).toBe(128);
    expect(Math.abs(estimator.header.card!.coverage.bias)).toBeLessThan(0.1);
  });

  it("gives the same bytes again, on worker threads, and others for another seed", async () => {
    const cauchy = defineSimulator({
      prior: independent({ theta: studentT(1) }), // of tails so heavy that theta is standardised robustly
      xShape: [2],
      run: ({ theta }, rng) => [rng.normal(Math.atan(theta)), rng.normal()],
    });
    const out = newFolder();
    await simulateToFolder(cauchy, { n: 600, seed: 2, shardSize: 100, out });
    const objective = aalr(await openDataset(out, { windowRows: 250 }), { network });
    const two = { ...run, epochs: 1, ensemble: 2 };
    await using here = await train(objective, two);
    await using there = await train(objective, { ...two, workers: 2 });
    await using other = await train(objective, { ...two, seed: 2 });
    expect(there.weights).toEqual(here.weights);
    expect(there.header.transforms).toEqual(here.header.transforms);
    expect(other.weights[0]).not.toEqual(here.weights[0]);

    const table = aalr(await readDataset(out), { network }) as InMemoryObjective;
    const rebuilt = await aalrFromPortable(structuredClone(table.portable!.input) as never);
    const rows = Int32Array.from({ length: 500 }, (_, i) => i);
    expect((rebuilt as InMemoryObjective).tables(rows).transforms).toEqual(table.tables(rows).transforms);
  });

  it("goes on from a checkpoint as if it had never stopped", async () => {
    await using unbroken = await train(aalr(stored, { network }), run);
    const checkpoint = join(scratch, "run.safetensors");
    const stop = new AbortController();
    const stopped = train(aalr(stored, { network }), {
      ...run,
      checkpoint,
      signal: stop.signal,
      onProgress: ({ epoch }) => epoch === 2 && stop.abort(new Error("enough")),
    });
    await expect(stopped).rejects.toThrow("enough");
    const wider = await openDataset(folder, { windowRows: 2000 });
    const otherWindows = train(aalr(wider, { network }), { ...run, checkpoint });
    await expect(otherWindows).rejects.toThrow(/checkpoint of another run/);
    const seen: number[] = [];
    const onProgress = ({ epoch }: { epoch: number }) => seen.push(epoch);
    await using resumed = await train(aalr(stored, { network }), { ...run, checkpoint, onProgress });
    expect(seen).toEqual([3]);
    expect(resumed.weights).toEqual(unbroken.weights);
  });

  const disk = tinyDisk(128);
  it.skipIf(disk === undefined)(
    "keeps the checkpoint of the last epoch when the disk is full (skips unless it may mount one)",
    async () => {
      const checkpoint = join(disk!, "run.safetensors");
      const filler = join(disk!, "filler");
      const onProgress = ({ epoch }: { epoch: number }) => {
        if (epoch === 2)
          appendFileSync(filler, new Uint8Array(statfsSync(disk!).bavail * statfsSync(disk!).bsize));
      };
      const objective = aalr(stored, { network });
      await expect(train(objective, { ...run, checkpoint, onProgress })).rejects.toThrow(
        /cannot write .*run\.safetensors: ENOSPC.*held before is kept.*Make room/,
      );
      await rm(filler);
      expect(await readdir(disk!)).toEqual(["run.safetensors"]);
      const seen: number[] = [];
      await using resumed = await train(objective, {
        ...run,
        checkpoint,
        onProgress: ({ epoch }) => seen.push(epoch),
      });
      await using unbroken = await train(objective, run);
      expect(seen).toEqual([3]);
      expect(resumed.weights).toEqual(unbroken.weights);
    },
  );

  it("stops between windows", async () => {
    const stop = new AbortController();
    const engine = observed(await openEngine("auto"), () => stop.abort(new Error("stop here")));
    const stopped = train(aalr(stored, { network }), { ...run, engine, signal: stop.signal });
    await expect(stopped).rejects.toThrow("stop here");
  });

  it("reads every shard once an epoch, and never more than one window ahead", async () => {
    const events: string[] = [];
    const watched: StoredDataset = {
      ...stored,
      read(shard) {
        events.push(`read ${shard}`);
        return stored.read(shard);
      },
    };
    const engine = observed(await openEngine("auto"), () => events.push("load"));
    await using _ = await train(aalr(watched, { network }), { ...run, epochs: 2, engine });
    const reads = events.filter((event) => event !== "load");
    expect(events.length - reads.length).toBe(8); // two epochs of 3600 rows in windows of 900
    for (let pass = 0; pass < 3; pass++) {
      // one to split and fit, one in each epoch
      expect(new Set(reads.slice(16 * pass, 16 * (pass + 1))).size).toBe(16);
    }
    const perWindow = 4; // of 225 training rows each
    const epochs = events.slice(16);
    for (let at = 0, read = 0, loads = 0; at < epochs.length; at++) {
      if (epochs[at] === "load") loads++;
      else read++;
      // the windows loaded, the next, and a first shard of the one after it
      expect(read).toBeLessThanOrEqual(perWindow * (loads + 1) + 1);
    }
  });

  it("keeps rows without data out", async () => {
    const sometimes = defineSimulator({
      ...gaussian,
      name: "sometimes",
      prior: gaussian.prior,
      run: ({ theta }, rng) => [rng.normal(theta as number), theta > 1 ? Number.NaN : 1],
    });
    const options = { n: 1000, seed: 2, shardSize: 100, out: newFolder() };
    const dropped = await simulateToFolder(sometimes, { ...options, invalid: "drop" });
    const table = await readDataset(options.out);
    expect(dropped.n).toBe(table.x.rows);
    expect(dropped.dropped).toBe(1000 - table.x.rows);
    const windows = await openDataset(options.out, { windowRows: 300 });
    await using estimator = await train(aalr(windows, { network }), run);
    const [log] = estimator.header.logs;
    expect(log.trainingRows + log.validationRows).toBe(table.x.rows);
    await expect(openDataset(options.out, { invalid: "error" })).rejects.toThrow(
      /\d+ of the 1000 rows .*first is row \d+: x\[1\] is NaN.*invalid: "drop"/,
    );
  });

  it("refuses what cannot be streamed", async () => {
    expect(() => aalr(stored, { fresh: gaussian })).toThrow(/Leave fresh out/);
    const reference = await readDataset(folder);
    expect(() => aalrLrt(stored as never, { reference })).toThrow(/readDataset/);
  });
});

describe("the order of the shards", () => {
  const sizes = [30, 20, 50, 10, 40, 25];
  const epochKey = (epoch: number) => foldIn(key("order"), epoch);
  it("holds every shard once and begins with those left over before", () => {
    const leftOver = 45;
    for (let epoch = 1; epoch < 30; epoch++) {
      const [before, now] = [epoch - 1, epoch].map((e) => shardOrder(e, sizes, leftOver, epochKey));
      expect([...now].sort()).toEqual([0, 1, 2, 3, 4, 5]);
      for (let rest = leftOver, at = 5, first = 0; rest > 0; rest -= sizes[before[at--]]) {
        expect(now[first++]).toBe(before[at]);
      }
    }
  });
  it("changes from epoch to epoch", () => {
    const orders = Array.from({ length: 20 }, (_, epoch) => shardOrder(epoch, sizes, 0, epochKey).join());
    expect(new Set(orders).size).toBeGreaterThan(15); // of 720 orders, 20 draws repeat one 0.3 times on average
  });
});

describe("openDataset", () => {
  it("knows the folder without reading its rows", () => {
    expect(stored).toMatchObject({ n: 4000, names: ["theta"], xShape: [2], dropped: 0, windowRows: 900 });
    expect(stored.shards).toEqual(new Array(16).fill(250));
    expect(stored.prior?.spec).toEqual(gaussian.prior.spec);
    expect(stored.source).toEqual({ simulator: "gaussian", seed: 1, n: 4000 });
  });

  it("names the shard that is damaged or missing, or has another's rows", async () => {
    const out = newFolder();
    await simulateToFolder(gaussian, { n: 400, seed: 1, out, shardSize: 100 });
    const path = (index: number) => join(out, `shard-00000${index}.arrow`);
    const bytes = await readFile(path(1));
    bytes[bytes.length >> 1] ^= 1;
    await writeFile(path(1), bytes);
    const damaged = await openDataset(out, { windowRows: 100 });
    await expect(damaged.read(1)).rejects.toThrow(/openDataset: the shard .*shard-000001\.arrow is damaged/);
    await expect(train(aalr(damaged, { network }), run)).rejects.toThrow(/shard-000001\.arrow is damaged/);
    await rm(path(1));
    await expect(damaged.read(1)).rejects.toThrow(/shard-000001\.arrow is missing/);
    await expect(damaged.read(4)).rejects.toThrow(/shard must be from 0 to 3, got 4/);
    const other = newFolder();
    await simulateToFolder(gaussian, { n: 200, seed: 1, out: other, shardSize: 50 });
    const { shards } = JSON.parse(await readFile(join(other, "manifest.json"), "utf8"));
    await writeFile(path(0), await readFile(join(other, "shard-000000.arrow")));
    const manifest = JSON.parse(await readFile(join(out, "manifest.json"), "utf8"));
    manifest.shards[0].sha256 = shards[0].sha256;
    await writeFile(join(out, "manifest.json"), JSON.stringify(manifest));
    const short = await openDataset(out);
    await expect(short.read(0)).rejects.toThrow(/shard-000000\.arrow holds 50 rows; its manifest says 100/);
  });

  it.each([
    [{ file: "../../secret.arrow" }, /lists the shard .*expected a "file" in the folder/],
    [{ file: "shard.txt" }, /expected a "file" in the folder/],
    [{ index: 1 }, /each "index" from 0 to 15 once/],
    [{ index: -1 }, /each "index" from 0 to 15 once/],
    [{ rows: 1e9 }, /expected 250 "rows"/],
    [{ failures: -1 }, /"failures" from 0 to 250/],
    [{ sha256: 7 }, /a "sha256"/],
    [null, /lists the shard null/],
  ])("refuses a manifest with the shard %o", async (change, message) => {
    const out = newFolder();
    await simulateToFolder(gaussian, { n: 4000, seed: 1, out, shardSize: 250 });
    const path = join(out, "manifest.json");
    const manifest = JSON.parse(await readFile(path, "utf8"));
    manifest.shards[0] = change && { ...manifest.shards[0], ...change };
    await writeFile(path, JSON.stringify(manifest));
    await expect(openDataset(out)).rejects.toThrow(ConfigError);
    await expect(openDataset(out)).rejects.toThrow(message);
  });

  it("refuses folders that are none or not finished, and impossible options", async () => {
    await expect(openDataset(scratch)).rejects.toThrow(/openDataset: .* has no manifest\.json/);
    for (const windowRows of [0, 1, 2.5, Number.NaN]) {
      await expect(openDataset(folder, { windowRows })).rejects.toThrow(/windowRows must be an integer/);
    }
    await expect(openDataset(folder, { window: 3 } as never)).rejects.toThrow(/no option "window"/);
    const prior = independent({ mu: studentT(3) });
    await expect(openDataset(folder, { prior })).rejects.toThrow(
      /has the parameters theta but the prior's are mu/,
    );
  });
});
