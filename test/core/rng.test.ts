import { describe, expect, it } from "vitest";
import { logBinomialMass, logPoissonMass } from "../../src/core/gamma-functions.js";
import { key, type Rng, stream, streamFrom } from "../../src/core/random.js";
import { chiSquareExcess, ksStatistic, mean, variance } from "./statistics.js";

const draw = (n: number, seed: string, one: (rng: Rng) => number) => {
  const rng = stream(key(seed));
  return Float64Array.from({ length: n }, () => one(rng));
};

it("is xoshiro128++: the reference outputs from the state 1, 2, 3, 4", () => {
  const rng = streamFrom([1, 2, 3, 4]);
  const outputs = Array.from({ length: 10 }, () => rng.uint32());
  expect(outputs).toEqual([
    641, 1573767, 3222811527, 3517856514, 836907274, 4247214768, 3867114732, 1355841295, 495546011, 621204420,
  ]);
});

it("resumes bit for bit from its state", () => {
  const rng = stream(key("resume"));
  rng.normals(101);
  const copy = streamFrom(JSON.parse(JSON.stringify(rng.state())));
  const continued = Array.from({ length: 50 }, () => [rng.gamma(0.3), rng.poisson(40), rng.normal()]);
  const resumed = Array.from({ length: 50 }, () => [copy.gamma(0.3), copy.poisson(40), copy.normal()]);
  expect(resumed).toEqual(continued);
});

it("fills an array with the normals of single calls, edges of the layers and tails among them, and goes on behind them", () => {
  const single = stream(key("fill"));
  const one = Float64Array.from({ length: 20_000 }, () => single.normal());
  const bulk = stream(key("fill"));
  expect(bulk.fillNormals(new Float64Array(20_000))).toEqual(one);
  expect(one.some((value) => Math.abs(value) > 3.66)).toBe(true);
  const state = [0, 0, 0, 0];
  bulk.state(state);
  expect(state).toEqual(single.state());
  const other = stream(key("other"));
  other.resume(bulk.state());
  expect(other.uniform()).toBe(single.uniform());
});

it("gives the same normals one by one and in bulk", () => {
  const one = draw(100, "bulk", (rng) => rng.normal(3, 2));
  expect(stream(key("bulk")).normals(100, 3, 2)).toEqual(one);
});

// Simpson's rule on a fine grid: an independent way to the cumulative function of a density.
function cumulative(density: (x: number) => number, low: number, high: number) {
  const steps = 4000;
  const h = (high - low) / steps;
  const table = new Float64Array(steps + 1);
  for (let i = 0; i < steps; i++) {
    const x = low + i * h;
    table[i + 1] = table[i] + (h / 6) * (density(x) + 4 * density(x + h / 2) + density(x + h));
  }
  return (x: number) => {
    const at = Math.min(Math.max((x - low) / h, 0), steps);
    const i = Math.min(Math.floor(at), steps - 1);
    return (table[i] + (at - i) * (table[i + 1] - table[i])) / table[steps];
  };
}

describe("continuous variates follow their distribution (Kolmogorov-Smirnov, p > 0.001)", () => {
  const n = 100_000;
  it.each<[string, (rng: Rng) => number, (x: number) => number]>([
    ["uniform", (rng) => rng.uniform(-1, 3), (x) => (x + 1) / 4],
    ["normal", (rng) => rng.normal(), cumulative((x) => Math.exp(-x * x * 0.5), -9, 9)],
    ["exponential", (rng) => rng.exponential(2), (x) => 1 - Math.exp(-2 * x)],
    ["gamma 2.5", (rng) => rng.gamma(2.5, 2), cumulative((x) => x ** 1.5 * Math.exp(-x / 2), 0, 100)],
    ["gamma 1", (rng) => rng.gamma(1), (x) => 1 - Math.exp(-x)],
    // G = T^2 has density ~ T^(2a - 1) exp(-T^2) in T, which is smooth at 0 for a = 1/2
    ["gamma 0.5, square root", (rng) => Math.sqrt(rng.gamma(0.5)), cumulative((x) => Math.exp(-x * x), 0, 7)],
    ["gamma 0.05, as u^(1/a)", (rng) => Math.exp(0.05 * rng.logGamma(0.05)), smallGamma(0.05)],
    ["beta 2 5", (rng) => rng.beta(2, 5), cumulative((x) => x * (1 - x) ** 4, 0, 1)],
    ["beta 1/2 1/2", (rng) => rng.beta(0.5, 0.5), (x) => (2 / Math.PI) * Math.asin(Math.sqrt(x))],
    ["beta 1/2 1", (rng) => rng.beta(0.5, 1), (x) => Math.sqrt(x)],
    ["student t 1", (rng) => rng.studentT(1), (x) => 0.5 + Math.atan(x) / Math.PI],
    ["student t 2", (rng) => rng.studentT(2), (x) => 0.5 + x / (2 * Math.sqrt(2 + x * x))],
  ])("%s", (name, one, cdf) => {
    expect(ksStatistic(draw(n, name, one), cdf)).toBeLessThan(1.95);
  });

  // With W = G^a the density of W on (0, inf) is proportional to exp(-W^(1/a)).
  function smallGamma(a: number) {
    return cumulative((w) => Math.exp(-(w ** (1 / a))), 0, 1.3);
  }
});

