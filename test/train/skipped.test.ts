import { expect, it } from "vitest";
import { estimatorText, warningsIn } from "../../src/cli/card-text.js";
import { aalr } from "../../src/estimators/aalr.js";
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

it("ends where more than a tenth of the steps of an epoch have, and says how many", async () => {
  await expect(train(await fragile(4), options)).rejects.toThrow(
    /the loss or its gradient is not finite in epoch 1 \(training \d.*, validation \d.*, [34] of 20 steps skipped\)/,
  );
});

it("says nothing of steps where none was skipped", async () => {
  const estimator = await train(await fragile(0), { ...options, epochs: 1, ensemble: 1, card: false });
  expect(Object.keys(estimator.header.logs[0].epochs[0])).not.toContain("skippedSteps");
  expect(trainingWarnings(estimator.header.logs)).toEqual([]);
  await estimator.dispose();
});
