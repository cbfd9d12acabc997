import { describe, expect, it } from "vitest";
import { quantile, sortedQuantile } from "../../src/core/quantile.js";

describe("quantile", () => {
  it("interpolates between order statistics", () => {
    const values = [4, 1, 3, 2]; // at p the position is 3 p between 1, 2, 3, 4
    expect([0, 0.25, 0.5, 1].map((p) => quantile(values, p))).toEqual([1, 1.75, 2.5, 4]);
    expect(values).toEqual([4, 1, 3, 2]);
  });

  it("gives equal neighbours without rounding", () => {
    for (let p = 0; p <= 1; p += 0.01) expect(sortedQuantile([0.1, 0.1, 0.1, 0.1], p)).toBe(0.1);
  });

  it("is the value itself of one, and NaN of nothing", () => {
    expect(quantile([7], 0.3)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });
});
