import { describe, expect, it } from "vitest";
import { summaryScales } from "../../src/abc/distance.js";
import { rejectionAbc } from "../../src/abc/rejection.js";
import { semiAutomaticSummary } from "../../src/abc/semi-automatic.js";
import { fromRows, matrix, sliceRows } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { uniform } from "../../src/prior/uniform.js";
import { simulate } from "../../src/simulate.js";
import { defineSimulator } from "../../src/simulator.js";
import { conjugate, counting, exact, momentsOf } from "./conjugate.js";

/** What `theta` is seen in has a scale of 1; what says nothing of it has one of 1000. */
const mixed = defineSimulator({
  prior: normalPrior(["theta"], [0], [[1]]),
  xShape: [2],
  run: ({ theta }, rng) => [theta + 0.5 * rng.normal(), 1000 * rng.normal()],
});

describe("summaries and distances", () => {
  it("scales by the MAD, by the standard deviation of counts, and by one where nothing changes", () => {
    const rng = stream(key("scales"));
    const rows = Array.from({ length: 4000 }, (_, i) => [3 + 2 * rng.normal(), i % 10 === 0 ? 1 : 0, 5]);
    rows[0][0] = 1e9; // the tail leaves it alone
    const scales = summaryScales(fromRows(rows));
    expect(Math.abs(scales[0] / 2 - 1)).toBeLessThan((4 * 1.17) / Math.sqrt(4000)); // efficiency of the MAD: 0.37
    expect(scales[1]).toBeCloseTo(Math.sqrt(0.1), 12); // about the median
    expect(scales[2]).toBe(1);
  });

  it("finds the parameter behind data of different scales, by scaled distances or the user's summary", async () => {
    const shared = { observed: [0.5, 0], quantile: 0.1, maxSimulations: 4000, seed: 1 } as const;
    const sdWith = async (options: object) => {
      const { theta, weights } = await rejectionAbc(mixed, { ...shared, ...options });
      return momentsOf(theta, weights).sd;
    };
    expect(await sdWith({})).toBeGreaterThan(0.9); // the prior's
    expect(await sdWith({ distance: "scaled" })).toBeLessThan(0.65);
    const first = (x: { data: Float64Array; rows: number; cols: number }) =>
      matrix(
        x.rows,
        1,
        Float64Array.from({ length: x.rows }, (_, i) => x.data[i * x.cols]),
      );
    expect(await sdWith({ summary: first })).toBeLessThan(0.55);
    expect(await sdWith({ distance: (x: number[], o: number[]) => Math.abs(x[0] - o[0]) })).toBeLessThan(
      0.55,
    );
  });

  it("takes its scales from simulations that count, and not from the size of batches", async () => {
    const simulator = counting(mixed);
    const options = { observed: [0, 0], epsilon: 2, draws: 5, distance: "scaled", seed: 2 } as const;
    const found = await rejectionAbc(simulator, options);
    expect(found).toMatchObject({ complete: true, simulations: 1000, theta: { rows: 5 } });
    expect(simulator.rows()).toBe(1000);
    expect(await rejectionAbc(mixed, { ...options, batchSize: 33 })).toEqual(found);
  });

  it("counts summaries that are not finite as failures", async () => {
    const found = await rejectionAbc(conjugate, {
      observed: [1],
      summary: (x) => matrix(x.rows, 1, x.data.map(Math.log)),
      quantile: 1,
      maxSimulations: 400,
      seed: 3,
    });
    expect(found.failures).toBeGreaterThan(100);
    expect(found.theta.rows).toBe(400 - found.failures);
    expect(found.complete).toBe(false);
  });
});

