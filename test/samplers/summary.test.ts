import { describe, expect, it } from "vitest";
import { chainValues, concatenate, type Draws, drawsMatrix, thinDraws } from "../../samplers/draws.js";
import { toStanCsv } from "../../samplers/interchange/stan-csv.js";
import { formatSummary, summary } from "../../samplers/summary.js";
import { columns, table } from "../../samplers/table.js";
import { foldIn, key, stream } from "../../src/core/random.js";

/** Independent normals `N(parameter, 1)`; chain `c` is moved by `shift(c)`. */
function makeDraws(chains: number, count: number, shift = (_: number) => 0): Draws {
  const values = new Float64Array(chains * count * 2);
  for (let c = 0; c < chains; c++) {
    const rng = stream(foldIn(key(9), c));
    for (let i = 0; i < count * 2; i++) values[c * count * 2 + i] = rng.normal((i % 2) + shift(c), 1);
  }
  return {
    names: ["mu", "beta[1]"],
    chains,
    draws: count,
    values,
    stats: { logProb: Float64Array.from({ length: chains * count }, (_, i) => -i) },
    warmup: {},
    run: {},
  };
}

describe("summary", () => {
  it("describes independent draws without a warning", () => {
    const { rows, warnings, nested } = summary(makeDraws(4, 1000));
    expect(warnings).toEqual([]);
    expect(nested).toBe(false);
    const se = 1 / Math.sqrt(4000);
    rows.forEach((row, j) => {
      expect(Math.abs(row.mean - j)).toBeLessThan(4 * se);
      expect(Math.abs(row.sd - 1)).toBeLessThan((4 * se) / Math.SQRT2);
      expect(Math.abs(row.q05 - j + 1.645)).toBeLessThan(4 * 2.1 * se); // sqrt(p (1 - p)) / density = 2.1
      expect(Math.abs(row.mcse / se - 1)).toBeLessThan(0.2);
    });
  });

  it("uses nested R-hat for many short chains, and is content with good ones", () => {
    const { warnings, nested } = summary(makeDraws(200, 20));
    expect(nested).toBe(true);
    expect(warnings).toEqual([]);
  });

  it.each([
    [4, 500],
    [200, 20],
  ])("warns of %s chains of %s draws that disagree", (chains, count) => {
    const { warnings } = summary(makeDraws(chains, count, (c) => (c < chains / 4 ? 1 : 0)));
    expect(warnings[0]).toMatch(/R-hat is above 1.01 for mu, beta\[1\]/);
  });

  it("warns of too few draws, and of draws that cannot be judged", () => {
    expect(summary(makeDraws(4, 20)).warnings.join()).toMatch(/ESS is below 400 for mu/);
    expect(summary(makeDraws(1, 20)).warnings.join()).toMatch(/cannot be computed for mu/);
  });

  it("warns of points where the target was no number", () => {
    const draws = makeDraws(4, 1000);
    const run = (nonFinite: number) => ({ evaluations: { calls: 9, rows: 99, outside: 5, nonFinite } });
    expect(summary({ ...draws, run: run(0) }).warnings).toEqual([]);
    expect(summary({ ...draws, run: run(3) }).warnings).toEqual([
      expect.stringMatching(/the target was NaN or infinite.* at 3 points/),
    ]);
  });

  it("prints one aligned line per parameter", () => {
    const text = formatSummary(summary(makeDraws(4, 1000)));
    const lines = text.split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/mean +sd +5 % +50 % +95 % +R-hat +bulk ESS +tail ESS +MCSE$/);
    expect(lines[2]).toMatch(/^beta\[1\] /);
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  });
});

describe("draws", () => {
  const draws = makeDraws(3, 5);

  it("gives all rows, one parameter, every second draw, or two runs side by side", () => {
    expect(drawsMatrix(draws)).toMatchObject({ rows: 15, cols: 2 });
    expect(chainValues(draws, "beta[1]").data[6]).toBe(draws.values[13]);
    const thinned = thinDraws(draws, 2);
    expect(thinned.draws).toBe(2);
    expect(chainValues(thinned, 0).data[2]).toBe(chainValues(draws, 0).data[6]); // chain 1, its second draw
    const both = concatenate([draws, draws]);
    expect(both.chains).toBe(6);
    expect(both.values.subarray(30)).toEqual(draws.values);
  });

  it("refuses what does not exist", () => {
    expect(() => chainValues(draws, "nu")).toThrow(/no parameter nu; the parameters are mu, beta/);
    expect(() => thinDraws(draws, 6)).toThrow(/thin must be an integer from 1 to 5/);
    expect(() => concatenate([])).toThrow(/at least one run/);
    expect(() => concatenate([draws, makeDraws(3, 4)])).toThrow(/run 1 has 4 draws/);
    expect(() => toStanCsv(draws, 3)).toThrow(/chain must be an integer from 0 to 2/);
  });

  it("becomes a table with chain, draw, parameters and statistics", async () => {
    const { mu, chain } = columns(draws);
    expect(chain[5]).toBe(1);
    expect(mu[5]).toBe(draws.values[10]);
    const rows = await table(draws);
    expect(rows.columnNames()).toEqual(["chain", "draw", "mu", "beta[1]", "logProb"]);
    expect(rows.numRows()).toBe(15);
  });

  it("becomes Stan CSV whose numbers are exact", () => {
    const lines = toStanCsv(draws, 1)
      .split("\n")
      .filter((line) => line && !line.startsWith("#"));
    expect(lines[0]).toBe("lp__,mu,beta.1");
    expect(lines).toHaveLength(6);
    expect(lines[1].split(",").map(Number)).toEqual([-5, draws.values[10], draws.values[11]]);
  });
});
