/** What a density of mapped and standardised data gains at the points of a cell. */
import { expect, it } from "vitest";
import { fromRows } from "../../src/core/matrix.js";
import { cellPoints } from "../../src/dataset/lattices.js";
import { cellOf, cellsOf, type DataTransforms } from "../../src/estimators/cells.js";
import { standardisedData } from "../../src/estimators/ratio-evaluator.js";

const transforms: DataTransforms = {
  x: { center: [1, 0], scale: [2, 0.5], constantColumns: [] },
  tails: [{ kind: "asinh", center: 1, scale: 0.7 }, { kind: "identity" }],
  lattices: [{ from: 0, step: 1 }, null],
};
const x = fromRows([
  [0, 0.3],
  [1, -1],
  [7, 2],
]);

it("is the slope of the maps at each point of the cell", () => {
  const { logDet, logDetMore } = cellsOf(x, transforms);
  for (const [k, at] of cellPoints(x, transforms.lattices).entries()) {
    for (let i = 0; i < x.rows; i++) {
      const y = at.data[2 * i];
      const slope = 1 / Math.hypot(0.7, y - 1) / 2 / 0.5; // of asinh((y - 1) / 0.7) / 2, and of the other column
      expect(logDet[i] + logDetMore[k][i]).toBeCloseTo(Math.log(slope), 10);
    }
  }
});

it("is that of the rows themselves where nothing lies on a lattice", () => {
  const { lattices: _, ...plain } = transforms;
  const { values, logDetMore, logDet } = cellsOf(x, plain);
  expect(values).toEqual([standardisedData(x, plain)]);
  expect(logDetMore).toEqual([new Float64Array(3)]);
  expect(logDet[1]).toBeCloseTo(-Math.log(0.7), 10);
});

it("is cut to one row with all its points", () => {
  const all = cellsOf(x, transforms);
  expect(cellOf(all, 2)).toEqual(cellsOf(fromRows([[7, 2]]), transforms));
});
