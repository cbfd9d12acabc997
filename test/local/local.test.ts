/** Local inference from the exact score of a Gaussian with two means, where every answer is known. */
import { describe, expect, it } from "vitest";
import { fromRows, type Matrix, matrix, row } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import type { ScoreEstimator } from "../../src/estimators/score.js";
import { fisherInformation, fisherOfScores } from "../../src/local/fisher.js";
import { localLimits } from "../../src/local/limits.js";
import { localModel } from "../../src/local/local-model.js";
import { sallino } from "../../src/local/sallino.js";

/** `x ~ N(theta, diag(1, 4))` around (1, -1): the score `((x0 - 1) / 1, (x1 + 1) / 4)` makes the local model exact. */
const thetaRef = Float64Array.of(1, -1);
const variances = [1, 4];
const estimator = {
  kind: "score",
  header: { names: ["a", "b"] },
  thetaRef,
  thetaDim: 2,
  xDim: 2,
  async score(x: Matrix) {
    return matrix(
      x.rows,
      2,
      x.data.map((value, i) => (value - thetaRef[i % 2]) / variances[i % 2]),
    );
  },
} as unknown as ScoreEstimator;

function events(n: number, seed: number, at: ArrayLike<number> = thetaRef): Matrix {
  const rng = stream(key(seed));
  const out = matrix(n, 2);
  for (let i = 0; i < n; i++) row(out, i).set([rng.normal(at[0]), rng.normal(at[1], 2)]);
  return out;
}

/** `log p(x | theta) / p(x | ref)` summed over rows. */
const exact = (x: Matrix, theta: ArrayLike<number>) =>
  x.data.reduce((sum, value, i) => {
    const j = i % 2;
    return sum + ((value - thetaRef[j]) ** 2 - (value - theta[j]) ** 2) / (2 * variances[j]);
  }, 0);

describe("the Fisher information of a score", () => {
  it("is the inverse of the variance, within its standard error", async () => {
    const { information, standardError, rows } = await fisherInformation(estimator, events(4000, 1));
    expect(rows).toBe(4000);
    [1, 0, 0, 0.25].forEach((value, j) => {
      expect(Math.abs(information.data[j] - value)).toBeLessThan(4 * standardError.data[j]);
    });
    // Var(t^2) = 2 for a standard normal t
    expect(standardError.data[0] / Math.sqrt(2 / 4000)).toBeCloseTo(1, 1);
    expect(information.data[1]).toBe(information.data[2]);
  });

  it("has the same error by the bootstrap", async () => {
    const x = events(400, 2);
    const [analytic, resampled] = [
      await fisherInformation(estimator, x),
      await fisherInformation(estimator, x, { bootstrap: 200, seed: 3 }),
    ];
    expect(resampled.information).toEqual(analytic.information);
    analytic.standardError.data.forEach((value, j) => {
      // the standard deviation of 200 resamples has an error of 1 / sqrt(400) = 5 %
      expect(Math.abs(resampled.standardError.data[j] / value - 1)).toBeLessThan(0.2);
    });
  });

  it("is never too large on average where the joint scores are known, however noisy the learned score is", () => {
    const n = 20_000;
    const rng = stream(key(13));
    const [learned, joint] = [matrix(n, 1), matrix(n, 1)];
    for (let i = 0; i < n; i++) {
      const t = rng.normal(); // information 1
      learned.data[i] = 1.2 * t + rng.normal(0, 0.3);
      joint.data[i] = t + rng.normal(0, 2);
    }
    const at = Float64Array.of(0);
    const loss = 0.2 ** 2 + 0.3 ** 2; // the mean square error of the learned score
    const [plain, corrected] = [
      fisherOfScores(learned, ["a"], at),
      fisherOfScores(learned, ["a"], at, { jointScore: joint }),
    ];
    for (const [{ information, standardError }, expected] of [
      [plain, 1.2 ** 2 + 0.3 ** 2],
      [corrected, 1 - loss],
    ] as const) {
      expect(Math.abs(information.data[0] - expected)).toBeLessThan(4 * standardError.data[0]);
    }
    expect(corrected.standardError.data[0]).toBeLessThan(loss / 3); // 5 / sqrt(n) here: it can tell
    expect(() => fisherOfScores(learned, ["a"], at, { jointScore: matrix(3, 1) })).toThrow(/got \[3, 1\]/);
  });

  it("refuses what it cannot be made of", async () => {
    await expect(fisherInformation(estimator, events(1, 1))).rejects.toThrow(/at least 2 rows of x, got 1/);
    await expect(fisherInformation(estimator, events(5, 1), { bootstrap: 1 })).rejects.toThrow(/got 1/);
    await expect(fisherInformation(estimator, events(5, 1), { resamples: 9 } as object)).rejects.toThrow(
      /no option/,
    );
  });
});

