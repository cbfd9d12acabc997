import { describe, expect, it } from "vitest";
import type { Prior } from "../../src/core/contracts.js";
import { uniformOn } from "../../src/core/distributions/beta.js";
import { poisson } from "../../src/core/distributions/counts.js";
import type { ContinuousDistribution } from "../../src/core/distributions/distribution.js";
import { gamma } from "../../src/core/distributions/gamma.js";
import { mixture } from "../../src/core/distributions/mixture.js";
import { normal } from "../../src/core/distributions/normal.js";
import { studentT } from "../../src/core/distributions/student-t.js";
import { truncated } from "../../src/core/distributions/truncated.js";
import { column, fromRows, matrix, row, takeRows } from "../../src/core/matrix.js";
import { foldIn, key } from "../../src/core/random.js";
import { logSumExp } from "../../src/core/special.js";
import { priorFromSpec } from "../../src/prior/from-spec.js";
import { independent, truncatedPrior } from "../../src/prior/independent.js";
import { joined } from "../../src/prior/joined.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { restrictPrior } from "../../src/prior/restrict.js";
import { type Bounds, uniform } from "../../src/prior/uniform.js";
import { checkBijection } from "../core/bijections.js";
import { mean, variance } from "../core/statistics.js";

const covariance = [
  [2, 0.9],
  [0.9, 1],
];
const everyPrior: [string, Prior][] = [
  ["box", uniform({ mu: [-3, 3], sigma: [0.1, 2] })],
  [
    "independent pieces",
    independent({
      mu: normal(0, 1),
      sigma: gamma(2, 1),
      cut: truncated(normal(0, 1), 0.5, 2),
      modes: mixture([1, 2], [normal(-2, 0.5), normal(2, 0.3)]),
    }),
  ],
  ["normal", normalPrior(["a", "b"], [1, -1], covariance)],
  ["truncated", truncatedPrior(independent({ mu: normal(0, 1), nu: gamma(2, 1) }), { mu: [0, Infinity] })],
  ["joined blocks", joined([normalPrior(["a", "b"], [0, 0], covariance), uniform({ c: [0, 1] })])],
];

describe.each(everyPrior)("%s", (name, prior) => {
  const n = 20_000;
  const root = key(name);
  const theta = prior.sample(n, root);

  it("draws rows that depend on their own index alone", () => {
    expect(prior.sample(10, root).data).toEqual(theta.data.subarray(0, 10 * prior.dim));
    expect(prior.sample(10, root, 7).data).toEqual(theta.data.subarray(7 * prior.dim, 17 * prior.dim));
    expect(prior.sample(10, foldIn(root, 1)).data).not.toEqual(theta.data.subarray(0, 10 * prior.dim));
  });

  it("draws with the stated means and standard deviations, inside the support", () => {
    for (let j = 0; j < prior.dim; j++) {
      const draws = column(theta, j);
      expect(Math.abs(mean(draws) - prior.mean[j])).toBeLessThan((4 * prior.sd[j]) / Math.sqrt(n));
      // the variance of a sample variance is (kurtosis - 1) / n; kurtosis is below 7 here
      expect(Math.abs(variance(draws) / prior.sd[j] ** 2 - 1)).toBeLessThan(4 * Math.sqrt(6 / n));
    }
    expect(prior.logProb(theta).every(Number.isFinite)).toBe(true);
  });

  it("is normalised: importance weights from a heavier-tailed density average to one", () => {
    // proposals: student t of 5 degrees of freedom, 1.5 prior standard deviations wide
    const proposals = independent(
      Object.fromEntries(
        prior.names.map((parameter, j) => [parameter, studentT(5, prior.mean[j], 1.5 * prior.sd[j])]),
      ),
    );
    const points = proposals.sample(n, foldIn(root, "weights"));
    const q = proposals.logProb(points);
    const weights = prior.logProb(points).map((p, i) => Math.exp(p - q[i]));
    expect(Math.abs(mean(weights) - 1)).toBeLessThan(4 * Math.sqrt(variance(weights) / n));
  });

  it("has the gradient of its log density", () => {
    const points = takeRows(theta, [0, 1, 2, 3, 4]);
    const gradient = prior.gradient(points);
    for (let i = 0; i < points.rows; i++) {
      for (let j = 0; j < prior.dim; j++) {
        const h = 1e-6;
        const at = (by: number) => {
          const moved = matrix(1, prior.dim, row(points, i).slice());
          moved.data[j] += by;
          return prior.logProb(moved)[0];
        };
        // eps / h of rounding and h^2 of truncation, each below 1e-8 for densities of this width
        const slope = (at(h) - at(-h)) / (2 * h);
        expect(Math.abs(gradient.data[i * prior.dim + j] - slope)).toBeLessThan(1e-7 * (1 + Math.abs(slope)));
      }
    }
  });

  it("maps R^D onto its support", () => {
    const u = new Float64Array(prior.dim);
    for (let i = 0; i < 5; i++) {
      prior.support.toUnconstrained(row(theta, i), u);
      checkBijection(prior.support, u);
    }
  });

  it("is rebuilt from JSON, equal in every draw and density", () => {
    const rebuilt = priorFromSpec(JSON.parse(JSON.stringify(prior.spec)));
    expect(rebuilt.names).toEqual(prior.names);
    expect(rebuilt.spec).toEqual(prior.spec);
    expect(rebuilt.sample(20, root).data).toEqual(theta.data.subarray(0, 20 * prior.dim));
    expect(rebuilt.logProb(theta)).toEqual(prior.logProb(theta));
    expect([rebuilt.mean, rebuilt.sd]).toEqual([prior.mean, prior.sd]);
  });

  it("wants one column per parameter", () => {
    expect(() => prior.logProb(matrix(2, prior.dim + 1))).toThrow(/logProb: theta must have/);
    expect(() => prior.gradient(matrix(2, prior.dim + 1))).toThrow(/gradient: theta must have/);
  });
});

