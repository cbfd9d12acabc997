import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Draws } from "../../samplers/draws.js";
import { readDraws, writeDraws } from "../../src/cli/draws-file.js";
import { readObserved } from "../../src/cli/observed.js";
import { readPrior } from "../../src/cli/prior-file.js";
import { matrix } from "../../src/core/matrix.js";
import { encodeNpy } from "../../src/dataset/npy.js";
import { temporaryFolder } from "./host.js";

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);
const write = (name: string, content: string | Uint8Array) => {
  writeFileSync(path(name), content);
  return path(name);
};

const draws: Draws = {
  names: ["mu", "log_sigma"],
  chains: 2,
  draws: 3,
  values: Float64Array.from({ length: 12 }, (_, i) => Math.sin(i) / 3),
  stats: { logProb: Float64Array.of(-1, -2, Number.NEGATIVE_INFINITY, Number.NaN, -5, 1e-300) },
  warmup: { stepSize: 0.5 },
  run: { sampler: "hmc", seed: "hello", divergences: 0 },
};

describe("draws in files", () => {
  it("come back from JSON with everything", async () => {
    await writeDraws(path("draws.json"), { ...draws, warmup: { inverseMass: Float64Array.of(1, 2) } });
    expect(await readDraws(path("draws.json"))).toEqual({ ...draws, warmup: { inverseMass: [1, 2] } });
  });

  it.each(["csv", "arrow", "parquet"])("come back from .%s bit for bit", async (ending) => {
    const file = path(`draws.${ending}`);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double(), { minLength: 12, maxLength: 12 }),
        fc.array(fc.double(), { minLength: 6, maxLength: 6 }),
        async (values, logProb) => {
          const written = {
            ...draws,
            values: Float64Array.from(values, (value) => value + 0), // CSV does not keep the sign of zero
            stats: { logProb: Float64Array.from(logProb, (value) => value + 0) },
          };
          await writeDraws(file, written);
          const read = await readDraws(file);
          const { names, chains, draws: count } = written;
          expect(read).toMatchObject({ names, chains, draws: count });
          expect(read.values).toEqual(written.values);
          expect(read.stats).toEqual(written.stats);
        },
      ),
      { seed: 1, numRuns: 30 },
    );
  });

  it("keep how they were made in Arrow", async () => {
    await writeDraws(path("run.arrow"), draws);
    expect((await readDraws(path("run.arrow"))).run).toEqual(draws.run);
  });

  it("leave nothing else in the folder", async () => {
    await writeDraws(path("alone.json"), draws);
    expect(readdirSync(folder).filter((name) => name.startsWith("alone"))).toEqual(["alone.json"]);
  });

  it.each([
    ["chain", "draws.csv"],
    ["draw", "draws.arrow"],
    ["energy__", "draws.csv"],
  ])("refuse a parameter called %s in a table", async (name, file) => {
    await expect(writeDraws(path(file), { ...draws, names: ["mu", name] })).rejects.toThrow(
      /a table cannot hold the parameter .* Write .json instead/,
    );
  });

  it.each([
    ["draws.txt", "", /must end in one of .json, .csv, .arrow, .parquet, .nc/],
    ["cut.json", '{"format":"galton-draws","version":1,"nam', /cut\.json: the text is not whole JSON/],
    ["other.json", "[1, 2]", /does not hold draws of galton/],
    [
      "old.json",
      '{"format":"galton-draws","version":99}',
      /holds draws of version 99; this galton reads version 1/,
    ],
    ["empty.json", '{"format":"galton-draws","version":1}', /names, chains, draws or stats are missing/],
    ["bare.csv", "chain,draw\n0,0\n", /got 1 rows of 0 parameters; the columns are chain, draw/],
    [
      "gap.csv",
      "chain,draw,mu\n0,0,1\n0,1,2\n1,0,3\n",
      /gap.csv: rows are missing: chain 1 has 1 draws, but chain 0 has 2/,
    ],
    ["twice.csv", "draw,mu\n0,1\n0,2\n", /draw 0 of chain 0 comes twice/],
    ["none.csv", "chain,draw,mu\n", /got 0 rows of 1 parameters/],
    [
      "word.csv",
      "chain,draw,mu\n0,0,one\n",
      /^readDraws: .*word.csv, line 2, column "mu": expected a number, got "one"/,
    ],
    ["bytes.arrow", "nothing of Arrow", /expected an uncompressed Arrow IPC file; this is none/],
    ["bytes.parquet", "nothing of Parquet", /expected a Parquet file of numbers; this is none/],
    ["bytes.nc", "nothing of netCDF", /expected netCDF-4, .* this is none/],
  ])("say what is wrong with %s", async (name, content, message) => {
    await expect(readDraws(write(name, content))).rejects.toThrow(message);
  });

  it("say where JSON and Arrow are damaged", async () => {
    await writeDraws(path("whole.json"), draws);
    const text = readFileSync(path("whole.json"), "utf8");
    await expect(readDraws(write("short.json", text.replace('"draws":3', '"draws":4')))).rejects.toThrow(
      /is damaged: values does not have the shape \[2,4,2\]/,
    );
    await expect(readDraws(write("null.json", text.replace('"-Infinity"', "null")))).rejects.toThrow(
      /is damaged: logProb holds null, expected a number/,
    );
    await writeDraws(path("whole.arrow"), draws);
    const bytes = readFileSync(path("whole.arrow"));
    await expect(readDraws(write("short.arrow", bytes.subarray(0, 200)))).rejects.toThrow(/is damaged/);
    await expect(readDraws(path("absent.json"))).rejects.toThrow(/cannot read .*absent.json: ENOENT/);
    await expect(writeDraws(path("no/folder.json"), draws)).rejects.toThrow(/missing or not writable/);
  });
});