describe("the local model", () => {
  const theta = fromRows([
    [1, -1],
    [1.4, -0.2],
    [0.7, -2],
  ]);

  it("is exact for an exponential family", async () => {
    const model = await localModel(estimator, events(20_000, 4));
    const x = events(5, 5, [1.5, -1]);
    const ratio = await model.observe(x);
    ratio.logRatio(theta).forEach((value, i) => {
      // log Z of 20,000 events is off by sqrt(exp(delta^2 I) - 1) / sqrt(20,000) = 0.005, times 5 events
      expect(Math.abs(value - exact(x, row(theta, i)))).toBeLessThan(0.1);
    });
    expect(model.logNormaliser(theta)[0]).toBeCloseTo(0, 12);
    expect(model.effectiveRows(theta)[0]).toBeCloseTo(20_000, 6);
    expect(model.effectiveRows(fromRows([[9, 9]]))[0]).toBeLessThan(20);
  });

  it("has the gradient of its own log ratio", async () => {
    const ratio = await (await localModel(estimator, events(500, 6))).observe(events(3, 7));
    const { gradient, logProb } = ratio.gradient(theta);
    expect(logProb).toEqual(ratio.logRatio(theta));
    const h = 1e-5;
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 2; j++) {
        const moved = (by: number) => {
          const point = row(theta, i).slice();
          point[j] += by;
          return ratio.logRatio(fromRows([point]))[0];
        };
        expect(gradient.data[2 * i + j]).toBeCloseTo((moved(h) - moved(-h)) / (2 * h), 6);
      }
    }
  });
});

describe("limits", () => {
  it("are those of a Gaussian: mean, error and chi-squared", async () => {
    const fisher = {
      ...fisherOfScores(matrix(2, 2), ["a", "b"], thetaRef),
      information: fromRows([
        [1, 0],
        [0, 0.25],
      ]),
    };
    const x = events(100, 8);
    const limits = localLimits(fisher, await estimator.score(x), { level: 0.68 });
    const means = [0, 1].map((j) => x.data.reduce((sum, v, i) => sum + (i % 2 === j ? v / 100 : 0), 0));
    means.forEach((value, j) => {
      expect(limits.estimate[j]).toBeCloseTo(value, 10);
    });
    const [[low, high]] = limits.intervals;
    expect((high - low) / 2).toBeCloseTo(0.9944579 * 0.1, 6); // 68 % of a normal lie within 0.9944579 sd
    expect(limits.covariance.data[3]).toBeCloseTo(0.04, 10);
    const at = fromRows([thetaRef, limits.estimate]);
    const best = exact(x, limits.estimate);
    expect(limits.testStatistic(at)[0]).toBeCloseTo(2 * best, 8);
    const [p, one] = limits.pValue(at);
    expect(p).toBeCloseTo(Math.exp(-best), 8); // chi-squared with two degrees of freedom
    expect(one).toBe(1);
    expect(Array.from(localLimits(fisher, matrix(100, 2)).estimate)).toEqual([1, -1]);
  });

  it("need information on every parameter, and a level", async () => {
    const blind = fisherOfScores(
      fromRows([
        [1, 0],
        [2, 0],
      ]),
      ["a", "b"],
      thetaRef,
    );
    expect(() => localLimits(blind, matrix(3, 2))).toThrow(/does not constrain every combination of a, b/);
    const fisher = await fisherInformation(estimator, events(50, 9));
    expect(() => localLimits(fisher, matrix(3, 1))).toThrow(/got \[3, 1\]/);
    expect(() => localLimits(fisher, matrix(3, 2), { level: 1 })).toThrow(/level must be between 0 and 1/);
  });
});

describe("SALLINO", () => {
  it("finds the ratio between two points from one dimension", async () => {
    const theta = [1.6, -0.2];
    const ratio = await sallino(estimator, {
      theta,
      x: events(4000, 10, theta),
      reference: events(5000, 11),
    });
    expect(Math.hypot(...ratio.direction)).toBeCloseTo(1, 12);
    expect(ratio.edges.length + 1).toBe(10 + 15);
    const x = events(500, 12);
    const learned = await ratio.logRatio(x);
    const off = learned.map((value, i) => value - exact(fromRows([row(x, i)]), theta));
    const rms = Math.sqrt(off.reduce((sum, value) => sum + value * value, 0) / off.length);
    // log r is a function of the projection; 25 bins of some 300 counts leave 0.1 of noise and their own width
    const spread = Math.sqrt(
      x.data.reduce((sum, _, i) => (i % 2 ? sum : sum + exact(fromRows([row(x, i / 2)]), theta) ** 2), 0) /
        500,
    );

    expect(rms).toBeLessThan(0.3 * spread);
  });

  it("is never infinite, and refuses the reference point itself", async () => {
    const near = { theta: [1.1, -1], x: events(20, 1), reference: events(20, 2), bins: 30 };
    const ratio = await sallino(estimator, near);
    expect(
      (
        await ratio.logRatio(
          fromRows([
            [99, 99],
            [-99, 0],
          ]),
        )
      ).every(Number.isFinite),
    ).toBe(true);
    await expect(sallino(estimator, { ...near, theta: [1, -1] })).rejects.toThrow(
      /other than the reference \(1, -1\)/,
    );
    await expect(sallino(estimator, { ...near, bins: 1 })).rejects.toThrow(/bins must be a whole number/);
    await expect(sallino(estimator, { ...near, x: matrix(0, 2) })).rejects.toThrow(/got 0 at theta/);
    await expect(sallino(estimator, { ...near, theta: [1] })).rejects.toThrow(/theta has 1 values/);
  });
});
