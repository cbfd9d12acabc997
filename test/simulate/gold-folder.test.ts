import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeArrow } from "../../src/dataset/arrow.js";
import { readDataset } from "../../src/dataset/files.js";
import type { GoldDataset } from "../../src/dataset/gold.js";
import { readGold, readScores } from "../../src/dataset/gold-files.js";
import { openDataset } from "../../src/dataset/stored.js";
import { alices } from "../../src/estimators/gold.js";
import { sally } from "../../src/estimators/sally.js";
import { uniform } from "../../src/prior/uniform.js";
import { simulate } from "../../src/simulate.js";
import { type SimulateGoldOptions, simulateGold, simulateScore } from "../../src/simulate-gold.js";
import type { Simulator } from "../../src/simulator.js";
import { simulatorModule } from "../../src/simulator-module.js";
import { handWritten, oneSided, prior, smeared } from "../program/programs.js";
import { scratchFolder } from "./scratch.js";

const { two, newFolder } = scratchFolder();
const elsewhere = (name: string) => simulatorModule(new URL("../program/programs.ts", import.meta.url), name);
const thetaRef = [0.3, 0.8];

/** Everything but the proposal, which is another object with the same description. */
const plain = ({ proposal, ...table }: GoldDataset) => ({ ...table, proposal: proposal?.spec });

const files = async (folder: string) => {
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map(async (name) => [name, (await readFile(join(folder, name))).toString("hex")]));
};

