import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { matrix } from "../../src/core/matrix.js";
import type { ScoreDataset } from "../../src/dataset/gold.js";
import { loadEstimator, loadScoreEstimator, saveEstimator } from "../../src/estimators/file.js";
import { sally } from "../../src/estimators/sally.js";
import type { ScoreEstimator } from "../../src/estimators/score.js";
import { train } from "../../src/train/train.js";
import { exactScore, scoreTable } from "./gold-toy.js";

const network = { kind: "mlp", hidden: [16], activation: "tanh" } as const;
const options = { seed: 1, epochs: 15, batchSize: 50, learningRate: 0.01 };
const table = scoreTable(2000, 1);
const test = scoreTable(700, 2); // more rows than one engine call takes
let estimator: ScoreEstimator;

beforeAll(async () => {
  estimator = await train(sally(table, { network }), options);
});
afterAll(() => estimator.dispose());

describe("SALLY", () => {
  it("learns the score of x from scores of x and its latent path", async () => {
    const { data } = await estimator.score(test.x);
    const off = data.map((value, i) => value - exactScore(test.x.data[i], 0));
    const rms = Math.sqrt(off.reduce((sum, value) => sum + value * value, 0) / off.length);
    // the joint score scatters around the score with a standard deviation of 0.7
    expect(rms).toBeLessThan(0.12);
  });

  it("is zero on average at the reference point, and says so", () => {
    const { expectations, thetaRef, largeScores, warnings } = estimator.header;
    expect(expectations).toHaveLength(1);
    expect(expectations[0].rows).toBe(200);
    expect(Math.abs(expectations[0].z)).toBeLessThan(4);
    expect([thetaRef, largeScores, warnings]).toEqual([[0], 0, []]);
  });

  it("warns of simulations whose score is not zero on average", async () => {
    const biased = {
      ...table,
      jointScore: matrix(
        2000,
        1,
        table.jointScore.data.map((t) => t + 1),
      ),
    };
    await using shifted = await train(sally(biased, { network }), options);
    expect(shifted.header.warnings.join()).toMatch(
      /mean score of theta over held-out rows is .* instead of 0/,
    );
  });

  it("survives a file bit for bit, as an ensemble", async () => {
    await using pair = await train(sally(table, { network }), { ...options, epochs: 1, ensemble: 2 });
    const folder = await mkdtemp(join(tmpdir(), "galton-"));
    const [path, again] = [join(folder, "a.safetensors"), join(folder, "b.safetensors")];
    await saveEstimator(pair, path);
    await using loaded = await loadScoreEstimator(path);
    expect(await loaded.score(test.x)).toEqual(await pair.score(test.x));
    await saveEstimator(loaded, again);
    expect(await readFile(again)).toEqual(await readFile(path));
    await expect(loadEstimator(path)).rejects.toThrow(
      /holds score-estimator, version 1; expected ratio-estimator/,
    );
  });

  it("gives its score per unit of the parameters, whatever they are", async () => {
    const short = { ...options, epochs: 1 };
    const { portable } = sally(table, { network });
    const rebuilt = (await import(portable!.module))[portable!.export](structuredClone(portable!.input));
    await using plain = await train<ScoreEstimator>(rebuilt, short);
    await using scaled = await train(sally(scoreTable(2000, 1, 1024), { network }), short);
    expect(scaled.weights).toEqual(plain.weights);
    const [a, b] = [await plain.score(test.x), await scaled.score(test.x)];
    expect(b.data.map((value) => value * 1024)).toEqual(a.data);
  });

  it.each<[string, Partial<ScoreDataset>, RegExp]>([
    ["no rows", { x: matrix(0, 1) }, /got no rows/],
    ["ragged scores", { jointScore: matrix(4, 1) }, /expected jointScore of shape \[2000, 1\]/],
    ["a reference of two", { thetaRef: Float64Array.of(0, 1) }, /got \[2000, 1\] and \[2\]/],
    ["a wide x", { xShape: [2] }, /x has 1 columns but xShape \[2\] has 2/],
    [
      "a NaN",
      {
        jointScore: matrix(
          2000,
          1,
          table.jointScore.data.map((t, i) => (i === 3 ? Number.NaN : t)),
        ),
      },
      /NaN in row 3/,
    ],
  ])("refuses a table with %s", (_, change, message) => {
    expect(() => sally({ ...table, ...change })).toThrow(message);
  });

  it("refuses what it cannot answer", async () => {
    expect(() => sally(table, { alpha: 1 } as object)).toThrow(/no option "alpha"/);
    await expect(estimator.score(matrix(2, 3))).rejects.toThrow(/x has 3 values/);
    await expect(estimator.score(matrix(1, 1, Float64Array.of(Number.NaN)))).rejects.toThrow(/NaN in row 0/);
  });
});