describe("counts follow their distribution (chi-square)", () => {
  const n = 200_000;
  it.each([0.1, 4, 9.99, 10, 40, 1e4])("Poisson of mean %s", (rate) => {
    const draws = draw(n, `poisson ${rate}`, (rng) => rng.poisson(rate));
    expect(chiSquareExcess(draws, (k) => Math.exp(logPoissonMass(k, rate)))).toBeLessThan(5);
  });
  it.each([
    [20, 0.5],
    [100, 0.3],
    [100, 0.93],
    [50, 0.1],
    [10_000, 0.01],
    [10_000, 0.0005],
  ])("binomial of %s trials with probability %s", (trials, p) => {
    const draws = draw(n, `binomial ${trials} ${p}`, (rng) => rng.binomial(trials, p));
    const mass = (k: number) => Math.exp(logBinomialMass(k, trials - k, p, 1 - p));
    expect(chiSquareExcess(draws, mass)).toBeLessThan(5);
  });
  it("categorical with a zero weight", () => {
    const weights = [1, 0, 3, 4, 2];
    const draws = draw(n, "categorical", (rng) => rng.categorical(weights));
    expect(chiSquareExcess(draws, (k) => weights[k] / 10)).toBeLessThan(5);
    expect(draws.includes(1)).toBe(false);
  });
  it.each([1, 2, 3, 7, 1000])("integer below %s", (top) => {
    const draws = draw(n, `integer ${top}`, (rng) => rng.integer(top));
    if (top === 1) expect(draws.every((k) => k === 0)).toBe(true);
    else expect(chiSquareExcess(draws, (k) => (k < top ? 1 / top : 0))).toBeLessThan(5);
  });
});

it("puts the right mass in the normal's tail beyond the Ziggurat's last layer", () => {
  const n = 4_000_000;
  const rng = stream(key("tail"));
  let beyond = 0;
  for (let i = 0; i < n; i++) if (Math.abs(rng.normal()) > 3.7) beyond++;
  const expected = n * 2.156e-4; // 2 (1 - Phi(3.7))
  expect(Math.abs(beyond - expected)).toBeLessThan(4 * Math.sqrt(expected));
});

it("has the moments of the largest Poisson and binomial it will be asked for", () => {
  const n = 20_000;
  const counts = draw(n, "large poisson", (rng) => rng.poisson(1e9));
  expect(Math.abs(mean(counts) - 1e9)).toBeLessThan(4 * Math.sqrt(1e9 / n));
  expect(Math.abs(variance(counts) / 1e9 - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
  const successes = draw(n, "large binomial", (rng) => rng.binomial(1e9, 0.25));
  expect(Math.abs(mean(successes) - 2.5e8)).toBeLessThan(4 * Math.sqrt(1.875e8 / n));
});

it("stays inside open supports when shapes are tiny", () => {
  expect(draw(5000, "tiny gamma", (rng) => rng.gamma(0.001)).every((x) => x > 0)).toBe(true);
  expect(draw(5000, "tiny beta", (rng) => rng.beta(0.01, 0.01)).every((x) => x > 0 && x < 1)).toBe(true);
});

it("draws every ordering of four things equally often", () => {
  const names = new Map<string, number>();
  const draws = draw(48_000, "permutation", (rng) => {
    const name = rng.permutation(4).join();
    if (!names.has(name)) names.set(name, names.size);
    return names.get(name)!;
  });
  expect(names.size).toBe(24);
  expect(chiSquareExcess(draws, (k) => (k < 24 ? 1 / 24 : 0))).toBeLessThan(5);
});

it("shuffles in place without losing anything", () => {
  const values = Array.from({ length: 100 }, (_, i) => `${i}`);
  const shuffled = stream(key(5)).shuffle([...values]);
  expect(shuffled).not.toEqual(values);
  expect([...shuffled].sort()).toEqual([...values].sort());
});

describe("bad parameters are named", () => {
  const rng = stream(key(0));
  it.each<[string, () => unknown, RegExp]>([
    ["integer 0", () => rng.integer(0), /integer: n must be an integer from 1/],
    ["integer 1.5", () => rng.integer(1.5), /integer: n must be/],
    ["exponential -1", () => rng.exponential(-1), /exponential: rate must be a positive number, got -1/],
    ["gamma 0", () => rng.gamma(0), /gamma: shape must be a positive finite number, got 0/],
    ["gamma NaN", () => rng.gamma(Number.NaN), /gamma: shape/],
    ["gamma scale", () => rng.gamma(1, 0), /gamma: scale/],
    ["beta b", () => rng.beta(1, Infinity), /beta: b must be/],
    ["poisson -1", () => rng.poisson(-1), /poisson: rate must be/],
    ["binomial n", () => rng.binomial(2.5, 0.5), /binomial: n must be/],
    ["binomial p", () => rng.binomial(2, 1.5), /binomial: p must be/],
    ["categorical negative", () => rng.categorical([1, -1]), /categorical: weights must be non-negative/],
    ["categorical empty", () => rng.categorical([]), /categorical: weights must have a positive finite sum/],
    ["student t", () => rng.studentT(0), /studentT: df must be/],
    ["permutation", () => rng.permutation(-1), /permutation: n must be/],
    ["state", () => streamFrom([0, 0, 0, 0]), /streamFrom: state must be four 32-bit words/],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});
