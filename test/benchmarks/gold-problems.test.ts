import { describe, expect, it } from "vitest";
import type { GoldProblem } from "../../benchmarks/gold-problem.js";
import { findGoldProblem, goldProblems } from "../../benchmarks/gold-problems.js";
import { epidemiology } from "../../benchmarks/problems/epidemiology.js";
import { slotProbabilities } from "../../benchmarks/problems/galton-board.js";
import { logLikelihood as forward } from "../../benchmarks/problems/hidden-markov.js";
import { lotkaVolterra, summaries } from "../../benchmarks/problems/lotka-volterra.js";
import { endProbabilities } from "../../benchmarks/problems/lotka-volterra-small.js";
import { ranges as zoomRanges } from "../../benchmarks/problems/lotka-volterra-zoom.js";
import { pinBoard } from "../../benchmarks/problems/pin-board.js";
import { logLikelihood as kalman } from "../../benchmarks/problems/state-space.js";
import { multivariateNormal } from "../../src/core/distributions/multivariate-normal.js";
import { matrix, repeatRow, row } from "../../src/core/matrix.js";
import { foldIn, key, split } from "../../src/core/random.js";
import { logSumExp } from "../../src/core/special.js";
import { gradientByDifferences } from "../../src/program/differences.js";
import type { Program } from "../../src/program/program.js";
import { simulateScore } from "../../src/simulate-gold.js";

const loaded = await Promise.all(Object.values(goldProblems).map((load) => load()));
/** The three dear ones in small. */
const small: Record<string, Program> = {
  lotka_volterra_jumps: lotkaVolterra({ duration: 0.4 }),
  lotka_volterra_zoom: lotkaVolterra({ prior: zoomRanges, duration: 0.4 }),
  epidemiology: epidemiology({ duration: 0.4 }),
};
const all: readonly GoldProblem[] = loaded.map((problem) => ({
  ...problem,
  simulator: small[problem.name] ?? problem.simulator,
}));

const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);

/** How many standard errors the mean of `values` is from `expected`. */
function zScore(values: ArrayLike<number>, expected: number): number {
  const n = values.length;
  const mean = sum(values) / n;
  const variance = sum(Array.from(values, (value) => (value - mean) ** 2)) / (n - 1);
  return variance === 0 ? (mean - expected) * 1e12 : (mean - expected) / Math.sqrt(variance / n);
}

/** Points near the reference: a tenth of the prior's standard deviation away, up in one parameter and down in the next. */
function nearby({ thetaRef, simulator: { prior } }: GoldProblem): number[] {
  return thetaRef.map((value, j) => value + 0.1 * prior.sd[j] * (j % 2 === 0 ? 1 : -1));
}

