/** Maps of skewed and heavy-tailed columns: which columns get one, and that they are what they say. */
import { expect, it } from "vitest";
import { matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import {
  applyTailMaps,
  fitTailMaps,
  invertTailMaps,
  type TailMap,
  tailMapsLogDet,
} from "../../src/dataset/tail-maps.js";

const n = 2000;
const rng = stream(key("tails"));
const student = () => rng.normal() / Math.sqrt((rng.normal() ** 2 + rng.normal() ** 2) / 2); // 2 degrees of freedom
const laws: readonly (readonly [name: string, draw: () => number, kind: TailMap["kind"]])[] = [
  ["normal", () => 5 + rng.normal(), "identity"],
  ["uniform", () => rng.uniform(), "identity"],
  ["two separate bumps", () => Math.sign(rng.uniform() - 0.5) * 4 + rng.normal(), "identity"],
  [
    "a square of a uniform number, twice signed",
    () => (rng.uniform() * 6 - 3) ** 2 * rng.normal(),
    "identity",
  ],
  ["positive, a little skewed", () => Math.exp(0.2 * rng.normal()), "identity"],
  ["zero or one", () => Number(rng.uniform() < 0.3), "identity"],
  ["always one value", () => 3, "identity"],
  ["lognormal", () => 1e4 * Math.exp(1.2 * rng.normal()), "log"],
  ["with long tails on both sides", () => -3 + 0.1 * student(), "asinh"],
];
const rows = matrix(n, laws.length);
for (let at = 0; at < rows.data.length; at++) rows.data[at] = laws[at % laws.length][1]();
const maps = fitTailMaps(rows)!;

it.each(
  laws.map(([name, , kind], j) => [name, kind, j] as const),
)("gives a column that is %s the map %s", (_, kind, j) => {
  expect(maps[j].kind).toBe(kind);
});

it("keeps nothing where no column needs a map", () => {
  const plain = matrix(
    n,
    1,
    rows.data.filter((_, at) => at % laws.length === 0),
  );
  expect(fitTailMaps(plain)).toBeUndefined();
  expect(applyTailMaps(plain, undefined)).toBe(plain);
  expect(Math.max(...tailMapsLogDet(plain, undefined))).toBe(0);
});

it("takes rows there and back, and tells how much it stretches", () => {
  const log = maps.find((map) => map.kind === "log")!;
  const asinh = maps.find((map) => map.kind === "asinh")!;
  const pair = [log, asinh];
  const { from } = log as TailMap & { kind: "log" };
  const points = [
    [from * 3, -3],
    [from * 1.001, 40],
    [from, -1e3],
    [from * 0.999, 0],
    [-5 * from, 2], // below all that was seen: along the tangent
  ];
  for (const point of points) {
    const at = matrix(1, 2, Float64Array.from(point));
    const there = applyTailMaps(at, pair);
    const back = invertTailMaps(there, pair);
    for (const [j, x] of point.entries())
      expect(Math.abs(back.data[j] - x)).toBeLessThan(1e-9 * (1 + Math.abs(x)));
    const slopes = point.map((x, j) => {
      const h = 1e-6 * (1 + Math.abs(x));
      const shifted = (by: number) =>
        applyTailMaps(
          matrix(
            1,
            2,
            Float64Array.from(point, (y, k) => (k === j ? y + by : y)),
          ),
          pair,
        ).data[j];
      return (shifted(h) - shifted(-h)) / (2 * h);
    });
    const logDet = tailMapsLogDet(at, pair)[0];
    expect(Math.abs(Math.log(slopes[0]) + Math.log(slopes[1]) - logDet)).toBeLessThan(2e-3);
  }
});
