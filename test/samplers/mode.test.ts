import { describe, expect, it } from "vitest";
import { mode } from "../../samplers/mode.js";
import { logDensity } from "../../samplers/target.js";
import { interval, stacked } from "../../src/core/bijection.js";
import { fromRows, matrix } from "../../src/core/matrix.js";
import { uniform } from "../../src/prior/uniform.js";

/** The Rosenbrock function, downhill; its top is at (1, 1). */
const banana = logDensity({
  names: ["a", "b"],
  logProb: ([a, b]) => -((1 - a) ** 2) - 100 * (b - a * a) ** 2,
  gradient([a, b], out) {
    out[0] = 2 * (1 - a) + 400 * a * (b - a * a);
    out[1] = -200 * (b - a * a);
  },
});

describe("the mode", () => {
  it("is found at the end of a curved valley", async () => {
    const { theta, logProb, converged } = await mode(banana, { initial: fromRows([[-1.2, 1]]) });
    expect(converged).toBe(true);
    expect(theta[0]).toBeCloseTo(1, 4);
    expect(theta[1]).toBeCloseTo(1, 4);
    expect(logProb).toBeGreaterThan(-1e-8);
  });

  it("is that of theta, not of the unconstrained scale", async () => {
    // Beta(3, 2) has its mode at 2/3; with the Jacobian it would be at 3/5
    const beta = logDensity({
      names: ["p"],
      support: interval(0, 1),
      start: uniform({ p: [0, 1] }),
      logProb: ([p]) => 2 * Math.log(p) + Math.log1p(-p),
      gradient([p], out) {
        out[0] = 2 / p - 1 / (1 - p);
      },
    });
    const { theta, converged } = await mode(beta, { seed: 1 });
    expect(converged).toBe(true);
    expect(theta[0]).toBeCloseTo(2 / 3, 5);
  });

  it("is the higher of two, and the ends show both", async () => {
    const log = (x: number) => Math.log(Math.exp(-0.5 * (x - 3) ** 2) + 0.5 * Math.exp(-0.5 * (x + 3) ** 2));
    const two = logDensity({
      names: ["x"],
      start: uniform({ x: [-6, 6] }),
      logProb: ([x]) => log(x),
      gradient([x], out) {
        const [right, left] = [Math.exp(-0.5 * (x - 3) ** 2), 0.5 * Math.exp(-0.5 * (x + 3) ** 2)];
        out[0] = (-(x - 3) * right - (x + 3) * left) / (right + left);
      },
    });
    const { theta, ends } = await mode(two, { initial: fromRows([[-4], [-2], [1], [5]]) });
    expect(theta[0]).toBeCloseTo(3, 4);
    expect(Array.from(ends.theta.data, Math.sign)).toEqual([-1, -1, 1, 1]);
  });

  it("stops at the edge of a density that grows towards it", async () => {
    const wall = logDensity({
      names: ["a", "b"],
      support: stacked([interval(0, 1), interval(0, 2)]),
      start: uniform({ a: [0, 1], b: [0, 2] }),
      logProb: ([a, b]) => a - (b - 1) ** 2,
      gradient([, b], out) {
        out[0] = 1;
        out[1] = -2 * (b - 1);
      },
    });
    const { theta } = await mode(wall, { seed: 2 });
    expect(theta[0]).toBeGreaterThan(0.999);
    expect(theta[1]).toBeCloseTo(1, 2);
  });

  it("refuses what it cannot climb", async () => {
    const blind = logDensity({ names: ["a"], logProb: () => 0 });
    await expect(mode(blind)).rejects.toThrow(/no gradient/);
    await expect(mode(banana)).rejects.toThrow(/pass initial, a matrix \[S, 2\]/);
    await expect(mode(banana, { initial: matrix(1, 3) })).rejects.toThrow(/must be \[S, 2\]/);
    await expect(mode(banana, { initial: fromRows([[Number.NaN, 0]]) })).rejects.toThrow(
      /no starting point has a finite/,
    );
    await expect(mode(banana, { initial: matrix(1, 2), maxIterations: 0 })).rejects.toThrow(/got 0/);
    await expect(mode(banana, { starts: 3 } as never)).rejects.toThrow(/starts/);
  });
});
