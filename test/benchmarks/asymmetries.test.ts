import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  bornAsymmetry,
  bornAsymmetryGradient,
  bornCrossSection,
  massZ,
} from "../../benchmarks/problems/asymmetries/born.js";
import {
  asymmetries,
  energies,
  errors,
  measurements,
} from "../../benchmarks/problems/asymmetries/measurements.js";
import {
  chiSquared,
  exactGrid,
  exactMassGrid,
  problem,
} from "../../benchmarks/problems/asymmetries/problem.js";
import { column, matrix } from "../../src/core/matrix.js";
import { foldIn, key, split } from "../../src/core/random.js";
import { describeWithReference } from "../reference.js";

describe("Born formula", () => {
  it.each([
    [34.8, 81.3, -0.08961],
    [57, 31.693, -0.32167],
    [69, 25.134, -0.57602],
    [89.4, 656.9, -0.151495],
    [91.1876, 1983.7, 0.016101],
    [93, 646.2, 0.175663],
    [189, 3.345, 0.567067],
  ])("gives the tabulated cross-section and asymmetry at %d GeV", (energy, sigma, asymmetry) => {
    expect(Math.abs(bornCrossSection(energy) / sigma - 1)).toBeLessThan(1e-4); // the table has four digits or more
    expect(Math.abs(bornAsymmetry(energy) - asymmetry)).toBeLessThan(6e-6);
  });

  it.each([
    [14, 1, 91],
    [57, 1.3, 70],
    [91, 0.6, 91.3],
  ])("has the derivatives of central differences at %d GeV", (energy, fermi, mass) => {
    const h = 1e-4; // error of order h^2 times the third derivative, which the narrow pole makes large
    const { value, byFermi, byMass } = bornAsymmetryGradient(energy, fermi, mass);
    expect(value).toBe(bornAsymmetry(energy, fermi, mass));
    const slope = (f: (shift: number) => number) => (f(h) - f(-h)) / (2 * h);
    expect(byFermi).toBeCloseTo(
      slope((d) => bornAsymmetry(energy, fermi + d, mass)),
      7,
    );
    expect(byMass).toBeCloseTo(
      slope((d) => bornAsymmetry(energy, fermi, mass + d)),
      7,
    );
  });
});

describeWithReference("measurements", "collider/afb_ee_mumu.csv", (path) => {
  it("are the continuum rows of the Particle Data Group's listing", () => {
    const lines = readFileSync(path, "utf8").trim().split("\n").slice(2);
    const rows = lines.map((line) => line.split(",")).filter((cells) => !/pole|exclude/.test(cells[8]));
    expect(rows.map((cells) => cells.slice(0, 5).map(Number))).toEqual(
      measurements.map(({ energy, percent, statistical, systematic }) => [
        energy,
        percent,
        ...statistical,
        systematic,
      ]),
    );
  });
});

/** Where chi^2 is least along a line, and where it is one more. */
function interval(f: (t: number) => number, low: number, high: number) {
  const n = 20_000;
  const at = Array.from({ length: n + 1 }, (_, i) => low + ((high - low) * i) / n);
  const values = at.map(f);
  const least = Math.min(...values);
  const inside = at.filter((_, i) => values[i] < least + 1);
  return [at[values.indexOf(least)], inside[0], inside[inside.length - 1]];
}

describe("fit to the fifteen asymmetries", () => {
  it("finds chi^2 = 7.47 at the Standard Model", () => {
    expect(chiSquared(asymmetries, 1, massZ)).toBeCloseTo(7.47, 2);
  });

  it("finds the Fermi coupling, M_Z known: 1.065, 68 % between 0.994 and 1.138", () => {
    const [best, low, high] = interval((fermi) => chiSquared(asymmetries, fermi, massZ), 0.5, 1.5);
    for (const [ours, theirs] of [
      [best, 1.065],
      [low, 0.994],
      [high, 1.138],
    ] as const) {
      expect(Math.abs(ours - theirs)).toBeLessThan(0.0011); // one in the last digit given
    }
  });

  it("finds the Z mass, G_F known: 88.9 GeV, 68 % between 82.6 and 98.6", () => {
    const [best, low, high] = interval((mass) => chiSquared(asymmetries, 1, mass), 60, 130);
    for (const [ours, theirs] of [
      [best, 88.9],
      [low, 82.6],
      [high, 98.6],
    ] as const) {
      expect(Math.abs(ours - theirs)).toBeLessThan(0.06);
    }
  });

  it("leaves M_Z open above while G_F is free: the upper edge of the prior is well inside the posterior", () => {
    const marginal = exactGrid().marginal(1);
    expect(marginal[marginal.length - 1]).toBeGreaterThan(0.5 * Math.max(...marginal));
  });
});

describe("exact posterior", () => {
  it("does not depend on the grid", () => {
    const coarse = exactGrid(asymmetries, { cells: [100, 100] });
    const fine = exactGrid(asymmetries, { cells: [250, 250] });
    expect(coarse.logEvidence).toBeCloseTo(fine.logEvidence, 4);
    expect(coarse.moments(0).mean).toBeCloseTo(fine.moments(0).mean, 4);
    expect(coarse.moments(1).sd).toBeCloseTo(fine.moments(1).sd, 2);
  });

  it("gives draws with the moments of the quadrature", () => {
    const n = 10_000;
    const draws = problem.exactPosterior(asymmetries, n, key("draws"));
    for (const j of [0, 1]) {
      const { mean, sd } = exactGrid().moments(j);
      const sum = column(draws, j).reduce((a, b) => a + b, 0);
      expect(Math.abs(sum / n - mean)).toBeLessThan((4 * sd) / Math.sqrt(n));
    }
  });

  it("integrates to one, also for M_Z alone", () => {
    for (const grid of [exactGrid(), exactMassGrid()]) {
      const axis = grid.axes.length - 1;
      const width = grid.axes[axis][1] - grid.axes[axis][0];
      const mass = grid.marginal(axis).reduce((a, b) => a + b, 0) * width;
      expect(mass).toBeCloseTo(1, 10);
    }
  });

  it("of M_Z, G_F known, is narrower than with G_F free, and holds the measured mass in its centre", () => {
    const known = exactMassGrid().moments(0);
    expect(known.sd).toBeLessThan(exactGrid().moments(1).sd);
    expect(Math.abs(known.mean - massZ)).toBeLessThan(known.sd);
  });
});

it("simulates asymmetries with the experiments' errors", async () => {
  const n = 4000;
  const theta = matrix(
    n,
    2,
    Float64Array.from({ length: 2 * n }, (_, i) => (i % 2 === 0 ? 1 : massZ)),
  );
  const { x } = await problem.simulator.simulate(theta, split(foldIn(key("pulls"), 0), n));
  for (let j = 0; j < energies.length; j++) {
    const pulls = column(x, j).map((value) => (value - bornAsymmetry(energies[j])) / errors[j]);
    expect(Math.abs(pulls.reduce((a, b) => a + b, 0) / n)).toBeLessThan(4 / Math.sqrt(n));
    const variance = pulls.reduce((a, b) => a + b * b, 0) / n;
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
  }
});
