import { describe, expect, it } from "vitest";
import { ShapeError } from "../../src/core/errors.js";
import { fromRows, matrix, takeRows, toRows } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import { splitRows } from "../../src/dataset/split.js";
import { applyStandardiser, fitStandardiser, invertStandardiser } from "../../src/dataset/standardise.js";

describe("splitRows", () => {
  it("puts every row in exactly one part, the same for the same key", () => {
    const split = splitRows(1000, { validation: 0.1, test: 0.05 }, key(1));
    expect([split.train.length, split.validation.length, split.test.length]).toEqual([850, 100, 50]);
    const all = [...split.train, ...split.validation, ...split.test].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(splitRows(1000, { validation: 0.1, test: 0.05 }, key(1))).toEqual(split);
    expect(splitRows(1000, { validation: 0.1, test: 0.05 }, key(2))).not.toEqual(split);
  });

  it("holds out rows from everywhere", () => {
    const { validation } = splitRows(10_000, {}, key(3));
    expect(validation.length).toBe(1000);
    const mean = validation.reduce((sum, i) => sum + i, 0) / 1000;
    expect(Math.abs(mean - 4999.5)).toBeLessThan((4 * 2887) / Math.sqrt(1000)); // four standard errors
  });

  it("holds out at least one row, and nothing where the share is 0", () => {
    expect(splitRows(4, {}, key(1)).validation.length).toBe(1);
    expect(splitRows(4, { validation: 0 }, key(1)).train).toEqual(Int32Array.of(0, 1, 2, 3));
  });

  it.each([
    [0, {}, /n must be/],
    [10, { validation: 1 }, /validation must be a share/],
    [10, { test: Number.NaN }, /test must be a share/],
    [1, {}, /leaves none for training/],
    [10, { validation: 0.5, test: 0.5 }, /10 of 10 rows/],
  ])("refuses n = %s with %o", (n, options, message) => {
    expect(() => splitRows(n, options, key(1))).toThrow(message);
  });
});

describe("fitStandardiser", () => {
  const n = 20_000;
  const rng = stream(key(7));
  const normals = rng.normals(n, 50, 4);
  const rows = fromRows(
    Array.from(normals, (value, i) => [
      value,
      12.5, // constant
      Math.tan(Math.PI * (rng.uniform() - 0.5)), // Cauchy
      i % 10 === 0 ? 3 + rng.normal() : 0, // nine tenths zero
      i === 5 ? 1e6 : 0, // all but one zero
      value * 1e-300,
    ]),
  );
  const fit = fitStandardiser(rows);

  it("brings a normal column to mean 0 and standard deviation 1, robustly or not", () => {
    for (const robust of [true, false]) {
      const { center, scale } = fitStandardiser(rows, { robust });
      // standard errors: the median's is 1.25 / sqrt(n), the quantile scales' below 1.7 / sqrt(n)
      expect(Math.abs(center[0] - 50) / 4).toBeLessThan((4 * 1.25) / Math.sqrt(n));
      expect(Math.abs(scale[0] / 4 - 1)).toBeLessThan((4 * 1.7) / Math.sqrt(n));
      expect(scale[5] / scale[0]).toBeCloseTo(1e-300, 310);
    }
  });

  it("keeps constant columns, with scale 1, and reports them", () => {
    expect(fit.constantColumns).toEqual([1]);
    expect([fit.center[1], fit.scale[1]]).toEqual([12.5, 1]);
    expect(applyStandardiser(rows, fit).data[1]).toBe(0);
  });

  it("is not moved by wild values", () => {
    expect(Math.abs(fit.center[2])).toBeLessThan(0.1); // four standard errors are 0.045
    // The 97.5 % quantile of a Cauchy is tan(0.475 pi) = 12.706
    expect(Math.abs(fit.scale[2] / ((2 * 12.706) / 3.92) - 1)).toBeLessThan(0.2);
    const spoiled = matrix(rows.rows, rows.cols, rows.data.slice());
    for (let i = 0; i < 200; i++) spoiled.data[i * rows.cols] = 1e12; // 1 % of the rows
    const after = fitStandardiser(spoiled);
    expect(Math.abs(after.center[0] - fit.center[0])).toBeLessThan(0.2);
    expect(after.scale[0] / fit.scale[0]).toBeLessThan(1.2);
    expect(fitStandardiser(spoiled, { robust: false }).scale[0]).toBeGreaterThan(1e10);
  });

  it("does not blow up columns that are mostly one value", () => {
    expect(Math.max(...toRows(applyStandardiser(rows, fit)).map((each) => Math.abs(each[3])))).toBeLessThan(
      10,
    );
    expect(fit.scale[4]).toBeCloseTo(1e6 / Math.sqrt(n), -2); // the standard deviation of one spike
  });

  it("uses the rows it is given and no others", () => {
    const train = Int32Array.from({ length: 100 }, (_, i) => 2 * i);
    expect(fitStandardiser(takeRows(rows, train))).not.toEqual(fit);
    expect(fitStandardiser(matrix(2, 1, Float64Array.of(1, 3)), { robust: false })).toEqual({
      center: [2],
      scale: [1],
      constantColumns: [],
    });
  });

  it("is plain JSON and can be undone", () => {
    const copy = JSON.parse(JSON.stringify(fit));
    const back = invertStandardiser(applyStandardiser(rows, copy), fit);
    const worst = back.data.reduce((max, value, i) => {
      const column = i % rows.cols;
      return Math.max(max, Math.abs(value - rows.data[i]) / (Math.abs(rows.data[i]) + fit.scale[column]));
    }, 0);
    expect(worst).toBeLessThan(1e-14); // a few roundings
  });

  it("refuses gaps, empty tables and other widths", () => {
    expect(() => fitStandardiser(matrix(0, 2))).toThrow(ShapeError);
    expect(() => fitStandardiser(fromRows([[1], [Number.NaN]]))).toThrow(/row 1, column 0 is NaN/);
    expect(() => applyStandardiser(matrix(1, 2), fit)).toThrow(/the fit has 6 columns, the rows have 2/);
    expect(() => invertStandardiser(matrix(1, 2), fit)).toThrow(ShapeError);
  });
});
