import { describe, expect, it } from "vitest";
import { rhat } from "../../samplers/diagnostics/rhat.js";
import { chainValues } from "../../samplers/draws.js";
import { type HmcState, type HmcTuning, hmc, vanDerCorput } from "../../samplers/hmc.js";
import { metropolis } from "../../samplers/metropolis.js";
import { sample } from "../../samplers/sample.js";
import { summary } from "../../samplers/summary.js";
import { logDensity } from "../../samplers/target.js";
import {
  startDualAveraging,
  startMoments,
  updateDualAveraging,
  updateMoments,
  windowCovariance,
  windowsOf,
} from "../../samplers/tuning/adaptation.js";
import { matrix } from "../../src/core/matrix.js";
import { foldIn, key, stream } from "../../src/core/random.js";
import { fourModes, normalStart, normalTarget } from "./targets.js";

/** A coupled, anharmonic potential: its leapfrog error has no accidental zero. */
const quartic = logDensity({
  names: ["x", "y"],
  start: normalStart(2, 1),
  logProb: ([x, y]) => -0.25 * x ** 4 - 0.5 * (x - y) ** 2,
  gradient([x, y], out) {
    out[0] = -(x ** 3) - (x - y);
    out[1] = x - y;
  },
});
const logProbAt = ([x, y]: Float64Array) => -0.25 * x ** 4 - 0.5 * (x - y) ** 2;
const gradientAt = ([x, y]: Float64Array) => Float64Array.of(-(x ** 3) - (x - y), x - y);
const answerAt = (u: Float64Array) => ({ logProb: logProbAt(u), gradient: gradientAt(u) });
const kinetic = (v: Float64Array) => 0.5 * v.reduce((sum, value) => sum + value * value, 0);

/** Ten normals of unit variance, all pairs of correlation `rho`. */
function equicorrelated(rho: number) {
  const covariance = Array.from({ length: 10 }, (_, i) =>
    Array.from({ length: 10 }, (_, j) => (i === j ? 1 : rho)),
  );
  return normalTarget(new Array(10).fill(0), covariance, normalStart(10, 2));
}

/** One draw of one chain from (0.7, -0.4), answered on the spot. */
function trajectory(numSteps: number, stepSize: number, draw = 0) {
  const { kernel, tuner } = hmc(quartic, { numSteps, stepSize, inverseMass: Float64Array.of(1, 1) });
  const tuning: HmcTuning = tuner.start(
    { covariance: new Float64Array(4), size: 1 },
    { chains: 1, warmup: 0 },
  );
  const start = Float64Array.of(0.7, -0.4);
  let step = kernel.init(start.slice(), key(3), 0);
  step = kernel.step(step.state, answerAt(start), tuning);
  step = kernel.begin({ ...step.state, draw } as HmcState, tuning, []);
  const { stepSize: jittered, energy } = step.state;
  const firstVelocity = step.state.velocity.map((v, i) => v - 0.5 * jittered * gradientAt(start)[i]);
  while (step.request) step = kernel.step(step.state, answerAt(step.state.position), tuning);
  const { position, velocity } = step.state;
  return {
    kernel,
    tuning,
    state: step.state,
    start,
    firstVelocity,
    jittered,
    energy,
    error: kinetic(velocity) - logProbAt(position) - energy,
  };
}

