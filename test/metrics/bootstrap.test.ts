import { describe, expect, it } from "vitest";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { rocAucWithError } from "../../src/metrics/auc-error.js";
import { bootstrap } from "../../src/metrics/bootstrap.js";
import { pairedComparison } from "../../src/metrics/paired-comparison.js";
import { wilcoxonSignedRank } from "../../src/metrics/wilcoxon.js";

const mean = (values: ArrayLike<number>) =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
const sd = (values: ArrayLike<number>) => {
  const centre = mean(values);
  return Math.sqrt(mean(Array.from(values, (value) => (value - centre) ** 2)));
};

describe("bootstrap", () => {
  const values = stream(key(1)).normals(100, 5, 2);
  const ofMean = (units: Int32Array) => mean(Array.from(units, (i) => values[i]));

  it("finds the known standard error of a mean", () => {
    const { value, standardError, interval, replicates } = bootstrap(ofMean, 100, { replicates: 2000 });
    // exactly sd / sqrt n but for 2,000 replicates, which know it to 1 / sqrt(2 * 2000) = 1.6 %
    const exact = sd(values) / 10;
    expect(Math.abs(standardError / exact - 1)).toBeLessThan(4 * 0.016);
    expect(value).toBe(mean(values));
    expect(interval[0]).toBeCloseTo(value - 1.96 * exact, 1);
    expect(interval[1]).toBeCloseTo(value + 1.96 * exact, 1);
    expect(replicates).toHaveLength(2000);
  });

  it("begins a longer run with a shorter one, and gives equal bytes for equal seeds", () => {
    const short = bootstrap(ofMean, 100, { replicates: 50, seed: "a" });
    expect(bootstrap(ofMean, 100, { replicates: 50, seed: "a" })).toEqual(short);
    const long = new Set(bootstrap(ofMean, 100, { replicates: 100, seed: "a" }).replicates);
    expect(short.replicates.every((value) => long.has(value))).toBe(true);
  });

  it("refuses one unit, one replicate, a level of 1 and a statistic that is NaN", () => {
    expect(() => bootstrap(ofMean, 1)).toThrow(/n must be a whole number >= 2, got 1/);
    expect(() => bootstrap(ofMean, 9, { replicates: 1 })).toThrow(/replicates must be/);
    expect(() => bootstrap(ofMean, 9, { level: 1 })).toThrow(/level must lie in/);
    expect(() => bootstrap(() => Number.NaN, 9)).toThrow(/it is NaN/);
  });
});

describe("rocAucWithError", () => {
  it("has the error that repetition shows, with ties and unequal classes", () => {
    const repeats = Array.from({ length: 400 }, (_, r) => {
      const rng = stream(key(r));
      const labels = Array.from({ length: 150 }, (_, i) => (i < 50 ? 1 : 0));
      return rocAucWithError(
        labels.map((label) => Math.round(2 * rng.normal(label))),
        labels,
      );
    });
    const spread = sd(repeats.map(({ auc }) => auc)); // known to 1 / sqrt(800) = 3.5 %
    expect(Math.abs(mean(repeats.map((r) => r.standardError)) / spread - 1)).toBeLessThan(4 * 0.035);
  });

  it("gives the variances of the placements, by hand", () => {
    // class 1 scores 2, 4; class 0 scores 1, 3: V = 1/2, 1; U = 1, 1/2; each variance 1/8, over 2 rows
    const { auc, standardError } = rocAucWithError([2, 4, 1, 3], [1, 1, 0, 0]);
    expect(auc).toBe(0.75);
    expect(standardError).toBeCloseTo(Math.sqrt(1 / 8), 14);
    expect(rocAucWithError([1, 2, 3], [1, 0, 0]).standardError).toBeNaN();
  });
});

