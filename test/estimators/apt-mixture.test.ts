/** APT in its mixture form: the algebra against plain arrays, and posteriors from rows of a mixture. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { cholesky, logDetCholesky, multiply, solveCholesky } from "../../src/core/linalg.js";
import { fromRows, type Matrix, matrix, stackRows } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import { logSumExp } from "../../src/core/special.js";
import type { Dataset } from "../../src/dataset/dataset.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { aptMixture, aptMixtureFromPortable } from "../../src/estimators/apt-mixture.js";
import { loadPosteriorEstimator, saveEstimator } from "../../src/estimators/file.js";
import {
  logTilt,
  logTiltedMass,
  noTilt,
  noWiderThan,
  tiltOf,
  tiltTables,
} from "../../src/estimators/mixture-tilt.js";
import { npe } from "../../src/estimators/npe.js";
import type { PosteriorEstimator } from "../../src/estimators/posterior.js";
import { gamma, independent } from "../../src/index.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { uniform } from "../../src/prior/uniform.js";
import {
  drawsOf,
  type Gaussian,
  type GaussianMixture,
  logProbOf,
} from "../../src/sequential/gaussian-mixture.js";
import type { Objective } from "../../src/train/objective.js";
import { train } from "../../src/train/train.js";
import { tensor64, tf64, values64 } from "../flows/float64-tf.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("auto");
});

const one = (mean: number, variance: number): GaussianMixture => ({
  logWeights: Float64Array.of(0),
  components: [{ mean: Float64Array.of(mean), precision: Float64Array.of(1 / variance) }],
});
const density = { kind: "mixtureDensity", components: 1, hidden: [16] };

/** A random precision `A' A`, with its upper triangular `A`. */
function randomPrecision(rng: ReturnType<typeof stream>, dim: number, least: number) {
  const factor = new Float64Array(dim * dim);
  for (let i = 0; i < dim; i++) {
    for (let j = i; j < dim; j++) factor[i * dim + j] = i === j ? least + rng.uniform() : 0.5 * rng.normal();
  }
  const precision = new Float64Array(dim * dim);
  for (let i = 0; i < dim * dim; i++) {
    const [a, b] = [Math.floor(i / dim), i % dim];
    for (let l = 0; l < dim; l++) precision[i] += factor[l * dim + a] * factor[l * dim + b];
  }
  return { factor, precision };
}

/**
 * `log integral q proposal / prior` pair by pair from natural parameters, `P = P_k + P_l - P_prior` and
 * `P m = P_k m_k + P_l m_l - P_prior m_prior`, up to the factor of the prior's own constant.
 */
function massByPairs(q: GaussianMixture, proposal: GaussianMixture, prior: Gaussian): number {
  const dim = prior.mean.length;
  const half = ({ mean, precision }: Gaussian, isFlat = false) => {
    const linear = multiply(precision, mean, new Float64Array(dim));
    const logDet = isFlat ? 0 : logDetCholesky(cholesky(precision, dim), dim);
    return { linear, log: 0.5 * (logDet - linear.reduce((sum, value, j) => sum + value * mean[j], 0)) };
  };
  const under = half(prior, true);
  const logs = q.components.flatMap((a, k) =>
    proposal.components.map((b, l) => {
      const [own, over] = [half(a), half(b)];
      const precision = a.precision.map((value, i) => value + b.precision[i] - prior.precision[i]);
      const linear = own.linear.map((value, j) => value + over.linear[j] - under.linear[j]);
      const factor = cholesky(precision, dim);
      const mean = solveCholesky(factor, linear.slice());
      const quadratic = linear.reduce((sum, value, j) => sum + value * mean[j], 0);
      const weights = q.logWeights[k] + proposal.logWeights[l];
      return weights + own.log + over.log - under.log + 0.5 * (quadratic - logDetCholesky(factor, dim));
    }),
  );
  return logSumExp(logs);
}

