/** Rational-quadratic splines in float32: finite whatever they are given, the identity beyond their bounds. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openEngine } from "../../src/engine/open.js";
import type { Compiled } from "../../src/engine/types.js";
import { spline } from "../../src/flows/spline.js";
import { tensor64, tf64, values64 } from "./float64-tf.js";

const BINS = 5;
const ROWS = 16;
const WIDTH = 3 * BINS - 1;
const map = spline(BINS, 3);

let compiled: Compiled;
beforeAll(async () => {
  const engine = await openEngine();
  compiled = await engine.compile(
    (tf, { at, raw }) => {
      const { noise, logDet } = map.forward(tf, at, raw);
      const value = map.inverse(tf, at, raw);
      const total = (x: typeof at, r: typeof raw) => {
        const bent = map.forward(tf, x, r);
        return tf.sum(tf.add(tf.tanh(bent.noise), bent.logDet));
      };
      const [slopeAt, slopeRaw] = tf.grads(total as never)([at, raw]);
      return { noise, logDet, value, slopeAt, slopeRaw };
    },
    { at: { shape: [ROWS, 1] }, raw: { shape: [ROWS, WIDTH] } },
  );
});
afterAll(() => compiled.dispose());

/** One number of any size, or one of those where something may go wrong. */
const wildNumber = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.float({ noNaN: true, min: -4, max: 4 }),
  fc.constantFrom(0, -0, 3, -3, 3.0000002384185791, 1e-30, 1e30, -1e30),
);

describe("splines in float32", () => {
  it("are finite with their slopes, whatever they are given", async () => {
    const rows = (width: number) =>
      fc.array(wildNumber, { minLength: ROWS * width, maxLength: ROWS * width });
    await fc.assert(
      fc.asyncProperty(rows(1), rows(WIDTH), async (at, raw) => {
        const out = await compiled.run({ at: Float32Array.from(at), raw: Float32Array.from(raw) });
        for (const [name, values] of Object.entries(out)) {
          expect(
            values.findIndex((v) => !Number.isFinite(v)),
            name,
          ).toBe(-1);
        }
      }),
      { seed: 7, numRuns: 150 },
    );
  });

  it("are the identity beyond their bounds", async () => {
    const at = Float32Array.from(
      { length: ROWS },
      (_, i) => (i % 2 === 0 ? 1 : -1) * (3 + 10 ** (i / 2 - 4)),
    );
    const raw = Float32Array.from({ length: ROWS * WIDTH }, (_, i) => 2 * Math.sin(i));
    const { noise, logDet, value, slopeRaw } = await compiled.run({ at, raw });
    at.forEach((v, i) => {
      expect(Math.abs(noise[i] - v)).toBeLessThan(1e-5 * Math.abs(v)); // a sum of rounded shares is six
      expect(Math.abs(value[i] - v)).toBeLessThan(1e-5 * Math.abs(v));
      expect(Math.abs(logDet[i])).toBeLessThan(1e-4);
    });
    // nothing to learn out there, up to rounding (6e-8) over the share of an end bin
    expect(Math.max(...slopeRaw.map(Math.abs))).toBeLessThan(1e-3);
  });

  it("rise from knot to knot through the points that the shares say", () => {
    const raw = Float64Array.from({ length: WIDTH }, (_, i) => Math.cos(3 * i));
    const shares = (from: number) => {
      const weights = Array.from(raw.subarray(from, from + BINS), Math.exp);
      const total = weights.reduce((a, b) => a + b, 0);
      let edge = -3;
      return weights.slice(0, -1).map((w) => {
        edge += 0.006 + (6 - 0.006 * BINS) * (w / total);
        return edge;
      });
    };
    const [x, y] = [shares(0), shares(BINS)];
    const n = BINS - 1;
    const { noise, logDet } = map.forward(
      tf64,
      tensor64(x, [n, 1]),
      tensor64(Array.from({ length: n }, () => [...raw]).flat(), [n, WIDTH]),
    );
    values64(noise).forEach((v, i) => {
      expect(v).toBeCloseTo(y[i], 12);
    });
    const limit = Math.log(1000); // the slope at a knot is its own parameter
    values64(logDet).forEach((v, i) => {
      expect(v).toBeCloseTo(limit * Math.tanh(raw[2 * BINS + i] / limit), 12);
    });
  });

  it("are the identity where their parameters are zero", () => {
    const at = Float64Array.of(-5, -2.9, -0.3, 0, 1.7, 2.99, 4);
    const { noise, logDet } = map.forward(
      tf64,
      tensor64(at, [at.length, 1]),
      tensor64(new Float64Array(at.length * WIDTH), [at.length, WIDTH]),
    );
    values64(noise).forEach((v, i) => {
      expect(v).toBeCloseTo(at[i], 12);
    });
    for (const v of values64(logDet)) expect(v).toBeCloseTo(0, 12);
  });

  it.each([1, 1000, 2.5])("refuse %s bins", (bins) => {
    expect(() => spline(bins, 3)).toThrow(/expected 2 to 999 bins and a positive bound/);
  });
});
