import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { gridDensity } from "../../benchmarks/grid.js";
import { numpyRandom } from "../../benchmarks/numpy-random.js";
import type { Problem } from "../../benchmarks/problem.js";
import { designMatrix } from "../../benchmarks/problems/bernoulli-glm.js";
import { type Component, distractorLaw, logMixture } from "../../benchmarks/problems/slcp-distractors.js";
import { type Rates, twoSpecies } from "../../benchmarks/problems/two-species.js";
import { findProblem } from "../../benchmarks/problems.js";
import { logNormal } from "../../src/core/distributions/normal.js";
import { fromRows, matrix, repeatRow, row } from "../../src/core/matrix.js";
import { key, split } from "../../src/core/random.js";
import { logBinomialMass, sigmoid } from "../../src/core/special.js";
import { describeWithReference } from "../reference.js";

const [sir, pond, glm, raw, distractors, slcp] = await Promise.all(
  ["sir", "lotka_volterra", "bernoulli_glm", "bernoulli_glm_raw", "slcp_distractors", "slcp"].map((name) =>
    findProblem(name),
  ),
);
const truth = (problem: Problem, k: number) => problem.trueParameters(k) as Float64Array;

/** The classical method of Runge and Kutta in steps of 1 / 400, `[times, 2]`. */
function rungeKutta([a, b, c, d]: Rates, start: readonly number[], times: readonly number[]): number[][] {
  const f = ([x, y]: readonly number[]) => [a * x - b * x * y, -c * y + d * x * y];
  const along = (u: readonly number[], slope: readonly number[], h: number) =>
    u.map((value, i) => value + h * slope[i]);
  let u = [...start];
  let time = 0;
  return times.map((until) => {
    const steps = Math.round(400 * (until - time));
    const h = steps > 0 ? (until - time) / steps : 0;
    for (let i = 0; i < steps; i++) {
      const k1 = f(u);
      const k2 = f(along(u, k1, h / 2));
      const k3 = f(along(u, k2, h / 2));
      const k4 = f(along(u, k3, h));
      u = u.map((value, j) => value + (h / 6) * (k1[j] + 2 * k2[j] + 2 * k3[j] + k4[j]));
    }
    time = until;
    return u;
  });
}

const days = Array.from({ length: 10 }, (_, j) => 17 * j);
const moments = Array.from({ length: 10 }, (_, j) => 2.1 * j);
const infected = ([beta, gamma]: Float64Array) =>
  rungeKutta([0, beta, gamma, beta], [1 - 1e-6, 1e-6], days).map(([, ill]) => ill);
const numbers = ([alpha, beta, gamma, delta]: Float64Array) => {
  const pairs = rungeKutta([alpha, beta, gamma, delta], [30, 1], moments);
  return [...pairs.map(([prey]) => prey), ...pairs.map(([, predators]) => predators)];
};