it("is minus infinity with a zero gradient outside the support, whatever the other parameters say", () => {
  const prior = independent({ a: uniformOn(0, 1), b: gamma(0.5, 1), c: normal() });
  const theta = fromRows([
    [2, 0, 1],
    [0.5, -1, 1],
    [0.5, 1, 1],
  ]);
  expect(Array.from(prior.logProb(theta)).slice(0, 2)).toEqual([-Infinity, -Infinity]);
  const gradient = prior.gradient(theta);
  expect(Array.from(gradient.data.subarray(0, 6))).toEqual([0, 0, 0, 0, 0, 0]);
  expect(Array.from(row(gradient, 2))).toEqual([0, -0.5 - 1, -1]);
});

it("says NaN to NaN", () => {
  expect(uniform({ a: [0, 1] }).logProb(fromRows([[Number.NaN]]))[0]).toBeNaN();
});

it("cuts a prior and keeps it normalised: densities add up to one on a grid", () => {
  const prior = truncatedPrior(uniform({ a: [0, 4], b: [0, 1] }), { a: [1, 3] });
  expect(prior.logProb(fromRows([[2, 0.5]]))[0]).toBeCloseTo(-Math.log(2), 14);
  const half = truncatedPrior(independent({ a: normal() }), { a: [0, Infinity] });
  const grid = fromRows(Array.from({ length: 4000 }, (_, i) => [(i + 0.5) * 0.0025]));
  // the midpoint rule on [0, 10] errs by h^2 f'(edge) / 24 = 0 at the centre of a normal
  expect(logSumExp(half.logProb(grid)) + Math.log(0.0025)).toBeCloseTo(0, 6);
});