describe("a folder of simulations with gold", () => {
  it.each<[string, Simulator, Partial<SimulateGoldOptions>]>([
    ["one denominator", handWritten, { thetaRef }],
    ["both points free", handWritten, {}],
    ["infinite ratios and scores that are NaN", oneSided, {}],
    ["a proposal", handWritten, { thetaRef, proposal: uniform({ mu: [0, 1], sigma: [0.6, 0.7] }) }],
  ])("gives back the table that was simulated, bit for bit: %s", async (_, simulator, options) => {
    const [out, run] = [newFolder(), { n: 90, seed: "folder", ...options }];
    const inMemory = await simulateGold(simulator, run);
    const written = await simulateGold(simulator, { ...run, out, shardSize: 25 });
    expect(plain(written)).toEqual(plain(inMemory));
    expect(plain(await readGold(out))).toEqual(plain(inMemory));
    expect((await readdir(out)).length).toBe(5); // four shards and the manifest
  });

  it("does the same for scores, and the objectives take either", async () => {
    const [gold, scores] = [newFolder(), newFolder()];
    const options = { n: 60, seed: 2, thetaRef };
    const inMemory = await simulateScore(handWritten, { ...options, out: scores });
    expect(await readScores(scores)).toEqual(inMemory);
    expect(inMemory).toEqual(await simulateScore(handWritten, options));
    const training = Int32Array.from({ length: 50 }, (_, i) => i);
    const tables = (objective: object) =>
      (objective as { tables(rows: Int32Array): object }).tables(training);
    expect(tables(sally(await readScores(scores)))).toEqual(tables(sally(inMemory)));
    const table = await simulateGold(handWritten, { ...options, out: gold });
    expect(tables(alices(await readGold(gold)))).toEqual(tables(alices(table)));
  });

  it("is Arrow with a column for each quantity", async () => {
    const out = newFolder();
    const table = await simulateGold(handWritten, { n: 20, seed: 3, out, shardSize: 20 });
    const { columns, values } = decodeArrow(await readFile(join(out, "shard-000000.arrow")), "shard");
    expect(columns?.map(({ name, width }) => `${name} ${width}`)).toEqual([
      ..."theta0 2,theta1 2,y 1,x 1,jointLogRatio 1,jointScore 2,jointScoreRef 2".split(","),
    ]);
    expect(values.data[11 * 3 + 6]).toBe(table.jointLogRatio[3]);
  });

  it("goes on after an abort, here or on workers, with the bytes of an unbroken run", async () => {
    const run = { n: 200, seed: "resume", shardSize: 20 };
    const unbroken = newFolder();
    const expected = await simulateGold(smeared, { ...run, out: unbroken });
    for (const executor of [undefined, two]) {
      const out = newFolder();
      const controller = new AbortController();
      const onProgress = ({ done }: { done: number }) =>
        done >= 90 && controller.abort(new Error("stop here"));
      const options = { ...run, out, ...(executor && { executor }) };
      const simulator = executor ? elsewhere("smeared") : smeared;
      const { signal } = controller;
      await expect(simulateGold(simulator, { ...options, signal, onProgress })).rejects.toThrow("stop here");
      const left = JSON.parse(await readFile(join(out, "manifest.json"), "utf8")).shards.length;
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThan(10);
      await expect(readGold(out)).rejects.toThrow(/not finished: \d of 10 shards.*Run simulateGold again/);
      const seen: number[] = [];
      const resumed = await simulateGold(simulator, {
        ...options,
        onProgress: ({ done }) => seen.push(done),
      });
      expect([seen[0], seen.at(-1)]).toEqual([20, 200]);
      expect(plain(resumed)).toEqual(plain(expected));
      expect(await files(out)).toEqual(await files(unbroken));
    }
  });

  it("finds a damaged or missing shard by its hash, and writes it anew", async () => {
    const run = { n: 60, seed: 1, thetaRef, shardSize: 10, out: newFolder() };
    await simulateGold(handWritten, run);
    const before = await files(run.out);
    const path = join(run.out, "shard-000003.arrow");
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] ^= 1;
    await writeFile(path, bytes);
    await expect(readGold(run.out)).rejects.toThrow(/readGold: .*shard-000003\.arrow is damaged/);
    await rm(join(run.out, "shard-000001.arrow"));
    await expect(readGold(run.out)).rejects.toThrow(/shard-000001\.arrow is missing/);
    await simulateGold(handWritten, run);
    expect(await files(run.out)).toEqual(before);
  });

  it("of another kind is refused, with what it holds and how it is read", async () => {
    const [gold, scores, ordinary] = [newFolder(), newFolder(), newFolder()];
    await simulateGold(handWritten, { n: 5, seed: 1, thetaRef, out: gold });
    await simulateScore(handWritten, { n: 5, seed: 1, thetaRef, out: scores });
    await simulate(handWritten, { n: 5, seed: 1, out: ordinary });
    const asPairs = /holds classification pairs with gold; expected simulations without gold.*by readGold/;
    await expect(readDataset(gold)).rejects.toThrow(asPairs);
    await expect(openDataset(gold)).rejects.toThrow(asPairs);
    await expect(simulate(handWritten, { n: 5, seed: 1, out: gold })).rejects.toThrow(asPairs);
    const without =
      /holds simulations without gold; expected classification pairs with gold, as simulateGold/;
    await expect(readGold(ordinary)).rejects.toThrow(without);
    await expect(simulateGold(handWritten, { n: 5, seed: 1, out: ordinary })).rejects.toThrow(without);
    await expect(readGold(scores)).rejects.toThrow(/holds simulations with scores.*by readScores/);
    await expect(readScores(gold)).rejects.toThrow(/holds classification pairs with gold.*by readGold/);
    await expect(readGold(newFolder())).rejects.toThrow(
      /has no manifest.json; expected one from simulateGold/,
    );
  });

  it.each<[object, Simulator, RegExp]>([
    [{ seed: 2 }, handWritten, /"seed" is 1 there and 2 now/],
    [{ thetaRef: undefined }, handWritten, /"thetaRef" is \[0.3,0.8\] there and null now/],
    [{ thetaRef: [0, 1] }, handWritten, /"thetaRef" is \[0.3,0.8\] there and \[0,1\] now/],
    [{ proposal: uniform({ mu: [0, 1], sigma: [1, 2] }) }, handWritten, /"prior" is/],
    [{ shardSize: 5 }, handWritten, /"shardSize" is 10 there and 5 now/],
    [{}, { ...oneSided, name: "smeared" } as Simulator, /"names" is/],
    [
      {},
      {
        ...handWritten,
        simulate: (theta, keys) =>
          handWritten.simulate(
            theta,
            [...keys].reverse().map(([a, b]) => [a, b ^ 1]),
          ),
      },
      /row 0 of .* comes out different now/,
    ],
  ])("refuses to go on with other arguments: %o", async (change, simulator, message) => {
    const run = { n: 20, seed: 1, thetaRef, shardSize: 10, out: newFolder() };
    await simulateGold(handWritten, run);
    const options = { ...run, ...change, ...(simulator.parameters.length === 1 && { thetaRef: [0.3] }) };
    await expect(simulateGold(simulator, options)).rejects.toThrow(message);
  });

  it("refuses options that do not fit", async () => {
    const run = { n: 5, seed: 1, thetaRef };
    await expect(simulateGold(handWritten, { ...run, shardSize: 2 })).rejects.toThrow(
      /shardSize goes with out/,
    );
    await expect(simulateGold(handWritten, { ...run, out: newFolder(), shardSize: 0 })).rejects.toThrow(
      /shardSize must be a positive integer, got 0/,
    );
    const out = newFolder();
    await simulateGold(handWritten, { ...run, out });
    await expect(readGold(out, { proposal: uniform({ nu: [0, 1] }) })).rejects.toThrow(
      /parameters mu, sigma but the proposal's are nu/,
    );
    expect((await readGold(out, { proposal: prior })).proposal).toBe(prior);
  });
});