describe("the posterior under a mixture of proposals", () => {
  it.each([1, 2, 4])("has the integral that plain algebra gives it, in %d dimensions", (dim) => {
    const rng = stream(key(`mass ${dim}`));
    const [rows, count, terms] = [3, 3, 2];
    const prior: Gaussian = { mean: rng.normals(dim), precision: randomPrecision(rng, dim, 0.4).precision };
    const weights = (n: number) => {
      const raw = rng.normals(n);
      return raw.map((value) => value - logSumExp(raw));
    };
    const proposals = [0, 1].map((r) => {
      const components = Array.from({ length: terms - r }, () => ({
        mean: rng.normals(dim),
        precision: randomPrecision(rng, dim, 0.5).precision,
      }));
      return noWiderThan({ logWeights: weights(terms - r), components }, prior);
    });
    const tilts = [noTilt(dim), ...proposals.map((each) => tiltOf("test", each, prior))];
    const scaling = { center: [...rng.normals(dim)], scale: [...rng.normals(dim)].map(Math.exp) };
    const qs = Array.from({ length: rows }, () => ({
      logWeights: weights(count),
      parts: Array.from({ length: count }, () => ({
        mean: rng.normals(dim),
        ...randomPrecision(rng, dim, 0.3),
      })),
    }));
    // the same in standardised parameters, in the order of the tables: prior, first proposal, second
    const flat = (pick: (part: (typeof qs)[0]["parts"][0]) => Iterable<number>) =>
      qs.flatMap(({ parts }) => parts.flatMap((part) => [...pick(part)]));
    const { center, scale } = scaling;
    const mixture = {
      logWeights: tensor64(
        qs.flatMap(({ logWeights }) => [...logWeights]),
        [rows, count],
      ),
      means: tensor64(
        flat(({ mean }) => mean.map((m, j) => (m - center[j]) / scale[j])),
        [rows, count, dim],
      ),
      factors: tensor64(
        flat(({ factor }) => factor.map((a, i) => a * scale[i % dim])),
        [rows, count, dim, dim],
      ),
    };
    const tables = tiltTables(tilts, scaling);
    const tensor = (values: Float64Array, columns: number) => tensor64(values, [3, terms * columns]);
    const mass = values64(
      logTiltedMass(tf64, mixture, {
        logs: tensor(tables.logs, 1),
        slopes: tensor(tables.slopes, dim),
        centers: tensor(tables.centers, dim),
        roots: tensor(tables.roots, dim * dim),
      }),
    );
    expect(Math.abs(mass[0])).toBeLessThan(1e-12);
    const at = fromRows([rng.normals(dim), rng.normals(dim)]);
    for (const r of [1, 2]) {
      const q = { logWeights: qs[r].logWeights, components: qs[r].parts };
      const exact = massByPairs(q, proposals[r - 1], prior);
      expect(Math.abs(mass[r] - exact)).toBeLessThan(1e-9);
      // and what a row adds is the quotient itself, with the same constant
      const priorLog = logProbOf({ logWeights: Float64Array.of(0), components: [prior] }, at);
      const logDet = 0.5 * logDetCholesky(cholesky(prior.precision, dim), dim);
      const tilt = logTilt(tilts[r], at);
      const proposed = logProbOf(proposals[r - 1], at);
      for (const i of [0, 1])
        expect(Math.abs(tilt[i] - (proposed[i] - priorLog[i] + logDet))).toBeLessThan(1e-9);
    }
  });
});

/** theta ~ N(0, 1), x ~ N(theta, 1): the posterior of x is N(x / 2, 1 / 2). 300 rows of the prior, 1,500 of N(1.5, 1 / 2). */
const prior = normalPrior(["a"], [0], [[1]]);
const proposal = one(1.5, 0.5);
const observed = 1;
function pairs(theta: Matrix): Dataset {
  const rng = stream(key("x"));
  const x = matrix(
    theta.rows,
    1,
    theta.data.map((value) => value + rng.normal()),
  );
  return { theta, x, names: ["a"], xShape: [1], prior, dropped: 0, source: {} };
}
const rows = pairs(stackRows([prior.sample(300, key("prior")), drawsOf(proposal, 1500, key("theta"))]));
const proposals = [{ mixture: proposal, rows: 1500 }];

const learn = (objective: Objective<PosteriorEstimator>, epochs = 15) =>
  train(objective, { engine, epochs, seed: 1, batchSize: 50, card: false });

async function moments(estimator: PosteriorEstimator) {
  const draws = await estimator.sample(fromRows([[observed]]), 4000, key(1));
  const mean = draws.data.reduce((a, b) => a + b, 0) / draws.rows;
  return { mean, variance: draws.data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.rows };
}

