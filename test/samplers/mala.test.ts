import { describe, expect, it } from "vitest";
import { mala } from "../../samplers/mala.js";
import { sample } from "../../samplers/sample.js";
import { logDensity } from "../../samplers/target.js";
import { matrix } from "../../src/core/matrix.js";
import { foldIn, key, stream } from "../../src/core/random.js";
import { departures, skewed } from "./stationarity.js";
import { normalStart, normalTarget, quartic } from "./targets.js";

describe("the Metropolis-adjusted Langevin algorithm", () => {
  it("proposes and accepts as Langevin with its Hastings correction does", async () => {
    const { kernel, tuner } = mala(quartic, { stepSize: 0.7, inverseMass: Float64Array.of(2, 0.5) });
    const tuning = tuner.start({ covariance: new Float64Array(4), size: 1 }, { chains: 1, warmup: 0 });
    const ask = async (u: Float64Array) => {
      const { logProb, gradient } = await quartic.gradient!(matrix(1, 2, u.slice()));
      return { logProb: logProb[0], gradient: gradient.data };
    };
    const u = Float64Array.of(0.9, -0.6);
    const here = await ask(u);
    let step = kernel.init(u.slice(), key(1), 0);
    step = kernel.step(step.state, here, tuning);
    step = kernel.begin(step.state, tuning, []);
    const { stepSize, position } = step.state;
    const there = await ask(position);
    const proposal = position.slice();

    // q(b | a) is N(a + eps^2 / 2 M^-1 g(a), eps^2 M^-1), up to a constant
    const logQ = (b: Float64Array, a: Float64Array, g: Float64Array) =>
      [2, 0.5].reduce((sum, mass, i) => {
        const distance = b[i] - a[i] - 0.5 * stepSize ** 2 * mass * g[i];
        return sum - distance ** 2 / (2 * stepSize ** 2 * mass);
      }, 0);
    const z = stream(foldIn(key(1), 0)).normals(2);
    [2, 0.5].forEach((mass, i) => {
      const expected =
        u[i] + 0.5 * stepSize ** 2 * mass * here.gradient[i] + stepSize * Math.sqrt(mass) * z[i];
      expect(proposal[i]).toBeCloseTo(expected, 12);
    });
    const { info } = kernel.step(step.state, there, tuning);
    const logRatio =
      there.logProb - here.logProb + logQ(u, proposal, there.gradient) - logQ(proposal, u, here.gradient);
    expect(info!.acceptanceRate).toBeCloseTo(Math.min(1, Math.exp(logRatio)), 12);
    expect(info!.numSteps).toBe(1);
  });

  it("leaves exact draws of a skewed density exact", async () => {
    for (const departure of await departures((target) => mala(target, { stepSize: 0.8 }), skewed)) {
      expect(departure).toBeLessThan(1.95);
    }
  });

  it("comes to the acceptance that it aims at", async () => {
    const target = normalTarget([0, 0, 0], [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 9]], normalStart(3)); // biome-ignore format: a matrix
    const draws = await sample(mala(target), { chains: 50, warmup: 200, draws: 100, seed: 1 });
    const { acceptanceRate } = draws.stats;
    const mean = acceptanceRate.reduce((a, b) => a + b, 0) / acceptanceRate.length;
    expect(Math.abs(mean - 0.574)).toBeLessThan(0.05); // what dual averaging leaves
    expect(draws.run).toMatchObject({ sampler: "mala", options: { targetAcceptance: 0.574 } });
  });

  it("stays where gradients are no numbers, and says how often", async () => {
    const holed = logDensity({
      names: ["x"],
      logProb: ([x]) => -0.5 * x * x,
      gradient([x], out) {
        out[0] = x > 1 ? Number.NaN : -x;
      },
    });
    const { values, run } = await sample(mala(holed), { chains: 10, initial: matrix(10, 1), seed: 1 });
    expect(values.every((x) => x <= 1)).toBe(true);
    expect((run.evaluations as { nonFinite: number }).nonFinite).toBeGreaterThan(0);
  });

  it("refuses a target without gradient and options of a trajectory", () => {
    const bare = logDensity({ names: ["x"], logProb: ([x]) => -x * x });
    expect(() => mala(bare)).toThrow(/^mala: target has no gradient/);
    expect(() => mala(quartic, { numSteps: 2 } as object)).toThrow(/mala: there is no option "numSteps"/);
    expect(() => mala(quartic, { stepSize: 0 })).toThrow(/mala: stepSize must be a positive number/);
  });
});
