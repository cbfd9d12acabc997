/** Flows fitted to densities: they find what is exact, and say where they do not. */
import { beforeAll, describe, expect, it } from "vitest";
import { importance } from "../../samplers/importance-sampling.js";
import { summary } from "../../samplers/summary.js";
import { logDensity } from "../../samplers/target.js";
import { identity, lowerBounded, stacked } from "../../src/core/bijection.js";
import type { LogDensity } from "../../src/core/contracts.js";
import { column, fromRows, matrix, row } from "../../src/core/matrix.js";
import { directDraws } from "../../src/direct-posterior.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { nle } from "../../src/estimators/nle.js";
import { posterior } from "../../src/posterior.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";
import { type VariationalOptions, variational } from "../../src/variational/variational.js";
import { whitenedTarget } from "../../src/variational/whitened.js";
import { exactPosterior, gaussian } from "../estimators/gaussian.js";
import { boxStart, normalStart } from "../samplers/targets.js";

/** A normal of x beside a gamma of s: two parameters, one of them positive, of known integral. */
const product: LogDensity = logDensity({
  names: ["x", "s"],
  support: stacked([identity(1), lowerBounded(0)]),
  logProb: ([x, s]) => -0.5 * ((x - 3) / 2) ** 2 + 4 * Math.log(s) - 2 * s,
  gradient([x, s], out) {
    out[0] = -(x - 3) / 4;
    out[1] = 4 / s - 2;
  },
});
/** `2 sqrt(2 pi)` times `Gamma(5) / 2^5`. */
const logIntegral = Math.log(2 * Math.sqrt(2 * Math.PI)) + Math.log(24 / 32);

/** A normal is all that this flow of one parameter can be. */
const normalFlow = { kind: "realNvp", transforms: 1, width: 2, blocks: 1 };

const laplace = logDensity({
  names: ["x"],
  start: normalStart(1),
  logProb: ([x]) => -Math.abs(x) - Math.log(2),
  gradient([x], out) {
    out[0] = -Math.sign(x);
  },
});

/** Student t of one and a half degrees of freedom, up to a constant. */
const heavy = logDensity({
  names: ["x"],
  start: normalStart(1),
  logProb: ([x]) => -1.25 * Math.log1p((x * x) / 1.5),
  gradient([x], out) {
    out[0] = (-2.5 * x) / (1.5 + x * x);
  },
});

/** Equal normals at -10 and 10. */
const apart = logDensity({
  names: ["x"],
  start: boxStart(1, -20, 20),
  logProb: ([x]) => -0.5 * (Math.abs(x) - 10) ** 2,
  gradient([x], out) {
    out[0] = Math.sign(x) * (10 - Math.abs(x));
  },
});

