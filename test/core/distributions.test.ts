import { describe, expect, it } from "vitest";
import { beta, uniformOn } from "../../src/core/distributions/beta.js";
import { bernoulli, binomial, categorical, poisson } from "../../src/core/distributions/counts.js";
import type { ContinuousDistribution } from "../../src/core/distributions/distribution.js";
import { chiSquared, exponential, gamma } from "../../src/core/distributions/gamma.js";
import { mixture } from "../../src/core/distributions/mixture.js";
import { multivariateNormal } from "../../src/core/distributions/multivariate-normal.js";
import { logNormal, normal } from "../../src/core/distributions/normal.js";
import { distributionFromSpec } from "../../src/core/distributions/spec.js";
import { studentT } from "../../src/core/distributions/student-t.js";
import { truncated, truncatedNormal } from "../../src/core/distributions/truncated.js";
import { key, stream } from "../../src/core/random.js";
import { logNormalCdf } from "../../src/core/special.js";
import { checkBijection } from "./bijections.js";
import { chiSquareExcess, ksStatistic, mean, variance } from "./statistics.js";

const everyContinuous: [string, ContinuousDistribution][] = [
  ["normal", normal(2, 0.5)],
  ["log-normal", logNormal(-1, 0.4)],
  ["uniform", uniformOn(-3, 5)],
  ["gamma", gamma(2.5, 3)],
  ["gamma below one", gamma(0.4, 1)],
  ["chi-squared", chiSquared(5)],
  ["exponential", exponential(0.2)],
  ["beta", beta(2, 5)],
  ["beta below one", beta(0.5, 0.7)],
  ["student t", studentT(8, 1, 2)],
  ["truncated normal", truncatedNormal(0, 1, -0.5, 2)],
  ["half normal", truncatedNormal(0, 2, 0)],
  ["far tail", truncatedNormal(0, 1, 12)],
  ["far lower tail", truncatedNormal(0, 1, -Infinity, -40)],
  ["truncated student t", truncated(studentT(3), 2, 50)],
  ["truncated gamma", truncated(gamma(3, 1), 8)],
  ["mixture", mixture([1, 3], [normal(-2, 0.5), normal(1, 1)])],
  ["mixture of unlike supports", mixture([0.5, 0.5], [gamma(4, 2), uniformOn(-1, 1)])],
];

describe.each(everyContinuous)("%s", (name, distribution) => {
  const n = 40_000;
  const rng = stream(key(name));
  const draws = Float64Array.from({ length: n }, () => distribution.sample(rng));

  it("draws what its cumulative function says (Kolmogorov-Smirnov, p > 0.001)", () => {
    expect(ksStatistic(draws, distribution.cdf)).toBeLessThan(1.95);
  });

  it("has the moments of its draws", () => {
    const sd = Math.sqrt(distribution.variance);
    expect(Math.abs(mean(draws) - distribution.mean)).toBeLessThan((4 * sd) / Math.sqrt(n));
    // the variance of a sample variance is (kurtosis - 1) / n; kurtosis is below 11 for all of these
    expect(Math.abs(variance(draws) / distribution.variance - 1)).toBeLessThan(4 * Math.sqrt(10 / n));
  });

  it("has a density that is the slope of its cumulative function, and a gradient that is the slope of that", () => {
    for (const p of [0.03, 0.2, 0.5, 0.71, 0.96]) {
      const x = distribution.quantile(p);
      const scale = Math.min(Math.sqrt(distribution.variance), x - distribution.low, distribution.high - x);
      const h = 1e-5 * scale;
      const slope = (distribution.cdf(x + h) - distribution.cdf(x - h)) / (2 * h);
      expect(Math.abs(slope / Math.exp(distribution.logProb(x)) - 1)).toBeLessThan(1e-6);
      const rise = (distribution.logProb(x + h) - distribution.logProb(x - h)) / (2 * h);
      // rounding of logProb over 2h, and the h^2 term
      const tolerance = (1e-15 * (100 + x * x)) / h + 1e-7 / scale;
      expect(Math.abs(distribution.gradient(x) - rise)).toBeLessThan(tolerance);
    }
  });

  it("has quantiles that undo the cumulative function, and tails that add up", () => {
    for (const p of [1e-9, 0.003, 0.3, 0.5, 0.8, 0.9999]) {
      const x = distribution.quantile(p);
      // rounding of x itself moves the probability by eps |x| times the density; a distribution cut at its
      // median adds probabilities near a half
      const rounding = 4e-16 * (1 + Math.abs(x) * Math.exp(distribution.logProb(x)));
      expect(Math.abs(distribution.cdf(x) - p)).toBeLessThan(1e-10 * p + rounding);
      expect(Math.abs(distribution.cdf(x) + distribution.survival(x) - 1)).toBeLessThan(1e-13 + rounding);
    }
    expect(distribution.quantile(0)).toBe(distribution.low);
    expect(distribution.quantile(1)).toBe(distribution.high);
    expect(distribution.quantile(-0.1)).toBeNaN();
  });

  it("is rebuilt from its JSON", () => {
    const rebuilt = distributionFromSpec(JSON.parse(JSON.stringify(distribution.spec)));
    expect(rebuilt.spec).toEqual(distribution.spec);
    expect((rebuilt as ContinuousDistribution).logProb(draws[0])).toBe(distribution.logProb(draws[0]));
  });

  it("maps R onto its support", () => {
    const u = new Float64Array(1);
    for (const x of draws.subarray(0, 10)) {
      distribution.support.toUnconstrained(Float64Array.of(x), u);
      checkBijection(distribution.support, u);
    }
    for (const x of [distribution.low - 1, distribution.high + 1]) {
      if (Number.isFinite(x))
        expect([distribution.logProb(x), distribution.gradient(x)]).toEqual([-Infinity, 0]);
    }
    expect(distribution.logProb(Number.NaN)).toBeNaN();
  });
});