describe("leapfrog", () => {
  it("retraces its steps when the velocity is turned round", () => {
    const { kernel, tuning, state, start, firstVelocity, jittered } = trajectory(20, 0.1);
    const end = state.position.slice();
    const pull = gradientAt(end);
    const velocity = state.velocity.map((v, i) => -v + 0.5 * jittered * pull[i]);
    const position = end.map((q, i) => q + jittered * velocity[i]);
    let step: ReturnType<typeof kernel.step> = {
      state: { ...state, position, velocity, stepsLeft: 20 },
      request: { gradient: position },
    };
    while (step.request) step = kernel.step(step.state, answerAt(step.state.position), tuning);
    for (let i = 0; i < 2; i++) {
      expect(Math.abs(step.state.position[i] - start[i])).toBeLessThan(1e-12); // rounding of 20 steps
      expect(Math.abs(step.state.velocity[i] + firstVelocity[i])).toBeLessThan(1e-12);
    }
  });

  it("errs in energy by the square of the step size", () => {
    for (const draw of [0, 1, 2]) {
      const coarse = trajectory(16, 0.05, draw).error;
      const fine = trajectory(32, 0.025, draw).error;
      expect(coarse / fine).toBeGreaterThan(3.8); // 4 + O(step size^2)
      expect(coarse / fine).toBeLessThan(4.2);
    }
  });

  it("varies its length evenly", () => {
    const values = Array.from({ length: 8 }, (_, i) => vanDerCorput(i + 1));
    expect(values).toEqual([0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875, 0.0625]);
  });
});

describe("warm-up", () => {
  it.each([
    [1000, [99, 149, 249, 449, 949]],
    [500, [99, 149, 249, 449]],
    [300, [99, 149, 249]],
    [200, [99, 149]],
    [100, [89]],
    [19, []],
  ])("of %s draws has the windows of Stan", (warmup, ends) => {
    expect(windowsOf(warmup).ends).toEqual(ends);
  });

  it("solves for the step size of a given acceptance", () => {
    const state = startDualAveraging(1);
    for (let t = 0; t < 500; t++) updateDualAveraging(state, Math.exp(-Math.exp(state.logStep)), 0.8);
    // the average forgets its first iterates as t^(-1/4): 5 % are left of the start
    expect(Math.abs(Math.exp(state.logStepAverage) / -Math.log(0.8) - 1)).toBeLessThan(0.05);
  });

  it("pools chains that agree, and measures the spread within those that do not", () => {
    const estimate = (shift: number) => {
      const moments = startMoments(40, 2);
      const rngs = Array.from({ length: 40 }, (_, c) => stream(foldIn(key(1), c)));
      for (let t = 0; t < 50; t++) {
        updateMoments(
          moments,
          rngs.map((rng, c) => {
            const x = rng.normal();
            return Float64Array.of(x + (c % 2) * shift, 0.5 * x + rng.normal());
          }),
        );
      }
      return windowCovariance(moments, 40, 2)!;
    };
    for (const shift of [0, 10]) {
      const { covariance, pooled } = estimate(shift);
      expect(pooled).toBe(shift === 0);
      // standard error sqrt(2 / 2000) = 0.03 of a variance
      [1, 0.5, 0.5, 1.25].forEach((want, k) => {
        expect(Math.abs(covariance[k] - want)).toBeLessThan(4 * 0.03 * 1.25);
      });
    }
  });

  it.each([0.6, 0.8, 0.9])("reaches a mean acceptance of %s", async (targetAcceptance) => {
    const target = equicorrelated(0.5);
    const draws = await sample(hmc(target, { targetAcceptance }), {
      chains: 64,
      warmup: 300,
      draws: 60,
      seed: 2,
    });
    const rate = draws.stats.acceptanceRate.reduce((a, b) => a + b, 0) / draws.stats.acceptanceRate.length;
    // 50 draws after the last window fix the step size, and acceptance swings with the length of the trajectory
    expect(Math.abs(rate - targetAcceptance)).toBeLessThan(0.08);
  });

  it("brings metropolis to its acceptance rate", async () => {
    const target = normalTarget(
      [0, 0],
      [
        [1, 0.99],
        [0.99, 1],
      ],
      normalStart(2, 10),
    );
    const draws = await sample(metropolis(target, { globalShare: 0 }), {
      chains: 100,
      warmup: 200,
      draws: 100,
      seed: 2,
    });
    const rate = draws.stats.acceptanceRate.reduce((a, b) => a + b, 0) / draws.stats.acceptanceRate.length;
    expect(Math.abs(rate - (0.234 + 0.206 / 2))).toBeLessThan(0.05);
  });

  it("lengthens trajectories along a narrow ridge", async () => {
    const lengthOf = async (rho: number) =>
      (await sample(hmc(equicorrelated(rho)), { chains: 64, warmup: 200, draws: 10, seed: 4 })).warmup
        .trajectoryLength as number;
    // the long direction is sqrt(1 + 9 * 0.9) = 3 wide in units of the diagonal metric
    expect(await lengthOf(0.9)).toBeGreaterThan(1.5 * (await lengthOf(0)));
  });

  it("keeps trajectories short in one dimension, where all lengths look alike to a few chains", async () => {
    const target = normalTarget([0], [[1]], normalStart(1));
    const { warmup } = await sample(hmc(target), { chains: 100, warmup: 200, draws: 10, seed: 3 });
    expect(warmup.trajectoryLength).toBeLessThan(2 * Math.PI); // one period
  });

  it("can be reused by a run that warms up no more", async () => {
    const target = normalTarget(
      [1, -2],
      [
        [1, 0.8],
        [0.8, 1],
      ],
      normalStart(2),
    );
    const first = await sample(hmc(target, { metric: "dense" }), { chains: 64, draws: 10, seed: 1 });
    const { stepSize, trajectoryLength, inverseMass } = first.warmup as {
      stepSize: number;
      trajectoryLength: number;
      inverseMass: Float64Array;
    };
    const again = await sample(hmc(target, { stepSize, trajectoryLength, inverseMass }), {
      chains: 64,
      warmup: 0,
      draws: 50,
      seed: 2,
    });
    expect(again.warmup.stepSize).toBeCloseTo(stepSize, 12);
    expect(rhat(chainValues(again, "x1"), "identity")).toBeLessThan(1.05);
  });
});