describe("variational inference", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine("auto");
  });
  const learn = (target: LogDensity, options: VariationalOptions = {}) =>
    variational(target, { engine, seed: 1, batchSize: 64, draws: 2000, ...options });
  const small = { kind: "realNvp", transforms: 2, width: 8, blocks: 1 };

  it("moves densities and slopes to the coordinates of the flow", async () => {
    const target = whitenedTarget(product, {
      center: Float64Array.of(1, 0.5),
      lower: Float64Array.of(2, 0, -0.7, 0.4),
    });
    const at = fromRows([[0.3, -0.8]]);
    const { logProb, gradient } = await target.gradient(at);
    expect(await target.logProb(at)).toEqual(logProb);
    const h = 1e-5;
    for (let j = 0; j < 2; j++) {
      const beside = [h, -h].map((step) => at.data.map((value, k) => value + (k === j ? step : 0)));
      const [up, down] = await target.logProb(fromRows(beside));
      expect(gradient.data[j]).toBeCloseTo((up - down) / (2 * h), 7); // differences are good to h^2
    }
    const [x, s] = row(target.toTheta(at), 0);
    const jacobian = Math.log(s) + Math.log(2 * 0.4); // of exp, and of the factor
    expect(logProb[0]).toBeCloseTo((await product.logProb(fromRows([[x, s]])))[0] + jacobian, 12);
  });

  it("finds a density, its integral and its moments", async () => {
    await using fitted = await learn(product, { density: small, steps: 400 });
    const { elbo } = fitted;
    expect(elbo.value).toBeLessThan(logIntegral + 4 * elbo.standardError);
    expect(elbo.value).toBeGreaterThan(logIntegral - 0.01); // KL(q | p), nats
    const corrected = await importance(product, { proposal: fitted, draws: 2000 });
    const { value, standardError } = corrected.logIntegral;
    expect(Math.abs(value - logIntegral)).toBeLessThan(4 * standardError + 1e-5); // float32 inside the flow
    const { rows } = summary(await directDraws(fitted, { chains: 4, draws: 1000 }));
    // 4 standard errors of 4,000 draws, and what a KL of 0.01 may move: sqrt(2 KL) sd
    expect(Math.abs(rows[0].mean - 3)).toBeLessThan(0.2 * 2);
    expect(Math.abs(rows[1].mean - 2.5)).toBeLessThan(0.2 * Math.sqrt(1.25));
  });

  it("gives slopes of its own density, none of it outside the support, and the same from the same seed", async () => {
    const quick = { density: small, steps: 50, draws: 500 };
    await using fitted = await learn(product, quick);
    await using again = await learn(product, quick);
    expect(again.elbo).toEqual(fitted.elbo);
    expect(await again.sample(10, { seed: 3 })).toEqual(await fitted.sample(10, { seed: 3 }));
    const at = fromRows([
      [2, 1.5],
      [2, -1],
    ]);
    const { logProb, gradient } = await fitted.gradient(at);
    expect(logProb[1]).toBe(-Infinity);
    expect(await fitted.logProb(at)).toEqual(logProb);
    const h = 1e-2; // float32: differences of 1e-2 lose 1e-7 / 1e-2 to rounding and h^2 to curvature
    for (let j = 0; j < 2; j++) {
      const beside = [h, -h].map((step) => row(at, 0).map((value, k) => value + (k === j ? step : 0)));
      const [up, down] = await fitted.logProb(fromRows(beside));
      expect(Math.abs(gradient.data[j] - (up - down) / (2 * h))).toBeLessThan(2e-3);
    }
    const grid = matrix(60 * 60, 2);
    const cell = (20 / 60) * (12 / 60);
    for (let i = 0; i < grid.rows; i++) {
      grid.data.set([-7 + ((i % 60) * 20) / 60, ((Math.floor(i / 60) + 0.5) * 12) / 60], 2 * i);
    }
    const mass = (await fitted.logProb(grid)).reduce((sum, log) => sum + Math.exp(log) * cell, 0);
    expect(mass).toBeCloseTo(1, 2); // five standard deviations each way
  });

  it("makes the best normal of what is none: narrow by the bound of one draw, wider by that of eight", async () => {
    const options = { density: normalFlow, steps: 400 };
    await using narrow = await learn(laplace, options);
    // E|x| = s sqrt(2 / pi), so log s - s sqrt(2 / pi) is largest at s = sqrt(pi / 2)
    const best = Math.sqrt(Math.PI / 2);
    const bound = Math.log(best) + 0.5 * Math.log(2 * Math.PI * Math.E) - 1 - Math.log(2);
    expect(Math.abs(narrow.elbo.value - bound)).toBeLessThan(4 * narrow.elbo.standardError);
    await using wide = await learn(laplace, { ...options, objective: "iwelbo" });
    const sd = async (of: typeof narrow) => {
      const x = column(await of.sample(2000), 0);
      return Math.sqrt(x.reduce((sum, value) => sum + value ** 2, 0) / x.length);
    };
    expect(Math.abs((await sd(narrow)) / best - 1)).toBeLessThan(0.08); // 4 / sqrt(2 * 2000), and the fit
    expect(await sd(wide)).toBeGreaterThan(1.04 * (await sd(narrow))); // from the same noise
    expect(wide.log.history.at(-1)!.bound).toBeGreaterThan(narrow.elbo.value); // log Z = 0 is nearer
    expect(wide.elbo.value).toBeLessThan(narrow.elbo.value);
  });

  it("warns where weights have no variance to speak of", async () => {
    await using fitted = await learn(heavy, { density: normalFlow, steps: 100 });
    expect(fitted.paretoK).toBeGreaterThan(0.7);
    expect(fitted.reliable).toBe(false);
    expect(fitted.warnings.join()).toMatch(/misses some of where the target has mass \(Pareto k/);
    const { warnings } = summary(await directDraws(fitted, { chains: 4, draws: 100 }));
    expect(warnings.join()).toMatch(/Pareto k/);
    await fitted.dispose();
    await expect(fitted.sample(1)).rejects.toThrow(
      "sample: the fitted posterior is disposed; ask it before.",
    );
  });

  it("finds by draws from the start the mode that it was led away from", async () => {
    const initial = fromRows([[9], [10], [11], [10.5]]);
    await using fitted = await learn(apart, { density: normalFlow, steps: 100, initial });
    expect(fitted.paretoK).toBeLessThan(0.7); // its own draws see nothing of it
    expect(fitted.warnings.join()).toMatch(/next to nothing at (4\d|5\d) % of points/);
  });

  it("leaves draws where the target is zero alone, and tells", async () => {
    const halved = logDensity({
      names: ["x"],
      start: normalStart(1),
      logProb: ([x]) => (x < -1 ? -Infinity : -0.5 * x * x),
      gradient([x], out) {
        out[0] = x < -1 ? 0 : -x;
      },
    });
    await using fitted = await learn(halved, { density: normalFlow, steps: 100 });
    expect(fitted.log.nonFinite).toBeGreaterThan(0);
    expect(fitted.elbo.value).toBe(-Infinity);
    expect(fitted.warnings.join()).toMatch(/the target is zero/);
  });

  it("fits the posterior of a learned likelihood", async () => {
    const density = { kind: "mixtureDensity", components: 1, hidden: [16] };
    const simulations = await simulate(gaussian, { n: 2000, seed: 1 });
    await using estimator = await train(nle(simulations, { density }), { engine, epochs: 15, card: false });
    const observed = [0.8, 1.7];
    const target = posterior(estimator, { observed });
    await using fitted = await learn(target, { density: normalFlow, steps: 200 }); // as normal as the exact one
    const corrected = await importance(target, { proposal: fitted });
    expect(corrected.logIntegral.value - fitted.elbo.value).toBeLessThan(0.01);
    const exact = exactPosterior(observed);
    const x = column(await fitted.sample(4000), 0);
    // 2,000 simulations leave a tenth of a standard deviation beside the Monte Carlo error
    expect(Math.abs(x.reduce((a, b) => a + b) / x.length - exact.mean)).toBeLessThan(0.27 * exact.sd);
  });

  it("stops when it is told to, and reports how far it came", async () => {
    const stop = new AbortController();
    const seen: number[] = [];
    const onProgress = ({ done }: { readonly done: number }) => {
      seen.push(done);
      if (done === 200) stop.abort();
    };
    const run = learn(laplace, { density: normalFlow, steps: 1000, signal: stop.signal, onProgress });
    await expect(run).rejects.toThrow(/abort/);
    expect(seen).toEqual([100, 200]);
  });

  it.each([
    [{ objective: "forward" }, /expected elbo or iwelbo/],
    [{ particles: 4 }, /needs objective: "iwelbo"/],
    [{ objective: "iwelbo", particles: 7, batchSize: 64 }, /multiple of particles = 7/],
    [{ density: { kind: "mixtureDensity" } }, /does not draw smoothly from noise/],
    [{ learningRate: 0 }, /learningRate must be a positive number/],
    [{ steps: 1.5 }, /steps must be a whole number/],
    [{ initial: matrix(3, 2) }, /initial must be \[S, 1\]/],
    [{ learnRate: 1 }, /did you mean learningRate/],
  ])("refuses %o", async (options, message) => {
    await expect(learn(laplace, options as VariationalOptions)).rejects.toThrow(message);
  });

  it("refuses a target without a slope, or without a finite value", async () => {
    const flat = logDensity({ names: ["x"], logProb: () => 0 });
    await expect(variational(flat)).rejects.toThrow(/target has no gradient/);
    const nowhere = logDensity({ names: ["x"], logProb: () => Number.NaN, gradient() {} });
    await expect(learn(nowhere)).rejects.toThrow(/no starting point has a finite log density/);
    const initial = fromRows([[0], [1]]);
    await expect(learn(nowhere, { initial, density: normalFlow })).rejects.toThrow(/none of the last/);
  });
});
