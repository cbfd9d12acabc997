/** The steps that `npm run bench:gold` times: what PyTorch is sent and what is believed of its answers. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  checkSameSteps,
  type StepContender,
  stepsInTorch,
  type TorchPeer,
} from "../../benchmarks/gold/steps.js";
import type { Answer, WireArray } from "../../benchmarks/peers/peer.js";
import { problem } from "../../benchmarks/problems/eft.js";
import type { GoldDataset } from "../../src/dataset/gold.js";
import { simulateGold } from "../../src/simulate-gold.js";

const losses = Array.from({ length: 50 }, (_, i) => 1 / (i + 1));

/** A peer in this process that remembers what it was asked. */
function peer(...answers: readonly Answer[]) {
  const asked: Record<string, unknown>[] = [];
  const torch: TorchPeer = {
    installed: { torch: "2" },
    isAlive: () => true,
    ask: async (request) => answers[asked.push(request as Record<string, unknown>) - 1],
    close: async () => undefined,
  };
  return { asked, torch };
}

describe("a step in PyTorch", () => {
  let simulations: GoldDataset;
  beforeAll(async () => {
    simulations = await simulateGold(problem.simulator, { n: 200, thetaRef: problem.thetaRef, seed: 1 });
  });

  it("has the tables and weights of ours, and is timed per step", async () => {
    const { asked, torch } = peer({ losses }, { cpuSeconds: 0.3 });
    const contender = await stepsInTorch(torch, "alices", simulations);
    const { score, rows, tables, parameters } = asked[0] as {
      score: boolean;
      rows: WireArray;
      tables: Record<string, WireArray>;
      parameters: WireArray[];
    };
    expect([score, rows.shape, tables.theta.shape, tables.x.shape, tables.gold.shape]).toEqual([
      true,
      [50, 128],
      [200, 2],
      [200, 2],
      [200, 6],
    ]);
    const [weights, bias] = [
      [64, 64],
      [1, 64],
    ];
    expect(parameters.map(({ shape }) => shape)).toEqual([
      [2, 64],
      [2, 64],
      bias,
      weights,
      bias,
      weights,
      bias,
      [64, 1],
      [1, 1],
    ]);
    expect(await contender.round(3)).toBeCloseTo(300 / 150);
    expect(asked[1]).toEqual({ do: "train", name: "alices", calls: 3 });
  });

  it.each<[string, Answer]>([
    ["nothing", {}],
    ["too few", { losses: losses.slice(1) }],
    ["words", { losses: losses.map(String) }],
    ["NaN", { losses: losses.map(() => null) }],
  ])("is refused if its losses are %s", async (_, answer) => {
    await expect(stepsInTorch(peer(answer).torch, "alice", simulations)).rejects.toThrow(
      /expected "losses" to be 50 finite numbers, got/,
    );
  });
});

describe("steps", () => {
  const contender = (engine: string, values: readonly number[]) =>
    ({ engine, losses: values }) as unknown as StepContender;

  it("are the same where their losses are, up to rounding", () => {
    const rounded = losses.map((loss) => loss * (1 + 1e-5));
    expect(() =>
      checkSameSteps("alice", contender("onnx", losses), contender("torch", rounded)),
    ).not.toThrow();
  });

  it.each([1.002, NaN])("are not where the last differs by a factor of %s", (factor) => {
    const other = losses.map((loss, i) => (i === 49 ? loss * factor : loss));
    expect(() => checkSameSteps("alice", contender("onnx", losses), contender("torch", other))).toThrow(
      /steps of alice are not the same: the loss of step 50 is 0\.02 on onnx and .* on torch/,
    );
  });
});