describe.each(all)("$name", (problem) => {
  const program = problem.simulator as Program;
  const { thetaRef } = problem;
  const dim = thetaRef.length;

  it("has a closed-form score that is the slope of its replays, to 1e-8 of the score's size", () => {
    const paths = Array.from({ length: 4 }, (_, i) => program.record(thetaRef, foldIn(key(1), i)));
    const theta = repeatRow(nearby(problem), paths.length);
    const slopes = gradientByDifferences(theta, program.prior, (i, point) => program.replay(paths[i], point));
    paths.forEach((path, i) => {
      const score = program.jointScore(path, row(theta, i));
      score.forEach((value, j) => {
        // replays add the recorded log p back: eps times that over a step
        const rounding = (1e-15 * Math.abs(path.logProb)) / (program.prior.sd[j] / 8192);
        const tolerance = 1e-8 * (1 + Math.abs(value)) + rounding;
        expect(Math.abs(slopes.data[i * dim + j] - value)).toBeLessThan(tolerance);
      });
    });
  });

  it("has scores of mean zero, ratios of mean one, and given x those of x", async () => {
    const n = program.name in small ? 200 : 1000;
    const theta0 = repeatRow(nearby(problem), n);
    const theta1 = repeatRow(thetaRef, n);
    const at0 = await program.simulate(theta0, split(key("0"), n));
    const at1 = await program.simulate(theta1, split(key("1"), n));
    const score = at0.gold!.jointScore(theta0);
    const ratio = at1.gold!.jointLogRatio(theta0, theta1).map(Math.exp);
    const z = [zScore(ratio, 1)];
    for (let j = 0; j < dim; j++)
      z.push(
        zScore(
          Float64Array.from({ length: n }, (_, i) => score.data[i * dim + j]),
          0,
        ),
      );
    const { logRatio, score: scoreOfX } = problem;
    if (logRatio && scoreOfX) {
      const exact = logRatio(theta0, theta1, at1.x).map(Math.exp);
      const t = scoreOfX(theta0, at0.x).data;
      const ratioError = ratio.map((r, i) => r - exact[i]);
      const scoreError = score.data.map((value, k) => value - t[k]);
      if (problem.name === "eft_truth") {
        // nothing is latent: the joint quantities are those of x
        expect(Math.max(...ratioError.map(Math.abs), ...scoreError.map(Math.abs))).toBeLessThan(1e-7);
      } else {
        z.push(
          zScore(
            ratioError.map((error, i) => error * Math.tanh(exact[i])),
            0,
          ),
        );
        for (let j = 0; j < dim; j++) {
          const pulls = scoreError.map((error, k) => error * Math.tanh(t[k])).filter((_, k) => k % dim === j);
          z.push(zScore(pulls, 0));
        }
      }
    } else expect(Object.keys(small)).toContain(problem.name);
    for (const value of z) expect(Math.abs(value)).toBeLessThan(4.2); // 4.2 for some eighty comparisons
  });

  it("has an exact score that is the slope of its exact ratio", () => {
    if (!problem.logRatio || !problem.score) return expect(Object.keys(small)).toContain(problem.name);
    const n = 5;
    const theta = repeatRow(nearby(problem), n);
    const x = matrix(n, program.record(thetaRef, key(2)).x.length);
    for (let i = 0; i < n; i++) row(x, i).set(program.record(thetaRef, foldIn(key(2), i)).x);
    const slopes = gradientByDifferences(theta, program.prior, (i, point) => {
      const [a, b] = [point, thetaRef].map((p) => matrix(1, dim, Float64Array.from(p)));
      return problem.logRatio!(a, b, matrix(1, x.cols, row(x, i).slice()))[0];
    });
    problem.score(theta, x).data.forEach((value, k) => {
      // the exact score may itself come from differences with a step of its own
      expect(Math.abs(value - slopes.data[k])).toBeLessThan(1e-7 * (1 + Math.abs(value)));
    });
  });
});

