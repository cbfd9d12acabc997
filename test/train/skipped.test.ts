import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { estimatorText, warningsIn } from "../../src/cli/card-text.js";
import { aalr } from "../../src/estimators/aalr.js";
import type { RatioEstimator } from "../../src/estimators/ratio.js";
import { uniform } from "../../src/prior/uniform.js";
import { simulate } from "../../src/simulate.js";
import { defineSimulator } from "../../src/simulator.js";
import { skippedSteps, trainingWarnings } from "../../src/train/log.js";
import type { Objective } from "../../src/train/objective.js";
import { train } from "../../src/train/train.js";

const simulator = defineSimulator({
  prior: uniform({ mu: [-3, 3] }),
  xShape: [1],
  run: ({ mu }, rng) => rng.normals(1, mu, 1),
});
const n = 400;
const options = { seed: 3, epochs: 3, batchSize: 18, ensemble: 2, card: { pairs: 20, priorDraws: 50 } }; // 360 rows: 20 steps an epoch

/** AALR whose loss is infinite for a batch to train on with an `x` far above the others, which the first rows have. */
async function fragile(extremes: number) {
  const { theta, x, ...rest } = await simulate(simulator, { n, seed: 1 });
  x.data.fill(300, 0, extremes);
  const objective = aalr(
    { ...rest, theta, x },
    { network: { kind: "mlp", hidden: [8], activation: "silu" } },
  );
  const loss: Objective<unknown>["loss"] = (tf, parameters, batch) => {
    const sound = objective.loss(tf, parameters, batch);
    if (batch.x.shape[0] !== options.batchSize) return sound; // validation
    const isHit = tf.greater(tf.max(batch.x), 3); // of its standard deviations
    return tf.mul(sound, tf.where(isHit, Number.POSITIVE_INFINITY, 1));
  };
  return { ...objective, loss, portable: undefined };
}

it("goes on where few steps have a loss that is not finite, and counts and tells them", async () => {
  const estimator = await train(await fragile(1), options);
  const { logs, card } = estimator.header;
  for (const log of logs) {
    expect(log.epochs.map((record) => record.skippedSteps)).toEqual([1, 1, 1]);
    expect(skippedSteps(log)).toBe(3);
    for (const { trainingLoss } of log.epochs) expect(trainingLoss).toBeLessThan(2);
  }
  const told = trainingWarnings(logs);
  expect(told[1]).toMatch(
    /^Network 2: 3 training steps, in 3 of 3 epochs, had a loss or a gradient that is not/,
  );
  expect(card!.warnings).toEqual(expect.arrayContaining(told));
  expect(warningsIn(estimator).filter((warning) => told.includes(warning))).toEqual(told);
  expect(estimatorText(estimator)).toContain("3 steps skipped");
  expect(warningsIn({ ...estimator, header: { ...estimator.header, card: undefined } })).toEqual(told);
  await estimator.dispose();
});

it("ends where more than a tenth of the steps of an epoch have at lower rates, too, and says how many", async () => {
  await expect(train(await fragile(4), options)).rejects.toThrow(
    /the loss or its gradient is not finite in epoch 1 \(training \d.*, validation \d.*, [34] of 20 steps skipped, at 1\/8 of the learning rate\)/,
  );
});

/** AALR with weights that are pulled to zero, and whose loss is no number, but in validation, once one of them overshoots it. */
async function brittle(bound: number): Promise<Objective<RatioEstimator>> {
  const objective = await fragile(0);
  const [{ name }] = objective.parameters;
  const loss: Objective<unknown>["loss"] = (tf, parameters, batch) => {
    const sound = objective.loss(tf, parameters, batch);
    if (batch.x.shape[0] !== options.batchSize) return sound;
    const pulled = tf.add(sound, tf.sum(tf.square(parameters[name])));
    const isBeyond = tf.greater(tf.max(tf.abs(parameters[name])), bound);
    return tf.mul(pulled, tf.where(isBeyond, Number.NaN, 1));
  };
  return { ...objective, loss };
}

describe("training that diverges", () => {
  const hasty = { ...options, learningRate: 4, schedule: "constant", averageDecay: 0.9 } as const;

  it("goes on from the best weights so far, at half the rate from then on, and tells", async () => {
    const seen: number[] = [];
    const onProgress = ({ epoch }: { readonly epoch: number }) => seen.push(epoch);
    await using estimator = await train(await brittle(2), { ...hasty, ensemble: 1, card: false, onProgress });
    const [{ epochs, reason }] = estimator.header.logs;
    expect(seen).toEqual([1, 2, 3]);
    expect(reason).toBe("finished");
    let rate = hasty.learningRate;
    for (const { setbacks = 0, learningRate, trainingLoss, skippedSteps = 0 } of epochs) {
      rate /= 2 ** setbacks;
      expect(learningRate).toBe(rate);
      expect(Number.isFinite(trainingLoss)).toBe(true);
      expect(skippedSteps).toBeLessThanOrEqual(2);
    }
    const times = Math.log2(hasty.learningRate / rate);
    expect(times).toBeGreaterThan(0);
    expect(trainingWarnings(estimator.header.logs)[0]).toContain(`1/${2 ** times} of the learning rate`);
    expect(estimatorText(estimator)).toMatch(/epochs \(all\), set back (once|\d times), /);
  });

  it("goes on from a checkpoint behind a setback as if it had never stopped", async () => {
    const objective = await brittle(2);
    const run = { ...hasty, ensemble: 1, card: false } as const;
    await using unbroken = await train(objective, run);
    const checkpoint = join(await mkdtemp(join(tmpdir(), "galton-")), "run.safetensors");
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error("enough"));
    await expect(train(objective, { ...run, checkpoint, signal: stop.signal, onProgress })).rejects.toThrow(
      "enough",
    );
    await using resumed = await train(objective, { ...run, checkpoint });
    expect(resumed.weights).toEqual(unbroken.weights);
  });

  it("ends at once where no step could be taken: a lower rate would not help", async () => {
    await expect(train(await brittle(0), hasty)).rejects.toThrow(/20 of 20 steps skipped\)/);
  });
});

it("says nothing of steps where none was skipped", async () => {
  const estimator = await train(await fragile(0), { ...options, epochs: 1, ensemble: 1, card: false });
  expect(Object.keys(estimator.header.logs[0].epochs[0])).not.toContain("skippedSteps");
  expect(trainingWarnings(estimator.header.logs)).toEqual([]);
  await estimator.dispose();
});
