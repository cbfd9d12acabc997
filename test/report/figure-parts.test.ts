import { describe, expect, it } from "vitest";
import { matrix } from "../../src/core/matrix.js";
import { binomialInterval } from "../../src/report/figures/binomial.js";
import { centralIntervals } from "../../src/report/figures/checks.js";
import { backgrounds, palette } from "../../src/report/figures/palette.js";
import { rankBars } from "../../src/report/figures/sbc.js";
import { rankCounts } from "../../src/report/figures/trace.js";

const ranks = matrix(
  300,
  2,
  Float64Array.from({ length: 600 }, (_, i) => (i * 7) % 100),
);

describe("palette", () => {
  const luminance = (color: string) => {
    const [r, g, b] = [1, 3, 5].map((i) => {
      const value = Number.parseInt(color.slice(i, i + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  it.each([...palette])("%s has the contrast of graphics (WCAG 1.4.11: 3) on light and dark", (color) => {
    for (const background of Object.values(backgrounds)) {
      const [low, high] = [luminance(color), luminance(background)].sort((a, b) => a - b);
      expect((high + 0.05) / (low + 0.05)).toBeGreaterThanOrEqual(3);
    }
  });
});

describe("binomial bands", () => {
  it.each([
    [10, 0.5, 2, 8], // P(X <= 1) = 0.011, P(X <= 2) = 0.055; symmetric
    [100, 0.05, 1, 10], // R: qbinom(c(0.025, 0.975), 100, 0.05)
    [5, 0, 0, 0],
    [5, 1, 5, 5],
  ])("of %i trials at %d are from %i to %i", (n, p, lower, upper) => {
    expect(binomialInterval(n, p, 0.95)).toEqual({ lower, upper });
  });

  it("stay right where the first terms underflow", () => {
    const { lower, upper } = binomialInterval(100_000, 0.9, 0.95);
    const halfWidth = 1.96 * Math.sqrt(100_000 * 0.9 * 0.1); // normal limit; the count is whole
    expect(Math.abs(lower - (90_000 - halfWidth))).toBeLessThan(2);
    expect(Math.abs(upper - (90_000 + halfWidth))).toBeLessThan(2);
  });
});

describe("counts", () => {
  it("of ranks are equal where chains are shuffled alike, and at the ends where a chain is stuck high", () => {
    const perChain = 100;
    const mixed = Float64Array.from({ length: 200 }, (_, i) => (i < 100 ? 2 * i : 2 * (i - 100) + 1));
    const { counts, edges, bands } = rankCounts(mixed, 2, perChain, [0, 1]);
    expect(counts).toEqual([new Array(20).fill(5), new Array(20).fill(5)]);
    expect([edges[0], edges[20]]).toEqual([0, 200]);
    expect(bands[0]).toEqual(binomialInterval(100, 1 / 20, 0.95));
    const apart = Float64Array.from({ length: 200 }, (_, i) => i);
    expect(rankCounts(apart, 2, perChain, [1]).counts[0]).toEqual([
      ...new Array(10).fill(0),
      ...new Array(10).fill(10),
    ]);
  });

  it("of SBC ranks hold every pair once, also in bars of unequal width", () => {
    const bars = rankBars(ranks, 1, 99, 7);
    expect(bars.reduce((sum, bar) => sum + bar.count, 0)).toBe(300);
    expect(new Set(bars.map((bar) => bar.to - bar.from))).toEqual(new Set([14, 15]));
    expect(bars[6].to).toBe(100);
  });

  it("of central intervals agree with the quantiles of 0 to 100", () => {
    expect(centralIntervals(Array.from({ length: 101 }, (_, i) => 100 - i))).toEqual({
      median: 50,
      lower68: 16,
      upper68: 84,
      lower95: 2.5,
      upper95: 97.5,
    });
  });
});
