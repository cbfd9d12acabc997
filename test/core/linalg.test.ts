import fc from "fast-check";
import { expect, it } from "vitest";
import * as la from "../../src/core/linalg.js";
import { key, stream } from "../../src/core/random.js";

/** `B B^T + I` for random `B`: positive definite with condition number below about 10 n. */
function positiveDefinite(n: number, seed: number): Float64Array {
  const b = stream(key(seed)).normals(n * n);
  const a = la.identityMatrix(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      a[i * n + j] += la.dot(b.subarray(i * n, (i + 1) * n), b.subarray(j * n, (j + 1) * n));
    }
  }
  return a;
}

function timesTransposed(l: Float64Array, n: number): Float64Array {
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      a[i * n + j] = la.dot(l.subarray(i * n, (i + 1) * n), l.subarray(j * n, (j + 1) * n));
    }
  }
  return a;
}

const distance = (a: Float64Array, b: Float64Array) =>
  a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i])), 0);
const anyMatrix = [fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 10_000 })] as const;
const config = { seed: 5, numRuns: 100 };
// entries are below about 50 and condition numbers below about 1000 here: 1e-10 is eps times both, with room
const tolerance = 1e-10;

it("factors a matrix that multiplies back", () => {
  fc.assert(
    fc.property(...anyMatrix, (n, seed) => {
      const a = positiveDefinite(n, seed);
      return distance(timesTransposed(la.cholesky(a, n), n), a) < tolerance;
    }),
    config,
  );
});

it("solves and inverts", () => {
  fc.assert(
    fc.property(...anyMatrix, (n, seed) => {
      const a = positiveDefinite(n, seed);
      const l = la.cholesky(a, n);
      const x = stream(key(seed + 1)).normals(n);
      const b = la.multiply(a, x, new Float64Array(n));
      const back = la.multiply(la.inverseFromCholesky(l, n), b, new Float64Array(n));
      const lower = la.solveLower(l, la.multiplyLower(l, x, new Float64Array(n)));
      return (
        distance(la.solveCholesky(l, b), x) < tolerance &&
        distance(back, x) < tolerance &&
        distance(lower, x) < tolerance
      );
    }),
    config,
  );
});

it("updates and downdates a factor as if the changed matrix were factored", () => {
  fc.assert(
    fc.property(...anyMatrix, (n, seed) => {
      const a = positiveDefinite(n, seed);
      const v = stream(key(seed + 2)).normals(n);
      const added = a.map((value, index) => value + v[Math.floor(index / n)] * v[index % n]);
      const up = la.choleskyUpdate(la.cholesky(a, n), v.slice());
      const down = la.choleskyUpdate(la.cholesky(added, n), v.slice(), -1);
      return distance(up, la.cholesky(added, n)) < tolerance && distance(down, la.cholesky(a, n)) < tolerance;
    }),
    config,
  );
});

it("knows the determinant of a 2 x 2 matrix", () => {
  const l = la.cholesky(Float64Array.of(4, 2, 2, 3), 2);
  expect(la.logDetCholesky(l, 2)).toBeCloseTo(Math.log(8), 14);
  expect(Array.from(l)).toEqual([2, 0, 1, Math.SQRT2]);
});

it("tells symmetric from lopsided", () => {
  const a = Float64Array.of(1, 2, 2.5, 1);
  expect(la.isSymmetric(a, 2)).toBe(false);
  expect(la.isSymmetric(la.symmetrise(a, 2), 2)).toBe(true);
  expect(Array.from(a)).toEqual([1, 2.25, 2.25, 1]);
});

it("says which pivot spoils a matrix", () => {
  expect(() => la.cholesky(Float64Array.of(1, 2, 2, 1), 2)).toThrow(/positive definite, but pivot 1 is -3/);
  expect(() => la.cholesky(Float64Array.of(Number.NaN), 1)).toThrow(/pivot 0 is NaN/);
  expect(() => la.cholesky(new Float64Array(3), 2)).toThrow(/\[2, 2\] matrix has 4 numbers, got 3/);
  expect(() => la.choleskyUpdate(Float64Array.of(1), Float64Array.of(2), -1)).toThrow(/downdated matrix/);
});
