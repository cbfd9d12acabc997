import { describe, expect, it } from "vitest";
import type { AbcSample } from "../../src/abc/abc-run.js";
import { adjustByRegression } from "../../src/abc/adjust.js";
import { rejectionAbc } from "../../src/abc/rejection.js";
import { smcAbc } from "../../src/abc/smc-abc.js";
import { matrix } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineSimulator } from "../../src/simulator.js";
import { conjugate, exact, momentsOf } from "./conjugate.js";

const methods = ["linear", "heteroscedastic"] as const;

/** `u = 1 + 2 s + exp(0.5 + 1.5 s) z` with `s` in (-1, 1), to be adjusted to `s = 0`: mean 1, sd `exp(0.5)`. */
function fan(n: number): AbcSample {
  const rng = stream(key("fan"));
  const s = Float64Array.from({ length: n }, () => rng.uniform(-1, 1));
  return {
    theta: matrix(
      n,
      1,
      s.map((value) => 1 + 2 * value + Math.exp(0.5 + 1.5 * value) * rng.normal()),
    ),
    weights: new Float64Array(n).fill(1 / n),
    distances: s.map(Math.abs),
    summaries: matrix(n, 1, s),
    observedSummary: Float64Array.of(0),
    epsilon: 1,
  };
}
const plain = normalPrior(["u"], [0], [[1]]);

describe("adjustByRegression", () => {
  it.each(
    methods,
  )("brings a tolerance that is far too wide to the posterior of a linear model (%s)", async (method) => {
    const x = 0.5;
    const wide = await rejectionAbc(conjugate, {
      observed: [x],
      quantile: 0.8,
      maxSimulations: 8000,
      seed: 1,
    });
    const before = momentsOf(wide.theta, wide.weights);
    expect(before.sd).toBeGreaterThan(1.4 * exact.sd);
    const { theta, weights, ess } = adjustByRegression(wide, conjugate.prior, { method });
    const { mean, sd } = momentsOf(theta, weights);
    // 4 standard errors, doubled for the coefficients, which are fitted to the same draws
    expect(Math.abs(mean - 0.8 * x)).toBeLessThan((8 * exact.sd) / Math.sqrt(ess));
    expect(Math.abs(sd - exact.sd)).toBeLessThan((8 * exact.sd) / Math.sqrt(2 * ess));
  });

  it("takes the weights of a population into account", async () => {
    const found = await smcAbc(conjugate, {
      observed: [2],
      distance: "euclidean",
      epsilon: 1,
      particles: 600,
      maxSimulations: 40_000,
      seed: 2,
    });
    expect(found.stopped).toBe("epsilon");
    const { theta, weights, ess } = adjustByRegression(found, conjugate.prior);
    const { mean, sd } = momentsOf(theta, weights);
    expect(Math.abs(mean - exact.mean)).toBeLessThan((8 * exact.sd) / Math.sqrt(ess));
    expect(Math.abs(sd - exact.sd)).toBeLessThan((8 * exact.sd) / Math.sqrt(2 * ess));
  });

  it("learns a spread that depends on the summaries, which a linear adjustment cannot", () => {
    const sample = fan(8000);
    const moments = methods.map((method) => {
      const { theta, weights, ess } = adjustByRegression(sample, plain, { method });
      return { ...momentsOf(theta, weights), ess };
    });
    const sd = Math.exp(0.5);
    for (const { mean, ess } of moments) expect(Math.abs(mean - 1)).toBeLessThan((8 * sd) / Math.sqrt(ess));
    expect(moments[0].sd).toBeGreaterThan(1.2 * sd); // the spread of the whole window
    // the logarithm of a squared normal has a standard deviation of 2.2, half of which goes into log sigma
    expect(Math.abs(moments[1].sd / sd - 1)).toBeLessThan((8 * 1.1) / Math.sqrt(moments[1].ess));
  });

  it("weighs draws by the Epanechnikov kernel of their distance", () => {
    const sample = fan(50);
    const { weights, ess } = adjustByRegression(sample, plain);
    expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    expect(ess).toBeCloseTo(1 / weights.reduce((sum, weight) => sum + weight ** 2, 0), 9);
    const kernel = sample.distances.map((d) => 1 - d ** 2);
    for (let i = 1; i < 50; i++) expect(weights[i] / weights[0]).toBeCloseTo(kernel[i] / kernel[0], 9);
  });

  it("never leaves the support of the prior", async () => {
    const edge = defineSimulator({
      prior: uniform({ mu: [0, 1] }),
      xShape: [],
      run: ({ mu }, rng) => mu + 0.3 * rng.normal(),
    });
    const wide = await rejectionAbc(edge, { observed: [-0.3], quantile: 0.5, maxSimulations: 1000, seed: 3 });
    const { theta } = adjustByRegression(wide, edge.prior);
    expect(theta.data.every((mu) => mu >= 0 && mu <= 1)).toBe(true);
    expect(momentsOf(theta, wide.weights).mean).toBeLessThan(0.9 * momentsOf(wide.theta, wide.weights).mean);
  });

  it("bears summaries that repeat others or never change", () => {
    const sample = fan(200);
    const { data } = sample.summaries;
    const more = matrix(200, 3);
    for (let i = 0; i < 200; i++) more.data.set([data[i], 7, 3 * data[i] + 1], 3 * i);
    const repeated = { ...sample, summaries: more, observedSummary: Float64Array.of(0, 7, 1) };
    const [one, three] = [adjustByRegression(sample, plain), adjustByRegression(repeated, plain)];
    for (let i = 0; i < 200; i++) expect(three.theta.data[i]).toBeCloseTo(one.theta.data[i], 6);
  });

  it.each([
    [{ method: "quadratic" }, /method must be "linear" or "heteroscedastic", got "quadratic"/],
    [{ ridge: 0 }, /ridge must be a positive number, got 0/],
    [{ rige: 1 }, /there is no option "rige"; did you mean ridge\?/],
  ])("refuses %j", (options, message) => {
    expect(() => adjustByRegression(fan(50), plain, options as never)).toThrow(message);
  });

  it("refuses fewer draws than coefficients, and another prior", () => {
    expect(() => adjustByRegression(fan(2), plain)).toThrow(
      /more draws with a weight than the 2 coefficients/,
    );
    expect(() => adjustByRegression(fan(50), uniform({ a: [0, 1], b: [0, 1] }))).toThrow(
      /1 parameters but the prior 2/,
    );
  });
});
