/** Likelihoods of counts too many for a table of probabilities: flows over the cells of a lattice. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { logGamma } from "../../src/core/gamma-functions.js";
import { column, fromRows, matrix, repeatRow } from "../../src/core/matrix.js";
import { key, stream } from "../../src/core/random.js";
import type { Dataset } from "../../src/dataset/dataset.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { loadLikelihoodEstimator, saveEstimator } from "../../src/estimators/file.js";
import { type LikelihoodEstimator, nle } from "../../src/index.js";
import { uniform } from "../../src/prior/uniform.js";
import { readTensors, writeTensors } from "../../src/train/safetensors.js";
import { train } from "../../src/train/train.js";

const trials = 20;
const noise = 0.3;
const prior = uniform({ p: [0.02, 0.3] });

/** How many of 20 succeed, mostly few, in units of 1/20, and a number measured beside that depends on it. */
function shares(n: number): Dataset {
  const rng = stream(key("shares"));
  const theta = prior.sample(n, key("theta"));
  const x = matrix(n, 2);
  theta.data.forEach((p, i) => {
    x.data[2 * i] = rng.binomial(trials, p) / trials;
    x.data[2 * i + 1] = 2 * x.data[2 * i] + noise * rng.normal();
  });
  return { theta, x, names: prior.names, xShape: [2], prior, dropped: 0, source: {} };
}
const logMass = (k: number, p: number) =>
  logGamma(trials + 1) -
  logGamma(k + 1) -
  logGamma(trials - k + 1) +
  k * Math.log(p) +
  (trials - k) * Math.log1p(-p);

const density = { kind: "maf", transforms: 3, width: 24 };
const data = shares(2000);
const options = { seed: 1, epochs: 25, card: false } as const;

