import { describe, expect, it } from "vitest";
import { type Checkpoint, checkpointFromJson, checkpointToJson } from "../../samplers/checkpoint.js";
import { essMean } from "../../samplers/diagnostics/ess.js";
import { groupedEss } from "../../samplers/diagnostics/groups.js";
import { mcseMean, mcseSd } from "../../samplers/diagnostics/mcse.js";
import { differentialEvolution } from "../../samplers/differential-evolution.js";
import { chainValues, type Draws, drawsMatrix } from "../../samplers/draws.js";
import { hmc } from "../../samplers/hmc.js";
import type { Sampler } from "../../samplers/kernel.js";
import { mala } from "../../samplers/mala.js";
import { metropolis } from "../../samplers/metropolis.js";
import { nuts } from "../../samplers/nuts.js";
import { parallelTempering } from "../../samplers/parallel-tempering.js";
import { type SampleOptions, sample } from "../../samplers/sample.js";
import { slice } from "../../samplers/slice.js";
import { smc } from "../../samplers/smc.js";
import { stretch } from "../../samplers/stretch.js";
import { logDensity } from "../../samplers/target.js";
import { between, stacked } from "../../src/core/bijection.js";
import type { LogDensity } from "../../src/core/contracts.js";
import { fromRows, type Matrix, matrix, row } from "../../src/core/matrix.js";
import { boxStart, fourModes, normalStart, normalTarget } from "./targets.js";

const covariance = [
  [1, 0.9, 0],
  [0.9, 1, 0],
  [0, 0, 0.01],
];
const correlated = normalTarget([1, -2, 0.5], covariance, normalStart(3));

/** Density `1 + x` on `[-1, 1]` times `exp(-y)` on `[0, 2]`: most of it at the edges of the box. */
const boxed: LogDensity = logDensity({
  names: ["x", "y"],
  support: stacked([between(-1, 1), between(0, 2)]),
  start: { ...boxStart(2, 0, 1), ...shiftedBox() },
  logProb: ([x, y]) => Math.log1p(x) - y,
  gradient([x], out) {
    out[0] = 1 / (1 + x);
    out[1] = -1;
  },
});

function shiftedBox(): NonNullable<LogDensity["start"]> {
  const unit = boxStart(2, 0, 1);
  return {
    sample(n, key) {
      const out = unit.sample(n, key);
      for (let i = 0; i < n; i++) {
        out.data[2 * i] = 2 * out.data[2 * i] - 1;
        out.data[2 * i + 1] *= 2;
      }
      return out;
    },
    logProb: (theta) => new Float64Array(theta.rows).fill(-Math.log(4)),
  };
}

/** `boxed`, which fails after a number of calls. */
function mortal(calls: number): LogDensity {
  let left = calls;
  const logProb = (theta: Matrix) =>
    left-- > 0 ? boxed.logProb(theta) : Promise.reject(new Error("enough"));
  return { ...boxed, logProb };
}

it("has as many chains as there are starting points, unless it is told", async () => {
  const initial = matrix(6, 3);
  const plan = { initial, warmup: 5, draws: 3, seed: 1 };
  expect((await sample(slice(correlated), plan)).chains).toBe(6);
  await expect(sample(slice(correlated), { ...plan, chains: 4 })).rejects.toThrow("must be [4, 3]");
});

const walk = { adaptation: "covariance", globalShare: 0 } as const;

const samplers: [string, (target: LogDensity) => Sampler, number][] = [
  ["hmc", (target) => hmc(target), 1],
  ["hmc with a dense metric", (target) => hmc(target, { metric: "dense" }), 1],
  ["hmc with five steps", (target) => hmc(target, { numSteps: 5 }), 1],
  ["nuts", (target) => nuts(target), 1],
  ["nuts as Stan adapts it", (target) => nuts(target, { adaptation: "stan" }), 1],
  ["slice", (target) => slice(target), 1],
  ["metropolis", (target) => metropolis(target), 10],
  ["metropolis that follows the covariance", (target) => metropolis(target, walk), 4],
  ["mala", (target) => mala(target, { metric: "dense" }), 3],
  ["stretch", (target) => stretch(target, { ensembles: 1 }), 3],
  ["differentialEvolution", (target) => differentialEvolution(target, { ensembles: 1 }), 3],
  ["parallelTempering", (target) => parallelTempering(target, { replicas: 2 }), 2],
  ["smc", (target) => smc(target, { islands: 1 }), 4],
];