describe("wilcoxonSignedRank", () => {
  it("gives the exact p-value of all sign patterns, ties included", () => {
    for (const sizes of [[1, 2, 3, 4, 5, 6], [1, 1, 2, 3, 3, 3, 4, 5], [2]]) {
      const rank = sizes.map(
        (size) => sizes.filter((s) => s < size).length + (sizes.filter((s) => s === size).length + 1) / 2,
      );
      const sums = Array.from({ length: 2 ** sizes.length }, (_, mask) =>
        rank.reduce((sum, r, i) => sum + ((mask >> i) & 1) * r, 0),
      );
      for (const mask of [0, 1, 5, 2 ** sizes.length - 1]) {
        const differences = sizes.map((size, i) => ((mask >> i) & 1 ? size : -size));
        const { statistic, pValue } = wilcoxonSignedRank([...differences, 0]);
        const share = (keep: (s: number) => boolean) => sums.filter(keep).length / sums.length;
        const tail = Math.min(
          share((s) => s <= statistic),
          share((s) => s >= statistic),
        );
        expect(pValue).toBeCloseTo(Math.min(1, 2 * tail), 13);
      }
    }
  });

  it("goes over to the normal law without a step", () => {
    const differences = Array.from(stream(key(3)).normals(201, 0.15));
    const exact = wilcoxonSignedRank(differences.slice(0, 200)).pValue;
    const approximate = wilcoxonSignedRank(differences).pValue;
    // the 201st value moves W by less than 201, a twentieth of its standard deviation of 824 per quarter
    expect(Math.abs(Math.log(exact / approximate))).toBeLessThan(0.5);
  });

  it("says 1 where nothing differs, and refuses NaN and nothing", () => {
    expect(wilcoxonSignedRank([0, 0])).toEqual({ statistic: 0, pValue: 1, n: 0 });
    expect(() => wilcoxonSignedRank([])).toThrow(/got none/);
    expect(() => wilcoxonSignedRank([1, Number.NaN])).toThrow(/value 1 is NaN/);
  });
});

describe("pairedComparison", () => {
  const scores = (values: ArrayLike<number>) =>
    Object.fromEntries(Array.from(values, (value, i) => [`obs${i}`, value]));

  it("sees a small shift that the scatter of units would hide", () => {
    const rng = stream(key(5));
    const base = rng.normals(30, 0, 10);
    const a = scores(base.map((value) => value - 0.5 + rng.normal(0, 0.5)));
    const result = pairedComparison(a, scores(base));
    expect(Math.abs(result.meanDifference + 0.5)).toBeLessThan((4 * 0.5) / Math.sqrt(30));
    expect(result.interval[1]).toBeLessThan(0);
    expect(result.pValue).toBeLessThan(0.01);
    expect(result.wins + result.losses + result.ties).toBe(30);
    expect(result.wins).toBeGreaterThan(result.losses);
    const back = pairedComparison(scores(base), a, { better: "higher" });
    expect(back.meanDifference).toBeCloseTo(-result.meanDifference, 14);
    expect(back.wins).toBe(result.wins);
  });

  it("does not depend on the order of the units", () => {
    const [a, b] = [
      { y: 1, x: 2, z: 4 },
      { z: 2, x: 2, y: 3 },
    ];
    expect(pairedComparison(a, b)).toEqual(pairedComparison({ x: 2, y: 1, z: 4 }, { x: 2, y: 3, z: 2 }));
    expect(pairedComparison(a, b)).toMatchObject({ wins: 1, losses: 1, ties: 1, meanDifference: 0 });
  });

  it("takes groups whole: ten copies of a unit say no more than one", () => {
    const values = { s1: 0.4, s2: -0.2, s3: 0.5, s4: 0.9 };
    const copies = Object.entries(values).flatMap(([seed, value]) =>
      Array.from({ length: 10 }, (_, i) => [`${seed} obs${i}`, value]),
    );
    const many = Object.fromEntries(copies) as Record<string, number>;
    const zeros = (of: object) => Object.fromEntries(Object.keys(of).map((unit) => [unit, 0]));
    const grouped = pairedComparison(many, zeros(many), { group: (unit) => unit.slice(0, 2) });
    const single = pairedComparison(values, zeros(values));
    expect(grouped.interval[0]).toBeCloseTo(single.interval[0], 12);
    expect(grouped.standardError).toBeCloseTo(single.standardError, 12);
    expect(grouped.pValue).toBe(single.pValue);
    expect(grouped).toMatchObject({ groups: 4, units: 40 });
  });

  it("refuses unpaired units by name, values that are not finite, and a single unit", () => {
    expect(() => pairedComparison({ x: 1, y: 2 }, { x: 1 })).toThrow(
      /a has scores of 1 units that b has not, such as "y"/,
    );
    expect(() => pairedComparison({ x: 1 }, { x: 1, z: 3 })).toThrow(
      /b has scores of 1 units that a has not/,
    );
    expect(() => pairedComparison({ x: 1, y: Number.NaN }, { x: 1, y: 1 })).toThrow(/a of "y" is NaN/);
    expect(() => pairedComparison({ x: 1 }, { x: 1 })).toThrow(/at least two units/);
    expect(() => pairedComparison({}, {})).toThrow(/at least two units/);
  });
});
