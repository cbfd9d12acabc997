import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Problem } from "../../benchmarks/problem.js";
import { findProblem, problems } from "../../benchmarks/problems.js";
import { publishedDraws, referenceDraws } from "../../benchmarks/reference-draws.js";
import { column, type Matrix, matrix, repeatRow, row, sliceRows } from "../../src/core/matrix.js";
import { foldIn, key, split } from "../../src/core/random.js";
import { c2st } from "../../src/metrics/c2st.js";
import { mmd } from "../../src/metrics/mmd.js";
import { describeWithReference } from "../reference.js";

const all: readonly Problem[] = await Promise.all(Object.values(problems).map((load) => load()));

/** Problems that solve equations or search for a mode: fewer rows here, all of them in the slow tests. */
const dear = ["bernoulli_glm", "bernoulli_glm_raw", "lotka_volterra", "sir"];

function moments(values: Float64Array) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, sd: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length) };
}

describe.each(all)("$name", (problem) => {
  const { simulator } = problem;
  const dim = simulator.prior.dim;
  const width = simulator.xShape.reduce((a, b) => a * b, 1);

  it("has observations and true parameters of the declared widths", () => {
    for (const k of problem.observations) {
      expect(problem.observation(k)).toHaveLength(width);
      expect(problem.trueParameters(k)?.length ?? dim).toBe(dim);
    }
    expect(() => problem.observation(99)).toThrow(/observation must be one of 1 to \d+, got 99/);
  });

  it("has the gradient of its log likelihood", () => {
    if (problem.likelihoodGradient === undefined) return expect(problem.name).toBe("two_moons"); // not smooth
    const theta = simulator.prior.sample(3, key("points"));
    const x = problem.observation(1);
    const gradient = problem.likelihoodGradient(theta, x);
    const h = 1e-6;
    for (let j = 0; j < theta.data.length; j++) {
      const shifted = (by: number) => {
        const data = theta.data.slice();
        data[j] += by;
        return problem.logLikelihood(matrix(3, dim, data), x)[Math.floor(j / dim)];
      };
      const slope = (shifted(h) - shifted(-h)) / (2 * h);
      // central differences err by 1e-16 |logLikelihood| / h and by h^2 times the third derivative
      expect(Math.abs(gradient.data[j] - slope)).toBeLessThan(1e-4 * (1 + Math.abs(slope)));
    }
  });

  it("simulates what its likelihood says: the score has mean zero", async () => {
    if (problem.likelihoodGradient === undefined) return expect(problem.name).toBe("two_moons");
    const n = dear.includes(problem.name) ? 1000 : 4000;
    const theta = repeatRow(row(simulator.prior.sample(1, key("point")), 0), n);
    const { x } = await simulator.simulate(theta, split(key("score"), n));
    const scores = matrix(n, dim);
    for (let i = 0; i < n; i++) {
      scores.data.set(problem.likelihoodGradient(sliceRows(theta, i, i + 1), row(x, i)).data, i * dim);
    }
    for (let j = 0; j < dim; j++) {
      const { mean, sd } = moments(column(scores, j));
      expect(Math.abs(mean)).toBeLessThan((4.5 * sd) / Math.sqrt(n)); // 4.5 for some fifty comparisons
    }
  });

  it("gives the same bytes for the same key", () => {
    const x = problem.observation(1);
    const draw = () => problem.exactPosterior(x, 200, key("bytes")).data;
    expect(draw()).toEqual(draw());
  });
});

it("simulates 100,000 slcp rows in a third of a second of CPU", async () => {
  const { simulator } = await findProblem("slcp");
  const n = 100_000;
  const theta = simulator.prior.sample(n, key(1));
  const keys = split(key(2), n);
  const start = process.cpuUsage();
  await simulator.simulate(theta, keys);
  const { user } = process.cpuUsage(start);
  expect(user / 1e6).toBeLessThan(0.6); // 0.04 s measured on an idle core; room for a busy one
});

it("integrates the two_moons likelihood over x to one", async () => {
  const { logLikelihood } = await findProblem("two_moons");
  const theta = matrix(1, 2, Float64Array.of(0.3, -0.2));
  const edge = 0.25 - 0.1 / Math.SQRT2; // where the half circle is cut: cells begin there
  const step = 0.002; // a fifth of the crescent's thickness
  let sum = 0;
  for (let a = edge + step / 2; a < edge + 0.2; a += step) {
    for (let b = -0.7; b < 0.2; b += step) sum += Math.exp(logLikelihood(theta, [a, b])[0]) * step ** 2;
  }
  expect(sum).toBeCloseTo(1, 3);
});

