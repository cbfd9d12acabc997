import { describe, expect, it } from "vitest";
import {
  type Density2,
  density1,
  density2,
  levelOfDraws,
  levelOfGrid,
} from "../../src/report/figures/density.js";
import { gridMarginal1, gridMarginal2, requireGrid } from "../../src/report/figures/grid.js";
import { normals } from "./helpers.js";

const cellArea = ({ cols, rows, xRange, yRange }: Density2) =>
  ((xRange[1] - xRange[0]) / cols) * ((yRange[1] - yRange[0]) / rows);

const areaAbove = (field: Density2, level: number) =>
  field.density.filter((value) => value >= level).length * cellArea(field);

describe("highest-density regions of draws", () => {
  const n = 20_000;
  const [sx, sy] = [2, 0.01];
  const u = normals(n, 7);
  const v = normals(n, 8);

  it.each([0, 0.5, -0.9])("have the area of the Gaussian's ellipses at correlation %s", (rho) => {
    const x = u.map((value) => sx * value);
    const y = v.map((value, i) => sy * (rho * u[i] + Math.sqrt(1 - rho * rho) * value));
    const field = density2(x, y);
    for (const mass of [0.68, 0.95]) {
      const exact = 2 * Math.PI * sx * sy * Math.sqrt(1 - rho * rho) * -Math.log(1 - mass);
      const area = areaAbove(field, levelOfDraws(field, x, y, mass));
      // Smoothing by h = n^(-1/6) = 0.19 widens a Gaussian's area by h^2 = 4 %, of which the level by draws takes
      // a part back; 20,000 draws determine the area to sqrt(mass (1 - mass) / n) / (1 - mass) / -log(1 - mass) < 1.1 %,
      // and 96 cells across resolve it to 2 %.
      expect(Math.abs(area / exact - 1)).toBeLessThan(0.06);
    }
  });

  it("hold the stated share of fresh draws", () => {
    const field = density2(u, v);
    const [fx, fy] = [normals(n, 17), normals(n, 18)];
    for (const mass of [0.68, 0.95]) {
      const level = levelOfDraws(field, u, v, mass);
      const sorted = fx.filter((value, i) => levelAt(field, value, fy[i]) >= level).length / n;
      // 4 standard errors of a share of 20,000, twice (level and check), and the cells' resolution
      expect(Math.abs(sorted - mass)).toBeLessThan(4 * Math.sqrt((2 * mass * (1 - mass)) / n) + 0.005);
    }
  });

  it("integrates to one and keeps two modes apart", () => {
    const x = u.map((value, i) => 0.1 * value + (i % 2 === 0 ? -1 : 1));
    const field = density2(x, v);
    expect(field.density.reduce((sum, value) => sum + value, 0) * cellArea(field)).toBeCloseTo(1, 12);
    expect(levelAt(field, 0, 0)).toBeLessThan(1e-3 * levelAt(field, 1, 0));
  });
});

function levelAt({ cols, rows, xRange, yRange, density }: Density2, x: number, y: number): number {
  const col = Math.floor(((x - xRange[0]) / (xRange[1] - xRange[0])) * cols);
  const row = Math.floor(((y - yRange[0]) / (yRange[1] - yRange[0])) * rows);
  return col < 0 || row < 0 || col >= cols || row >= rows ? 0 : density[row * cols + col];
}