describe("truncation in the far tail", () => {
  it("keeps the density of a normal beyond 1000 sd, where plain probabilities are 0", () => {
    const cut = truncatedNormal(0, 1, 1000);
    const expected = -0.5 * 1000.001 ** 2 - 0.9189385332046727 - logNormalCdf(-1000);
    // logs near -5e5: eps times that
    expect(Math.abs(cut.logProb(1000.001) - expected)).toBeLessThan(1e-9);
    // E[X] = Mills' inverse ratio = x + 1/x - 2/x^3 + ...
    expect(Math.abs(cut.mean - (1000 + 1e-3 - 2e-9))).toBeLessThan(1e-9);
    expect(cut.sample(stream(key(1)))).toBeGreaterThan(1000);
  });

  it("has the closed-form mean of a half normal", () => {
    const half = truncatedNormal(0, 1, 0);
    expect(half.mean).toBeCloseTo(Math.sqrt(2 / Math.PI), 12);
    expect(half.variance).toBeCloseTo(1 - 2 / Math.PI, 12);
  });

  it("has no mean where the whole has none and a side stays open", () => {
    expect(truncated(studentT(1), 0).mean).toBeNaN();
    expect(truncated(studentT(1), -1, 1).mean).toBeCloseTo(0, 12);
  });

  it("without a cut is the distribution itself", () => {
    const whole = truncated(gamma(2, 1), -5);
    expect(whole.logProb(1.3)).toBe(gamma(2, 1).logProb(1.3));
    expect([whole.mean, whole.low]).toEqual([2, 0]);
  });
});

describe("counts", () => {
  it.each([
    ["bernoulli", bernoulli(0.3)],
    ["certain bernoulli", bernoulli(1)],
    ["poisson", poisson(3.5)],
    ["binomial", binomial(12, 0.8)],
    ["certain binomial", binomial(3, 1)],
    ["categorical", categorical([1, 0, 5, 4])],
  ])("%s has the masses of its draws, and quantiles that undo its cumulative function", (name, d) => {
    const rng = stream(key(name));
    const n = 40_000;
    const draws = Float64Array.from({ length: n }, () => d.sample(rng));
    if (d.variance > 0) expect(chiSquareExcess(draws, (k) => Math.exp(d.logProb(k)))).toBeLessThan(5);
    expect(Math.abs(mean(draws) - d.mean)).toBeLessThan(4 * Math.sqrt(d.variance / n) + 1e-12);
    for (const p of [1e-9, 0.1, 0.5, 0.77, 0.999999]) {
      const k = d.quantile(p);
      expect(d.cdf(k)).toBeGreaterThanOrEqual(p * (1 - 1e-12));
      expect(d.cdf(k - 1)).toBeLessThan(p);
    }
    expect([d.logProb(0.5), d.logProb(-1), d.cdf(-0.5)]).toEqual([-Infinity, -Infinity, 0]);
    expect(distributionFromSpec(JSON.parse(JSON.stringify(d.spec))).spec).toEqual(d.spec);
  });

  it("a bernoulli is a binomial of one trial", () => {
    for (const p of [0, 1e-300, 0.3, 1]) {
      const [one, many] = [bernoulli(p), binomial(1, p)];
      expect([one.mean, one.variance, one.low, one.high]).toEqual([many.mean, many.variance, 0, 1]);
      for (const f of ["logProb", "cdf", "survival", "logCdf", "logSurvival"] as const) {
        for (const x of [-1, 0, 0.5, 1, 2]) {
          expect(one[f](x), `${f}(${x}) at ${p}`).toBeCloseTo(many[f](x), 12);
        }
        expect(one[f](Number.NaN)).toBeNaN();
      }
    }
    expect([bernoulli(0.3).quantile(0.69), bernoulli(0.3).quantile(0.71)]).toEqual([0, 1]);
    expect(bernoulli(0.3).quantile(2)).toBeNaN();
  });
});

