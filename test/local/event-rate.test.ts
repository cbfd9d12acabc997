/** The number of events beside what each of them shows: a counting experiment in closed form, and the EFT toy. */
import { describe, expect, it } from "vitest";
import { eftRate, problem } from "../../benchmarks/problems/eft.js";
import { poisson } from "../../src/core/distributions/counts.js";
import { fromRows, matrix, repeatRow, row } from "../../src/core/matrix.js";
import { foldIn, key, stream } from "../../src/core/random.js";
import { type EventRate, rateRatio } from "../../src/local/event-rate.js";
import { fisherOfScores } from "../../src/local/fisher.js";
import { localLimits } from "../../src/local/limits.js";
import { simulateRange } from "../../src/simulate-range.js";

const rate = eftRate();

describe("the rate term", () => {
  const thetaRef = [0.3, -0.2];
  const theta = fromRows([
    [0, 0],
    [0.3, -0.2],
    [-0.4, 0.45],
  ]);

  it("is the log ratio of two Poisson probabilities, whose ratio has the mean one", () => {
    const at = (point: Float64Array) => poisson(rate.expected(point));
    const mean = new Float64Array(3);
    for (let n = 0; n < 250; n++) {
      const logs = rateRatio(rate, thetaRef, n).logRatio(theta);
      logs.forEach((value, i) => {
        const exact = at(row(theta, i)).logProb(n) - at(Float64Array.from(thetaRef)).logProb(n);
        expect(Math.abs(value - exact)).toBeLessThan(1e-9 * (1 + Math.abs(exact)));
        mean[i] += Math.exp(at(Float64Array.from(thetaRef)).logProb(n) + value);
      });
    }
    for (const value of mean) expect(value).toBeCloseTo(1, 10);
  });

  it("has the gradient of its own value", () => {
    const { logRatio, gradient } = rateRatio(rate, thetaRef, 41);
    const { logProb, gradient: slopes } = gradient(theta);
    expect(logProb).toEqual(logRatio(theta));
    const h = 1e-5;
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 2; j++) {
        const moved = (by: number) => {
          const point = row(theta, i).slice();
          point[j] += by;
          return logRatio(fromRows([point]))[0];
        };
        expect(slopes.data[2 * i + j]).toBeCloseTo((moved(h) - moved(-h)) / (2 * h), 6);
      }
    }
  });

  it("of no event, where none is expected, is finite", () => {
    const signal: EventRate = { names: ["mu"], expected: ([mu]) => 5 * mu, gradient: () => [5] };
    expect(Array.from(rateRatio(signal, [1], 0).logRatio(fromRows([[0], [2]])))).toEqual([5, -5]);
    expect(rateRatio(signal, [1], 3).logRatio(fromRows([[0]]))[0]).toBe(-Infinity);
  });

  it.each<[string, () => unknown, RegExp]>([
    ["a negative count", () => rateRatio(rate, thetaRef, -1), /at least 0, got -1/],
    [
      "a point of another length",
      () => rateRatio(rate, [0], 3),
      /a point and a slope of 2 values \(a, b\), got 1 and 2/,
    ],
    ["a rate of zero", () => rateRatio(eftRate(0), thetaRef, 3), /a positive number of events .* got 0/],
    [
      "parameters of another width",
      () => rateRatio(rate, thetaRef, 3).logRatio(matrix(1, 3)),
      /theta has 3 columns; expected 2/,
    ],
  ])("refuses %s", (_, make, message) => {
    expect(make).toThrow(message);
  });
});

describe("limits with an expected number of events", () => {
  it("are those of a counting experiment where the events show nothing", () => {
    const signal: EventRate = { names: ["mu"], expected: ([mu]) => 20 + 10 * mu, gradient: () => [10] };
    const blind = fisherOfScores(matrix(2, 1), ["mu"], Float64Array.of(1));
    const limits = localLimits(blind, matrix(36, 1), { rate: signal });
    expect(limits.estimate[0]).toBeCloseTo(1.6, 12); // 36 = 20 + 10 mu
    expect(limits.covariance.data[0]).toBeCloseTo(30 / 100, 12);
    expect(localLimits(blind, matrix(0, 1), { rate: signal }).estimate[0]).toBeCloseTo(-2, 12);
    expect(() => localLimits(blind, matrix(36, 1))).toThrow(/does not constrain/);
    expect(() => localLimits(blind, matrix(0, 1))).toThrow(/at least one event/);
    expect(() => localLimits(blind, matrix(3, 1), { rate })).toThrow(
      /the rate is of \(a, b\) but the information of \(mu\)/,
    );
  });

  it("have pulls of mean zero and the covariance they claim, on the EFT toy", async () => {
    const thetaRef = Float64Array.of(0.3, -0.2);
    const root = key("rate");
    const many = 50_000;
    const { x } = await simulateRange(problem.simulator, repeatRow(thetaRef, many), foldIn(root, "x"));
    const scores = problem.score!(repeatRow(thetaRef, many), x);
    const fisher = fisherOfScores(scores, ["a", "b"], thetaRef);
    const rng = stream(foldIn(root, "counts"));
    const nu = rate.expected(thetaRef);
    const pulls: number[][] = [];
    for (let at = 0; ; ) {
      const n = rng.poisson(nu);
      if (at + n > many) break;
      const own = matrix(n, 2, scores.data.slice(2 * at, 2 * (at + n)));
      const { estimate, covariance } = localLimits(fisher, own, { rate });
      pulls.push([0, 1].map((j) => (estimate[j] - thetaRef[j]) / Math.sqrt(covariance.data[3 * j])));
      at += n;
    }
    const toys = pulls.length;
    expect(toys).toBeGreaterThan(1000);
    for (const j of [0, 1]) {
      const mean = pulls.reduce((sum, pull) => sum + pull[j], 0) / toys;
      const variance = pulls.reduce((sum, pull) => sum + pull[j] ** 2, 0) / toys;
      // M I is taken at the M seen, which is correlated with the count: of order 1 / sqrt(nu) = 0.15 of one standard error
      expect(Math.abs(mean)).toBeLessThan(0.15);
      expect(Math.abs(variance - 1)).toBeLessThan(0.2);
    }
    // the count tells something: at the same number of events the errors are smaller
    const zeros = matrix(Math.round(nu), 2);
    const [without, within] = [localLimits(fisher, zeros), localLimits(fisher, zeros, { rate })];
    expect(within.covariance.data[0]).toBeLessThan(without.covariance.data[0]);
    expect(within.covariance.data[3]).toBeLessThan(without.covariance.data[3]);
  });
});
