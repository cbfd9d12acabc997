import { describe, expect, it } from "vitest";
import { normal } from "../../src/core/distributions/normal.js";
import { ConfigError, ShapeError, SimulatorError } from "../../src/core/errors.js";
import { column, matrix, row, sliceRows, toRows } from "../../src/core/matrix.js";
import type { GoldDataset } from "../../src/dataset/gold.js";
import { inline } from "../../src/executor/inline.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram } from "../../src/program/program.js";
import { simulateGold, simulateScore } from "../../src/simulate-gold.js";
import { defineSimulator, type Simulator } from "../../src/simulator.js";
import { simulatorModule } from "../../src/simulator-module.js";
import { handWritten, oneSided, prior, smeared, smearedWithScore } from "../program/programs.js";
import { scratchFolder } from "./scratch.js";

const { two } = scratchFolder();
const elsewhere = (name: string) => simulatorModule(new URL("../program/programs.ts", import.meta.url), name);
const thetaRef = [0.3, 0.8];

/** `log p(x | mu, sigma)` of `smeared`. */
const marginal = (x: number, mu: number, sigma: number) => normal(mu, Math.hypot(1, sigma)).logProb(x);

function zScore(values: ArrayLike<number>, expected: number): number {
  const n = values.length;
  const all = Array.from(values);
  const mean = all.reduce((a, b) => a + b, 0) / n;
  const variance = all.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1);
  return (mean - expected) / Math.sqrt(variance / n);
}