describe("numpyRandom", () => {
  it("gives NumPy's normals and permutations of seed 42", () => {
    const normals = numpyRandom(42).normals(4);
    const expected = [0.4967141530112327, -0.13826430117118466, 0.6476885381006925, 1.5230298564080254];
    expected.forEach((value, i) => {
      expect(normals[i]).toBeCloseTo(value, 14);
    });
    expect([...numpyRandom(42).permutation(10)]).toEqual([8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
  });
});

describe("twoSpecies", () => {
  it("solves what can be written down: prey that nobody eats", () => {
    const solution = twoSpecies([2, 3], [0, 1, 2.5]).numbers([0.7, 0, 0.4, 0.3]);
    [0, 1, 2.5].forEach((t, j) => {
      const x = 2 * Math.exp(0.7 * t);
      const y = 3 * Math.exp(-0.4 * t + (0.3 * (x - 2)) / 0.7);
      expect(solution[2 * j] / x - 1).toBeCloseTo(0, 8);
      expect(solution[2 * j + 1] / y - 1).toBeCloseTo(0, 8);
    });
  });

  it("agrees with small steps of another method", () => {
    const theta = truth(pond, 2);
    const [a, b, c, d] = theta;
    const solution = twoSpecies([30, 1], moments).numbers([a, b, c, d]);
    numbers(theta).forEach((value, j) => {
      const ours = solution[j < 10 ? 2 * j : 2 * (j - 10) + 1];
      expect(Math.abs(ours / value - 1)).toBeLessThan(1e-6);
    });
  });

  it("keeps what does not change in time, over the prior", () => {
    const theta = pond.simulator.prior.sample(300, key("invariant"));
    const { numbers: solve } = twoSpecies([30, 1], moments);
    for (let i = 0; i < theta.rows; i++) {
      const [a, b, c, d] = row(theta, i);
      const kept = (x: number, y: number) => d * x - c * Math.log(x) + b * y - a * Math.log(y);
      const solution = solve([a, b, c, d]);
      for (let j = 0; j < moments.length; j++) {
        expect(Math.abs(kept(solution[2 * j], solution[2 * j + 1]) / kept(30, 1) - 1)).toBeLessThan(1e-5);
      }
    }
  });
});

describe("sir", () => {
  it("has the likelihood of ten binomials", () => {
    const [value] = sir.logLikelihood(matrix(1, 2, truth(sir, 2)), sir.observation(2));
    const x = sir.observation(2);
    const direct = infected(truth(sir, 2)).reduce(
      (sum, p, j) => sum + logBinomialMass(x[j], 1000 - x[j], p, 1 - p),
      0,
    );
    expect(value).toBeCloseTo(direct, 4);
  });

  it("simulates counts with the binomial's mean and variance", async () => {
    const n = 4000;
    const { x } = await sir.simulator.simulate(repeatRow(truth(sir, 2), n), split(key("sir"), n));
    infected(truth(sir, 2)).forEach((p, j) => {
      let [sum, square] = [0, 0];
      for (let i = 0; i < n; i++) {
        sum += x.data[10 * i + j] / n;
        square += (x.data[10 * i + j] - 1000 * p) ** 2 / n;
      }
      const variance = 1000 * p * (1 - p);
      expect(Math.abs(sum - 1000 * p)).toBeLessThan(4.5 * Math.sqrt(variance / n));
      // the variance of a square is variance + 2 variance^2, nearly
      expect(Math.abs(square - variance)).toBeLessThan(4.5 * Math.sqrt((variance + 2 * variance ** 2) / n));
    });
  });

  it("has the posterior and the evidence of quadrature", () => {
    const x = sir.observation(1);
    const draws = sir.exactPosterior(x, 2000, key("sir"));
    const spread = (j: number) => {
      const values = draws.data.filter((_, i) => i % 2 === j);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      return { mean, sd: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length) };
    };
    const box = [0, 1].map((j) => {
      const { mean, sd } = spread(j);
      return [mean - 7 * sd, mean + 7 * sd] as const;
    });
    const grid = gridDensity(
      (theta) => {
        const prior = sir.simulator.prior.logProb(theta);
        return sir.logLikelihood(theta, x).map((value, i) => value + prior[i]);
      },
      box,
      [70, 70],
    );
    expect(Math.abs((sir.logEvidence?.(x) as number) - grid.logEvidence)).toBeLessThan(0.02);
    for (const j of [0, 1]) {
      const { mean, sd } = grid.moments(j);
      expect(Math.abs(spread(j).mean - mean)).toBeLessThan((4.5 * sd) / Math.sqrt(2000));
      expect(Math.abs(spread(j).sd / sd - 1)).toBeLessThan(0.08); // 4.5 / sqrt(2 * 2000)
    }
  });
});

describe("lotka_volterra", () => {
  it("has the likelihood of twenty log-normals about the solution", () => {
    const x = pond.observation(1);
    const [value] = pond.logLikelihood(matrix(1, 4, truth(pond, 1)), x);
    const direct = numbers(truth(pond, 1)).reduce(
      (sum, u, j) => sum + logNormal(Math.log(u), 0.1).logProb(x[j]),
      0,
    );
    expect(value).toBeCloseTo(direct, 4);
  });

  it("simulates a tenth of noise about the solution", async () => {
    const n = 2000;
    const { x } = await pond.simulator.simulate(repeatRow(truth(pond, 1), n), split(key("pond"), n));
    numbers(truth(pond, 1)).forEach((u, j) => {
      let [sum, square] = [0, 0];
      for (let i = 0; i < n; i++) {
        const deviation = Math.log(x.data[20 * i + j] / u);
        sum += deviation / n;
        square += deviation ** 2 / n;
      }
      expect(Math.abs(sum)).toBeLessThan((4.5 * 0.1) / Math.sqrt(n));
      expect(Math.abs(square / 0.01 - 1)).toBeLessThan(4.5 * Math.sqrt(2 / n));
    });
  });

  it.each([1, 2, 3])("observation %d is within the noise of its true parameters", (k) => {
    const x = pond.observation(k);
    const deviations = numbers(truth(pond, k)).map((u, j) => Math.log(x[j] / u) / 0.1);
    const chiSquare = deviations.reduce((sum, value) => sum + value * value, 0);
    expect(chiSquare).toBeGreaterThan(5.9); // 0.1 % and 99.9 % of 20 degrees of freedom
    expect(chiSquare).toBeLessThan(45.3);
  });
});

describe("bernoulli_glm", () => {
  it("has the probability of its spikes, from the sums as from the bins", () => {
    const theta = glm.simulator.prior.sample(3, key("glm"));
    const spikes = raw.observation(1);
    const design = designMatrix();
    const fromBins = raw.logLikelihood(theta, spikes);
    const fromSums = glm.logLikelihood(theta, glm.observation(1));
    for (let i = 0; i < 3; i++) {
      let direct = 0;
      for (let t = 0; t < 100; t++) {
        const value = row(design, t).reduce((sum, v, j) => sum + v * row(theta, i)[j], 0);
        direct += Math.log(spikes[t] === 1 ? sigmoid(value) : sigmoid(-value));
      }
      expect(fromBins[i]).toBeCloseTo(direct, 9);
      expect(fromSums[i]).toBeCloseTo(direct, 9);
    }
  });

  it("has the prior whose second differences, with a pull to zero, are standard normal", () => {
    const n = 4000;
    const theta = glm.simulator.prior.sample(n, key("prior"));
    let [threshold, filter] = [0, 0];
    for (let i = 0; i < n; i++) {
      const [first, ...taps] = row(theta, i);
      threshold += first ** 2 / n;
      taps.forEach((tap, j) => {
        const second = tap - 2 * (taps[j - 1] ?? 0) + (taps[j - 2] ?? 0);
        filter += (second + Math.sqrt(j / 9) * tap) ** 2 / n;
      });
    }
    expect(Math.abs(threshold - 2)).toBeLessThan(4.5 * 2 * Math.sqrt(2 / n));
    expect(Math.abs(filter - 9)).toBeLessThan(4.5 * Math.sqrt(18 / n)); // chi squared of 9
  });

  it("gives the same draws from the bins as from their sums", () => {
    const fromSums = glm.exactPosterior(glm.observation(2), 20, key(3));
    expect(raw.exactPosterior(raw.observation(2), 20, key(3))).toEqual(fromSums);
  });
});

describe("slcp_distractors", () => {
  it("has the posterior of slcp, and a likelihood that differs by a constant", () => {
    const x = distractors.observation(2);
    const draws = distractors.exactPosterior(x, 100, key(5));
    expect(draws).toEqual(slcp.exactPosterior(slcp.observation(2), 100, key(5)));
    const plain = slcp.logLikelihood(draws, slcp.observation(2));
    const constants = distractors.logLikelihood(draws, x).map((value, i) => value - plain[i]);
    for (const value of constants) expect(value).toBeCloseTo(constants[0], 8);
  });

  it("simulates slcp's numbers in their columns, the rest from the mixture", async () => {
    const n = 4000;
    const theta = repeatRow(truth(distractors, 1), n);
    const keys = split(key("distractors"), n);
    const { x } = await distractors.simulator.simulate(theta, keys);
    const { x: points } = await slcp.simulator.simulate(theta, keys);
    const { order, mixture } = distractorLaw();
    const firstNoise = order.indexOf(8);
    let below = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < 8; j++) expect(row(x, i)[order.indexOf(j)]).toBe(row(points, i)[j]);
      if (row(x, i)[firstNoise] < 0) below++;
    }
    // a t variate of two degrees of freedom is below z with probability 1/2 + z / (2 sqrt(2 + z^2))
    const probability =
      mixture.reduce((sum, { centre, factor }) => {
        const z = -centre[0] / Math.abs(factor[0]);
        return sum + 0.5 + z / (2 * Math.sqrt(2 + z * z));
      }, 0) / mixture.length;
    const error = Math.sqrt((probability * (1 - probability)) / n);
    expect(Math.abs(below / n - probability)).toBeLessThan(4.5 * error);
  });

  it("has a density of the mixture that integrates to one", () => {
    const component = (centre: number[], factor: number[]): Component => ({
      centre: Float64Array.from(centre),
      factor: Float64Array.from(factor),
      logDet: Math.log(Math.abs(factor[0] * factor[3])),
    });
    const mixture = [component([1, 0], [1, 0, 0.5, -0.8]), component([-1, 1], [0.7, 0, -0.4, 1.2])];
    const step = 0.25;
    let sum = 0;
    for (let a = -60; a < 60; a += step) {
      for (let b = -60; b < 60; b += step) {
        sum += Math.exp(logMixture(mixture, Float64Array.of(a, b))) * step ** 2;
      }
    }
    expect(Math.abs(sum - 1)).toBeLessThan(2e-3); // 1 / (1 + r^2 / 2) lies beyond r = 60 / 1.3
  });
});