describe("an observation", () => {
  const rows = (...data: number[][]) => matrix(data.length, data[0].length, Float64Array.from(data.flat()));
  const flat = rows([1, 2, 3, 4]);

  it.each([
    ["1,2, 3,4", [4], flat],
    ["-1,2e0,3,4", [2, 2], rows([-1, 2, 3, 4])],
    ["1,2;3,4", [2], rows([1, 2], [3, 4])],
    ["[[1,2],[3,4]]", [2, 2], flat],
    ["[[1,2],[3,4]]", [2], rows([1, 2], [3, 4])],
    ["[[[1,2],[3,4]]]", [2, 2], flat],
    ["5", [], rows([5])],
    ["5", [1], rows([5])],
    ["5,6", [], rows([5], [6])],
  ])("%s is read by the declared shape [%j]", async (text, xShape, expected) => {
    expect(await readObserved(text, xShape)).toEqual(expected);
  });

  it("is read from JSON, CSV with and without a header, and NPY", async () => {
    expect(await readObserved(write("o.json", "[1, 2, 3, 4]"), [4])).toEqual(flat);
    expect(await readObserved(write("o.csv", "1,2,3,4\n"), [4])).toEqual(flat);
    expect(await readObserved(write("h.csv", "a,b\n1,2\n3,4\n"), [2])).toEqual(rows([1, 2], [3, 4]));
    const npy = encodeNpy({ shape: [2, 2], values: Float64Array.of(1, 2, 3, 4) });
    expect(await readObserved(write("o.npy", npy), [2, 2])).toEqual(flat);
  });

  it.each([
    [
      "1,2,3",
      [4],
      /has the shape \[3\] but the estimator was trained on data of shape \[4\]: expected 4 numbers/,
    ],
    ["1,2;3", [2], /is ragged/],
    ["[[1,2],3]", [2], /is ragged/],
    ["1,,2", [3], /expected numbers such as 0.9,1.4 or a file/],
    ["observed.txt", [3], /expected numbers such as 0.9,1.4 or a file/],
    ["[1,2", [2], /is not JSON/],
    ["[1,null]", [2], /must hold an array of numbers.*got null/],
    ["1,Infinity", [2], /value 1 of 1,Infinity is Infinity; expected finite numbers/],
    ["absent.json", [2], /cannot read absent.json/],
    ["absent.npy", [2], /cannot read absent.npy/],
  ])("%s is refused for the shape [%j]", async (text, xShape, message) => {
    await expect(readObserved(text, xShape)).rejects.toThrow(message);
  });

  it("in a damaged CSV is refused by line", async () => {
    await expect(readObserved(write("bad.csv", "1,2\n3,x\n"), [2])).rejects.toThrow(
      /^readObserved: bad.csv, line 2, column "x1": expected a number, got "x"/,
    );
  });
});

describe("a prior in a file", () => {
  it("is a box, a distribution for each parameter, or galton's own description", async () => {
    const box = await readPrior(write("box.json", '{"mu": [-3, 3], "sigma": [0.1, 2]}'));
    expect(box.spec).toEqual({ kind: "uniform", names: ["mu", "sigma"], low: [-3, 0.1], high: [3, 2] });
    expect((await readPrior(write("spec.json", JSON.stringify(box.spec)))).spec).toEqual(box.spec);
    const mixed = await readPrior(
      write("mixed.json", '{"mu": [-3, 3], "sigma": {"kind": "gamma", "shape": 2, "rate": 4}}'),
    );
    expect(mixed.names).toEqual(["mu", "sigma"]);
    expect(Array.from(mixed.mean)).toEqual([0, 0.5]);
  });

  it.each([
    ["{mu", /is not JSON/],
    ["[1]", /must hold an object such as/],
    ['{"mu": 3}', /"mu" must be \[low, high\] or a distribution/],
    ['{"mu": [1, 2, 3]}', /"mu" must be \[low, high\] or a distribution/],
    ['{"kind": "unif"}', /kind must be one of .*got "unif"/],
    ['{"mu": {"kind": "normal", "mean": 0}}', /"normal" needs a number "sd"/],
    ['{"mu": [3, -3]}', /uniform/],
  ])("%s is refused", async (content, message) => {
    await expect(readPrior(write("prior.json", content))).rejects.toThrow(message);
  });
});