/** Whether mean and standard deviation are within 4 standard errors of the truth: once in 8000 runs they are not. */
function expectMoments(draws: Draws, name: string, mean: number, sd: number) {
  const x = chainValues(draws, name);
  const got = x.data.reduce((a, b) => a + b, 0) / x.data.length;
  const gotSd = Math.sqrt(x.data.reduce((a, b) => a + (b - got) ** 2, 0) / x.data.length);
  const squares = { ...x, data: x.data.map((value) => (value - got) ** 2) };
  const { groups } = draws;
  const error = groups === undefined ? mcseMean(x) : groupedEss(x, groups).mcse;
  const sdError = groups === undefined ? mcseSd(x) : groupedEss(squares, groups).mcse / (2 * gotSd);
  expect(Math.abs(got - mean) / error, `mean of ${name}`).toBeLessThan(4);
  expect(Math.abs(gotSd - sd) / sdError, `sd of ${name}`).toBeLessThan(4);
}

describe.each(samplers)("%s", (name, make, thin) => {
  it("recovers the moments of a correlated normal", async () => {
    const draws = await sample(make(correlated), { chains: 100, warmup: 150, draws: 50, thin, seed: "a" });
    expectMoments(draws, "x1", 1, 1);
    expectMoments(draws, "x2", -2, 1);
    expectMoments(draws, "x3", 0.5, 0.1);
    if (draws.groups === undefined) expect(essMean(chainValues(draws, "x1"))).toBeGreaterThan(500);
  });

  it("recovers the moments of a density with mass at the edges of a box", async () => {
    const draws = await sample(make(boxed), { chains: 100, warmup: 150, draws: 50, thin, seed: "b" });
    expectMoments(draws, "x", 1 / 3, Math.sqrt(2) / 3); // E x^2 = 1/3
    const tail = Math.exp(-2);
    const mean = (1 - 3 * tail) / (1 - tail);
    expectMoments(draws, "y", mean, Math.sqrt((2 - 10 * tail) / (1 - tail) - mean ** 2));
    expect(drawsMatrix(draws).data.every((value) => value >= -1 && value <= 2)).toBe(true);
  });

  // the starts decide, alike for all of these kernels
  it.runIf(["hmc", "slice", "metropolis"].includes(name))(
    "gives separated modes their weights, by resampled starts",
    async () => {
      const target = fourModes();
      const draws = await sample(make(target), { chains: 200, warmup: 100, draws: 5, thin, seed: "c" });
      const theta = drawsMatrix(draws);
      const share = [0, 0, 0, 0];
      for (let i = 0; i < theta.rows; i++) share[target.modeOf(row(theta, i))] += 1 / theta.rows;
      const ess = Math.min(200, (draws.run.start as { ess: number }).ess);
      [0.1, 0.2, 0.3, 0.4].forEach((weight, k) => {
        // multinomial counts of the starts are an upper bound: stratified resampling does better
        expect(Math.abs(share[k] - weight)).toBeLessThan(4 * Math.sqrt((weight * (1 - weight)) / ess));
      });
    },
  );

  const settings: SampleOptions = { chains: 10, warmup: 30, thin: 2, seed: 5, candidates: 1000 };

  it("gives the same draws for the same seed, whatever the batches", async () => {
    const whole = await sample(make(boxed), { ...settings, draws: 20 });
    const again = await sample(make(boxed), { ...settings, draws: 20 });
    const small = await sample(make(boxed), { ...settings, draws: 20, maxBatch: 3 });
    const other = await sample(make(boxed), { ...settings, draws: 20, seed: 6 });
    expect(again.values).toEqual(whole.values);
    expect(again.stats).toEqual(whole.stats);
    expect(small.values).toEqual(whole.values);
    expect(other.values).not.toEqual(whole.values);
  });

  it("goes on from a checkpoint as if it had never stopped, through JSON", async () => {
    const whole = await sample(make(boxed), { ...settings, draws: 20 });
    let saved: Checkpoint | undefined;
    await sample(make(boxed), { ...settings, draws: 7, onCheckpoint: (checkpoint) => (saved = checkpoint) });
    const checkpoint = checkpointFromJson(checkpointToJson(saved!));
    const resumed = await sample(make(boxed), { draws: 20, checkpoint });
    expect(resumed.values).toEqual(whole.values);
    expect(resumed.stats).toEqual(whole.stats);
    expect(resumed.warmup).toEqual(whole.warmup);
  });

  it.each([3, 25, 50])("is aborted after %s calls, and goes on from there", async (calls) => {
    const whole = await sample(make(boxed), { ...settings, draws: 20 });
    const controller = new AbortController();
    let left = calls;
    const target: LogDensity = {
      ...boxed,
      logProb(theta) {
        if (--left === 0) controller.abort(new Error("enough"));
        return boxed.logProb(theta);
      },
      gradient(theta) {
        if (--left === 0) controller.abort(new Error("enough"));
        return boxed.gradient!(theta);
      },
    };
    let checkpoint: Checkpoint | undefined;
    const run = sample(make(target), {
      ...settings,
      draws: 20,
      signal: controller.signal,
      onCheckpoint: (saved) => (checkpoint = saved),
    });
    await expect(run).rejects.toThrow("enough");
    checkpoint = checkpointFromJson(checkpointToJson(checkpoint!));
    const resumed = await sample(make(boxed), { draws: 20, checkpoint });
    expect(resumed.values).toEqual(whole.values);
  });
});

