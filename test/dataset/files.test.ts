import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { columnFromArray, tableFromArrays, tableFromColumns, tableToIPC } from "@uwdata/flechette";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/core/errors.js";
import { fromRows, matrix, toRows } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { decodeArrow, encodeArrow } from "../../src/dataset/arrow.js";
import { readDataset, writeDataset } from "../../src/dataset/files.js";
import { datasetFrom } from "../../src/dataset/from.js";
import { decodeNpy, encodeNpy } from "../../src/dataset/npy.js";
import { parseCsv } from "../../src/dataset/table.js";
import { uniform } from "../../src/prior/uniform.js";

const scratch = mkdtempSync(join(tmpdir(), "galton-dataset-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let count = 0;
async function file(ending: string, content: string | Uint8Array): Promise<string> {
  const path = join(scratch, `table-${count++}${ending}`);
  await writeFile(path, content);
  return path;
}

const prior = uniform({ mu: [-3, 3], sigma: [0.1, 2] });
const theta = prior.sample(23, key(1));
const x = matrix(
  23,
  6,
  Float64Array.from({ length: 138 }, (_, i) => Math.sin(i) * 10 ** (i % 7)),
);
const dataset = datasetFrom({ theta, x, prior, xShape: [2, 3] });
const csv = (names: string[], rows: number[][]) =>
  [names.join(), ...rows.map((each) => each.join())].join("\n");

describe("readDataset", () => {
  it("reads back bit for bit what writeDataset wrote", async () => {
    const folder = join(scratch, "folder");
    await writeDataset(dataset, folder, { shardSize: 10 });
    const read = await readDataset(folder);
    expect(read).toMatchObject({ theta, x, names: ["mu", "sigma"], xShape: [2, 3], dropped: 0 });
    expect(read.prior?.spec).toEqual(prior.spec);
    await expect(writeDataset(dataset, folder)).rejects.toThrow(/holds simulations already/);
    await expect(readDataset(folder, { names: ["a"] })).rejects.toThrow(/parameters mu, sigma, not a/);
  });

  it("remembers how many rows were dropped before writing", async () => {
    const folder = join(scratch, "dropped");
    const parts = { theta: [1, 2, 3], x: [1, Number.NaN, 3], names: ["a"], invalid: "drop" } as const;
    await writeDataset(datasetFrom(parts), folder);
    expect((await readDataset(folder)).dropped).toBe(1);
  });

  it("reads the same table from CSV, NPY and Arrow", async () => {
    const columns = Array.from({ length: 6 }, (_, j) => `x${j}`);
    const whole = toRows(theta).map((each, i) => [...each, ...toRows(x)[i]]);
    const names = ["mu", "sigma"];
    const paths = {
      one: await file(".csv", csv([...names, ...columns], whole)),
      shuffled: await file(
        ".csv",
        csv(
          ["sigma", ...columns, "mu"],
          whole.map(([mu, ...rest]) => [...rest, mu]),
        ),
      ),
      theta: await file(".tsv", csv(names, toRows(theta)).replaceAll(",", "\t")),
      x: await file(".npy", encodeNpy({ shape: [23, 2, 3], values: x.data })),
      arrow: await file(".arrow", encodeArrow(names, theta, x, [2, 3])),
    };
    const reads = [
      await readDataset(paths.one, { names, xShape: [2, 3] }),
      await readDataset(paths.shuffled, { names, x: columns, xShape: [2, 3] }),
      await readDataset({ theta: paths.theta, x: paths.x }),
      await readDataset({ theta: paths.one, x: paths.x }, { names }),
      await readDataset(paths.arrow),
    ];
    for (const read of reads) expect(read).toMatchObject({ theta, x, names, xShape: [2, 3] });
  });

  it("names parameters of nameless arrays theta0, theta1 ... unless told", async () => {
    const paths = {
      theta: await file(".npy", encodeNpy({ shape: [23, 2], values: theta.data })),
      x: await file(".npy", encodeNpy({ shape: [23], values: x.data.slice(0, 23) })),
    };
    expect(await readDataset(paths)).toMatchObject({ names: ["theta0", "theta1"], xShape: [] });
    expect(await readDataset(paths, { prior })).toMatchObject({ names: ["mu", "sigma"] });
    await expect(readDataset(paths, { names: ["a"] })).rejects.toThrow(/2 different names.*got \["a"\]/);
    await expect(readDataset(paths.theta)).rejects.toThrow(/does not say which columns are parameters/);
  });

  it("does not look at columns that are not asked for", async () => {
    const text = await file(".csv", "run,a,x\nfirst,1,2\nsecond,3,4\n");
    expect((await readDataset(text, { names: ["a"], x: ["x"] })).x.data).toEqual(Float64Array.of(2, 4));
    await expect(readDataset(text, { names: ["a"] })).rejects.toThrow(/column "run": expected a number/);
    const table = tableFromArrays({ run: ["first", "second"], a: [1, 3], x: [2, 4] });
    const arrow = await file(".arrow", tableToIPC(table, { format: "file" })!);
    expect((await readDataset(arrow, { names: ["a"], x: ["x"] })).x.data).toEqual(Float64Array.of(2, 4));
    await expect(readDataset(arrow, { names: ["a"] })).rejects.toThrow(/column "run" must hold numbers/);
  });

  it("keeps rows with gaps out by choice", async () => {
    const path = await file(".csv", "a,x\n1,2\n3,nan\n5,6\n");
    await expect(readDataset(path, { names: ["a"] })).rejects.toThrow(/row 1: x\[0\] is NaN \(a = 3\)/);
    expect(await readDataset(path, { names: ["a"], invalid: "drop" })).toMatchObject({ dropped: 1 });
  });

  it.each([
    ["an empty file", ".csv", "", /must begin with a line of column names/],
    ["no header", ".csv", "1,2\n3,4\n", /must begin with a line of column names, got "1,2"/],
    ["a name twice", ".csv", "a,a\n3,4\n", /column "a" twice/],
    ["a short line", ".csv", "a,x\n1,2\n3\n", /line 3: 1 cells, but the header names 2/],
    ["text", ".csv", "a,x\n1,two\n", /line 2, column "x": expected a number, got "two"/],
    ["an empty cell", ".csv", "a,x\n1,\n", /line 2, column "x": expected a number, got ""/],
    ["no such parameter", ".csv", "b,x\n1,2\n", /has no column "a"; it has b, x/],
    ["no data column", ".csv", "a\n1\n", /no column besides the parameters/],
    ["no rows", ".csv", "a,x\n", /the table is empty/],
    ["not Arrow", ".arrow", "a,x\n1,2\n", /not an Arrow IPC file, or it is damaged/],
    ["an unknown ending", ".xlsx", "", /unknown ending/],
  ])("refuses %s", async (_, ending, content, message) => {
    await expect(readDataset(await file(ending, content), { names: ["a"] })).rejects.toThrow(message);
  });

  it("refuses files that are not there and halves of different length", async () => {
    await expect(readDataset(join(scratch, "absent"))).rejects.toThrow(ConfigError);
    const short = await file(".csv", "a\n1\n2\n");
    const long = await file(".csv", "x\n1\n2\n3\n");
    await expect(readDataset({ theta: short, x: long })).rejects.toThrow(/theta has 2 rows but x has 3/);
    await expect(readDataset({ theta: short, x: join(scratch, "absent.csv") })).rejects.toThrow(
      /cannot read/,
    );
  });
});

describe("Arrow", () => {
  const bytes = encodeArrow(["mu", "sigma"], theta, x, [2, 3]);

  it("refuses a file cut anywhere, instead of inventing numbers", () => {
    for (const end of [0, 8, 100, bytes.length >> 1, bytes.length - 20]) {
      expect(() => decodeArrow(bytes.slice(0, end), "cut.arrow"), `cut at ${end}`).toThrow(ConfigError);
    }
  });

  it("reads columns of other number types and lists, and refuses text", () => {
    const table = tableFromColumns({
      a: columnFromArray(Float32Array.of(1.5, 2.5)),
      b: columnFromArray(Int32Array.of(1, -2)),
      c: columnFromArray(BigInt64Array.of(7n, 8n)),
    });
    const read = decodeArrow(tableToIPC(table, { format: "stream" })!, "numbers.arrows");
    expect(toRows(read.values)).toEqual([
      [1.5, 1, 7],
      [2.5, -2, 8],
    ]);
    const lists = tableFromArrays({
      a: [1, null],
      v: [
        [1, 2],
        [3, 4],
      ],
    });
    expect(toRows(decodeArrow(tableToIPC(lists, { format: "file" })!, "lists").values)).toEqual([
      [1, 1, 2],
      [Number.NaN, 3, 4],
    ]);
    const ragged = tableFromArrays({ v: [[1, 2], [3]] });
    expect(() => decodeArrow(tableToIPC(ragged, { format: "file" })!, "r")).toThrow(
      /1 values in row 1 but 2 before/,
    );
    const text = tableFromArrays({ v: ["one", "two"] });
    expect(() => decodeArrow(tableToIPC(text, { format: "file" })!, "t")).toThrow(
      /column "v" must hold numbers/,
    );
  });

  it("refuses a parameter called x and an empty table", () => {
    expect(() => encodeArrow(["x"], matrix(1, 1), matrix(1, 1), [])).toThrow(/which is the data column/);
    expect(() => encodeArrow(["a"], matrix(0, 1), matrix(0, 1), [])).toThrow(/no rows/);
  });
});

describe("NPY", () => {
  const header = (text: string, data: number[], version = 1) => {
    const size =
      version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
    return Uint8Array.from([
      0x93,
      ...Buffer.from("NUMPY"),
      version,
      0,
      ...size,
      ...Buffer.from(text),
      ...data,
    ]);
  };
  const dictionary = (descr: string, order: string, shape: string) =>
    `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
  const bytesOf = (array: ArrayBufferView) => [...new Uint8Array(array.buffer)];

  it("reads back any array bit for bit", () => {
    const arrays = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }).chain((shape) => {
      const length = shape.reduce((product, size) => product * size, 1);
      return fc.record({
        shape: fc.constant(shape),
        values: fc.float64Array({ minLength: length, maxLength: length }),
      });
    });
    fc.assert(
      fc.property(arrays, (array) => {
        const encoded = encodeNpy(array);
        expect(encoded.length % 64).toBe((8 * array.values.length) % 64);
        expect(decodeNpy(encoded, "any.npy")).toEqual(array);
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it.each([
    ["<f8", new Float64Array([1.5, -2])],
    ["<f4", new Float32Array([1.5, -2])],
    ["<i4", new Int32Array([7, -2])],
    ["<i8", new BigInt64Array([7n, -2n])],
  ])("reads %s, versions 1 and 2", (descr, array) => {
    for (const version of [1, 2]) {
      const file = header(dictionary(descr, "False", "(2,)"), bytesOf(array), version);
      expect(decodeNpy(file, "a.npy")).toEqual({
        shape: [2],
        values: Float64Array.from(array as never, Number),
      });
    }
  });

  it("turns Fortran order into row-major order", () => {
    const file = header(dictionary("<i4", "True", "(2, 3)"), bytesOf(Int32Array.of(1, 4, 2, 5, 3, 6)));
    expect(Array.from(decodeNpy(file, "f.npy").values)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each([
    ["another type", header(dictionary("<c16", "False", "(1,)"), []), /holds "<c16"; expected one of <f8/],
    ["big-endian numbers", header(dictionary(">f8", "False", "(1,)"), []), /holds ">f8"/],
    ["missing data", header(dictionary("<f8", "False", "(2,)"), [0, 0]), /needs 16 bytes, got 2/],
    ["single bytes", header(dictionary("|u1", "False", "(2,)"), [0]), /holds "\|u1"/],
    ["no dictionary", header("{}\n", []), /header that cannot be read/],
    ["another version", header(dictionary("<f8", "False", "(0,)"), [], 9), /NPY version 9/],
    ["another file", Buffer.from("PK-zip-archive"), /does not begin with the NumPy magic/],
    [
      "a cut header",
      header(dictionary("<f8", "False", "(2,)"), []).slice(0, 30),
      /header that cannot be read/,
    ],
    [
      "huge integers",
      header(dictionary("<i8", "False", "(1,)"), bytesOf(BigInt64Array.of(2n ** 60n))),
      /beyond 2\^53/,
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => decodeNpy(bytes, "bad.npy")).toThrow(message);
    expect(() => decodeNpy(bytes, "bad.npy")).toThrow(ConfigError);
  });

  const hasNumpy = spawnSync("python3", ["-c", "import numpy"]).status === 0;
  it.skipIf(!hasNumpy)("agrees with NumPy (skipped where python3 has no numpy)", async () => {
    const path = join(scratch, "numpy.npy");
    const code = "import numpy as np, sys; np.save(sys.argv[1], np.arange(6.0).reshape(2, 3) / 7)";
    expect(spawnSync("python3", ["-c", code, path]).status).toBe(0);
    const expected = { shape: [2, 3], values: Float64Array.from({ length: 6 }, (_, i) => i / 7) };
    expect(decodeNpy(await readFile(path), path)).toEqual(expected);
    await writeFile(path, encodeNpy(expected));
    const back = spawnSync("python3", [
      "-c",
      "import numpy as np, sys; print(np.load(sys.argv[1]).tolist())",
      path,
    ]);
    expect(JSON.parse(back.stdout.toString())).toEqual(toRows(matrix(2, 3, expected.values)));
  });
});

describe("CSV", () => {
  it("takes quoted names, Windows line ends, a byte-order mark, blank lines and infinities", () => {
    const table = parseCsv('\uFEFF"a b", x\r\n 1e3 ,-inf\r\n\r\n+2,0.5\r\n', "w.csv");
    expect(table.columns?.map((column) => column.name)).toEqual(["a b", "x"]);
    expect(toRows(table.values)).toEqual([
      [1000, -Infinity],
      [2, 0.5],
    ]);
  });

  it("reads back the float64 that was written", () => {
    const double = fc.double({ noNaN: true });
    const table = fc.array(fc.tuple(double, double), { minLength: 1 });
    fc.assert(
      fc.property(table, (rows) => {
        const text = csv(["a", "b"], rows as unknown as number[][]);
        const plain = rows.map((each) => each.map((value) => value + 0)); // "-0" is printed as "0"
        expect(toRows(parseCsv(text, "t").values)).toEqual(plain);
      }),
      { seed: 2, numRuns: 50 },
    );
  });
});

describe("datasetFrom", () => {
  it("takes matrices, rows and plain lists", () => {
    const a = datasetFrom({ theta: [1, 2], x: [3, 4], names: ["a"] });
    expect(a).toMatchObject({ theta: matrix(2, 1, Float64Array.of(1, 2)), xShape: [1], dropped: 0 });
    const b = datasetFrom({
      theta: Float64Array.of(1, 2),
      x: [Float32Array.of(3, 5), [4, 6]],
      names: ["a"],
      xShape: [2, 1],
    });
    expect(b).toMatchObject({
      x: fromRows([
        [3, 5],
        [4, 6],
      ]),
      xShape: [2, 1],
    });
  });

  it.each([
    ["no rows", { theta: [], x: [], names: ["a"] }, ShapeError, /table is empty/],
    ["unequal rows", { theta: [1], x: [1, 2], names: ["a"] }, ShapeError, /theta has 1 rows but x has 2/],
    [
      "ragged rows",
      { theta: [1, 2], x: [[1, 2], [3]], names: ["a"] },
      ShapeError,
      /x is ragged: row 1 has 1 values/,
    ],
    ["too few names", { theta: [[1, 2]], x: [1], names: ["a"] }, ShapeError, /must be 2 different names/],
    ["a name twice", { theta: [[1, 2]], x: [1], names: ["a", "a"] }, ShapeError, /must be 2 different names/],
    ["no names", { theta: [[1, 2]], x: [1] }, ShapeError, /got none/],
    [
      "a wrong shape",
      { theta: [1], x: [[1, 2]], names: ["a"], xShape: [3] },
      ShapeError,
      /does not hold the 2 columns/,
    ],
    [
      "NaN in x",
      { theta: [1, 2], x: [1, Number.NaN], names: ["a"] },
      RangeError,
      /row 1: x\[0\] is NaN \(a = 2\)/,
    ],
    [
      "Infinity in theta",
      { theta: [1, Infinity], x: [1, 2], names: ["a"] },
      RangeError,
      /row 1: a is Infinity/,
    ],
    [
      "other names than the prior",
      { theta: [[1, 1]], x: [1], names: ["a", "b"], prior },
      ShapeError,
      /prior's are mu, sigma/,
    ],
    [
      "a row outside the prior",
      {
        theta: [
          [0, 1],
          [4, 1],
        ],
        x: [1, 2],
        prior,
      },
      RangeError,
      /row 1 lies outside the prior: mu = 4/,
    ],
    [
      "nothing but gaps",
      { theta: [1], x: [Number.NaN], names: ["a"], invalid: "drop" },
      ShapeError,
      /no row .* is finite/,
    ],
  ])("refuses %s", (_, parts, kind, message) => {
    expect(() => datasetFrom(parts as never)).toThrow(kind);
    expect(() => datasetFrom(parts as never)).toThrow(message);
  });
});