it("draws multivariate normals with the stated covariance and differentiates their density", () => {
  const d = multivariateNormal(
    [1, -1],
    [
      [2, 0.9],
      [0.9, 1],
    ],
  );
  const rng = stream(key("mvn"));
  const n = 40_000;
  const draws = Array.from({ length: n }, () => d.sample(rng));
  const product = Float64Array.from(draws, (x) => (x[0] - 1) * (x[1] + 1));
  // var(product) = s11 s22 + s12^2
  expect(Math.abs(mean(product) - 0.9)).toBeLessThan(4 * Math.sqrt((2 + 0.81) / n));
  expect(
    ksStatistic(
      Float64Array.from(draws, (x) => x[0]),
      normal(1, Math.SQRT2).cdf,
    ),
  ).toBeLessThan(1.95);
  const [x, gradient] = [Float64Array.of(0.3, 0.4), new Float64Array(2)];
  d.gradient(x, gradient);
  for (const i of [0, 1]) {
    const h = 1e-5;
    const shifted = (by: number) => d.logProb(x.map((value, j) => value + (i === j ? by : 0)));
    expect(gradient[i]).toBeCloseTo((shifted(h) - shifted(-h)) / (2 * h), 8);
  }
  expect(distributionFromSpec(d.spec).spec).toEqual(d.spec);
});

it.each<[() => unknown, RegExp]>([
  [() => normal(Number.NaN, 1), /normal: mean must be a finite number, got NaN/],
  [() => normal(0, 0), /normal: sd must be a positive finite number, got 0/],
  [() => logNormal(0, -1), /logNormal: sigma/],
  [() => gamma(-1, 1), /gamma: shape/],
  [() => gamma(1, Infinity), /gamma: rate/],
  [() => chiSquared(0), /chiSquared: df/],
  [() => exponential(0), /exponential: rate/],
  [() => beta(0, 1), /beta: a/],
  [() => uniformOn(1, 1), /uniformOn: low must be below high/],
  [() => studentT(3, 0, 0), /studentT: scale/],
  [() => bernoulli(1.1), /bernoulli: probability must be a number from 0 to 1, got 1.1/],
  [() => bernoulli(Number.NaN), /bernoulli: probability/],
  [() => poisson(-1), /poisson: rate/],
  [() => binomial(1.5, 0.5), /binomial: trials/],
  [() => binomial(1, 2), /binomial: probability/],
  [() => categorical([0, 0]), /categorical: probabilities/],
  [() => mixture([1], []), /mixture: needs one weight per component/],
  [() => mixture([-1], [normal()]), /mixture: weights must be non-negative/],
  [() => truncated(normal(), 2, 1), /truncated: low must be below high/],
  [() => truncated(gamma(1, 1), -3, -2), /truncated: \[-3, -2\] must hold some mass of the gamma/],
  [() => multivariateNormal([0, 0], [[1]]), /multivariateNormal: a mean of 2 numbers needs/],
  [
    () =>
      multivariateNormal(
        [0, 0],
        [
          [1, 0.5],
          [0, 1],
        ],
      ),
    /multivariateNormal: covariance must be symmetric/,
  ],
  [
    () =>
      multivariateNormal(
        [0, 0],
        [
          [1, 2],
          [2, 1],
        ],
      ),
    /positive definite/,
  ],
  [() => distributionFromSpec({ kind: "unif" }), /kind must be one of normal, .*got "unif"/],
  [() => distributionFromSpec({ kind: "normal", mean: 0 }), /"normal" needs a number "sd", got undefined/],
  [() => distributionFromSpec({ kind: "truncated", base: { kind: "poisson", rate: 1 } }), /"poisson" is not/],
])("bad parameters %# are named", (call, message) => {
  expect(call).toThrow(message);
});
