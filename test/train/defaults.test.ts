import { describe, expect, it } from "vitest";
import { matrix } from "../../src/core/matrix.js";
import { datasetFrom } from "../../src/dataset/from.js";
import { aalr, cacheBlocks, defaultRatioNetwork } from "../../src/estimators/aalr.js";
import { loopOptions } from "../../src/train/options.js";

describe("defaults by the number of simulations", () => {
  it.each([
    [1000, 79, 100, 2],
    [10_000, 25, 100, 2],
    [299_999, 5, 100, 2],
    [300_000, 14, 400, 4],
    [1_000_000, 14, 400, 4],
    [2_000_000, 7, 400, 4],
    [10_000_000, 5, 400, 4],
  ])("%d rows: %d epochs of batches of %d, %d blocks", (n, epochs, batchSize, blocks) => {
    expect(loopOptions(n, {})).toMatchObject({ epochs, batchSize, weightDecay: 0.02 });
    expect(defaultRatioNetwork(n)).toMatchObject({ width: 128, blocks });
  });
});

describe("blocks of a batch", () => {
  const network = (width: number) => ({ kind: "residual", width, blocks: 2, activation: "silu" }) as const;

  it("hold at most half a megabyte of activations, where the rows part equally", () => {
    expect(cacheBlocks(100, 5, network(128))).toBe(1); // 256,000 bytes
    expect(cacheBlocks(400, 5, network(256))).toBe(4); // 2,048,000 bytes: four times 512,000
    expect(cacheBlocks(100, 33, network(128))).toBe(4);
    expect(cacheBlocks(101, 33, network(128))).toBe(1);
    expect(cacheBlocks(400, 5, { kind: "mlp", hidden: [8, 256, 8], activation: "silu" })).toBe(4);
  });

  it("are one where the loss is no mean over rows", () => {
    const rows = datasetFrom({ theta: matrix(4, 1), x: matrix(4, 1), names: ["a"] });
    const options = { network: network(512) };
    expect(aalr(rows, options).blocks?.(400)).toBe(8);
    expect(aalr(rows, { ...options, balance: 100 }).blocks?.(400)).toBe(1);
  });
});