describe("APT with mixtures", () => {
  it("learns the posterior of the prior from rows of a proposal, where plain NPE learns another", async () => {
    await using estimator = await learn(aptMixture(rows, { density, proposals }));
    const { mean, variance } = await moments(estimator);
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.15); // from 1,800 rows
    expect(Math.abs(variance - 0.5)).toBeLessThan(0.12);
    expect(estimator.header.card).toBeUndefined();
    // the loss is there for a reason: precision 2 + 1, mean (3 + 1) / 3
    await using uncorrected = await learn(npe(rows, { density }));
    expect((await moments(uncorrected)).mean).toBeGreaterThan(0.8);
  });

  it("learns it inside the walls of a uniform prior", async () => {
    // x ~ N(theta, 0.25) and theta in [-4, 4]: the posterior of x = 1 is N(1, 0.25), no wall is near
    const box = uniform({ a: [-4, 4] });
    const theta = drawsOf(one(0.5, 0.3), 1500, key("box"));
    const noise = stream(key("noise"));
    const x = matrix(
      theta.rows,
      1,
      theta.data.map((value) => value + 0.5 * noise.normal()),
    );
    const simulations = { ...rows, theta, x, prior: box };
    await using estimator = await learn(
      aptMixture(simulations, { density, proposals: [{ mixture: one(0.5, 0.3), rows: 1500 }] }),
    );
    const { mean, variance } = await moments(estimator);
    expect(Math.abs(mean - 1)).toBeLessThan(0.12); // uncorrected 0.77
    expect(Math.abs(variance - 0.25)).toBeLessThan(0.08); // uncorrected 0.136
  });

  it("is written to a file and read back, and travels to a worker", async () => {
    const options = { density, proposals };
    await using estimator = await learn(aptMixture(rows, options), 1);
    const folder = await mkdtemp(join(tmpdir(), "galton-"));
    try {
      const path = join(folder, "apt.safetensors");
      await saveEstimator(estimator, path);
      await using loaded = await loadPosteriorEstimator(path, { engine });
      expect(loaded.header.method).toBe("apt");
      const at = [fromRows([[0.3]]), fromRows([[1]])] as const;
      expect(await loaded.logProb(...at)).toEqual(await estimator.logProb(...at));
    } finally {
      await rm(folder, { recursive: true });
    }
    const { portable, spec } = aptMixture(rows, options);
    expect(aptMixtureFromPortable(structuredClone(portable!.input) as never).spec).toEqual(spec);
  });

  it("narrows what is wider than the prior, and no more", () => {
    const wide: GaussianMixture = {
      logWeights: Float64Array.of(Math.log(0.5), Math.log(0.5)),
      components: [
        { mean: Float64Array.of(0, 0), precision: Float64Array.of(4, 0, 0, 0.25) },
        { mean: Float64Array.of(1, 1), precision: Float64Array.of(2, 0.5, 0.5, 2) },
      ],
    };
    const least = { mean: Float64Array.of(0, 0), precision: Float64Array.of(1, 0, 0, 1) };
    expect(() => tiltOf("test", wide, least)).toThrow(
      /test: component 0 of a proposal is as wide as the prior/,
    );
    const narrowed = noWiderThan(wide, least);
    expect(narrowed.components[1]).toBe(wide.components[1]);
    // 0.25 + 0.75 is what the second direction needs
    expect(narrowed.components[0].precision[3]).toBeGreaterThan(1);
    expect(narrowed.components[0].precision[3]).toBeLessThan(1.002);
    expect(tiltOf("test", narrowed, least)).toHaveLength(2);
  });

  it.each([
    [{ proposals: [{ mixture: one(1, 2), rows: 10 }] }, /component 0 of a proposal is as wide as the prior/],
    [{ proposals: [{ mixture: proposal, rows: 2000 }] }, /at most the 1800 rows that there are, got 2000/],
    [{ proposals, density: { kind: "maf" } }, /must be of the kind "mixtureDensity", got "maf". Use apt/],
    [{ proposals, atoms: 3 }, /there is no option "atoms"/],
  ])("refuses %o", (options, message) => {
    expect(() => aptMixture(rows, { density, ...options })).toThrow(message);
  });

  it("refuses a prior that is none, not normal, or does not hold the rows", () => {
    expect(() => aptMixture({ ...rows, prior: undefined }, { proposals })).toThrow(/came without a prior/);
    const other = independent({ a: gamma(2, 1) });
    const few = { ...rows, theta: matrix(1800, 1, rows.theta.data.map(Math.abs)), prior: other };
    expect(() => aptMixture(few, { proposals })).toThrow(/"aptMixture" divides .* a has "gamma"/);
    expect(() => aptMixture({ ...rows, prior: uniform({ a: [0, 9] }) }, { proposals })).toThrow(
      /row \d+ of theta lies outside the prior/,
    );
  });
});