describe("the Galton board", () => {
  it("has the probabilities, log ratios and scores of exact dynamic programming, x = 5 to 25", async () => {
    const { p, slope } = slotProbabilities(-0.8);
    const { p: pRef } = slotProbabilities(-0.6);
    // from an independent implementation, rounded to five decimals
    const expected = {
      p: [
        0.0011, 0.00654, 0.01874, 0.03522, 0.05012, 0.0592, 0.06219, 0.06135, 0.05937, 0.05828, 0.05927,
        0.06279, 0.06862, 0.07552, 0.08085, 0.08053, 0.07064, 0.05091, 0.0275, 0.00966, 0.00162,
      ],
      pRef: [
        0.00052, 0.0034, 0.01087, 0.02317, 0.03788, 0.05166, 0.06242, 0.06979, 0.0746, 0.07796, 0.08072,
        0.08312, 0.08462, 0.08393, 0.07919, 0.06872, 0.05246, 0.03316, 0.01594, 0.00508, 0.00079,
      ],
      logRatio: [
        0.7436, 0.65368, 0.54481, 0.41876, 0.28013, 0.13621, -0.0037, -0.12897, -0.22831, -0.29093, -0.30899,
        -0.28041, -0.20961, -0.1056, 0.02078, 0.15859, 0.29752, 0.42857, 0.54496, 0.64286, 0.72135,
      ],
      score: [
        -2.91062, -2.58951, -2.18048, -1.68391, -1.11345, -0.49701, 0.12519, 0.70277, 1.17612, 1.48173,
        1.56958, 1.42612, 1.08121, 0.59118, 0.01684, -0.58678, -1.17207, -1.70073, -2.14768, -2.50293,
        -2.76964,
      ],
    };
    const slots = Array.from({ length: 21 }, (_, k) => k + 5);
    const { logRatio, score } = await findGoldProblem("galton_board");
    const x = matrix(21, 1, Float64Array.from(slots));
    const close = (found: ArrayLike<number>, wanted: number[]) =>
      expect(wanted.map((value, k) => Math.abs(found[k] - value) < 5.1e-6)).not.toContain(false);
    close(
      slots.map((s) => p[s]),
      expected.p,
    );
    close(
      slots.map((s) => pRef[s]),
      expected.pRef,
    );
    close(logRatio!(repeatRow([-0.8], 21), repeatRow([-0.6], 21), x), expected.logRatio);
    close(score!(repeatRow([-0.8], 21), x).data, expected.score);
    expect(Math.abs(sum(p) - 1)).toBeLessThan(1e-14);
    expect(Math.abs(sum(p.map((mass, s) => (mass > 0 ? slope[s] ** 2 / mass : 0))) - 1.41232)).toBeLessThan(
      5.1e-6,
    ); // Fisher information
    expect(
      Math.abs(sum(pRef.map((mass, s) => (mass > 0 ? mass * Math.log(p[s] / mass) ** 2 : 0))) - 0.06325),
    ).toBeLessThan(5.1e-6);
  });

  it("has gold whose mean over the paths to each slot is the exact ratio and the exact score", async () => {
    const { simulator, logRatio, score } = await findGoldProblem("galton_board");
    const n = 10_000;
    const [theta0, theta1] = [repeatRow([-0.8], n), repeatRow([-0.6], n)];
    const at1 = await simulator.simulate(theta1, split(key(3), n));
    const ratios = at1.gold!.jointLogRatio(theta0, theta1).map(Math.exp);
    const exact = logRatio!(theta0, theta1, at1.x).map(Math.exp);
    const at0 = await simulator.simulate(theta0, split(key(4), n));
    const t = at0.gold!.jointScore(theta0).data;
    const exactT = score!(theta0, at0.x).data;
    for (let s = 7; s <= 23; s++) {
      const deviation = (x: Float64Array, a: Float64Array, b: Float64Array) =>
        a.map((value, i) => value - b[i]).filter((_, i) => x[i] === s);
      expect(Math.abs(zScore(deviation(at1.x.data, ratios, exact), 0))).toBeLessThan(4);
      expect(Math.abs(zScore(deviation(at0.x.data, t, exactT), 0))).toBeLessThan(4);
    }
  });
});

it("of the small pond: the joint score, averaged over runs with the same end, is the exact score", async () => {
  const { simulator, score, thetaRef } = await findGoldProblem("lotka_volterra_small");
  const { x, jointScore } = await simulateScore(simulator, { n: 6000, thetaRef, seed: "ends" });
  const exact = score!(repeatRow(thetaRef, x.rows), x);
  const runs = new Map<string, number[]>();
  for (let i = 0; i < x.rows; i++) {
    const end = row(x, i).join();
    runs.set(end, [...(runs.get(end) ?? []), i]);
  }
  const often = [...runs.values()].filter((rows) => rows.length >= 100);
  expect(often.length).toBeGreaterThan(10);
  for (const rows of often) {
    for (let j = 0; j < 4; j++) {
      const off = rows.map((i) => jointScore.data[4 * i + j] - exact.data[4 * i + j]);
      expect(Math.abs(zScore(off, 0))).toBeLessThan(4.5); // for some seventy comparisons
    }
  }
});