describe("parameters held at known values", () => {
  const whole = joined([
    normalPrior(
      ["a", "b", "c"],
      [1, -1, 0.5],
      [
        [2, 0.9, 0.1],
        [0.9, 1, -0.3],
        [0.1, -0.3, 0.7],
      ],
    ),
    uniform({ d: [0, 1], e: [-1, 3] }),
    independent({ f: gamma(2, 1) }),
  ]);

  it("leave the conditional density of the others: p(free | held) is proportional to p(free, held)", () => {
    const rest = restrictPrior(whole, { b: 0.3, e: 2 });
    expect(rest.names).toEqual(["a", "c", "d", "f"]);
    const theta = rest.sample(50, key(3));
    const completed = fromRows(
      Array.from({ length: 50 }, (_, i) => {
        const [a, c, d, f] = row(theta, i);
        return [a, 0.3, c, d, 2, f];
      }),
    );
    const gap = whole.logProb(completed).map((value, i) => value - rest.logProb(theta)[i]);
    // log p(b) p(e): a normal of variance 1 around -1, and a box of width 4
    const expected = normal(-1, 1).logProb(0.3) - Math.log(4);
    for (const value of gap) expect(value).toBeCloseTo(expected, 10);
  });

  it("may fill a block, and none held is the prior itself", () => {
    expect(restrictPrior(whole, { f: 1 }).names).toEqual(["a", "b", "c", "d", "e"]);
    expect(restrictPrior(whole, {})).toBe(whole);
  });

  it.each<[Record<string, number>, RegExp]>([
    [{ z: 1 }, /restrictPrior: "z" must be one of a, b/],
    [{ d: 2 }, /restrictPrior: d = 2 must lie inside the prior/],
    [{ d: Number.NaN }, /restrictPrior: d = NaN must lie inside/],
    [{ a: 0, b: 0, c: 0, d: 0.5, e: 0, f: 1 }, /at least one parameter must stay free/],
  ])("%o is refused", (given, message) => {
    expect(() => restrictPrior(whole, given)).toThrow(message);
  });
});

describe("bad priors are named", () => {
  const asBounds = (value: unknown) => value as Bounds;
  it.each<[string, () => unknown, RegExp]>([
    ["no parameters", () => uniform({}), /uniform: needs at least one parameter, got none/],
    [
      "low above high",
      () => uniform({ mu: [3, -3] }),
      /uniform: "mu" must have low below high.*got \[3, -3\]/,
    ],
    ["equal ends", () => uniform({ mu: [1, 1] }), /uniform: "mu"/],
    ["NaN", () => uniform({ mu: [Number.NaN, 1] }), /uniform: "mu".*got \[NaN, 1\]/],
    ["infinite", () => uniform({ mu: [0, Infinity] }), /uniform: "mu".*both finite/],
    ["no bounds", () => uniform({ mu: asBounds(undefined) }), /uniform: "mu".*got \[undefined, undefined\]/],
    ["empty name", () => uniform({ "": [0, 1] }), /uniform: a parameter name must be/],
    ["comma in a name", () => uniform({ "a,b": [0, 1] }), /got "a,b"/],
    ["number as a name", () => uniform({ 7: [0, 1] }), /not a whole number, got "7"/],
    ["no pieces", () => independent({}), /independent: needs at least one parameter/],
    ["a count", () => independent({ k: poisson(3) as never }), /"k" must be a continuous.*"poisson"/],
    ["a number", () => independent({ k: 3 as never as ContinuousDistribution }), /"k" must be .*got 3/],
    ["same name twice", () => normalPrior(["a", "a"], [0, 0], covariance), /must differ, got "a" twice/],
    ["short mean", () => normalPrior(["a", "b"], [0], covariance), /2 names need a mean of 2 numbers, got 1/],
    ["not positive", () => normalPrior(["a"], [0], [[-1]]), /positive definite/],
    ["shared name", () => joined([uniform({ a: [0, 1] }), uniform({ a: [0, 1] })]), /joined: .*"a" twice/],
    ["no blocks", () => joined([]), /joined: needs at least one/],
    [
      "unknown cut",
      () => truncatedPrior<string>(uniform({ a: [0, 1] }), { b: [0, 1] }),
      /truncatedPrior: "b" must be one of a/,
    ],
    ["empty cut", () => truncatedPrior(uniform({ a: [0, 1] }), { a: [2, 3] }), /must hold some mass/],
    ["unknown kind", () => priorFromSpec({ kind: "unif" }), /kind must be one of uniform, .* got "unif"/],
    ["no spec", () => priorFromSpec(undefined as never), /kind must be one of/],
    [
      "missing list",
      () => priorFromSpec({ kind: "uniform", names: ["a"], low: [0] }),
      /needs a list "high" of 1/,
    ],
    ["inherited kind", () => priorFromSpec({ kind: "toString" }), /got "toString"/],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});
