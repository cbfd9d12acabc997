/**
 * `npm run bench:gold`: CPU seconds of what is done with gold: simulating it, training with and without the score term,
 * evaluating a trained ratio; and CPU time per training step, beside PyTorch where `GALTON_PYTHON` names an interpreter with torch.
 *
 * @module
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import type { GoldDataset } from "../../src/dataset/gold.js";
import { openEngine } from "../../src/engine/open.js";
import type { Engine } from "../../src/engine/types.js";
import { alice, alices, carl } from "../../src/estimators/gold.js";
import type { RatioEstimator } from "../../src/estimators/ratio.js";
import { simulateGold } from "../../src/simulate-gold.js";
import type { Objective } from "../../src/train/objective.js";
import { train } from "../../src/train/train.js";
import { cpuClock } from "../cpu-clock.js";
import { race } from "../engine/race.js";
import { problem as eft } from "../problems/eft.js";
import { problem as board } from "../problems/galton-board.js";
import {
  checkSameSteps,
  openTorch,
  type StepContender,
  type StepLoss,
  stepLosses,
  stepsHere,
  stepsInTorch,
} from "./steps.js";

const help = `Usage: npm run bench:gold -- [options]

CPU seconds, the fastest of the repeats:
  simulate       100,000 runs of galton_board with joint log ratio and joint score
  alice, alices  one epoch over 10,000 simulations of eft with the default network, without and with the score term
  evaluate       the log ratio of 100,000 events and points, 3 hidden layers of 100 units, batched
  step           one training step of alice and alices on eft, 3 hidden layers of 64 tanh units, 128 rows, CPU milliseconds;
                 PyTorch takes turns where GALTON_PYTHON names a Python interpreter with torch

Options:
  --only <names> comma-separated, of simulate, train (alice, alices), evaluate, step; default all
  --repeats <n>  default 3
  --rounds <n>   short rounds of step, of which the fastest counts; default 40
  --json         one JSON object per line: name, cpuSeconds, microseconds (evaluate: per event and point), load; for step
                 name, loss, engine, threads, cpuMsPerStep, load
  --help         this text

Example:
  GALTON_PYTHON=python3 npm run bench:gold -- --only step`;

const rows = 100_000;

/** Epochs of the shorter and the longer training, whose difference leaves compilation out. */
const [few, many] = [1, 4];

const parts = ["simulate", "train", "evaluate", "step"] as const;
type Part = (typeof parts)[number];

interface Options {
  readonly chosen: readonly Part[];
  readonly repeats: number;
  readonly rounds: number;
  readonly json: boolean;
}

/** Reads the command line; `undefined` asks for help. */
function parse(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      repeats: { type: "string", default: "3" },
      rounds: { type: "string", default: "40" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const count = (flag: "repeats" | "rounds") => {
    const value = Number(values[flag]);
    if (Number.isInteger(value) && value > 0) return value;
    throw new RangeError(`--${flag} must be a positive whole number, got ${values[flag]}.`);
  };
  const wanted = values.only?.split(",") ?? parts;
  const unknown = wanted.find((name) => !parts.includes(name as Part));
  if (unknown !== undefined) {
    throw new RangeError(`--only names "${unknown}"; expected ${parts.join(", ")}.`);
  }
  return {
    chosen: parts.filter((name) => wanted.includes(name)),
    repeats: count("repeats"),
    rounds: count("rounds"),
    json: values.json,
  };
}

async function measure({ chosen, repeats, rounds, json }: Options): Promise<void> {
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
    console.log(json ? JSON.stringify(line) : `${name}: ${cpuSeconds.toFixed(2)} CPU s`);
  };

  if (chosen.includes("simulate")) {
    print(
      "simulate",
      await fastest(() => simulateGold(board.simulator, { n: rows, thetaRef: board.thetaRef, seed: 1 })),
    );
    if (chosen.length === 1) return;
  }

  const simulations = await simulateGold(eft.simulator, { n: 10_000, thetaRef: eft.thetaRef, seed: 1 });
  if (chosen.includes("train")) {
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
  }

  if (chosen.includes("evaluate")) {
    const network = { kind: "mlp", hidden: [100, 100, 100], activation: "tanh" } as const;
    const estimator = await train(carl(simulations, { network }), {
      epochs: 1,
      seed: 1,
      engine,
      card: false,
    });
    const { theta, x } = await simulateGold(eft.simulator, { n: rows, thetaRef: eft.thetaRef, seed: 2 });
    await estimator.logRatio(theta, x); // compiles
    const seconds = await fastest(() => estimator.logRatio(theta, x));
    print("evaluate", seconds, { microseconds: (1e6 * seconds) / rows });
    await estimator.dispose();
  }

  if (chosen.includes("step")) await measureSteps(engine, simulations, rounds, json);
}

/** Times the step without and with the score term, all contenders taking turns. */
async function measureSteps(
  engine: Engine,
  simulations: GoldDataset,
  rounds: number,
  json: boolean,
): Promise<void> {
  const python = process.env.GALTON_PYTHON;
  if (!python)
    console.error("bench:gold: GALTON_PYTHON names no interpreter with torch, so PyTorch is left out.");
  const peer = python ? await openTorch(python) : undefined;
  const contenders: (StepContender & { readonly loss: StepLoss })[] = [];
  try {
    for (const loss of stepLosses) {
      const ours = await stepsHere(engine, loss, simulations);
      contenders.push({ ...ours, loss });
      if (peer === undefined) continue;
      const theirs = await stepsInTorch(peer, loss, simulations);
      checkSameSteps(loss, ours, theirs);
      contenders.push({ ...theirs, loss });
    }
    const times = await race(contenders, rounds);
    contenders.forEach(({ loss, engine: name, threads }, i) => {
      const cpuMsPerStep = Number(times[i].toPrecision(4));
      const line = { name: "step", loss, engine: name, threads, cpuMsPerStep, load: loadavg()[0] };
      console.log(json ? JSON.stringify(line) : `step, ${loss}, ${name}: ${cpuMsPerStep} CPU ms`);
    });
  } finally {
    for (const contender of contenders) await contender.close();
    await peer?.close();
  }
}

async function main(args: readonly string[]): Promise<void> {
  const options = parse(args);
  if (options === undefined) console.log(help);
  else await measure(options);
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`bench:gold: ${error.message}`);
  process.exitCode = 1;
});