describe("known information", () => {
  it.each<[string, number[], number[]]>([
    ["moving_mixture", [1], [4]], // 1 / sd^2
    ["eft", [0, 0], [4, 0, 0, 8]],
    ["eft_truth", [0.3, -0.2], [3.22, 0.333, 0.333, 6.349]],
  ])("%s at [%s]: the covariance of the joint score is the Fisher information of (x, z)", async (name, thetaRef, information) => {
    const n = 8000;
    const { simulator } = await findGoldProblem(name);
    const { jointScore } = await simulateScore(simulator, { n, thetaRef, seed: "information" });
    const dim = thetaRef.length;
    information.forEach((expected, k) => {
      const products = Float64Array.from({ length: n }, (_, i) => {
        const t = row(jointScore, i);
        return t[Math.floor(k / dim)] * t[k % dim];
      });
      expect(Math.abs(zScore(products, expected))).toBeLessThan(4);
    });
  });
});

describe("exact likelihoods", () => {
  it("of the hidden chain: the forward algorithm is the sum of replays over all 256 hidden paths", async () => {
    const program = (await findGoldProblem("hidden_markov")).simulator as Program;
    const path = program.record([0.7, 0.7], key(5));
    for (const theta of [
      [0.6, 0.8],
      [0.9, 0.45],
    ]) {
      const logs = Array.from({ length: 256 }, (_, bits) => {
        const values = path.values.map((value, k) => (k % 2 === 0 ? (bits >> (k / 2)) & 1 : value));
        return program.replay({ ...path, values }, theta);
      });
      expect(Math.abs(logSumExp(logs) - forward(Float64Array.from(theta), path.x))).toBeLessThan(1e-10);
    }
  });

  it("of the state space: the Kalman filter is the multivariate normal of the series", async () => {
    const program = (await findGoldProblem("state_space")).simulator as Program;
    const { x } = program.record([0.5, 0.5], key(6));
    const [memory, kick] = [0.7, 0.4];
    const variance = [1];
    for (let t = 1; t < 10; t++) variance.push(memory ** 2 * variance[t - 1] + kick ** 2);
    const covariance = variance.map((_, s) =>
      variance.map((_, t) => variance[Math.min(s, t)] * memory ** Math.abs(s - t) + (s === t ? 0.25 : 0)),
    );
    const expected = multivariateNormal(new Float64Array(10), covariance).logProb(x);
    expect(Math.abs(kalman(Float64Array.of(memory, kick), x) - expected)).toBeLessThan(1e-10);
  });

  it("of the small pond: probabilities of the end sum to one and are those of the simulator", async () => {
    const { simulator, thetaRef } = await findGoldProblem("lotka_volterra_small");
    const p = endProbabilities(thetaRef);
    expect(Math.abs(sum(p) - 1)).toBeLessThan(1e-12);
    const n = 4000;
    const { x } = await simulator.simulate(repeatRow(thetaRef, n), split(key(7), n));
    const counts = new Float64Array(49);
    for (let i = 0; i < n; i++) counts[7 * x.data[2 * i] + x.data[2 * i + 1]]++;
    counts.forEach((count, s) => {
      if (n * p[s] < 10) return;
      expect(Math.abs(count - n * p[s]) / Math.sqrt(n * p[s] * (1 - p[s]))).toBeLessThan(4);
    });
  });

  it("of the EFT toy: normalised, by quadrature on a grid", async () => {
    const { logRatio } = await findGoldProblem("eft");
    // p(x | 0) is a normal of variance 1.25; trapezoids converge exponentially for what decays so fast
    const h = 0.4;
    const axis = Array.from({ length: 41 }, (_, k) => (k - 20) * h);
    const points = axis.flatMap((a) => axis.map((b) => [a, b]));
    const x = matrix(points.length, 2, Float64Array.from(points.flat()));
    const logs = logRatio!(repeatRow([0.4, -0.3], x.rows), repeatRow([0, 0], x.rows), x);
    const total = sum(
      logs.map((log, i) => {
        const [a, b] = row(x, i);
        return (Math.exp(log - (a * a + b * b) / 2.5) * h * h) / (2.5 * Math.PI);
      }),
    );
    expect(Math.abs(total - 1)).toBeLessThan(1e-10);
  });
});

