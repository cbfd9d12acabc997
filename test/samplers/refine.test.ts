/** Starting points by adaptive importance sampling, all rounds together. */
import { describe, expect, it } from "vitest";
import { problem, simulator } from "../../benchmarks/problems/slcp.js";
import { refine } from "../../samplers/starts/refine.js";
import { startingPoints } from "../../samplers/starts/start.js";
import { logDensity } from "../../samplers/target.js";
import { column, type Matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { uniform } from "../../src/prior/uniform.js";
import { normalStart } from "./targets.js";

/** Two needles of equal weight in a box, one of them a tenth as wide as the other. */
const box = uniform({ a: [-10, 10], b: [-10, 10] });
const needle = (a: number, b: number, at: number, width: number) =>
  -((a - at) ** 2 + (b - at) ** 2) / (2 * width ** 2) - 2 * Math.log(width);
const needles = logDensity({
  names: ["a", "b"],
  support: box.support,
  start: box,
  logProb: ([a, b]) => {
    const [x, y] = [needle(a, b, -5, 0.5), needle(a, b, 5, 0.05)];
    return Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)));
  },
});

describe("refined importance samples", () => {
  it("give both modes their weights and widths, pooled over rounds", async () => {
    const theta = box.sample(10_000, key(1));
    const first = { theta, logProb: await needles.logProb(theta) };
    const { points, rounds, evaluated } = await refine(needles, first, (at) => needles.logProb(at), key(2), {
      size: 4000,
      enough: 5000,
    });
    expect(rounds).toBeGreaterThan(1);
    expect(points.theta.rows).toBe(10_000 + evaluated);
    expect(points.logProb).toHaveLength(points.theta.rows);
    expect(points.ess).toBeGreaterThan(2500);
    const narrow = points.weights.reduce((sum, w, i) => sum + (points.theta.data[2 * i] > 0 ? w : 0), 0);
    expect(Math.abs(narrow - 0.5)).toBeLessThan(0.05);
    const square = points.weights.reduce((sum, w, i) => {
      const a = points.theta.data[2 * i];
      return sum + (a < 0 ? w * (a + 5) ** 2 : 0);
    }, 0);
    expect(Math.abs(square / (1 - narrow) / 0.25 - 1)).toBeLessThan(0.1); // 4 sqrt(2 / 2500) and more
  });

  it("weigh each point by what all rounds together were drawn from", async () => {
    const start = uniform({ a: [-4, 4] });
    const normal = logDensity({
      names: ["a"],
      support: start.support,
      start,
      logProb: ([a]) => (-a * a) / 2,
    });
    const theta = start.sample(10_000, key(1));
    const first = { theta, logProb: await normal.logProb(theta) };
    const plan = { size: 4000, enough: Infinity };
    const { points } = await refine(normal, first, (at) => normal.logProb(at), key(2), plan);
    const square = points.weights.reduce((sum, w, i) => sum + w * points.theta.data[i] ** 2, 0);
    expect(Math.abs(square - 0.9989)).toBeLessThan(0.04); // of N(0, 1) cut at 4; 4 errors of 20,000 draws
  });

  it("follow tails that the start does not have", async () => {
    // Student's t of 3 degrees of freedom in the plane: at radius 50 the bound that the start gives is exp(1240)
    const start = normalStart(2, 1);
    const heavy = logDensity({
      names: ["a", "b"],
      start,
      logProb: ([a, b]) => -2.5 * Math.log1p((a * a + b * b) / 3),
    });
    const theta = start.sample(10_000, key(1));
    const first = { theta, logProb: await heavy.logProb(theta) };
    const plan = { size: 4000, enough: Infinity };
    const { points } = await refine(heavy, first, (at) => heavy.logProb(at), key(2), plan);
    expect(points.ess).toBeGreaterThan(10_000);
    const beyond = points.weights.reduce(
      (sum, w, i) => sum + (Math.hypot(points.theta.data[2 * i], points.theta.data[2 * i + 1]) > 5 ? w : 0),
      0,
    );
    expect(Math.abs(beyond - (1 + 25 / 3) ** -1.5)).toBeLessThan(0.01); // 4 sqrt(0.035 / 10,000)
  });

  it("take a density that is no number for none", async () => {
    const weights = async (elsewhere: number) => {
      const logProb = async (theta: Matrix) =>
        (await needles.logProb(theta)).map((value, i) => (theta.data[2 * i] > 9 ? elsewhere : value));
      const theta = box.sample(4000, key(1));
      const first = { theta, logProb: await logProb(theta) };
      const { points } = await refine(needles, first, logProb, key(2), { size: 2000, enough: 2000 });
      return points;
    };
    const [nowhere, noNumber] = [await weights(-Infinity), await weights(Number.NaN)];
    expect(nowhere.ess).toBeGreaterThan(1000);
    expect(noNumber.weights).toEqual(nowhere.weights);
  });

  it("start chains at the edge of a box as often as the density is there", async () => {
    const { prior } = simulator;
    const observed = problem.observation(1);
    const target = logDensity({
      names: prior.names,
      support: prior.support,
      start: prior,
      logProbBatch: (theta) => {
        const log = problem.logLikelihood(theta, observed);
        return prior.logProb(theta).map((value, i) => value + log[i]);
      },
    });
    const atEdge = (values: Float64Array) => values.filter((value) => value > 2.9).length / values.length;
    const exact = atEdge(column(problem.exactPosterior(observed, 5000, key(1)), 4));
    expect(exact).toBeGreaterThan(0.1);
    const { theta, record } = await startingPoints(target, key(3), 500, {});
    expect(record.ess).toBeGreaterThan(200);
    // the starts are worth as many independent ones as their weights, at most 500
    const error = Math.sqrt((exact * (1 - exact)) / Math.min(record.ess, 500));
    expect(Math.abs(atEdge(column(theta, 4)) - exact)).toBeLessThan(4 * error);
  });
});
