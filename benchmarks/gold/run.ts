/**
 * `npm run bench:gold`: CPU seconds of what is done with gold: simulating it, training with and without the score term,
 * evaluating a trained ratio.
 *
 * @module
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { openEngine } from "../../src/engine/open.js";
import { alice, alices, carl } from "../../src/estimators/gold.js";
import type { RatioEstimator } from "../../src/estimators/ratio.js";
import { simulateGold } from "../../src/simulate-gold.js";
import type { Objective } from "../../src/train/objective.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
import { problem as eft } from "../problems/eft.js";
import { problem as board } from "../problems/galton-board.js";

const help = `Usage: npm run bench:gold -- [options]

CPU seconds, the fastest of the repeats:
  simulate       100,000 runs of galton_board with joint log ratio and joint score
  alice, alices  one epoch over 10,000 simulations of eft with the default network, without and with the score term
  evaluate       the log ratio of 100,000 events and points, 3 hidden layers of 100 units, batched

Options:
  --repeats <n>  default 3
  --json         one JSON object per line: name, cpuSeconds, microseconds (evaluate: per event and point), load
  --help         this text`;

const rows = 100_000;

/** Epochs of the shorter and the longer training, whose difference leaves compilation out. */
const [few, many] = [1, 4];

const { values } = parseArgs({
  options: {
    repeats: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(help);
} else {
  await measure(Number(values.repeats));
}

async function measure(repeats: number): Promise<void> {
  const engine = await openEngine();
  const fastest = async (work: () => Promise<unknown>): Promise<number> => {
    let best = Infinity;
    for (let i = 0; i < repeats; i++) {
      const clock = cpuClock();
      await work();
      best = Math.min(best, clock());
    }
    return best;
  };
  const print = (name: string, cpuSeconds: number, more: object = {}) => {
    const line = { name, cpuSeconds, ...more, load: loadavg()[0] };
    console.log(values.json ? JSON.stringify(line) : `${name}: ${cpuSeconds.toFixed(2)} CPU s`);
  };

  print(
    "simulate",
    await fastest(() => simulateGold(board.simulator, { n: rows, thetaRef: board.thetaRef, seed: 1 })),
  );

  const simulations = await simulateGold(eft.simulator, { n: 10_000, thetaRef: eft.thetaRef, seed: 1 });
  const trained = async (objective: Objective<RatioEstimator>, epochs: number) => {
    await (await train(objective, { epochs, seed: 1, engine, card: false })).dispose();
  };
  for (const [name, objective] of [
    ["alice", alice(simulations)],
    ["alices", alices(simulations)],
  ] as const) {
    const short = await fastest(() => trained(objective, few));
    const long = await fastest(() => trained(objective, many));
    print(name, (long - short) / (many - few));
  }

  const network = { kind: "mlp", hidden: [100, 100, 100], activation: "tanh" } as const;
  const estimator = await train(carl(simulations, { network }), { epochs: 1, seed: 1, engine, card: false });
  const { theta, x } = await simulateGold(eft.simulator, { n: rows, thetaRef: eft.thetaRef, seed: 2 });
  await estimator.logRatio(theta, x); // compiles
  const seconds = await fastest(() => estimator.logRatio(theta, x));
  print("evaluate", seconds, { microseconds: (1e6 * seconds) / rows });
  await estimator.dispose();
}
