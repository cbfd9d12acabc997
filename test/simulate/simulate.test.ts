import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { Prior } from "../../src/core/contracts.js";
import { uniformOn } from "../../src/core/distributions/beta.js";
import { normal } from "../../src/core/distributions/normal.js";
import { truncated } from "../../src/core/distributions/truncated.js";
import { ConfigError, SimulatorError } from "../../src/core/errors.js";
import { column, matrix, row, sliceRows } from "../../src/core/matrix.js";
import { readDataset } from "../../src/dataset/files.js";
import { inline } from "../../src/executor/inline.js";
import { independent, truncatedPrior } from "../../src/prior/independent.js";
import { joined } from "../../src/prior/joined.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { uniform } from "../../src/prior/uniform.js";
import { simulate } from "../../src/simulate.js";
import { defineSimulator } from "../../src/simulator.js";
import { simulatorModule } from "../../src/simulator-module.js";
import { elsewhere, scratchFolder } from "./scratch.js";
import { batched, gaussian, prior, sometimesNaN, throwing } from "./simulators.js";

const { two, newFolder } = scratchFolder();

describe("defineSimulator", () => {
  it("has the mean and spread that theta says", async () => {
    const n = 20_000;
    const { theta, x } = await simulate(gaussian, { n, seed: 1 });
    const z = Array.from(x.data, (value, i) => {
      const [mu, sigma] = row(theta, Math.floor(i / 3));
      return (value - mu) / sigma;
    });
    const mean = z.reduce((sum, value) => sum + value, 0) / z.length;
    const variance = z.reduce((sum, value) => sum + value * value, 0) / z.length;
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(3 * n)); // four standard errors
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / (3 * n)));
  });

  it("types theta by the names of the prior", () => {
    const priors = [
      uniform({ mu: [-3, 3], sigma: [0.1, 2] }),
      independent({ mu: normal(0, 1), sigma: truncated(normal(1, 1), 0.1, 2) }),
      truncatedPrior(independent({ mu: normal(0, 1), sigma: uniformOn(0.1, 2) }), { mu: [0, 1] }),
      normalPrior(
        ["mu", "sigma"],
        [0, 1],
        [
          [1, 0],
          [0, 1],
        ],
      ),
      joined([uniform({ mu: [0, 1] }), uniform({ sigma: [0, 1] })]),
    ];
    for (const prior of priors) {
      const simulator = defineSimulator({
        prior,
        xShape: [],
        run(theta) {
          expectTypeOf(theta).toEqualTypeOf<Readonly<Record<"mu" | "sigma", number>>>();
          return theta.mu;
        },
      });
      expect(simulator.parameters).toEqual(["mu", "sigma"]);
    }
  });

  it("does not compile with a parameter that the prior has not", () => {
    const misspelt = defineSimulator({
      prior: uniform({ mu: [-3, 3], sigma: [0.1, 2] }),
      xShape: [10],
      // @ts-expect-error: the prior has sigma
      run: ({ mu, sgima }, rng) => rng.normals(10, mu, sgima),
    });
    const read: Prior = uniform({ mu: [-3, 3] }); // names known when it runs, not before
    const anything = defineSimulator({ prior: read, xShape: [], run: ({ mu }) => mu });
    expect([misspelt.parameters, anything.parameters]).toEqual([["mu", "sigma"], ["mu"]]);
  });

  it("gives the same bytes from the scalar and the batched form", async () => {
    const [a, b] = [
      await simulate(gaussian, { n: 100, seed: 2 }),
      await simulate(batched, { n: 100, seed: 2 }),
    ];
    expect(a.x).toEqual(b.x);
    expect(a).toMatchObject({
      names: ["mu", "sigma"],
      xShape: [3],
      dropped: 0,
      source: { simulator: "gaussian" },
    });
  });

  it.each([
    ["too few", () => [1, 2], /xShape \[3\] needs 3 numbers/],
    ["a number", () => 1, /returned 1; xShape/],
    ["nothing", () => undefined, /returned undefined/],
    ["a promise", async () => [1, 2, 3], /must not be async/],
  ])("refuses %s and shows the parameters", async (_, run, message) => {
    const bad = defineSimulator({ prior, xShape: [3], run: run as () => number[] });
    const failed = simulate(bad, { n: 5, seed: 1 });
    await expect(failed).rejects.toThrow(SimulatorError);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toThrow(/at row 0 \(mu = -?\d.*, sigma = \d/);
  });

  it("refuses a batch of the wrong shape", async () => {
    const bad = defineSimulator({ prior, xShape: [2], runBatch: (theta) => matrix(theta.rows, 3) });
    await expect(simulate(bad, { n: 4, seed: 1 })).rejects.toThrow(
      /must return a matrix \[4, 2\].*got \[4, 3\]/,
    );
  });

  it("names the row, the parameters and the cause where the simulator throws", async () => {
    const error = await simulate(throwing, { n: 1000, seed: 3 }).catch((thrown) => thrown);
    const { theta } = await simulate(gaussian, { n: 1000, seed: 3 }); // same prior and seed
    const first = column(theta, 1).findIndex((sigma) => sigma > 1.9);
    expect(error).toBeInstanceOf(SimulatorError);
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(error.message).toContain(
      `at row ${first} (mu = ${row(theta, first)[0]}, sigma = ${row(theta, first)[1]})`,
    );
    expect(error.message).toContain("sigma is too wide");
  });

  it.each([[[0]], [[-1]], [[1.5]], [3], [undefined]])("refuses xShape = %s", (xShape) => {
    expect(() => defineSimulator({ prior, xShape: xShape as number[], run: () => 1 })).toThrow(
      /xShape must be/,
    );
  });

  it("refuses a definition without a function or with two", () => {
    expect(() => defineSimulator({ prior, xShape: [] } as never)).toThrow(/got neither/);
    const both = { prior, xShape: [], run: () => 1, runBatch: () => matrix(1, 1) };
    expect(() => defineSimulator(both)).toThrow(/got both/);
  });
});

