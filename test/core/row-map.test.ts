import { expect, it } from "vitest";
import {
  composed,
  identity,
  interval,
  lowerBounded,
  stacked,
  upperBounded,
} from "../../src/core/bijection.js";
import type { Bijection } from "../../src/core/contracts.js";
import { key, stream } from "../../src/core/random.js";
import { rowMap } from "../../src/core/row-map.js";

it.each<[string, Bijection]>([
  ["the identity", identity(4)],
  ["coordinates", stacked([interval(-3, 3), identity(1), lowerBounded(0), upperBounded(-1)])],
  ["any other map", stacked([composed(interval(0, 1), lowerBounded(-1)), identity(3)])],
])("gives rows of a table what the bijection gives, bit for bit: %s", (name, map) => {
  const rng = stream(key(name));
  const rows = rowMap(map);
  for (const scale of [1, 10, 300]) {
    const u = rng.normals(4, 0, scale);
    const gradient = rng.normals(12);
    const theta = new Float64Array(4);
    const slope = new Float64Array(4);
    map.toConstrained(u, theta);
    map.pullback(u, gradient.slice(8), slope);

    const table = new Float64Array(12);
    const out = new Float64Array(4);
    expect(rows.constrain(u, table, 8)).toBe(theta.every(Number.isFinite));
    expect(table).toEqual(Float64Array.of(0, 0, 0, 0, 0, 0, 0, 0, ...theta));
    expect(rows.pullback(u, gradient, 8, out)).toBe(map.logDet(u));
    expect(out).toEqual(slope);
    expect(rows.logDet(u)).toBe(map.logDet(u));
  }
  expect(rows.constrain(Float64Array.of(0, Number.NaN, 0, 0), new Float64Array(4), 0)).toBe(false);
});