describeWithReference("problems of sbibm", "sbibm/README.md", (path) => {
  const folder = join(path, "..");
  const json = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));
  const single = (values: ArrayLike<number>) => Array.from(values, Math.fround);

  it.each([1, 2, 3])("observation %d is the published one", (k) => {
    for (const problem of [sir, pond]) {
      const { x, trueParameters } = json(`${problem.name}/observation_${k}.json`);
      expect([...problem.observation(k)]).toEqual(x);
      expect([...truth(problem, k)]).toEqual(trueParameters);
    }
    const neuron = json(`bernoulli_glm/observation_${k}.json`);
    expect([...raw.observation(k)]).toEqual(neuron.xRaw);
    expect([...truth(raw, k)]).toEqual(neuron.trueParameters);
    glm.observation(k).forEach((value, j) => {
      expect(Math.abs(value - neuron.x[j])).toBeLessThan(1e-4); // sums of a hundred in single precision
    });
    const mixed = json(`slcp/observation_${k}.json`);
    expect([...distractors.observation(k)]).toEqual(mixed.xDistractors);
    expect([...truth(distractors, k)]).toEqual(mixed.trueParameters);
  });

  it("has their design matrix, to the bit", () => {
    expect([...designMatrix().data]).toEqual(json("bernoulli_glm/design.json").designMatrix.flat());
  });

  it("has their distractors: centres, factors and order", () => {
    const { loc, permutation } = json("slcp/distractors.json");
    const { mixture, order } = distractorLaw();
    expect([...order]).toEqual(permutation);
    const bytes = gunzipSync(readFileSync(join(folder, "slcp/distractor_scale_tril.f32.gz")));
    const factors = new Float32Array(Uint8Array.from(bytes).buffer);
    let at = 0;
    mixture.forEach(({ centre, factor }, c) => {
      expect(
        Math.max(...fromRows([loc[c]]).data.map((value, j) => Math.abs(value - centre[j]))),
      ).toBeLessThan(1e-12);
      for (let i = 0; i < 92; i++) {
        expect(single(factor.subarray(92 * i, 92 * i + i + 1))).toEqual([
          ...factors.subarray(at, (at += i + 1)),
        ]);
      }
    });
  });
});