describe("simulateGold", () => {
  it("labels half of the rows by each point, and simulates them there", async () => {
    const n = 4001;
    const proposal = uniform({ mu: [1, 2], sigma: [0.5, 0.6] });
    const table = await simulateGold(smeared, { n, thetaRef: [-2, 0.5], proposal, seed: 1 });
    expect(table.y.reduce((a, b) => a + b, 0)).toBe(2000);
    expect(toRows(table.thetaRef)[17]).toEqual([-2, 0.5]);
    expect(table.proposal).toBe(proposal);
    expect(table).toMatchObject({
      names: ["mu", "sigma"],
      xShape: [],
      source: { simulator: "smeared", seed: 1, n },
    });
    expect(table.jointScoreRef).toBeUndefined();
    for (const y of [0, 1]) {
      const pulls = Array.from(table.x.data, (x, i) => {
        const [mu, sigma] = row(y === 0 ? table.theta : table.thetaRef, i);
        return (x - mu) / Math.hypot(1, sigma);
      }).filter((_, i) => table.y[i] === y);
      expect(Math.abs(zScore(pulls, 0))).toBeLessThan(4);
      expect(
        Math.abs(
          zScore(
            pulls.map((z) => z * z),
            1,
          ),
        ),
      ).toBeLessThan(4);
    }
  });

  it("gives ratios of mean one at theta1, scores of mean zero at theta0, and given x those of x", async () => {
    const n = 6000;
    // close enough that the ratios have a variance: over the whole prior they have none, and no z-score
    const proposal = uniform({ mu: [-0.5, 0.5], sigma: [0.9, 1.1] });
    const {
      theta,
      thetaRef: ref,
      y,
      x,
      jointLogRatio,
      jointScore,
      jointScoreRef,
    } = await simulateGold(smearedWithScore, { n, proposal, seed: 2 });
    const rows = Array.from(y, (_, i) => {
      const [mu0, sigma0] = row(theta, i);
      const [mu1, sigma1] = row(ref, i);
      const at = x.data[i];
      const variance = 1 + sigma0 * sigma0;
      return {
        y: y[i],
        x: at,
        ratio: Math.exp(jointLogRatio[i]),
        exact: Math.exp(marginal(at, mu0, sigma0) - marginal(at, mu1, sigma1)),
        score: jointScore.data[2 * i],
        scoreOfX: (at - mu0) / variance,
        scoreRef: jointScoreRef!.data[2 * i + 1],
      };
    });
    const from1 = rows.filter((r) => r.y === 1);
    const from0 = rows.filter((r) => r.y === 0);
    const z: Record<string, number> = {
      ratio: zScore(
        Array.from(from1, (r) => r.ratio),
        1,
      ),
      ratioOfX: zScore(
        Array.from(from1, (r) => (r.ratio - r.exact) * Math.tanh(r.x)),
        0,
      ),
      inverseOfX: zScore(
        Array.from(from0, (r) => (1 / r.ratio - 1 / r.exact) * Math.tanh(r.x)),
        0,
      ),
      score: zScore(
        Array.from(from0, (r) => r.score),
        0,
      ),
      scoreOfX: zScore(
        Array.from(from0, (r) => (r.score - r.scoreOfX) * Math.tanh(r.x)),
        0,
      ),
      scoreRef: zScore(
        Array.from(from1, (r) => r.scoreRef),
        0,
      ),
    };
    for (const [what, value] of Object.entries(z)) expect(Math.abs(value), what).toBeLessThan(4);
  });

  it("has gold of its own rows: that of a program and that written by hand are equal", async () => {
    const options = { n: 300, seed: 4 };
    const [byReplay, byFormula, byHand] = [
      await simulateGold(smeared, options),
      await simulateGold(smearedWithScore, options),
      await simulateGold(handWritten, options),
    ];
    expect(byHand.x).toEqual(byReplay.x);
    expect(byFormula.jointLogRatio).toEqual(byReplay.jointLogRatio);
    const close = (a: Float64Array, b: Float64Array) =>
      expect(a.findIndex((value, i) => !(Math.abs(value - b[i]) < 1e-8 * (1 + Math.abs(b[i]))))).toBe(-1);
    close(byReplay.jointLogRatio, byHand.jointLogRatio);
    for (const member of ["jointScore", "jointScoreRef"] as const) {
      close(byReplay[member]!.data, byHand[member]!.data);
      close(byFormula[member]!.data, byHand[member]!.data);
    }
  });

  it("gives the same bytes on 1 worker, on 2 and elsewhere, and begins a longer run with a shorter one", async () => {
    const n = 301;
    const bytes = ({ theta, x, jointLogRatio, jointScore, jointScoreRef, y }: GoldDataset) => ({
      theta,
      x,
      jointLogRatio,
      jointScore,
      jointScoreRef,
      y,
    });
    for (const given of [undefined, thetaRef]) {
      const expected = bytes(await simulateGold(smeared, { n, seed: "bytes", thetaRef: given }));
      for (const where of [{ executor: two }, { executor: inline() }, { workers: 1 }]) {
        const run = await simulateGold(elsewhere("smeared"), { n, seed: "bytes", thetaRef: given, ...where });
        expect(bytes(run)).toEqual(expected);
      }
      const short = await simulateGold(smeared, { n: 100, seed: "bytes", thetaRef: given });
      expect(Array.from(short.jointLogRatio)).toEqual(Array.from(expected.jointLogRatio.subarray(0, 100)));
      expect(Array.from(short.jointScore.data)).toEqual(
        Array.from(sliceRows(expected.jointScore, 0, 100).data),
      );
    }
    const scores = await simulateScore(elsewhere("handWritten"), {
      n,
      seed: "bytes",
      thetaRef,
      executor: two,
    });
    const here = await simulateScore(handWritten, { n, seed: "bytes", thetaRef });
    expect([scores.x, scores.jointScore]).toEqual([here.x, here.jointScore]);
  });

  it("keeps and counts rows whose path is impossible at one of the points", async () => {
    const n = 2000;
    const {
      theta,
      thetaRef: ref,
      y,
      x,
      jointLogRatio,
      jointScore,
      jointScoreRef,
      source,
    } = await simulateGold(oneSided, { n, seed: 5 });
    let infinite = 0;
    for (let i = 0; i < n; i++) {
      const impossible = (p: number) => p <= 0 && x.data[i] === 1;
      const [at0, at1] = [impossible(theta.data[i]), impossible(ref.data[i])];
      infinite += Number(at0) + Number(at1);
      expect(y[i] === 0 ? at0 : at1).toBe(false);
      expect(jointLogRatio[i] === -Infinity).toBe(at0);
      expect(jointLogRatio[i] === Infinity).toBe(at1);
      expect(Number.isNaN(jointScore.data[i])).toBe(at0);
      expect(Number.isNaN(jointScoreRef!.data[i])).toBe(at1);
    }
    expect(infinite).toBeGreaterThan(100);
    expect(source.infiniteLogRatios).toBe(infinite);
  });

  it("reports progress up to n, and stops when it is told to", async () => {
    const seen: number[] = [];
    const onProgress = ({ done, total }: { done: number; total: number }) => seen.push(done, total);
    await simulateGold(elsewhere("smeared"), { n: 50, seed: 1, executor: two, onProgress });
    expect(seen.slice(-2)).toEqual([50, 50]);
    await simulateScore(smeared, { n: 50, seed: 1, thetaRef, onProgress });
    expect(seen.slice(-2)).toEqual([50, 50]);
    const controller = new AbortController();
    const stopped = simulateGold(smeared, {
      n: 1e5,
      seed: 1,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error("enough")),
    });
    await expect(stopped).rejects.toThrow("enough");
    await expect(
      simulateScore(smeared, { n: 5, seed: 1, thetaRef, signal: AbortSignal.abort(new Error("before")) }),
    ).rejects.toThrow("before");
  });

  it.each<[object, RegExp, new (message: string) => Error]>([
    [{ n: 0 }, /n must be a positive integer, got 0/, RangeError],
    [{ workers: 1.5 }, /workers must be a positive integer/, RangeError],
    [{ thetaRef: [1] }, /thetaRef must hold 2 numbers \(mu, sigma\), got \[1\]/, ShapeError],
    [{ thetaRef: 1 }, /thetaRef must hold 2 numbers/, ShapeError],
    [{ thetaRef: [1, Number.NaN] }, /thetaRef must be finite numbers/, RangeError],
    [
      { proposal: uniform({ sigma: [1, 2], mu: [0, 1] }) },
      /parameters mu, sigma in this order, got sigma, mu/,
      ShapeError,
    ],
    [{ thetaref: [0, 1] }, /no option "thetaref"; did you mean thetaRef/, TypeError],
    [{ workers: 2 }, /workers: 2 needs a simulator that other threads can import/, ConfigError],
  ])("refuses %o", async (options, message, kind) => {
    const run = simulateGold(smeared, { n: 5, seed: 1, ...options } as never);
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toThrow(kind);
  });

  it("refuses no simulator, one without gold, and a score without a point", async () => {
    const plain = defineSimulator({ name: "plain", prior, xShape: [], run: ({ mu }, rng) => rng.normal(mu) });
    await expect(simulateGold(plain, { n: 5, seed: 1 })).rejects.toThrow(
      /"plain" gives no gold.*defineProgram/,
    );
    await expect(simulateGold((() => 1) as never, { n: 5, seed: 1 })).rejects.toThrow(
      /as defineProgram makes it, got function/,
    );
    await expect(simulateScore(smeared, { n: 5, seed: 1 } as never)).rejects.toThrow(
      /thetaRef must hold 2 numbers/,
    );
    await expect(
      simulateScore(smeared, { n: 5, seed: 1, thetaRef, proposal: prior } as never),
    ).rejects.toThrow(/no option "proposal"/);
  });

  const withGold = (change: (x: number) => object): Simulator => ({
    ...handWritten,
    async simulate(theta, keys) {
      const batch = await handWritten.simulate(theta, keys);
      return { ...batch, gold: { ...batch.gold!, ...change(theta.rows) } };
    },
  });

  it.each<[string, (rows: number) => object, RegExp]>([
    [
      "a NaN ratio",
      (rows) => ({ jointLogRatio: () => new Float64Array(rows).fill(Number.NaN, 3) }),
      /joint log ratio of row 3 of "smeared", simulated at \(mu = .*\), is NaN between theta0 \(mu = .*\) and theta1 \(mu = 0\.3, sigma = 0\.8\)/,
    ],
    [
      "a NaN score",
      (rows) => ({ jointScore: () => matrix(rows, 2, new Float64Array(2 * rows).fill(Number.NaN, 9)) }),
      /joint score of row 4 of "smeared", simulated at \(mu = .*\), is NaN for "sigma" at \(mu = .*Where the range of a draw depends on theta/,
    ],
    [
      "too few ratios",
      () => ({ jointLogRatio: () => new Float64Array(1) }),
      /must give 10 numbers from jointLogRatio, one per row, got 1/,
    ],
    [
      "scores of another shape",
      (rows) => ({ jointScore: () => matrix(rows, 1) }),
      /must give \[10, 2\] from jointScore, one per row, got \[10, 1\]/,
    ],
  ])("refuses gold with %s, naming the row", async (_, change, message) => {
    const run = simulateGold(withGold(change), { n: 10, thetaRef, seed: 1 });
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toThrow(SimulatorError);
  });

  it("refuses data that are not finite, which cannot be left out", async () => {
    const bad = defineProgram({
      name: "bad",
      prior,
      xShape: [],
      run: ({ mu }, trace) => (trace.sample("x", normal(mu)) > 0 ? 1 : Number.NaN),
    });
    await expect(simulateGold(bad, { n: 50, seed: 1 })).rejects.toThrow(
      /row \d+ of "bad" \(mu = .*x\[0\] is NaN.*stand for this outcome/,
    );
  });
});

describe("simulateScore", () => {
  it("has scores of mean zero whose covariance is the Fisher information of (x, z)", async () => {
    const n = 6000;
    const {
      x,
      jointScore,
      thetaRef: at,
      source,
    } = await simulateScore(smearedWithScore, { n, thetaRef, seed: 6 });
    expect([Array.from(at), source]).toEqual([thetaRef, { simulator: "smeared", seed: 6, n }]);
    const [mu, sigma] = [column(jointScore, 0), column(jointScore, 1)];
    const z = [
      zScore(mu, 0),
      zScore(sigma, 0),
      zScore(
        mu.map((t) => t * t),
        1,
      ),
      zScore(
        sigma.map((t) => t * t),
        2 / 0.8 ** 2,
      ),
      zScore(
        mu.map((t, i) => t * sigma[i]),
        0,
      ),
      // E[t | x] is the score of x: uncorrelated with any function of x
      zScore(
        mu.map((t, i) => (t - (x.data[i] - 0.3) / (1 + 0.64)) * Math.sin(x.data[i])),
        0,
      ),
    ];
    for (const value of z) expect(Math.abs(value)).toBeLessThan(4);
  });
});