describe("sample", () => {
  it("adds a chain without changing the others when nothing is adapted", async () => {
    const initial = fromRows(Array.from({ length: 6 }, (_, c) => [c / 10, 0.5 + c / 10]));
    const run = (chains: number) =>
      sample(hmc(boxed, { stepSize: 0.3, inverseMass: Float64Array.of(1, 1), trajectoryLength: 1 }), {
        chains,
        warmup: 0,
        draws: 10,
        seed: 1,
        initial: { data: initial.data.slice(0, 2 * chains), rows: chains, cols: 2 },
      });
    const five = await run(5);
    expect((await run(6)).values.subarray(0, five.values.length)).toEqual(five.values);
  });

  it.each([
    mala(boxed),
    metropolis(boxed, walk),
    parallelTempering(boxed),
  ])("makes one draw of one chain: $name", async (sampler) => {
    const draws = await sample(sampler, { chains: 1, warmup: 30, draws: 1, candidates: 100 });
    expect(draws.values.every((value) => value >= -1 && value <= 2)).toBe(true);
    expect(draws.values.length).toBe(2);
  });

  it("reports progress and what it did", async () => {
    const seen: number[] = [];
    const draws = await sample(metropolis(boxed), {
      chains: 10,
      warmup: 20,
      draws: 30,
      candidates: 1000,
      onProgress: ({ done, total }) => seen.push(done / total),
    });
    expect(seen.at(-1)).toBe(1);
    expect(draws.run).toMatchObject({ sampler: "metropolis", chains: 10, draws: 30, divergences: 0 });
    expect(draws.run.evaluations).toMatchObject({ calls: 51, rows: 510 });
    expect(draws.values.length).toBe(10 * 30 * 2);
    // the statistic is the density of theta, without the Jacobian
    const value = await boxed.logProb(drawsMatrix(draws));
    const errors = draws.stats.logProb.map((logProb, i) => Math.abs(logProb - value[i]));
    expect(Math.max(...errors)).toBeLessThan(1e-9);
  });

  it("says that the target is -Infinity everywhere, and what to do", async () => {
    const target = logDensity({ names: ["x"], start: normalStart(1), logProb: () => -Infinity });
    await expect(sample(metropolis(target), { candidates: 50 })).rejects.toThrow(
      /none of 50 points drawn from target.start has a finite log density \(0 NaN, 50 -Infinity.*pass initial/,
    );
  });

  it("says which chain cannot start, where, and what to do", async () => {
    const target = logDensity({ names: ["x"], logProb: ([x]) => (x > 0 ? -x : Number.NaN) });
    const initial = fromRows([[1], [-1]]);
    await expect(sample(metropolis(target), { chains: 2, initial })).rejects.toThrow(
      /chain 1 cannot start at x = -1: its log density is NaN.*Pass initial/,
    );
  });

  it("refuses starting points that do not fit", async () => {
    await expect(sample(metropolis(boxed), { chains: 2, initial: matrix(3, 2) })).rejects.toThrow(
      /initial must be \[2, 2\]/,
    );
    const outside = fromRows([[0, 3]]);
    await expect(sample(metropolis(boxed), { chains: 1, initial: outside })).rejects.toThrow(
      /outside the support/,
    );
    const bare = logDensity({ names: ["x"], logProb: ([x]) => -x * x });
    await expect(sample(metropolis(bare))).rejects.toThrow(/target has no start.*pass initial/);
  });

  it("does not stay for ever at the edge where a density is infinite", async () => {
    // proportional to (1 - x)^-0.9: one part in forty lies so close to 1 that x rounds to it
    const edge = logDensity({
      names: ["x"],
      support: between(0, 1),
      logProb: ([x]) => -0.9 * Math.log1p(-x),
      gradient([x], out) {
        out[0] = 0.9 / (1 - x);
      },
    });
    const initial = matrix(50, 1, new Float64Array(50).fill(0.5));
    for (const sampler of [metropolis(edge), hmc(edge)]) {
      const { stats, run } = await sample(sampler, { initial, chains: 50, warmup: 100, draws: 100, seed: 1 });
      expect(stats.logProb.every(Number.isFinite)).toBe(true);
      expect((run.evaluations as { nonFinite: number }).nonFinite).toBeGreaterThan(0);
    }
  });

  it("refuses what is no target, no sampler and no checkpoint", async () => {
    expect(() => hmc(undefined as never)).toThrow(/hmc: target must be a log density.*got nothing/);
    expect(() => metropolis({} as never)).toThrow(/metropolis: target must be a log density.*type object/);
    await expect(sample(boxed as never)).rejects.toThrow(/sample: expected a sampler such as hmc\(target\)/);
    expect(() => checkpointFromJson("nonsense")).toThrow(/checkpointFromJson: expected JSON/);
    expect(() => checkpointFromJson("{}")).toThrow(/a checkpoint of version 2, got version undefined/);
  });

  it("keeps a draw that a checkpoint holds half-done, beyond the last one, for a later run", async () => {
    const target = mortal(200);
    let checkpoint: Checkpoint | undefined;
    const options = { chains: 4, warmup: 5, seed: 1, candidates: 100 };
    const onCheckpoint = (saved: Checkpoint) => (checkpoint = saved);
    await expect(sample(slice(target), { ...options, draws: 50, onCheckpoint })).rejects.toThrow("enough");
    const done = Math.max(...checkpoint!.states.map(({ draw }) => draw - 5));
    const isAhead = checkpoint!.states.map(({ draw }, c) => draw - 5 === done && checkpoint!.requests[c]);
    expect(isAhead.some(Boolean)).toBe(true);
    const whole = await sample(slice(boxed), { ...options, draws: done });
    const resumed = await sample(slice(boxed), { ...options, draws: done, checkpoint, onCheckpoint });
    expect(resumed.values).toEqual(whole.values);
    expect(resumed.stats).toEqual(whole.stats);
    const longer = await sample(slice(boxed), { ...options, draws: 40, checkpoint });
    const undisturbed = await sample(slice(boxed), { ...options, draws: 40 });
    expect(longer.values).toEqual(undisturbed.values);
    expect(longer.run.evaluations).toEqual(undisturbed.run.evaluations); // the call that failed counts once
  });

  it("refuses a checkpoint of another run", async () => {
    let checkpoint: Checkpoint | undefined;
    const options = { chains: 4, warmup: 5, draws: 5, candidates: 100 };
    await sample(metropolis(boxed), { ...options, onCheckpoint: (saved) => (checkpoint = saved) });
    await expect(sample(hmc(boxed), { ...options, checkpoint })).rejects.toThrow(
      /sampler is metropolis there and hmc here/,
    );
    await expect(sample(metropolis(boxed), { ...options, chains: 5, checkpoint })).rejects.toThrow(
      /chains is 4 there/,
    );
    await expect(sample(metropolis(boxed), { ...options, seed: "other", checkpoint })).rejects.toThrow(
      /seed is .* there and other here/,
    );
    await expect(sample(metropolis(boxed), { ...options, draws: 3, checkpoint })).rejects.toThrow(
      /5 draws are done/,
    );
  });

  it("refuses a checkpoint of other options or another target, and says which", async () => {
    let checkpoint: Checkpoint | undefined;
    const options = { chains: 4, warmup: 5, draws: 5, candidates: 100 };
    const made = { targetAcceptance: 0.7, inverseMass: Float64Array.of(1, 2) };
    await sample(hmc(boxed, made), { ...options, onCheckpoint: (saved) => (checkpoint = saved) });
    checkpoint = checkpointFromJson(checkpointToJson(checkpoint!));
    const resumed = (target: LogDensity, change: object) =>
      sample(hmc(target, { ...made, ...change }), { ...options, draws: 8, checkpoint });
    await expect(resumed(boxed, { targetAcceptance: 0.9 })).rejects.toThrow(
      /another run: targetAcceptance is 0.7 there and 0.9 here\. Pass/,
    );
    await expect(resumed(boxed, { maxSteps: 8, inverseMass: Float64Array.of(1, 3) })).rejects.toThrow(
      /inverseMass is \[1, 2\] there and \[1, 3\] here; maxSteps is the default there and 8 here/,
    );
    const moved = async (theta: Matrix) => (await boxed.logProb(theta)).map((value) => value + 0.1);
    await expect(resumed({ ...boxed, logProb: moved }, {})).rejects.toThrow(
      /target has the log density .* where chain 0 stands, and had .* there/,
    );
    expect((await resumed(boxed, {})).draws).toBe(8);
  });

  it.each([
    { chains: 0 },
    { draws: 0 },
    { draws: 1.5 },
    { warmup: -1 },
    { thin: 0 },
    { maxBatch: 0 },
    { chains: Number.NaN },
  ])("refuses %o", async (options) => {
    const [name] = Object.keys(options);
    await expect(sample(metropolis(boxed), options)).rejects.toThrow(
      new RegExp(`sample: ${name} must be an integer`),
    );
  });
});
