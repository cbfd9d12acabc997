import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { publishedC2st, publishedCurves } from "../../benchmarks/published.js";
import { compareJobs } from "../../benchmarks/report/comparisons.js";
import { methodKind } from "../../benchmarks/report/families.js";
import { crossedMean } from "../../benchmarks/report/statistics.js";
import { summaries } from "../../benchmarks/report/summaries.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { referencePath } from "../reference.js";
import { fixtureRecords } from "./report-fixture.js";

describe("means over observations and seeds", () => {
  const rng = stream(key("crossed"));
  const crossed = (observations: number, seeds: number, value: (o: number, s: number) => number) =>
    Array.from({ length: observations * seeds }, (_, i) => {
      const [observation, seed] = [i % observations, Math.floor(i / observations)];
      return { observation, seed, value: value(observation, seed) };
    });

  it("have the error sd / sqrt(n) where there is one seed or one observation", () => {
    const values = [0.5, 0.7, 0.9];
    const expected = Math.sqrt(0.04 / 3); // sd 0.2 of three values
    expect(crossedMean(crossed(3, 1, (o) => values[o])).error).toBeCloseTo(expected, 12);
    expect(crossedMean(crossed(1, 3, (_, s) => values[s])).error).toBeCloseTo(expected, 12);
  });

  it("do not count repeated seeds as new observations", () => {
    const difficulty = Array.from({ length: 5 }, () => rng.normal());
    const once = crossedMean(crossed(5, 1, (o) => difficulty[o])).error;
    const often = crossedMean(crossed(5, 20, (o) => difficulty[o] + 1e-6 * rng.normal())).error;
    expect(often / once).toBeCloseTo(1, 3); // the seeds add nothing: they all see the same five
  });

  it("cover the truth about as often as they say", () => {
    // 400 made-up benchmarks of 8 observations and 8 seeds with effects of both; two standard errors hold 95 % of
    // normal means, with 8 clusters of each a little less; 0.90 to 0.99 allows for that and for four binomial errors
    let held = 0;
    for (let r = 0; r < 400; r++) {
      const [a, b] = [rng.normals(8), rng.normals(8)];
      const { value, error } = crossedMean(crossed(8, 8, (o, s) => a[o] + b[s] + rng.normal()));
      if (Math.abs(value) < 2 * error) held++;
    }
    expect(held / 400).toBeGreaterThan(0.9);
    expect(held / 400).toBeLessThan(0.99);
  });

  it("say that the error of one value is unknown, and that equal values have none", () => {
    expect(crossedMean([{ observation: 1, seed: 1, value: 3 }])).toEqual({ value: 3, error: NaN });
    expect(crossedMean(crossed(3, 3, () => 0.1)).error).toBe(0);
  });
});

describe("two methods", () => {
  const job = (observation: number, seed: number, value: number) => ({ observation, seed, value });
  const grid = [1, 2, 3, 4, 5, 6].flatMap((seed) => [1, 2].map((observation) => ({ observation, seed })));
  const hard = grid.map(({ observation, seed }) => job(observation, seed, 10 * observation + seed));
  const easy = hard.map(({ observation, seed, value }) => job(observation, seed, value - 0.1 * seed));

  it("are compared on the same jobs, trainings taken whole", () => {
    const { meanDifference, pValue, wins, units, groups, over } = compareJobs(easy, hard)!;
    expect(meanDifference).toBeCloseTo(-0.35, 12); // the mean of 0.1 to 0.6, though the scores lie 10 apart
    expect(pValue).toBeCloseTo(2 * 2 ** -6, 12); // six trainings, all of one sign
    expect({ wins, units, groups, over }).toEqual({ wins: 12, units: 12, groups: 6, over: "seeds" });
  });

  it("of one seed are compared over observations, and what one of them lacks is left out", () => {
    const once = [job(1, 7, 1), job(2, 7, 2), job(3, 7, 3)];
    expect(compareJobs(once, [job(1, 7, 0), job(3, 7, 1), job(4, 7, 9)])).toMatchObject({
      meanDifference: 1.5,
      units: 2,
      over: "observations",
    });
    expect(compareJobs(once, [job(1, 7, 0)])).toBeUndefined();
  });
});

describe("summaries", () => {
  it("average done jobs alone, count failures, and pool coverage over trainings, not observations", () => {
    const id = "two_moons.aalr.1000.obs1.seed1";
    const [group] = summaries(fixtureRecords({ failed: [id] }));
    expect([group.done.length, group.failed]).toEqual([5, 1]);
    const mean = group.done.reduce((sum, { scores }) => sum + scores.c2st, 0) / 5;
    expect(group.scores.c2st.value).toBeCloseTo(mean, 12);
    expect(group.coverage!.pairs).toBe(600); // two seeds of 300
  });

  it("take the bootstrap's error where there is a single job", () => {
    const [group] = summaries(fixtureRecords({ observations: [1], seeds: [1] }));
    expect(group.scores.c2st.error).toBe(0.004);
  });
});

describe("published curves", () => {
  it("are the numbers of the reference table, rounded", ({ skip }) => {
    const path = referencePath("sbibm/published.csv");
    if (path === undefined) return skip("no reference data; set GALTON_REFERENCE");
    const rows = readFileSync(path, "utf8")
      .split("\n")
      .map((line) => line.split(","))
      .filter((cells) => /^S?N[RPL]E$/.test(cells[1]));
    let compared = 0;
    for (const [task, label, budget, c2st, ...others] of rows) {
      const source = others[others.length - 1].trim();
      if (source !== (task === "gaussian_mixture" ? "gaussian_mixture_rerun_v1.1.0" : "main_paper")) continue;
      const ours = publishedC2st(task, label, Number(budget));
      expect(Math.abs(ours! - Number(c2st)), `${task} ${label} ${budget}`).toBeLessThanOrEqual(6e-4); // three digits
      compared++;
    }
    expect(compared).toBe(180);
    expect(publishedCurves("asymmetries")).toEqual([]);
  });
});

describe("names of methods", () => {
  it.each([
    ["aalr-k32", "ratio", false],
    ["sbi-nre-c-matched", "ratio", false],
    ["snre", "ratio", true],
    ["npe-maf", "posterior", false],
    ["apt", "posterior", true],
    ["snpe-b", "posterior", true],
    ["tsnpe", "posterior", true],
    ["nle", "likelihood", false],
    ["snl", "likelihood", true],
    ["abc-4", undefined, false],
    ["./sneak.js#apteryx", undefined, false],
  ])("%s say what is learned, and whether in rounds", (name, family, isSequential) => {
    expect(methodKind(name)).toEqual({ family, isSequential });
  });
});
