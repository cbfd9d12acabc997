import { describe, expect, it } from "vitest";
import { uniformOn } from "../../src/core/distributions/beta.js";
import { bernoulli } from "../../src/core/distributions/counts.js";
import { multivariateNormal } from "../../src/core/distributions/multivariate-normal.js";
import { normal } from "../../src/core/distributions/normal.js";
import { SimulatorError } from "../../src/core/errors.js";
import { matrix, repeatRow, row } from "../../src/core/matrix.js";
import { foldIn, key, split } from "../../src/core/random.js";
import { independent } from "../../src/prior/independent.js";
import { uniform } from "../../src/prior/uniform.js";
import { differenceSteps } from "../../src/program/differences.js";
import { defineProgram, type ProgramDefinition } from "../../src/program/program.js";
import { pathAddresses, type Trace } from "../../src/program/trace.js";
import { simulate } from "../../src/simulate.js";
import { prior, smeared, smearedWithScore, walk } from "./programs.js";

const truth = [0.3, 0.8];

describe("a recorded path", () => {
  it("holds addresses, values and log probabilities in the order of the draws", () => {
    const path = smeared.record(truth, key(1));
    expect(path.addresses).toEqual(["z", "x"]);
    const [z, x] = path.values as number[];
    expect(Array.from(path.x)).toEqual([x]);
    expect(path.logProbs).toEqual([normal(0.3, 1).logProb(z), normal(z, 0.8).logProb(x)]);
    expect(path.logProb).toBe(path.logProbs[0] + path.logProbs[1]);
  });

  it("counts the draws that share an address", () => {
    const paths = Array.from({ length: 20 }, (_, i) => walk.record([0.3, 0.1], foldIn(key(2), i)));
    expect(new Set(paths.map(({ addresses }) => addresses.length)).size).toBeGreaterThan(3);
    const long = paths.find(({ addresses }) => addresses.length >= 6)!;
    expect(pathAddresses(long).slice(0, 6)).toEqual([
      "step[0]",
      "photons[0]",
      "stop[0]",
      "step[1]",
      "photons[1]",
      "stop[1]",
    ]);
  });

  it("gives its own log probability when it is replayed where it was drawn, and a finite one elsewhere", () => {
    for (let i = 0; i < 50; i++) {
      const path = walk.record([0.3, 0.1], foldIn(key(3), i));
      expect(Math.abs(walk.replay(path, [0.3, 0.1]) - path.logProb)).toBeLessThan(1e-12);
      // and by the long way: replayed draw by draw in a path that claims to come from elsewhere
      const elsewhere = { ...path, theta: Float64Array.of(0.5, 0.5) };
      expect(Math.abs(walk.replay(elsewhere, [0.3, 0.1]) - path.logProb)).toBeLessThan(1e-12);
      expect(walk.replay(path, [0.6, -0.9])).toBeLessThan(Infinity);
    }
  });

  it("has the log ratio and the score that its density says", () => {
    for (let i = 0; i < 50; i++) {
      const path = smeared.record(truth, foldIn(key(4), i));
      const [z, x] = path.values as number[];
      const logProb = (mu: number, sigma: number) => normal(mu, 1).logProb(z) + normal(z, sigma).logProb(x);
      const expected = logProb(-1, 1.5) - logProb(1, 0.6);
      expect(Math.abs(smeared.jointLogRatio(path, [-1, 1.5], [1, 0.6]) - expected)).toBeLessThan(
        1e-12 * (1 + Math.abs(expected)),
      );
      const exact = smearedWithScore.jointScore(path, [-1, 1.5]);
      smeared.jointScore(path, [-1, 1.5]).forEach((value, j) => {
        expect(Math.abs(value - exact[j])).toBeLessThan(1e-8 * (1 + Math.abs(exact[j])));
      });
    }
  });

  it.each([
    [-2, 0.5],
    [2, 2],
  ])("has its score at the corner (%s, %s) of the prior, where differences are taken from inside", (mu, sigma) => {
    const inside = defineProgram({
      prior,
      xShape: [],
      run(theta, trace) {
        if (Math.abs(theta.mu) > 2 || theta.sigma < 0.5 || theta.sigma > 2) throw new Error("outside");
        const z = trace.sample("z", normal(theta.mu, 1));
        return trace.sample("x", normal(z, theta.sigma));
      },
    });
    const path = inside.record([0, 1], key(5));
    const exact = smearedWithScore.jointScore(path, [mu, sigma]);
    inside.jointScore(path, [mu, sigma]).forEach((value, j) => {
      expect(Math.abs(value - exact[j])).toBeLessThan(1e-8 * (1 + Math.abs(exact[j])));
    });
  });

  it("costs at most 4 D + 2 replays: 4 D for the score, one or two for the ratio", async () => {
    let runs = 0;
    const counted = defineProgram({
      prior,
      xShape: [],
      run({ mu, sigma }, trace: Trace) {
        runs++;
        return trace.sample("x", normal(mu, sigma));
      },
    });
    const n = 10;
    const theta = prior.sample(n, key(6));
    const { gold } = await counted.simulate(theta, split(key(7), n));
    expect(runs).toBe(n);
    gold!.jointScore(theta);
    expect(runs).toBe(n + 8 * n);
    gold!.jointLogRatio(theta, repeatRow(truth, n));
    expect(runs).toBe(n + 9 * n); // the recording is the replay at theta
    gold!.jointLogRatio(repeatRow([0, 1], n), repeatRow(truth, n));
    expect(runs).toBe(n + 11 * n);
  });

  it("keeps the precision of a long path: 1e5 draws, score to 1e-8 of its spread", () => {
    const long = defineProgram({
      prior: uniform({ p: [0.2, 0.8] }),
      xShape: [],
      run({ p }, trace) {
        let sum = 0;
        for (let i = 0; i < 100_000; i++) sum += trace.sample("coin", bernoulli(p));
        return sum;
      },
    });
    const path = long.record([0.4], key(8));
    const heads = path.x[0];
    const exact = heads / 0.4 - (100_000 - heads) / 0.6;
    const spread = Math.sqrt(100_000 / 0.24);
    expect(Math.abs(long.jointScore(path, [0.4])[0] - exact)).toBeLessThan(1e-8 * spread);
  });

  it("steps by the scale of the prior, or by 1 where it has none", () => {
    const wide = independent({ a: normal(0, 1), b: normal(5, 100) });
    expect(differenceSteps(wide)).toEqual(Float64Array.of(2 ** -13, 2 ** (7 - 13)));
    const none = { dim: 2, mean: Float64Array.of(Number.NaN, 8), sd: Float64Array.of(Number.NaN, Infinity) };
    expect(differenceSteps(none)).toEqual(Float64Array.of(2 ** -13, 2 ** (3 - 13)));
  });
});

