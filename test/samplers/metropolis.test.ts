import { describe, expect, it } from "vitest";
import { drawsMatrix } from "../../samplers/draws.js";
import { type MetropolisOptions, metropolis } from "../../samplers/metropolis.js";
import { sample } from "../../samplers/sample.js";
import { summary } from "../../samplers/summary.js";
import { logDensity } from "../../samplers/target.js";
import { matrix } from "../../src/core/matrix.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { normalStart, normalTarget } from "./targets.js";

/** Modes at -4 and 4, of width 0.5 and weights 0.3 and 0.7: no random walk of that width crosses the gap. */
const twoModes = logDensity({
  names: ["x"],
  logProb: ([x]) => Math.log(0.3 * Math.exp(-2 * (x + 4) ** 2) + 0.7 * Math.exp(-2 * (x - 4) ** 2) + 1e-300),
  start: normalPrior(["x"], [0], [[16]]),
});
const size = { chains: 4, warmup: 100, draws: 1000, thin: 5, seed: 1 };

describe("global proposals of Metropolis-Hastings", () => {
  it("carry four chains between separated modes in proportion to their weights", async () => {
    const draws = await sample(metropolis(twoModes), size);
    const right = drawsMatrix(draws).data.filter((x) => x > 0).length / 4000;
    const [row] = summary(draws).rows;
    // Standard error of a share of 0.7 among as many independent draws as the bulk ESS.
    expect(row.essBulk).toBeGreaterThan(400);
    expect(Math.abs(right - 0.7)).toBeLessThan(4 * Math.sqrt(0.21 / row.essBulk));
    expect(row.rhat).toBeLessThan(1.02);
  });

  it("are what makes them cross: a random walk alone stays where it began", async () => {
    const draws = await sample(metropolis(twoModes, { globalShare: 0 }), size);
    for (let c = 0; c < 4; c++) {
      const chain = draws.values.subarray(c * 1000, (c + 1) * 1000);
      expect(new Set(chain.map(Math.sign)).size).toBe(1);
    }
  });

  it("leave the moments of a skewed density as they are", async () => {
    // log of a Gamma(3, 1) variable: mean digamma(3) = 0.9228, variance trigamma(3) = 0.3949.
    const target = logDensity({
      names: ["y"],
      logProb: ([y]) => 3 * y - Math.exp(y),
      start: normalPrior(["y"], [0], [[4]]),
    });
    const [row] = summary(
      await sample(metropolis(target), { chains: 100, warmup: 50, draws: 100, seed: 2 }),
    ).rows;
    expect(Math.abs(row.mean - 0.92278)).toBeLessThan(4 * row.mcse);
    expect(row.sd).toBeCloseTo(Math.sqrt(0.39493), 1);
  });

  it("refuse an option that does not exist, with the nearest", () => {
    const options = { globalshare: 0.2 } as object;
    expect(() => metropolis(twoModes, options)).toThrow(
      /^metropolis: there is no option "globalshare"; did you mean globalShare\?/,
    );
  });

  it.each([-0.1, 1, Number.NaN])("refuse globalShare = %s", (globalShare) => {
    expect(() => metropolis(twoModes, { globalShare })).toThrow(/globalShare must be in \[0, 1\)/);
  });
});

describe("adaptation of Metropolis-Hastings", () => {
  // correlation 0.95, and scales that differ by a factor of 50
  const covariance = [
    [1, 0.019],
    [0.019, 0.0004],
  ];
  const ridge = normalTarget([0, 0], covariance, normalStart(2));
  const found = async (options: MetropolisOptions) => {
    const run = { chains: 20, warmup: 400, draws: 1, seed: 3 };
    const { warmup } = await sample(metropolis(ridge, { globalShare: 0, ...options }), run);
    return warmup.proposalCovariance as Float64Array;
  };
  const optimal = Float64Array.from(covariance.flat(), (value) => (value * 2.38 ** 2) / 2);

  it("by the covariance of the draws proposes 2.38^2 / D times the target's", async () => {
    const proposal = await found({ adaptation: "covariance" });
    // 8000 draws, autocorrelated over some ten of them
    for (let k = 0; k < 4; k++) expect(Math.abs(proposal[k] / optimal[k] - 1)).toBeLessThan(0.25);
  });

  it("by acceptances finds the shape, too", async () => {
    const proposal = await found({ adaptation: "robust" });
    const correlation = proposal[1] / Math.sqrt(proposal[0] * proposal[3]);
    expect(Math.abs(correlation - 0.95)).toBeLessThan(0.05);
    expect(Math.sqrt(proposal[3] / proposal[0])).toBeCloseTo(0.02, 2);
  });

  it("starts from one point for all chains, whatever its digits", async () => {
    // the mean of eight times 0.1 is not 0.1, but its distance is no spread to begin with
    const initial = matrix(8, 2, new Float64Array(16).fill(0.1));
    const sphere = normalTarget([0, 0], [[1, 0], [0, 1]]); // biome-ignore format: a matrix
    const run = { chains: 8, warmup: 0, draws: 1, initial };
    const { warmup } = await sample(metropolis(sphere), run);
    const proposal = warmup.proposalCovariance as Float64Array;
    [proposal[0], proposal[3]].forEach((value) => {
      expect(value).toBeCloseTo(2.38 ** 2 / 2, 12); // of variance one, for want of any other
    });
  });

  it("leaves a given proposal alone where it shall", async () => {
    const proposalCovariance = Float64Array.of(1, 0.2, 0.2, 2);
    const kept = await found({ adaptation: "none", proposalCovariance });
    kept.forEach((value, k) => {
      expect(value).toBeCloseTo(proposalCovariance[k], 12);
    });
  });

  it("refuses a kind that does not exist", () => {
    const options = { adaptation: "haario" } as object;
    expect(() => metropolis(ridge, options)).toThrow(/"robust", "covariance" or "none", got "haario"/);
  });
});