describe("Lotka-Volterra", () => {
  it("keeps a run that was cut short as an outcome with gold", () => {
    const program = lotkaVolterra({ duration: 30, maxEvents: 40 });
    const path = program.record([-4.61, -0.69, 0, -4.61], key(8));
    expect(path.values).toHaveLength(80); // no censored interval at the end
    expect(Array.from(path.x).every(Number.isFinite)).toBe(true);
    const events = path.values.filter((_, k) => k % 2 === 1);
    const counts = [0, 1, 2, 3].map((event) => events.filter((value) => value === event).length);
    // the ratio of the predator death rate alone: N log c - (c - 1) integral of the rate, from the score
    const theta = [-4.61, -0.69 + 0.1, 0, -4.61];
    const integral = counts[1] - program.jointScore(path, [-4.61, -0.69, 0, -4.61])[1];
    const expected = 0.1 * counts[1] - (Math.exp(0.1) - 1) * integral;
    expect(Math.abs(program.replay(path, theta) - path.logProb - expected)).toBeLessThan(1e-10);
  });

  it("tells on request which runs were cut short, whose gold keeps its expectations", async () => {
    // about 200 events in 0.7 units of time: so many that some runs reach them, and others do not
    const program = lotkaVolterra({ duration: 0.7, maxEvents: 210, stopFlag: true });
    const n = 1500;
    const [thetaRef, moved] = [
      [-4.61, -0.69, 0, -4.61],
      [-4.6, -0.7, 0.02, -4.62],
    ];
    const root = key("stopped");
    const rows = Array.from({ length: n }, (_, i) => {
      const path = program.record(thetaRef, foldIn(root, i));
      expect(path.x).toHaveLength(10);
      expect(path.x[9]).toBe(Number(path.values.length === 420)); // no interval without an event at the end
      const ratio = Math.exp(program.jointLogRatio(path, moved, thetaRef));
      return [path.x[9], ratio - 1, ...program.jointScore(path, thetaRef)];
    });
    const stopped = sum(rows.map(([flag]) => flag)) / n;
    expect(stopped).toBeGreaterThan(0.1);
    expect(stopped).toBeLessThan(0.9);
    for (let j = 1; j < 6; j++) {
      const values = rows.map((each) => each[j]);
      const mean = sum(values) / n;
      const standardError = Math.sqrt(sum(values.map((value) => (value - mean) ** 2)) / (n - 1) / n);
      expect(Math.abs(mean)).toBeLessThan(4 * standardError);
    }
    // leaving out the runs that were cut short, as trying again does, biases the score
    const kept = rows.filter(([flag]) => flag === 0).map((each) => each[4]);
    const mean = sum(kept) / kept.length;
    const error = Math.sqrt(sum(kept.map((value) => (value - mean) ** 2))) / kept.length;
    expect(Math.abs(mean)).toBeGreaterThan(4 * error);
  });

  it("summarises a series that never changes without dividing by zero", () => {
    expect(
      Array.from(summaries(new Float64Array(5).fill(3), new Float64Array(5))).every(Number.isFinite),
    ).toBe(true);
  });

  it("runs 30 units of time", () => {
    const path = lotkaVolterra().record([-4.61, -0.69, 0, -4.61], key(9));
    const waits = path.values.filter((_, k) => k % 2 === 0) as number[];
    expect(Math.abs(sum(waits) - 30)).toBeLessThan(1e-9);
    expect(path.x).toHaveLength(9);
  });
});

it.each([[[]], [[[0], [1]]], [[[Number.NaN]]]])("a pin board is not made from %j", (pins) => {
  expect(() => pinBoard(pins)).toThrow(/row l needs l \+ 1 finite displacements/);
});

it("names problems that exist", async () => {
  await expect(findGoldProblem("galton_bord")).rejects.toThrow(/did you mean galton_board/);
  for (const [name, load] of Object.entries(goldProblems)) expect((await load()).name).toBe(name);
});