describe("simulate", () => {
  it("gives the same bytes on 1 worker, on 2, elsewhere, in any shards", async () => {
    const n = 300;
    const expected = await simulate(gaussian, { n, seed: "bytes" });
    const runs = [
      await simulate(gaussian, { n, seed: "bytes", shardSize: 7 }),
      await simulate(elsewhere("gaussian"), { n, seed: "bytes" }),
      await simulate(elsewhere("gaussian"), { n, seed: "bytes", workers: 2 }),
      await simulate(elsewhere("gaussian"), { n, seed: "bytes", executor: two, shardSize: 41 }),
      await simulate(elsewhere("gaussian"), { n, seed: "bytes", executor: inline(), out: newFolder() }),
    ];
    for (const run of runs) {
      expect(run.theta.data).toEqual(expected.theta.data);
      expect(run.x.data).toEqual(expected.x.data);
    }
  });

  it("begins a longer run with the shorter one, and differs between seeds", async () => {
    const short = await simulate(gaussian, { n: 40, seed: 5 });
    const long = await simulate(gaussian, { n: 90, seed: 5 });
    expect(Array.from(sliceRows(long.x, 0, 40).data)).toEqual(Array.from(short.x.data));
    expect((await simulate(gaussian, { n: 40, seed: 6 })).x.data).not.toEqual(short.x.data);
  });

  it("stops at rows that are not finite and shows the first of them", async () => {
    const { theta } = await simulate(gaussian, { n: 400, seed: 1 });
    const bad = column(theta, 0).findIndex((mu) => mu > 2.5);
    for (const simulator of [sometimesNaN, elsewhere("sometimesNaN")]) {
      const executor = simulator === sometimesNaN ? undefined : two;
      const failed = simulate(simulator, { n: 400, seed: 1, shardSize: 400, executor });
      await expect(failed).rejects.toThrow(SimulatorError);
      await expect(failed).rejects.toThrow(/\d+ of the 400 simulations .* gave no usable data/);
      await expect(failed).rejects.toThrow(`row ${bad} (mu = ${theta.data[2 * bad]},`);
      await expect(failed).rejects.toThrow(/x\[1\] is NaN/);
    }
  });

  it("keeps such rows out by choice, counted, and keeps the others as they were", async () => {
    const all = await simulate(gaussian, { n: 400, seed: 1 });
    const mu = column(all.theta, 0);
    const out = newFolder();
    const kept = await simulate(sometimesNaN, { n: 400, seed: 1, invalid: "drop", out });
    expect(kept.dropped).toBe(mu.filter((value) => value > 2.5).length);
    expect(kept.dropped).toBeGreaterThan(0);
    expect(Array.from(column(kept.theta, 0))).toEqual(Array.from(mu.filter((value) => value <= 2.5)));
    expect(JSON.parse(await readFile(join(out, "manifest.json"), "utf8")).dropped).toBe(kept.dropped);
    const read = await readDataset(out);
    expect(read.dropped).toBe(kept.dropped);
    expect(read.x).toEqual(kept.x);
    await expect(simulate(sometimesNaN, { n: 400, seed: 1, out })).rejects.toThrow(/x\[1\] is NaN/);
    await expect(readDataset(out, { invalid: "error" })).rejects.toThrow(/row \d+: x\[1\] is NaN/);
  });

  it("says so if no row is usable", async () => {
    const never = defineSimulator({ prior, xShape: [], run: () => Number.POSITIVE_INFINITY });
    await expect(simulate(never, { n: 9, seed: 1, invalid: "drop" })).rejects.toThrow(/x\[0\] is Infinity/);
  });

  it("refuses a plain function, and a folder that cannot be made", async () => {
    await expect(simulate((() => 1) as never, { n: 9, seed: 1 })).rejects.toThrow(
      /as defineSimulator.*function/,
    );
    const file = newFolder();
    await writeFile(file, "not a folder");
    for (const out of [file, join(file, "below")]) {
      const run = simulate(gaussian, { n: 9, seed: 1, out });
      await expect(run).rejects.toThrow(/simulate: cannot make the folder .*Choose another/);
      await expect(run).rejects.toThrow(ConfigError);
    }
  });

  it("reports progress up to n", async () => {
    const seen: number[] = [];
    const onProgress = ({ done, total }: { done: number; total: number }) => seen.push(done, total);
    await simulate(elsewhere("gaussian"), { n: 50, seed: 1, executor: two, onProgress });
    expect(seen.slice(-2)).toEqual([50, 50]);
    await simulate(gaussian, { n: 50, seed: 1, onProgress });
    expect(seen.slice(-2)).toEqual([50, 50]);
  });

  it("needs a module for more than one worker", async () => {
    await expect(simulate(gaussian, { n: 9, seed: 1, workers: 2 })).rejects.toThrow(
      /simulatorModule\(new URL/,
    );
    await expect(simulate(elsewhere("absent"), { n: 9, seed: 1 })).rejects.toThrow(
      /exports no simulator "absent"; it exports .*gaussian/,
    );
    const missing = simulatorModule(new URL("./absent.ts", import.meta.url));
    await expect(simulate(missing, { n: 9, seed: 1 })).rejects.toThrow(/cannot import .*absent\.ts/);
    expect(() => simulatorModule("./simulators.ts")).toThrow(/absolute URL/);
  });

  it.each([
    { n: 0 },
    { n: 1.5 },
    { n: Number.NaN },
    { workers: 0 },
    { shardSize: -1 },
    { invalid: "keep" },
  ])("refuses %o", async (options) => {
    await expect(simulate(gaussian, { n: 5, seed: 1, ...options } as never)).rejects.toThrow(RangeError);
  });
});
