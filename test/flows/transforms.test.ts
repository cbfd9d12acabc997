/** Every invertible map: its inverse, its log-determinant against a numerical Jacobian, and what that Jacobian looks like. */
import { beforeAll, describe, expect, it } from "vitest";
import { key } from "../../src/core/random.js";
import { openEngine } from "../../src/engine/open.js";
import { unpack } from "../../src/engine/packing.js";
import type { Engine } from "../../src/engine/types.js";
import { affine } from "../../src/flows/affine.js";
import { autoregressive } from "../../src/flows/autoregressive.js";
import { coupling } from "../../src/flows/coupling.js";
import { lu } from "../../src/flows/lu.js";
import { permutation, reversed, shuffled } from "../../src/flows/permutation.js";
import { spline } from "../../src/flows/spline.js";
import { standardising } from "../../src/flows/standardising.js";
import type { Transform } from "../../src/flows/transform.js";
import { tensor64, tf64, values64 } from "./float64-tf.js";
import { CONTEXT, numbers, rows64, unpack64, wildWeights } from "./small.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});

const size = { width: 8, blocks: 1, activation: "tanh" } as const;
const dims = (count: number) => ({ count, contextDim: CONTEXT });
const bend = spline(6, 3);

/** Maps of `count` columns; all of them but the last three depend on the context. */
const maps = (count: number): readonly (readonly [name: string, transform: Transform])[] => [
  ["affine autoregressive", autoregressive("a", affine, dims(count), size)],
  ["spline autoregressive", autoregressive("a", bend, dims(count), size)],
  ["affine coupling, even turn", coupling("c", affine, dims(count), 0, size)],
  ["affine coupling, odd turn", coupling("c", affine, dims(count), 1, size)],
  ["spline coupling, even turn", coupling("c", bend, dims(count), 0, { ...size, activation: "silu" })],
  ["spline coupling, odd turn", coupling("c", bend, dims(count), 1, { ...size, activation: "silu" })],
  ["reversing", permutation(reversed(count))],
  ["shuffling", permutation(shuffled(count, key("order")))],
  ["standardising", standardising(Array(count).fill(0.7), Array(count).fill(2.5))],
  ["LU", lu("l", count)],
];

const forward = (transform: Transform, packed: Float64Array, value: Float64Array, context: Float64Array) => {
  const rows = context.length / CONTEXT;
  const { noise, logDet } = transform.forward(
    tf64,
    unpack64(packed, transform.parameters),
    tensor64(value, [rows, value.length / rows]),
    tensor64(context, [rows, CONTEXT]),
  );
  const terms = logDet === undefined ? [] : values64(logDet);
  const perRow = logDet?.shape.length === 2 ? terms.length / rows : 0; // `[n]` counts for every row
  const total = (part: ArrayLike<number>) => Array.from(part).reduce((a, b) => a + b, 0);
  return {
    noise: rows64(noise),
    logDet: Array.from({ length: rows }, (_, i) =>
      total(perRow > 0 ? terms.slice(i * perRow, (i + 1) * perRow) : terms),
    ),
  };
};

/** `[V, V]`: entry `(i, j)` is d noise_i / d value_j at one row, by five points so near that few knots lie between. */
function jacobian(transform: Transform, packed: Float64Array, value: Float64Array, context: Float64Array) {
  const count = value.length;
  const step = 1e-6;
  const moves = [-2, -1, 1, 2];
  const points = Array.from({ length: count }, (_, j) =>
    moves.map((by) => value.map((v, i) => v + (i === j ? by * step : 0))),
  ).flat();
  const { noise } = forward(
    transform,
    packed,
    Float64Array.from(points.flatMap((point) => [...point])),
    Float64Array.from(points.flatMap(() => [...context])),
  );
  return Float64Array.from({ length: count * count }, (_, k) => {
    const [i, j] = [Math.floor(k / count), k % count];
    const [a, b, c, d] = moves.map((_by, m) => noise[j * moves.length + m][i]);
    return (8 * (c - b) - (d - a)) / (12 * step);
  });
}