describe("the density of one parameter", () => {
  it("is the standard normal's for its draws", () => {
    const n = 20_000;
    const { x, density } = density1(normals(n, 3));
    expect(density.reduce((sum, value) => sum + value, 0) * (x[1] - x[0])).toBeCloseTo(1, 3);
    const worst = x.reduce((most, value, i) => {
      const exact = Math.exp(-0.5 * value * value) / Math.sqrt(2 * Math.PI);
      return Math.max(most, Math.abs(density[i] - exact));
    }, 0);
    // sd at the peak sqrt(f / (2 sqrt(pi) n h)) = 0.007 with h = 0.13 (less when Botev's h is smaller, hence 4 of them)
    expect(worst).toBeLessThan(0.028);
  });

  it("does not sag at the edge of a flat prior that it is told of", () => {
    const n = 20_000;
    const values = Float64Array.from({ length: n }, (_, i) => (i + 0.5) / n);
    const { density } = density1(values, { bounds: [[0, 1]] });
    expect(Math.min(...density)).toBeGreaterThan(0.98);
    expect(Math.max(...density)).toBeLessThan(1.02);
    expect(Math.min(...density1(values).density)).toBeLessThan(0.6);
  });

  it("takes repeated values for one, and a constant for a bump", () => {
    const repeated = Float64Array.from({ length: 400 }, (_, i) => Math.floor(i / 4) / 100);
    const { density } = density1(repeated, { bounds: [[0, 1]] });
    expect(Math.max(...density)).toBeLessThan(1.5);
    expect(density1(new Float64Array(10).fill(3)).density.every(Number.isFinite)).toBe(true);
  });
});

describe("densities on a grid", () => {
  const axis = Float64Array.from({ length: 121 }, (_, i) => -6 + i / 10);
  const density = Array.from(axis).flatMap((a) => Array.from(axis, (b) => Math.exp(-0.5 * (a * a + b * b))));

  it("have the Gaussian's marginals and areas", () => {
    const grid = { axes: [axis, axis], density };
    const { x, density: marginal } = gridMarginal1(grid, 1);
    x.forEach((value, i) => {
      expect(marginal[i]).toBeCloseTo(Math.exp(-0.5 * value * value) / Math.sqrt(2 * Math.PI), 7);
    });
    const field = gridMarginal2(grid, 0, 1);
    for (const mass of [0.68, 0.95]) {
      const exact = 2 * Math.PI * -Math.log(1 - mass);
      // a contour of radius r crosses about 8 r cells of side 0.1, each wrong by at most half a cell, mostly cancelling
      expect(Math.abs(areaAbove(field, levelOfGrid(field.density, mass)) / exact - 1)).toBeLessThan(0.02);
    }
  });

  it("puts axis 0 along x and axis 1 along y", () => {
    const field = gridMarginal2(
      {
        axes: [
          [0, 1],
          [0, 1, 2],
        ],
        density: [1, 0, 0, 0, 0, 2],
      },
      0,
      1,
    );
    expect([field.cols, field.rows]).toEqual([2, 3]);
    expect(Array.from(field.density)).toEqual([1 / 3, 0, 0, 0, 0, 2 / 3]);
  });

  it.each([
    [{ axes: [[0, 1]], density: [1, 1] }, /has 1 axes but 2 parameters/],
    [
      {
        axes: [
          [0, 1],
          [0, 1],
        ],
        density: [1, 1],
      },
      /has 4 points but 2 densities/,
    ],
    [
      {
        axes: [
          [0, 1],
          [0, 1],
        ],
        density: [1, 1, NaN, 1],
      },
      /must be finite, got NaN at position 2/,
    ],
    [
      {
        axes: [
          [0, 1],
          [0, 1],
        ],
        density: [1, 1, -1, 1],
      },
      /density is -1 at point 2/,
    ],
    [
      {
        axes: [
          [0, 1],
          [0, 1],
        ],
        density: [0, 0, 0, 0],
      },
      /zero everywhere/,
    ],
    [
      {
        axes: [
          [0, 1, 3],
          [0, 1],
        ],
        density: [1, 1, 1, 1, 1, 1],
      },
      /equally spaced/,
    ],
    [
      {
        axes: [
          [1, 0],
          [0, 1],
        ],
        density: [1, 1, 1, 1],
      },
      /ascending/,
    ],
    [{ axes: [[1], [0, 1]], density: [1, 1] }, /at least two points/],
  ])("rejects a grid that is none (%#)", (grid, message) => {
    expect(() => requireGrid("cornerFigure: grid", grid, 2)).toThrow(message);
  });
});