describe("hmc", () => {
  it("counts divergences and says so in the summary", async () => {
    const cliff = logDensity({
      names: ["x"],
      logProb: ([x]) => -0.5 * x * x,
      gradient: ([x], out) => {
        out[0] = x > 1 ? Number.NaN : -x;
      },
    });
    const options = { chains: 4, warmup: 0, draws: 50, initial: matrix(4, 1) };
    const draws = await sample(hmc(cliff, { numSteps: 10, stepSize: 0.2 }), options);
    const divergences = draws.stats.diverging.reduce((a, b) => a + b, 0);
    expect(divergences).toBeGreaterThan(0);
    expect(draws.run.divergences).toBe(divergences);
    expect(Math.max(...draws.values)).toBeLessThanOrEqual(1);
    expect(summary(draws).warnings.join()).toContain(`${divergences} transitions diverged`);
  });

  it("needs a gradient", () => {
    const target = logDensity({ names: ["x"], logProb: ([x]) => -x * x });
    expect(() => hmc(target)).toThrow(/target has no gradient; use metropolis/);
  });

  it.each([
    [{ targetAcceptance: 1 }, /targetAcceptance must be between 0 and 1, got 1/],
    [{ stepSize: 0 }, /stepSize must be a positive number, got 0/],
    [{ trajectoryLength: Number.NaN }, /trajectoryLength must be a positive number/],
    [{ numSteps: 1.5 }, /numSteps must be a positive integer, got 1.5/],
    [{ numSteps: 5, trajectoryLength: 1 }, /numSteps or trajectoryLength, got both/],
    [{ metric: "round" as "dense" }, /metric must be "diagonal" or "dense", got "round"/],
    [{ inverseMass: Float64Array.of(1, 2, 3) }, /inverseMass must hold 5 or 25 numbers, got 3/],
    [{ inverseMass: Float64Array.of(1, 1, 0, 1, 1) }, /diagonal of inverseMass must hold positive numbers/],
  ])("refuses %o", (options, message) => {
    expect(() => hmc(fourModes(), options)).toThrow(message);
  });

  it.each([0, 1, Number.NaN])("refuses to bring metropolis to an acceptance of %s", (targetAcceptance) => {
    expect(() => metropolis(quartic, { targetAcceptance })).toThrow(
      /targetAcceptance must be between 0 and 1/,
    );
  });
});
