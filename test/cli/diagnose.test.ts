import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Draws } from "../../samplers/draws.js";
import { toStanCsv } from "../../samplers/interchange/stan-csv.js";
import { summary } from "../../samplers/summary.js";
import { writeDraws } from "../../src/cli/draws-file.js";
import { foldIn, key, stream } from "../../src/core/random.js";
import { galton, temporaryFolder } from "./host.js";

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);
const write = (name: string, content: string) => {
  writeFileSync(path(name), content);
  return path(name);
};
const rng = stream(foldIn(key(5), 1));
const draws: Draws = {
  names: ["mu", "theta[1]"],
  chains: 3,
  draws: 60,
  values: Float64Array.from({ length: 360 }, () => rng.normal()),
  stats: { logProb: new Float64Array(180) },
  warmup: {},
  run: {},
};

describe("galton diagnose", () => {
  const expected = JSON.parse(JSON.stringify(summary(draws).rows));
  const rowsOf = async (...files: readonly string[]) => {
    const { stdout, stderr, status } = await galton("diagnose", ...files, "--json");
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    return JSON.parse(stdout).rows;
  };

  it.each(["json", "csv", "arrow", "parquet", "nc"])("judges draws.%s as the run itself", async (ending) => {
    const file = path(`draws.${ending}`);
    await writeDraws(file, draws);
    expect(await rowsOf(file)).toEqual(expected);
  });

  it("takes one file for each chain, of Stan or bare", async () => {
    const stan = [0, 1, 2].map((c) => write(`stan-${c}.csv`, toStanCsv(draws, c)));
    expect(await rowsOf(...stan)).toEqual(expected);
    const bare = stan.map((file, c) => {
      const lines = toStanCsv(draws, c).split("\n");
      const text = lines.filter((line) => !line.startsWith("#")).map((line) => line.replace(/^[^,]*,/, ""));
      return write(file.split(/[\\/]/).pop()!.replace("stan", "bare"), text.join("\n"));
    });
    expect(await rowsOf(...bare)).toEqual(
      expected.map((row: object, j: number) => ({ ...row, name: ["mu", "theta.1"][j] })),
    );
  });

  it("refuses chains of different runs, and other files beside an estimator", async () => {
    const [short, long] = [write("short.csv", "mu\n1\n2\n"), write("long.csv", "mu\n1\n2\n3\n")];
    const unequal = await galton("diagnose", short, long);
    expect(unequal).toMatchObject({ status: 1 });
    expect(unequal.stderr).toMatch(
      /readDraws: .*short.csv, .*long.csv: run 1 has 3 draws of \(mu\), but run 0 has 2/,
    );
    const mixed = await galton("diagnose", "e.safetensors", short);
    expect(mixed.stderr).toMatch(/expected one estimator or files of draws, got e.safetensors and 1 more/);
  });
});