describe("a flow over counts", () => {
  let engine: Engine;
  let estimator: LikelihoodEstimator;
  beforeAll(async () => {
    engine = await openEngine("auto");
    estimator = await train(nle(data, { density }), { engine, ...options });
    return () => estimator.dispose();
  });

  it("knows which columns are counts, and the mean over a cell is the density of its value", async () => {
    const { lattices } = estimator.header.transforms;
    expect(lattices![0]!.step).toBeCloseTo(1 / trials, 12);
    expect(lattices![1]).toBeNull();
    // at the mean of the other column
    const beside = Math.log(trials) - Math.log(noise * Math.sqrt(2 * Math.PI));
    for (const p of [0.05, 0.2]) {
      let error = 0;
      for (let k = 0; k < 10; k++) {
        const x = fromRows([[k / trials, (2 * k) / trials]]);
        const [log] = await estimator.logProb(fromRows([[p]]), x);
        error += Math.exp(logMass(k, p)) * Math.abs(log - logMass(k, p) - beside);
      }
      expect(error).toBeLessThan(0.25); // a count of mean one is no flow's friend; its own spread is 1.2 nats
    }
  });

  it("has all its mass in the cells", async () => {
    const points = 200;
    const at = fromRows(
      Array.from({ length: (trials + 3) * points }, (_, i) => [
        (Math.floor(i / points) - 1) / trials,
        -2 + ((i % points) + 0.5) * (6 / points),
      ]),
    );
    const log = await estimator.logProb(repeatRow([0.1], at.rows), at);
    const total = log.reduce((sum, each) => sum + Math.exp(each), 0) * (6 / points) * (1 / trials);
    expect(Math.abs(total - 1)).toBeLessThan(0.02); // 16 points for each cell
  });

  it("has the gradient of its logarithm, and adds independent observations", async () => {
    const rows = [
      [0.05, 0.2],
      [0, -0.1],
      [0.2, 0.5],
    ];
    const likelihood = estimator.observe(fromRows(rows));
    const theta = fromRows([[0.06], [0.15], [0.27]]);
    const { logProb, gradient } = await likelihood.gradient(theta);
    const apart = [0, 0, 0];
    for (const row of rows) {
      (await estimator.logProb(theta, repeatRow(row, 3))).forEach((log, i) => {
        apart[i] += log;
      });
    }
    const step = 2e-3;
    const moved = (by: number) =>
      likelihood.logProb(
        matrix(
          3,
          1,
          theta.data.map((p) => p + by),
        ),
      );
    const [up, down] = [await moved(step), await moved(-step)];
    logProb.forEach((log, i) => {
      expect(log).toBeCloseTo(apart[i], 4);
      const slope = (up[i] - down[i]) / (2 * step);
      expect(Math.abs(gradient.data[i] - slope)).toBeLessThan(0.02 * (1 + Math.abs(slope)));
    });
  });

  it("draws values of the lattice", async () => {
    const drawn = await estimator.sample(repeatRow([0.1], 2000), key("drawn"));
    const counts = column(drawn, 0).map((share) => share * trials);
    expect(Math.max(...counts.map((k) => Math.abs(k - Math.round(k))))).toBeLessThan(1e-9);
    expect(new Set(column(drawn, 1)).size).toBe(2000);
    const mean = counts.reduce((sum, k) => sum + k / 2000, 0);
    // 4 standard errors, and a flow of this size
    expect(Math.abs(mean - 0.1 * trials)).toBeLessThan(4 * Math.sqrt((trials * 0.09) / 2000) + 0.1);
  });

  it("comes back from its file, which readers of flows at values refuse", async () => {
    const folder = await mkdtemp(join(tmpdir(), "galton-"));
    try {
      const path = join(folder, "estimator.safetensors");
      await saveEstimator(estimator, path);
      await using loaded = await loadLikelihoodEstimator(path, { engine });
      expect(loaded.header.transforms).toEqual(estimator.header.transforms);
      const some = fromRows([[0.1, 0.1]]);
      expect(await loaded.logProb(fromRows([[0.1]]), some)).toEqual(
        await estimator.logProb(fromRows([[0.1]]), some),
      );
      const { header, tensors } = await readTensors(path);
      expect(header).toMatchObject({ version: 3 });
      await writeTensors(path, { header: { ...(header as object), version: 2 }, tensors });
      await expect(loadLikelihoodEstimator(path, { engine })).rejects.toThrow(/version 2; expected .* 3/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("draws its noise anew in every epoch, and the same where a stopped run goes on", async () => {
    const few = shares(200);
    const objective = () => nle(few, { density: { kind: "maf", transforms: 1, width: 8 } });
    const tables = objective();
    if (tables.streaming) throw new Error("expected a table in memory");
    const { transforms, values } = tables.tables(Int32Array.from({ length: 180 }, (_, i) => i));
    const [one, two] = [await tables.refresh!([1, 2], transforms), await tables.refresh!([1, 3], transforms)];
    const inColumn = (x: ArrayLike<number>, j: number) => Array.from(x).filter((_, at) => at % 2 === j);
    expect(inColumn(one!.x, 0)).not.toEqual(inColumn(two!.x, 0));
    expect(inColumn(one!.x, 1)).toEqual(inColumn(values.x, 1));

    const folder = await mkdtemp(join(tmpdir(), "galton-"));
    try {
      const checkpoint = join(folder, "checkpoint");
      const how = { engine, seed: 1, epochs: 4, card: false } as const;
      await using whole = await train(objective(), how);
      const stop = new AbortController();
      const onProgress = ({ epoch }: { readonly epoch: number }) => {
        if (epoch === 2) stop.abort();
      };
      await expect(
        train(objective(), { ...how, checkpoint, signal: stop.signal, onProgress }),
      ).rejects.toThrow();
      await using resumed = await train(objective(), { ...how, checkpoint });
      expect(resumed.weights).toEqual(whole.weights);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("runs away at the values where it is told to take them as they are", async () => {
    const n = 1000;
    const rng = stream(key("twice"));
    const theta = prior.sample(n, key("theta"));
    const x = matrix(n, 2); // the same count twice
    theta.data.forEach((p, i) => {
      x.data.fill(rng.binomial(trials, p), 2 * i, 2 * i + 2);
    });
    const how = { engine, seed: 1, epochs: 100, learningRate: 0.02, card: false } as const;
    const own = { ...density, transforms: 2 };
    const learn = (dequantise: boolean) =>
      train(nle({ ...data, theta, x }, { density: own, dequantise }), how);
    await using plain = await learn(false);
    await using spread = await learn(true);
    expect(plain.header.transforms).not.toHaveProperty("lattices");
    const [at, same] = [fromRows([[0.1]]), fromRows([[2, 2]])];
    expect((await plain.logProb(at, same))[0]).toBeGreaterThan(1); // no probability is
    const [log] = await spread.logProb(at, same);
    expect(Math.abs(log - logMass(2, 0.1))).toBeLessThan(0.5);
    expect(() => nle(data, { dequantise: 1 as unknown as boolean })).toThrow(
      /dequantise must be true or false, got 1/,
    );
  });
});