/** `log |det J|` by elimination with row pivots. */
function logDetOf(j: Float64Array, n: number): number {
  const rows = Array.from({ length: n }, (_, i) => Array.from(j.subarray(i * n, (i + 1) * n)));
  let logDet = 0;
  for (let k = 0; k < n; k++) {
    const rest = rows.slice(k).sort((a, b) => Math.abs(b[k]) - Math.abs(a[k]));
    rows.splice(k, n - k, ...rest);
    logDet += Math.log(Math.abs(rows[k][k]));
    for (const row of rows.slice(k + 1)) {
      const factor = row[k] / rows[k][k];
      for (let column = k; column < n; column++) row[column] -= factor * rows[k][column];
    }
  }
  return logDet;
}

const cases = [1, 2, 4].flatMap((count) =>
  maps(count)
    .filter(([name]) => count > 1 || !name.includes("odd"))
    .map(([name, transform]) => [`${name}, ${count} columns`, transform, count] as const),
);

describe.each(cases)("%s", (_name, transform, count) => {
  const rows = 12;
  const value = numbers("value", rows, count).map((v) => 1.5 * v); // some of them beyond the splines
  const context = numbers("context", rows, CONTEXT);
  const weights = [0, 1, 2].map((seed) => wildWeights(transform.parameters, `weights ${seed}`, 1));

  it("gives back the values that its noise came from", () => {
    for (const packed of weights) {
      const { noise } = forward(transform, packed, value, context);
      const back = transform.inverse(
        tf64,
        unpack64(packed, transform.parameters),
        tensor64(noise.flat(), [rows, count]),
        tensor64(context, [rows, CONTEXT]),
      );
      // sixteen digits, less three where a slope is near a thousandth, and three for what columns hand on
      expect(Math.max(...values64(back).map((v, i) => Math.abs(v - value[i])))).toBeLessThan(1e-8);
    }
  });

  it("gives them back in float32", async () => {
    const packed = wildWeights(transform.parameters, "weights 0", 0.6); // a slope of 1e-3 costs three of seven digits
    await using compiled = await engine.compile(
      (tf, { flat, value, context }) => {
        const parameters = unpack(tf, flat, transform.parameters);
        const { noise } = transform.forward(tf, parameters, value, context);
        return { back: transform.inverse(tf, parameters, noise, context) };
      },
      {
        flat: { shape: [packed.length] },
        value: { shape: [rows, count] },
        context: { shape: [rows, CONTEXT] },
      },
    );
    const { back } = await compiled.run({ flat: packed, value, context });
    expect(Math.max(...Array.from(back, (v, i) => Math.abs(v - value[i])))).toBeLessThan(1e-4);
  });

  it("has the log-determinant of its numerical Jacobian", () => {
    for (const packed of weights) {
      const { logDet } = forward(transform, packed, value, context);
      for (let i = 0; i < 6; i++) {
        const at = value.subarray(i * count, (i + 1) * count);
        const j = jacobian(transform, packed, at, context.subarray(i * CONTEXT, (i + 1) * CONTEXT));
        // rounding over the step, 1e-16 / 1e-6, times slopes and curvatures of up to a thousand each
        expect(Math.abs(logDetOf(j, count) - logDet[i])).toBeLessThan(1e-5);
      }
    }
  });
});

describe("autoregressive maps", () => {
  it.each([
    ["affine", autoregressive("a", affine, dims(4), size)],
    ["spline", autoregressive("a", bend, dims(4), size)],
  ])("have a triangular Jacobian: %s", (_name, transform) => {
    const packed = wildWeights(transform.parameters, "triangular", 1.5);
    const j = jacobian(transform, packed, numbers("point", 1, 4), numbers("context", 1, CONTEXT));
    for (let row = 0; row < 4; row++) {
      for (let column = 0; column < 4; column++) {
        const entry = j[row * 4 + column];
        if (column > row) expect(entry).toBe(0);
        else expect(Math.abs(entry)).toBeGreaterThan(1e-6); // and every column before it counts
      }
    }
  });

  it("see the context in the first column", () => {
    const transform = autoregressive("a", affine, dims(3), size);
    const packed = wildWeights(transform.parameters, "context", 1.5);
    const value = numbers("value", 1, 3);
    const noise = [0.3, -0.4].map(
      (c) => forward(transform, packed, value, Float64Array.of(c, 1)).noise[0][0],
    );
    expect(Math.abs(noise[0] - noise[1])).toBeGreaterThan(1e-3);
  });
});

it("refuses scales that are not positive", () => {
  expect(() => standardising([0, 0], [1, 0])).toThrow(/as many finite centers as positive scales/);
});
