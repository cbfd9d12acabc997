/**
 * The training step of ALICE and of ALICES, here and in a PyTorch process: 3 hidden layers of 64 tanh units, batches of 128,
 * AdamW with a clipped norm. Both start from the same weights and see the same rows, and their losses are compared before
 * anything is timed, so it is the same step that is timed.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { EngineError } from "../../src/core/errors.js";
import { matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";
import type { GoldDataset } from "../../src/dataset/gold.js";
import type { Engine, HostArray, ParameterSpec } from "../../src/engine/types.js";
import { alice, alices } from "../../src/estimators/gold.js";
import type { Contender } from "../engine/contenders.js";
import {
  type Answer,
  decodeNumber,
  encodeArray,
  openPeer,
  type Peer,
  type WireArray,
} from "../peers/peer.js";

/** What the steps are of. */
export const stepLosses = ["alice", "alices"] as const;
export type StepLoss = (typeof stepLosses)[number];

/** A PyTorch process that was told of no step yet. */
export type TorchPeer = Peer<"torch">;

/** Something that takes steps, and the losses of its first call. */
export interface StepContender extends Contender {
  readonly losses: ArrayLike<number>;
}

const network = { kind: "mlp", hidden: [64, 64, 64], activation: "tanh" } as const;
const batchSize = 128;
const stepsPerCall = 50;
const optimiser = { weightDecay: 0.02, clipNorm: 5 };
const learningRate = 1e-3;

/** How far losses of float32 may lie apart after 50 steps, of their size. */
const tolerance = 1e-3;

/** The tables, weights and row numbers of a step; the same bytes each time. */
function workload(loss: StepLoss, simulations: GoldDataset) {
  const objective = (loss === "alice" ? alice : alices)(simulations, { network });
  if (objective.streaming) throw new Error("steps: expected simulations in memory");
  const rng = stream(key("bench:gold steps"));
  return {
    objective,
    tables: objective.tables(Int32Array.from({ length: objective.n }, (_, i) => i)),
    initial: objective.initialise(key("bench:gold weights")),
    rows: Int32Array.from({ length: stepsPerCall * batchSize }, () => rng.integer(objective.n)),
  };
}

/** The steps on one of our engines. */
export async function stepsHere(
  engine: Engine,
  loss: StepLoss,
  simulations: GoldDataset,
): Promise<StepContender> {
  const { objective, tables, initial, rows } = workload(loss, simulations);
  const session = await engine.train(
    {
      parameters: objective.parameters,
      tables: tables.specs,
      indices: objective.indices(batchSize),
      blocks: objective.blocks?.(batchSize),
      batch: objective.batch,
      loss: (tf, parameters, batch) => objective.loss(tf, parameters, batch),
    },
    { tables: tables.values, initial, ...optimiser },
  );
  const rates = new Float64Array(stepsPerCall).fill(learningRate);
  return {
    engine: engine.name,
    threads: 1,
    stepsPerCall,
    losses: await session.run(rates, { rows }),
    async round(calls) {
      const before = process.cpuUsage();
      for (let i = 0; i < calls; i++) await session.run(rates, { rows });
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000 / (calls * stepsPerCall);
    },
    close: () => session.dispose(),
  };
}

/**
 * Starts PyTorch, single-threaded.
 *
 * @param python - an interpreter that has torch.
 * @throws {EngineError} if the interpreter cannot be started or has no torch.
 */
export function openTorch(python: string): Promise<TorchPeer> {
  const script = fileURLToPath(new URL("torch-step.py", import.meta.url));
  return openPeer([python, script], `${python} (GALTON_PYTHON)`, ["torch"]);
}

/**
 * The steps in PyTorch.
 *
 * @throws {EngineError} if the process fails.
 */
export async function stepsInTorch(
  peer: TorchPeer,
  loss: StepLoss,
  simulations: GoldDataset,
): Promise<StepContender> {
  const { objective, tables, initial, rows } = workload(loss, simulations);
  const table = (name: string) => encode(tables.values[name], tables.specs[name].shape[0]);
  const answer = await peer.ask({
    do: "open",
    name: loss,
    score: loss === "alices",
    parameters: encodeParameters(initial, objective.parameters),
    tables: { theta: table("theta"), x: table("x"), gold: table("gold") },
    rows: encode(rows, stepsPerCall),
    rate: learningRate,
    ...optimiser,
  });
  return {
    engine: "torch",
    threads: 1,
    stepsPerCall,
    losses: decodeLosses(answer),
    async round(calls) {
      const timed = await peer.ask({ do: "train", name: loss, calls });
      return (1000 * decodeNumber(timed, "cpuSeconds", "torch-step.py")) / (calls * stepsPerCall);
    },
    close: async () => undefined,
  };
}

/**
 * Checks that two contenders take the same steps.
 *
 * @throws {EngineError} if a loss of the first call differs.
 */
export function checkSameSteps(loss: StepLoss, ours: StepContender, theirs: StepContender): void {
  for (let i = 0; i < ours.losses.length; i++) {
    const [a, b] = [ours.losses[i], theirs.losses[i]];
    if (Math.abs(a - b) <= tolerance * Math.abs(a)) continue;
    throw new EngineError(
      `the steps of ${loss} are not the same: the loss of step ${i + 1} is ${a} on ${ours.engine} and ${b} on ${theirs.engine}.`,
    );
  }
}

/** The losses of a call. */
function decodeLosses({ losses }: Answer): readonly number[] {
  if (Array.isArray(losses) && losses.length === stepsPerCall && losses.every(Number.isFinite)) return losses;
  throw new EngineError(
    `torch-step.py: expected "losses" to be ${stepsPerCall} finite numbers, got ${JSON.stringify(losses)}.`,
  );
}

/** Packed parameters, one array each. */
function encodeParameters(packed: Float32Array, specs: readonly ParameterSpec[]): WireArray[] {
  let from = 0;
  return specs.map(({ shape }) => {
    const count = shape.reduce((a, b) => a * b, 1);
    from += count;
    return encode(packed.subarray(from - count, from), shape.length > 1 ? shape[0] : 1);
  });
}

const encode = (values: HostArray, rows: number): WireArray =>
  encodeArray(matrix(rows, values.length / rows, Float64Array.from(values)));