describe("semiAutomaticSummary", () => {
  const repeated = defineSimulator({
    prior: normalPrior(
      ["a", "b"],
      [0, 1],
      [
        [1, 0],
        [0, 1],
      ],
    ),
    xShape: [5],
    run: ({ a, b }, rng) => [...rng.normals(4, a, 1), b + rng.normal()],
  });

  it("is the posterior mean of a linear model", async () => {
    const pilot = await simulate(repeated, { n: 4000, seed: 1 });
    const { summary, rSquared, dropped } = semiAutomaticSummary(pilot);
    expect(dropped).toBe(0);
    const x = fromRows([
      [1, 2, 3, 2, 3],
      [0, 0, 0, 0, 1],
    ]);
    // a: prior precision 1, four measurements; b: one
    const expected = [8 / 5, 2, 0, 1];
    // 4 standard errors of six coefficients: posterior sd sqrt(1/5) and sqrt(1/2), data of size 2
    summary(x).data.forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThan(
        (4 * 2 * Math.sqrt(0.5) * Math.sqrt(6)) / Math.sqrt(4000),
      );
    });
    expect(rSquared[0]).toBeCloseTo(0.8, 1);
    expect(rSquared[1]).toBeCloseTo(0.5, 1);
  });

  it("makes rejection on many data find what the data as they are hide", async () => {
    const many = defineSimulator({
      prior: normalPrior(["theta"], [0], [[1]]),
      xShape: [40],
      run: ({ theta }, rng) => [theta + 0.5 * rng.normal(), ...rng.normals(39, 0, 1)],
    });
    const pilot = await simulate(many, { n: 1000, seed: 2 });
    const { summary } = semiAutomaticSummary(pilot);
    const shared = { observed: [1, ...new Float64Array(39)], quantile: 0.05, maxSimulations: 3000, seed: 3 };
    const [raw, learned] = [
      await rejectionAbc(many, shared),
      await rejectionAbc(many, { ...shared, summary }),
    ];
    expect(momentsOf(raw.theta, raw.weights).sd).toBeGreaterThan(1.5 * exact.sd);
    expect(momentsOf(learned.theta, learned.weights).sd).toBeLessThan(1.3 * exact.sd);
  });

  it("sees a spread in squares only", async () => {
    const spread = defineSimulator({
      prior: uniform({ variance: [0.5, 4] }),
      xShape: [8],
      run: ({ variance }, rng) => rng.normals(8, 0, Math.sqrt(variance)),
    });
    const pilot = await simulate(spread, { n: 2000, seed: 4 });
    expect(semiAutomaticSummary(pilot).rSquared[0]).toBeLessThan(0.03);
    expect(semiAutomaticSummary(pilot, { features: "squares" }).rSquared[0]).toBeGreaterThan(0.3);
    const sums = semiAutomaticSummary(pilot, {
      features: (x) =>
        matrix(
          x.rows,
          1,
          Float64Array.from({ length: x.rows }, (_, i) =>
            x.data.slice(8 * i, 8 * i + 8).reduce((a, b) => a + b * b, 0),
          ),
        ),
    });
    expect(sums.rSquared[0]).toBeGreaterThan(0.3);
    expect(sums.summary(sliceRows(pilot.x, 0, 3)).data).toEqual(sums.summary(pilot.x).data.slice(0, 3));
  });

  it("leaves out rows that are not finite, and refuses what it cannot fit", async () => {
    const { theta, x } = await simulate(repeated, { n: 50, seed: 5 });
    const holes = { theta, x: matrix(x.rows, x.cols, x.data.slice()) };
    holes.x.data[7] = Number.NaN;
    expect(semiAutomaticSummary(holes).dropped).toBe(1);
    const few = { theta: sliceRows(theta, 0, 6), x: sliceRows(x, 0, 6) };
    expect(() => semiAutomaticSummary(few)).toThrow(
      /more finite rows than the 6 coefficients of 5 features, got 6/,
    );
    expect(() => semiAutomaticSummary({ theta: few.theta, x })).toThrow(/got 6 and 50/);
    expect(() => semiAutomaticSummary(holes, { features: "cubes" as never })).toThrow(
      /features must be "linear"/,
    );
    expect(() => semiAutomaticSummary(holes, { ridge: -1 })).toThrow(
      /ridge must be a positive number, got -1/,
    );
    expect(() => semiAutomaticSummary(holes, { feature: "squares" } as never)).toThrow(
      /did you mean features/,
    );
  });
});
