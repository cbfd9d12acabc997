import { describe, expect, it } from "vitest";
import { loopOptions } from "../../src/train/options.js";
import { learningRateAt } from "../../src/train/schedule.js";

describe("learning-rate schedules", () => {
  const rates = (schedule: "one-cycle" | "cosine" | "constant") =>
    Array.from({ length: 1000 }, (_, i) => learningRateAt(schedule, 2e-3, i, 1000));

  it("rise for a tenth and fall to almost nothing in one cycle", () => {
    const cycle = rates("one-cycle");
    expect(cycle[0]).toBeCloseTo(2e-3 / 25, 12);
    expect(cycle[100]).toBeCloseTo(2e-3, 12);
    expect(cycle.indexOf(Math.max(...cycle))).toBe(100);
    expect(cycle[999]).toBeLessThan(2e-3 / 1e3);
  });

  it("fall monotonically on a cosine, and stay when constant", () => {
    const cosine = rates("cosine");
    expect(cosine.every((rate, i) => i === 0 || rate < cosine[i - 1])).toBe(true);
    expect(new Set(rates("constant"))).toEqual(new Set([2e-3]));
  });
});

describe("training options", () => {
  it("give fewer epochs to more simulations", () => {
    const epochs = [1e3, 1e4, 1e6].map((n) => loopOptions(n, {}).epochs);
    expect(epochs[0]).toBeGreaterThan(epochs[1]);
    expect(epochs[1]).toBeGreaterThan(epochs[2]);
  });

  it.each([
    [{ epochs: 0 }, /epochs must be a positive integer, got 0/],
    [{ batchSize: 1.5 }, /batchSize must be a positive integer/],
    [{ learningRate: Number.NaN }, /learningRate must be a positive number/],
    [{ validationFraction: 1 }, /validationFraction must be between 0 and 1/],
    [{ averageDecay: 1 }, /averageDecay must be in \[0, 1\)/],
    [{ ensemble: 0 }, /ensemble must be a positive integer/],
    [{ workers: -1 }, /workers must be a positive integer/],
    [{ patience: 0 }, /patience must be a positive number of epochs/],
  ])("reject %o", (options, message) => {
    expect(() => loopOptions(1000, options)).toThrow(message);
  });
});