describe("a program", () => {
  it("is a simulator: same bytes whole or in parts, any distribution with sample and logProb", async () => {
    const fair = {
      sample: (rng: { uniform(): number }) => Number(rng.uniform() < 0.5),
      logProb: () => -Math.LN2,
    };
    const coin = defineProgram({ prior, xShape: [1], run: (_, trace) => [trace.sample("coin", fair)] });
    const whole = await simulate(coin, { n: 100, seed: 1 });
    expect((await simulate(coin, { n: 100, seed: 1, shardSize: 7 })).x).toEqual(whole.x);
    expect(new Set(whole.x.data)).toEqual(new Set([0, 1]));
    expect(coin.name).toBe("program");
  });

  it("reports data that are not finite as failed rows, as any simulator does", async () => {
    const bad = defineProgram({
      prior,
      xShape: [],
      run: ({ mu }, trace) => (trace.sample("x", normal(mu, 1)) > 0 ? 1 : Number.NaN),
    });
    const { failures } = await bad.simulate(repeatRow([0, 1], 20), split(key(1), 20));
    expect(failures![0].reason).toMatch(/x\[0\] is NaN/);
  });

  const record = (run: ProgramDefinition<typeof prior>["run"], xShape: number[] = []) => {
    const program = defineProgram({ name: "p", prior, xShape, run });
    return { program, path: () => program.record(truth, key(1)) };
  };

  it.each<[string, ProgramDefinition<typeof prior>["run"], RegExp]>([
    [
      "asks elsewhere",
      ({ mu }, t) => t.sample(mu > 0 ? "a" : "b", normal()),
      /asks for "b" where the recorded path has a\[0\] \(draw 0\).*not on theta directly.*bernoulli\(p\(theta\)\)/,
    ],
    [
      "ends early",
      ({ mu }, t) => (mu > 0 ? t.sample("a", normal()) + t.sample("a", normal()) : t.sample("a", normal())),
      /ends where the recorded path has a\[1\] \(draw 1\)/,
    ],
    [
      "goes on",
      ({ mu }, t) => (mu > 0 ? t.sample("a", normal()) : t.sample("a", normal()) + t.sample("b", normal())),
      /asks for "b" where the recorded path has ended \(draw 1\)/,
    ],
    [
      "adds noise to a signal",
      ({ mu }, t) => mu + t.sample("noise", normal()),
      /x\[0\] is .* and was .* though every draw is the same.*x = trace\.sample\("x", normal\(signal\(theta\), sigma\)\)/,
    ],
    [
      "throws",
      ({ mu }, t) => t.sample("a", normal(0, mu > 0 ? 1 : -1)),
      /normal: sd must be a positive finite number, got -1/,
    ],
  ])("that at another theta %s is refused, naming both points", (_, run, message) => {
    const { program, path } = record(run);
    const replay = () => program.replay(path(), [-1, 1]);
    expect(replay).toThrow(message);
    expect(replay).toThrow(
      /program "p", recorded at \(mu = 0\.3, sigma = 0\.8\) and replayed at \(mu = -1, sigma = 1\)/,
    );
    expect(replay).toThrow(SimulatorError);
  });

  it.each<[string, ProgramDefinition<typeof prior>["run"], RegExp]>([
    [
      "returns too many",
      (_, t) => [t.sample("a", normal()), 1],
      /returned 2 numbers; xShape \[\] needs one number/,
    ],
    ["draws nothing", () => 1, /drew nothing from its trace.*trace\.sample/],
    [
      "throws",
      () => {
        throw new Error("no bounce");
      },
      /at \(mu = 0\.3, sigma = 0\.8\) threw: no bounce/,
    ],
    [
      "forgets the address",
      (_, t) => t.sample(normal() as never, undefined as never),
      /expects an address and a distribution/,
    ],
    ["gives no distribution", (_, t) => t.sample("a", 3 as never), /got "a" and a number/],
  ])("that %s is refused when it runs", (_, run, message) => {
    const { path } = record(run);
    expect(path).toThrow(message);
    expect(path).toThrow(SimulatorError);
  });

  it("names the row in a batch", () => {
    const { program } = record(({ mu }, t) => t.sample(mu > 0 ? "a" : "b", normal()));
    const batch = program.simulate(repeatRow([1, 1], 3), split(key(1), 3), { firstRow: 40 });
    const theta = matrix(3, 2, Float64Array.of(1, 1, 1, 1, -1, 1));
    expect(() =>
      (batch as { gold: { jointLogRatio(a: unknown, b: unknown): unknown } }).gold.jointLogRatio(
        theta,
        theta,
      ),
    ).toThrow(/"p" at row 42, recorded/);
  });

  it("needs a finite theta of the right length, and gold one row each", async () => {
    const path = smeared.record(truth, key(1));
    expect(() => smeared.record([Number.NaN, 1], key(1))).toThrow(/\(mu = NaN, sigma = 1\).*finite/);
    expect(() => smeared.replay(path, [1, Number.NaN])).toThrow(/\(mu = 1, sigma = NaN\).*finite/);
    expect(() => smeared.replay(path, [1])).toThrow(/theta must have 2 values, got 1/);
    const { gold } = await smeared.simulate(repeatRow(truth, 3), split(key(1), 3));
    expect(() => gold!.jointScore(repeatRow(truth, 2))).toThrow(
      /gold of 3 rows needs theta \[3, 2\], got \[2, 2\]/,
    );
    expect(() => gold!.jointLogRatio(repeatRow(truth, 3), matrix(3, 1))).toThrow(/got \[3, 1\]/);
  });

  it.each<[string, () => number | number[], RegExp]>([
    [
      "too few numbers",
      () => 1,
      /score at \(mu = 0\.3, sigma = 0\.8\) must return 2 numbers \(mu, sigma\), got 1/,
    ],
    [
      "an error",
      () => {
        throw new Error("no slope");
      },
      /score at .* threw: no slope/,
    ],
  ])("whose score gives %s is refused", (_, score, message) => {
    const program = defineProgram({ prior, xShape: [], run: (_theta, t) => t.sample("a", normal()), score });
    expect(() => program.jointScore(program.record(truth, key(1)), truth)).toThrow(message);
  });

  it.each<[object, RegExp]>([
    [{ run: undefined }, /run must be a function, such as \(theta, trace\)/],
    [{ score: 3 }, /score must be a function, such as \(theta, path\)/],
    [{ prior: {} }, /prior must be a prior/],
    [{ xShape: [0] }, /xShape must be a list of positive integers/],
    [{ sccore: () => 1 }, /no option "sccore"; did you mean score\?/],
  ])("is not made from %o", (change, message) => {
    expect(() => defineProgram({ prior, xShape: [], run: () => 1, ...change } as never)).toThrow(message);
  });

  it("has an undefined score where the range of a draw depends on theta", () => {
    const program = defineProgram({
      prior: uniform({ top: [1, 2] }),
      xShape: [],
      run: ({ top }, trace) => trace.sample("x", uniformOn(0, top)),
    });
    const path = { ...program.record([1.5], key(1)), values: [1.5], x: Float64Array.of(1.5) };
    expect(program.jointScore(path, [1.5])[0]).not.toBeLessThan(Infinity);
    expect(program.replay(path, [1.2])).toBe(-Infinity);
  });

  it("keeps the vectors that a program overwrites", () => {
    const d = multivariateNormal(
      [0, 0],
      [
        [1, 0],
        [0, 1],
      ],
    );
    const program = defineProgram({
      prior,
      xShape: [2],
      run({ sigma }, trace) {
        const v = trace.sample("v", d);
        const x = [v[0], v[1]];
        v.fill(sigma);
        return x;
      },
    });
    const path = program.record(truth, key(9));
    expect(path.values[0]).toEqual(path.x);
    expect(program.replay(path, [1, 1])).toBe(path.logProb);
    expect(program.replay(path, [1, 1.5])).toBe(path.logProb);
    expect(row(matrix(1, 2, path.x), 0)).toEqual(path.values[0]);
  });
});
