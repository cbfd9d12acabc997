import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Draws } from "../../samplers/draws.js";
import { drawsFromArrow, drawsToArrow } from "../../samplers/interchange/arrow.js";
import { fromColumns, toColumns } from "../../samplers/interchange/draws-columns.js";
import { drawsFromJson, drawsToJson } from "../../samplers/interchange/json.js";
import { drawsFromNetCdf, drawsToNetCdf } from "../../samplers/interchange/net-cdf.js";
import { drawsFromParquet, drawsToParquet } from "../../samplers/interchange/parquet.js";
import { fromStanCsv, isStanCsv, toStanCsv } from "../../samplers/interchange/stan-csv.js";
import { elementNames, gatherVariables } from "../../samplers/interchange/variables.js";

const file = (name: string) => readFileSync(new URL(`files/${name}`, import.meta.url));
const numbers = (length: number, scale = 1) =>
  Float64Array.from({ length }, (_, i) => Math.sin(i + 1) / scale);

/** Four chains in two groups, a vector whose elements are not neighbours, and every kind of statistic. */
const grouped: Draws = {
  names: ["theta[1]", "mu", "theta[2]"],
  chains: 4,
  groups: 2,
  draws: 3,
  values: numbers(36, 3),
  stats: {
    logProb: Float64Array.from(numbers(12), (value, i) => (i === 4 ? Number.NaN : value)),
    diverging: Float64Array.from({ length: 12 }, (_, i) => i % 2),
    treeDepth: Float64Array.from({ length: 12 }, (_, i) => i),
    numEvaluations: Float64Array.from({ length: 12 }, (_, i) => 3 * i),
  },
  warmup: {},
  run: { sampler: "stretch", seed: "hello", chains: 4 },
};

const stanCsv = (chain: Draws) => fromStanCsv(Array.from({ length: 4 }, (_, c) => toStanCsv(chain, c)));
const trips: Readonly<Record<string, (draws: Draws) => Draws | Promise<Draws>>> = {
  JSON: (draws) => drawsFromJson(drawsToJson(draws)),
  columns: (draws) => fromColumns(toColumns(draws), draws.run),
  Arrow: async (draws) => drawsFromArrow(await drawsToArrow(draws)),
  Parquet: async (draws) => drawsFromParquet(await drawsToParquet(draws)),
  netCDF: async (draws) => drawsFromNetCdf(await drawsToNetCdf(draws)),
  "Stan CSV": (draws) => ({ ...stanCsv(draws), run: draws.run }),
};

describe.each(Object.entries(trips))("draws through %s", (_, trip) => {
  it("keep chains, draws, groups, names, statistics and every bit", async () => {
    expect(await trip(grouped)).toEqual(grouped);
    const { groups, ...independent } = grouped;
    expect(await trip(independent)).toEqual(independent);
  });
});

describe("a table of draws of others", () => {
  const column = (...values: number[]) => Float64Array.from(values);

  it("may count from 1, be in any order, and have Stan's statistics", () => {
    const draws = fromColumns([
      [".chain", column(2, 1, 2, 1)],
      [".iteration", column(20, 20, 10, 10)],
      [".draw", column(4, 2, 3, 1)],
      ["mu", column(22, 12, 21, 11)],
      ["divergent__", column(1, 0, 0, 0)],
    ]);
    expect(draws).toMatchObject({ names: ["mu"], chains: 2, draws: 2 });
    expect(draws.values).toEqual(column(11, 12, 21, 22));
    expect(draws.stats).toEqual({ diverging: column(0, 0, 0, 1) });
  });

  it("is one chain where it names none", () => {
    expect(fromColumns([["mu", column(3, 1, 2)]])).toMatchObject({
      chains: 1,
      draws: 3,
      values: column(3, 1, 2),
    });
  });

  it.each([
    [
      "fractions of a chain",
      [
        ["chain", column(0.5)],
        ["mu", column(1)],
      ],
      /row 1 is of chain 0.5/,
    ],
    [
      "a missing row",
      [
        ["chain", column(1, 1, 2)],
        ["mu", column(1, 2, 3)],
      ],
      /chain 2 has 1 draws, but chain 1 has 2/,
    ],
    [
      "unequal groups",
      [
        ["chain", column(0, 1, 2)],
        ["group__", column(0, 0, 1)],
        ["mu", column(1, 2, 3)],
      ],
      /does not fit 3 chains/,
    ],
  ] as const)("is refused with %s", (_, columns, message) => {
    expect(() => fromColumns(columns)).toThrow(message);
  });

  it("is read from Parquet that pyarrow compressed by gzip, missing values as NaN", async () => {
    const draws = await drawsFromParquet(file("pyarrow-gzip.parquet"));
    expect(draws).toMatchObject({ names: ["mu"], chains: 2, draws: 2 });
    expect(draws.values).toEqual(column(2.5, 3.5, 0.5, Number.NaN));
    expect(draws.stats).toEqual({ logProb: column(-3, -4, -1, -2) });
  });
});

