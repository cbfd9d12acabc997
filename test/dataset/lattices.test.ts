/** Columns on a lattice: which columns are on one, and how rows are spread over its cells and brought back. */
import { expect, it } from "vitest";
import { column, matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import {
  cellPoints,
  dequantise,
  fitLattices,
  type Lattices,
  ontoLattices,
} from "../../src/dataset/lattices.js";

const n = 1000;
const rng = stream(key("lattices"));
const laws: readonly (readonly [name: string, draw: () => number, step: number | null])[] = [
  ["counts", () => rng.binomial(50, 0.1), 1],
  ["counts in the thousands, hardly one twice", () => rng.binomial(1e6, 0.5), 1],
  ["counts of pairs", () => 3 + 2 * rng.binomial(20, 0.5), 2],
  ["whole numbers far from zero", () => 1e9 + 7 * rng.integer(30), 7],
  ["always one whole number", () => 4, 1],
  ["shares of 53", () => rng.binomial(53, 0.3) / 53, 1 / 53],
  [
    "tenths in single precision, below and above zero",
    () => Math.fround(0.1 * Math.round(10 * rng.normal())),
    0.1,
  ],
  ["always one number that is not whole", () => 3.25, null],
  ["normal", () => rng.normal(), null],
  ["rounded so finely that few values come twice", () => 1e-4 * Math.round(1e4 * rng.normal()), null],
  ["often zero, else measured", () => (rng.uniform() < 0.6 ? 0 : rng.uniform()), null],
  ["one of three numbers without a common step", () => [0, 1, Math.SQRT2][rng.integer(3)], null],
];
const rows = matrix(n, laws.length);
for (let at = 0; at < rows.data.length; at++) rows.data[at] = laws[at % laws.length][1]();
const lattices = fitLattices(rows)!;

it.each(
  laws.map(([name, , step], j) => [name, step, j] as const),
)("finds for %s the step %s", (_, step, j) => {
  if (step === null) expect(lattices[j]).toBeNull();
  else {
    // single precision keeps 24 bits
    expect(Math.abs(lattices[j]!.step / step - 1)).toBeLessThan(2 ** -20);
    expect(lattices[j]!.from).toBe(Math.min(...column(rows, j)));
  }
});

it("keeps nothing where all columns are measured", () => {
  const plain = matrix(n, 1, column(rows, 8));
  expect(fitLattices(plain)).toBeUndefined();
  expect(dequantise(plain, undefined, key("noise"))).toBe(plain);
  expect(ontoLattices(plain, undefined)).toBe(plain);
  expect(cellPoints(plain, undefined)).toEqual([plain]);
});

it("spreads rows evenly over their cells, and nothing else, and brings them back", () => {
  const spread = dequantise(rows, lattices, key("noise"));
  const back = ontoLattices(spread, lattices);
  lattices.forEach((lattice, j) => {
    const [own, moved, returned] = [rows, spread, back].map((each) => column(each, j));
    if (lattice === null) {
      expect(moved).toEqual(own);
      expect(returned).toEqual(own);
      return;
    }
    const shifts = moved.map((x, i) => (x - own[i]) / lattice.step);
    expect(Math.max(...shifts.map(Math.abs))).toBeLessThan(0.5 + 1e-6);
    const mean = shifts.reduce((sum, u) => sum + u, 0) / n;
    const square = shifts.reduce((sum, u) => sum + u * u, 0) / n;
    expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(1 / 12 / n));
    expect(Math.abs(square - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / n)); // variance of u^2
    expect(Math.max(...returned.map((x, i) => Math.abs(x - own[i])))).toBeLessThan(
      1e-5 * lattice.step + 1e-6,
    );
  });
  expect(dequantise(rows, lattices, key("noise"))).toEqual(spread);
  expect(dequantise(rows, lattices, key("other"))).not.toEqual(spread);
});

it("takes one point of a cell in each of equal intervals of every column", () => {
  const two: Lattices = [{ from: 0, step: 2 }, null, { from: 0, step: 0.5 }];
  const points = cellPoints(matrix(1, 3, Float64Array.of(6, 7, 8)), two);
  expect(points.length).toBe(16);
  const even = Array.from({ length: 16 }, (_, k) => (k + 0.5) / 16 - 0.5);
  const places = (j: number) => points.map(({ data }) => data[j]).sort((a, b) => a - b);
  expect(places(0)).toEqual(even.map((u) => 6 + 2 * u));
  expect(places(1)).toEqual(Array(16).fill(7));
  expect(places(2)).toEqual(even.map((u) => 8 + 0.5 * u));
});
