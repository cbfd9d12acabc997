import { describe, expect, it } from "vitest";
import {
  between,
  composed,
  identity,
  interval,
  lowerBounded,
  stacked,
  upperBounded,
} from "../../src/core/bijection.js";
import { key, stream } from "../../src/core/random.js";
import { checkBijection } from "./bijections.js";

const both = stacked([interval(-3, 3), identity(2), lowerBounded(0), upperBounded(-1)]);

describe("inverse, log determinant and pullback", () => {
  it.each([
    ["identity", identity(3)],
    ["interval", interval(0.1, 2)],
    ["interval far from 0", interval(60, 130)],
    ["lower bound", lowerBounded(-2)],
    ["upper bound", upperBounded(5)],
    ["stacked", both],
    ["composed", composed(interval(0, 1), lowerBounded(-1))],
    [
      "composed and stacked",
      composed(stacked([lowerBounded(0), identity(1)]), stacked([interval(-1, 2), identity(1)])),
    ],
  ])("%s", (name, map) => {
    const rng = stream(key(name));
    for (let i = 0; i < 20; i++) checkBijection(map, rng.normals(map.dim, 0, 1.5));
  });
});

it("keeps points near either edge apart", () => {
  const map = interval(0, 1);
  const theta = new Float64Array(1);
  const u = new Float64Array(1);
  for (const near of [-600, -100, -37, -1]) {
    map.toConstrained(Float64Array.of(near), theta);
    map.toUnconstrained(theta, u);
    expect(Math.abs(u[0] / near - 1)).toBeLessThan(1e-14);
  }
  map.toConstrained(Float64Array.of(35), theta); // 1 - 6e-16: four doubles below 1
  expect(theta[0]).toBeLessThan(1);
  expect(map.logDet(Float64Array.of(800))).toBe(-800);
});

it("gives NaN or infinity outside and on the edge", () => {
  const u = new Float64Array(1);
  const map = (theta: number, bijection = interval(0, 1)) => {
    bijection.toUnconstrained(Float64Array.of(theta), u);
    return u[0];
  };
  expect(map(0)).toBe(-Infinity);
  expect(map(1)).toBe(Infinity);
  expect(map(1.5)).toBeNaN();
  expect(map(-1, lowerBounded(0))).toBeNaN();
  expect(map(2, upperBounded(2))).toBe(-Infinity);
});

it("picks the map that the bounds ask for", () => {
  for (const [low, high] of [
    [-Infinity, Infinity],
    [0, Infinity],
    [-Infinity, 0],
    [0, 2],
  ]) {
    const theta = new Float64Array(1);
    between(low, high).toConstrained(Float64Array.of(-2), theta);
    expect(theta[0] > low && theta[0] < high).toBe(true);
  }
});

it("names what is wrong", () => {
  expect(() => interval(1, 1)).toThrow(/interval: low must be below high and both finite, got \[1, 1\]/);
  expect(() => interval(0, Number.NaN)).toThrow(/interval/);
  expect(() => lowerBounded(Infinity)).toThrow(/lowerBounded: low must be finite/);
  expect(() => upperBounded(Number.NaN)).toThrow(/upperBounded: high must be finite/);
  expect(() => between(2, 1)).toThrow(/between: low must be below high/);
  expect(() => identity(0)).toThrow(/identity: dim must be a positive integer/);
  expect(() => stacked([])).toThrow(/stacked: needs at least one/);
  expect(() => composed(identity(2), identity(1))).toThrow(/composed: dimensions must agree/);
});