describe("slcp of the AALR paper", () => {
  it("has the moments that sampling by importance and Markov chains found", async () => {
    const problem = await findProblem("slcp_aalr");
    const draws = problem.exactPosterior(problem.observation(1), 20_000, key("aalr"));
    const expected: readonly (readonly [number, number])[] = [
      [0.574, 0.449],
      [-2.628, 0.468],
      [0, 0.902],
      [0, 0.997],
      [-0.974, 0.836],
    ];
    expected.forEach(([mean, sd], j) => {
      const found = moments(column(draws, j));
      expect(Math.abs(found.mean - mean)).toBeLessThan(0.03); // theirs vary by 0.02, ours by 4 sd / sqrt(20,000)
      expect(Math.abs(found.sd - sd)).toBeLessThan(0.02);
    });
    const absolute = (j: number) => moments(column(draws, j).map(Math.abs)).mean;
    expect(Math.abs(absolute(2) - 0.853)).toBeLessThan(0.02);
    expect(Math.abs(absolute(3) - 0.946)).toBeLessThan(0.02);
    const positive = (j: number) => column(draws, j).filter((value) => value > 0).length / draws.rows;
    for (const j of [2, 3]) expect(Math.abs(positive(j) - 0.5)).toBeLessThan(2 / Math.sqrt(draws.rows));
  });
});

describeWithReference("generated against published draws", "sbibm/README.md", () => {
  // those that are `publishedAs` another give its very draws; the dear ones are compared in full by the slow tests
  const published = all.filter(
    ({ name, publishedAs = name }) => publishedAs === name && !["asymmetries", "slcp_aalr"].includes(name),
  );
  const observations = published.flatMap((problem) =>
    problem.observations
      .filter((k) => k === 1 || !dear.includes(problem.name))
      .map((k) => ({ problem, k, n: dear.includes(problem.name) ? 4000 : 10_000 })),
  );

  it.each(observations)("$problem.name, observation $k: same moments, MMD of nothing", async ({
    problem,
    k,
    n,
  }) => {
    const dim = problem.simulator.prior.dim;
    const truth = (await publishedDraws(problem.name, k, dim)) as Matrix;
    const draws = problem.exactPosterior(problem.observation(k), n, key(`${problem.name}${k}`));
    for (let j = 0; j < dim; j++) {
      const ours = moments(column(draws, j));
      const theirs = moments(column(truth, j));
      // 5 standard errors of a difference of means for a hundred comparisons; published slcp draws were
      // resampled, so that theirs vary a little more
      const error = theirs.sd * Math.sqrt(1 / n + 1 / truth.rows);
      expect(Math.abs(ours.mean - theirs.mean)).toBeLessThan(5 * error);
      expect(Math.abs(ours.sd / theirs.sd - 1)).toBeLessThan(0.05);
    }
    const { squared } = mmd(sliceRows(truth, 0, 2000), sliceRows(draws, 0, 2000));
    expect(squared).toBeLessThan(4e-3); // null: scale 1/2000; the prior of slcp lies at 0.05 and above
  });

  it.each(["gaussian_mixture", "two_moons"])("%s: a classifier cannot tell them apart", async (name) => {
    const problem = await findProblem(name);
    const { draws: truth, origin } = await referenceDraws(problem, 1);
    expect(origin).toBe("published");
    const draws = problem.exactPosterior(problem.observation(1), 1000, foldIn(key(name), 1));
    const { accuracy } = await c2st(truth, draws, { quick: true });
    expect(Math.abs(accuracy - 0.5)).toBeLessThan(4 * 0.0112); // binomial error of 2,000 tosses
  });
});

describe("generated reference draws", () => {
  let folder: string | undefined;
  afterEach(async () => {
    if (folder) await rm(folder, { recursive: true });
    folder = undefined;
  });

  it("are kept, and read back bit for bit", async () => {
    folder = await mkdtemp(join(tmpdir(), "galton-"));
    const problem = await findProblem("two_moons");
    const options = { n: 500, origin: "generated", cache: folder } as const;
    const first = await referenceDraws(problem, 2, options);
    expect(await readdir(folder)).toEqual(["two_moons-2-500-reference.f64"]);
    const second = await referenceDraws(problem, 2, options);
    expect(second).toEqual(first);
    expect(first.origin).toBe("generated");
  });
});

it("names the known problems when asked for an unknown one", async () => {
  await expect(findProblem("slpc")).rejects.toThrow(
    /"slpc" is unknown; did you mean slcp\? Expected one of asymmetries, .*two_moons/,
  );
});
