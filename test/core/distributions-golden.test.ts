import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { beta, uniformOn } from "../../src/core/distributions/beta.js";
import { binomial, poisson } from "../../src/core/distributions/counts.js";
import type { ScalarDistribution } from "../../src/core/distributions/distribution.js";
import { chiSquared, exponential, gamma } from "../../src/core/distributions/gamma.js";
import { multivariateNormal } from "../../src/core/distributions/multivariate-normal.js";
import { logNormal, normal } from "../../src/core/distributions/normal.js";
import { studentT } from "../../src/core/distributions/student-t.js";
import { describeWithReference } from "../reference.js";

type Parameters = Record<string, number>;
interface Golden {
  distribution: string;
  params: Parameters;
  x: number[];
  logProb: (number | string)[];
  cdf: number[];
  sf?: number[];
  q?: number[];
  ppf?: number[];
}

const make: Record<string, (p: Parameters) => ScalarDistribution> = {
  normal: (p) => normal(p.mean, p.sd),
  uniform: (p) => uniformOn(p.low, p.high),
  logNormal: (p) => logNormal(p.mean, p.sd),
  gamma: (p) => gamma(p.shape, p.rate),
  beta: (p) => beta(p.alpha, p.beta),
  exponential: (p) => exponential(p.rate),
  poisson: (p) => poisson(p.rate),
  binomial: (p) => binomial(p.trials, p.probability),
  studentT: (p) => studentT(p.df),
  chiSquared: (p) => chiSquared(p.df),
};

const infinities: Record<string, number> = { inf: Infinity, "-inf": -Infinity };
const value = (entry: number | string) => (typeof entry === "string" ? infinities[entry] : entry);

/**
 * Relative error 1e-10, and 1e-8 for probabilities below 1e-60. A golden 0 or a zero of a logarithm is
 * compared absolutely: SciPy's plain probabilities underflow or round there.
 */
function expectClose(actual: number, golden: number | string, label: string): void {
  const expected = value(golden);
  if (!Number.isFinite(expected)) {
    expect(actual, label).toBe(expected);
    return;
  }
  const tolerance = Math.abs(expected) < 1e-60 ? 1e-8 : 1e-10;
  const error = expected === 0 ? Math.abs(actual) : Math.abs(actual - expected) / Math.abs(expected);
  expect(error, `${label}: ${actual} is not ${expected}`).toBeLessThan(tolerance);
}

describeWithReference("distributions agree with SciPy", "golden/distributions.json", (path) => {
  const all = JSON.parse(readFileSync(path, "utf8")).distributions as Golden[];
  const scalar = all.filter((entry) => entry.distribution !== "multivariateNormal");

  it.each(
    scalar.map((entry) => [`${entry.distribution} ${JSON.stringify(entry.params)}`, entry] as const),
  )("%s", (_, entry) => {
    const distribution = make[entry.distribution](entry.params);
    entry.x.forEach((x, i) => {
      expectClose(distribution.logProb(x), entry.logProb[i], `logProb(${x})`);
      expectClose(distribution.cdf(x), entry.cdf[i], `cdf(${x})`);
      if (entry.sf) expectClose(distribution.survival(x), entry.sf[i], `survival(${x})`);
    });
    entry.q?.forEach((q, i) => {
      expectClose(distribution.quantile(q), entry.ppf![i], `quantile(${q})`);
    });
  });

  it("multivariate normal", () => {
    const entry = all.find((e) => e.distribution === "multivariateNormal") as never as {
      params: { mean: number[]; covariance: number[][] };
      x: number[][];
      logProb: number[];
    };
    const distribution = multivariateNormal(entry.params.mean, entry.params.covariance);
    entry.x.forEach((x, i) => {
      expectClose(distribution.logProb(Float64Array.from(x)), entry.logProb[i], `logProb([${x}])`);
    });
  });
});