/** A file as CmdStan writes it, of two draws after two of the warm-up. */
const cmdstan = (chain: number, saveWarmup = true) => `# stan_version_major = 2
# model = bernoulli_model
# method = sample (Default)
#   sample
#     num_samples = 2
#     num_warmup = 2
#     save_warmup = ${Number(saveWarmup)}
#     thin = 1 (Default)
#     algorithm = hmc (Default)
#       hmc
#         engine = nuts (Default)
# random
#   seed = 7
# id = ${chain}
lp__,accept_stat__,stepsize__,treedepth__,n_leapfrog__,divergent__,energy__,mu,L.1.1,L.2.1
${saveWarmup ? "-9,0.5,1,1,1,0,9,0,0,0\n-8,0.5,1,1,1,1,9,0,0,0\n" : ""}# Adaptation terminated
# Step size = 0.9
# Diagonal elements of inverse mass matrix:
# 0.5, 1.5
-1,1,0.9,2,3,0,2,${chain},1e-3,-inf
-2,0.75,0.9,2,3,1,3,${chain + 0.5},nan,4
# 
#  Elapsed Time: 0.01 seconds (Warm-up)
`;

describe("Stan CSV", () => {
  it.each([true, false])("of CmdStan is read without its warm-up (saved: %s)", (saved) => {
    const draws = fromStanCsv([cmdstan(1, saved), cmdstan(2, saved)]);
    expect(draws).toMatchObject({ names: ["mu", "L[1,1]", "L[2,1]"], chains: 2, draws: 2 });
    expect(Array.from(draws.values)).toEqual([
      1,
      1e-3,
      -Infinity,
      1.5,
      Number.NaN,
      4,
      2,
      1e-3,
      -Infinity,
      2.5,
      Number.NaN,
      4,
    ]);
    expect(Object.keys(draws.stats)).toEqual([
      "logProb",
      "acceptanceRate",
      "stepSize",
      "treeDepth",
      "numSteps",
      "diverging",
      "energy",
    ]);
    expect(draws.stats.diverging).toEqual(Float64Array.of(0, 1, 0, 1));
    expect(draws.warmup.chains).toEqual([0, 1].map(() => ({ stepSize: 0.9, inverseMass: [0.5, 1.5] })));
    expect(draws.run).toMatchObject({ sampler: "nuts", model: "bernoulli_model", seed: "7" });
  });

  it("without adaptation leaves out as many draws as the configuration says", () => {
    const text = cmdstan(1).replace(/# Adaptation[\s\S]*?1\.5\n/, "");
    expect(fromStanCsv([text])).toMatchObject({ draws: 2, warmup: {} });
  });

  it("is told from other tables", () => {
    expect([cmdstan(1), "lp__,mu\n", "chain,draw,mu\n"].map(isStanCsv)).toEqual([true, true, false]);
  });

  it.each([
    [
      "a chain that still runs",
      [cmdstan(1), cmdstan(2).replace(/,nan,4[\s\S]*/, ",1")],
      /chain 2, line \d+: 9 cells, but the header names 10/,
    ],
    [
      "chains of different lengths",
      [cmdstan(1), cmdstan(2).replace(/-2,0.75.*\n/, "")],
      /chain 2 has 1 draws of/,
    ],
    ["words", ["# x\nmu\none\n"], /chain 1, line 3, column "mu": expected a number, got "one"/],
    ["an optimum", ["# method = optimize\nlp__,mu\n1,2\n"], /Stan's method "optimize"/],
    ["no draws", ["# x\nlp__,mu\n"], /found 0 draws of 1 parameters/],
    ["no header", ["# x\n"], /has no line of column names/],
    ["no chains", [], /at least one chain/],
  ])("is refused with %s", (_, texts, message) => {
    expect(() => fromStanCsv(texts)).toThrow(message);
  });
});

describe("variables", () => {
  it("gather elements that fill a box, sorted by index, and leave others alone", () => {
    expect(gatherVariables(["a[10]", "mu", "a[9]", "c[1]", "c", "d[1,1]", "d[2,2]"])).toEqual([
      { name: "a", shape: [2], labels: [["9", "10"]], parameters: [2, 0] },
      { name: "mu", shape: [], labels: [], parameters: [1] },
      ...["c[1]", "c", "d[1,1]", "d[2,2]"].map((name, i) => ({
        name,
        shape: [],
        labels: [],
        parameters: [3 + i],
      })),
    ]);
  });

  it("name their elements as they were, row-major", () => {
    const labels = fc.uniqueArray(fc.nat(99).map(String), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(labels, { maxLength: 3 }), (axes) => {
        const names = elementNames("x", axes);
        const [variable, ...rest] = gatherVariables(names);
        expect(rest).toEqual([]);
        expect(elementNames("x", variable.labels)).toEqual(variable.parameters.map((j) => names[j]));
      }),
      { seed: 1, numRuns: 50 },
    );
  });
});

describe("netCDF", () => {
  it("of ArviZ is read with its dimensions, coordinates and statistics", async () => {
    const draws = await drawsFromNetCdf(gunzipSync(file("arviz-0.23.4.nc.gz")));
    expect(draws.names).toEqual(["mu", "b[Choate]", "b[Deer field]", "L[0,0]", "L[0,1]", "L[1,0]", "L[1,1]"]);
    expect(draws).toMatchObject({ chains: 2, draws: 3, run: {} });
    // the file holds mu = i / 8, b = 100 + i / 8, L = i / 8 - 50 for the i-th element of each array
    expect(Array.from(draws.values.subarray(4 * 7, 5 * 7))).toEqual([
      0.5, 101, 101.125, -48, -47.875, -47.75, -47.625,
    ]);
    expect(draws.stats).toEqual({
      diverging: Float64Array.of(0, 1, 0, 0, 0, 1),
      logProb: Float64Array.from({ length: 6 }, (_, i) => -i / 8),
      treeDepth: Float64Array.of(0, 1, 2, 3, 4, 5),
    });
  });

  it("is laid out as ArviZ expects it", async () => {
    const bytes = await drawsToNetCdf(grouped, { createdAt: new Date(0), version: "1.2.3" });
    const { default: h5 } = await import("h5wasm");
    const { FS } = await h5.ready;
    FS.writeFile("layout.nc", bytes);
    const opened = new h5.File("layout.nc", "r");
    const dataset = (path: string) => opened.get(path) as InstanceType<typeof h5.Dataset>;
    expect(opened.keys()).toEqual(["posterior", "sample_stats"]);
    const { attrs } = opened.get("posterior") as InstanceType<typeof h5.Group>;
    expect(attrs.created_at.value).toBe("1970-01-01T00:00:00.000+00:00");
    expect([attrs.inference_library.value, attrs.inference_library_version.value]).toEqual([
      "galton",
      "1.2.3",
    ]);
    const theta = dataset("posterior/theta");
    expect(theta.shape).toEqual([4, 3, 2]);
    expect([0, 1, 2].map((k) => theta.get_attached_scales(k)[0])).toEqual(
      ["chain", "draw", "theta_dim_0"].map((name) => `/posterior/${name}`),
    );
    expect(dataset("posterior/theta_dim_0").value).toEqual(BigInt64Array.of(1n, 2n));
    expect(dataset("sample_stats/diverging").attrs.dtype.value).toBe("bool");
    expect([dataset("sample_stats/tree_depth").dtype, dataset("sample_stats/num_evaluations").dtype]).toEqual(
      ["<q", "<q"],
    );
    opened.close();
  });

  it("is refused where it is damaged, is another kind of file, or cannot hold a name", async () => {
    const bytes = await drawsToNetCdf(grouped);
    await expect(drawsFromNetCdf(bytes.slice(0, 900))).rejects.toThrow(
      /drawsFromNetCdf: the file is damaged/,
    );
    await expect(drawsFromNetCdf(new Uint8Array(100))).rejects.toThrow(/begins as HDF5 does; this is none/);
    for (const name of ["chain", "a/b"]) {
      await expect(drawsToNetCdf({ ...grouped, names: ["mu", "x", name] })).rejects.toThrow(
        /cannot be a variable/,
      );
    }
  });
});
