import { expect, it } from "vitest";
import type { Compiled, Engine, Specs, TensorFunction } from "../../src/engine/types.js";
import { ratioEvaluator } from "../../src/estimators/ratio-evaluator.js";
import { ratioNetwork } from "../../src/nets/ratio-network.js";
import { smallNetwork } from "./gaussian.js";

/** An engine whose `fails`-th graph does not compile, and that counts its open graphs. */
function countingEngine(fails: number, onDispose = () => {}) {
  const seen = { compiled: 0, open: 0 };
  const engine = {
    name: "tfjs",
    version: "none",
    async compile(_: TensorFunction, { theta }: Specs): Promise<Compiled> {
      if (seen.compiled++ === fails) throw new Error("no such graph");
      seen.open++;
      const dispose = async () => {
        seen.open--;
        onDispose();
      };
      return {
        run: async () => ({ logRatio: new Float32Array(theta.shape[0]) }),
        dispose,
        [Symbol.asyncDispose]: dispose,
      } as unknown as Compiled;
    },
  } as unknown as Engine;
  const network = ratioNetwork(smallNetwork, 1, 2);
  return { seen, evaluator: ratioEvaluator(engine, network, new Float32Array(9), 1, 2) };
}

const rows = (n: number) => [new Float32Array(n), new Float32Array(2 * n)] as const;

it("releases every graph though one did not compile", async () => {
  const { seen, evaluator } = countingEngine(0);
  await expect(evaluator.pairs(...rows(1))).rejects.toThrow("no such graph");
  await evaluator.pairs(...rows(100)); // too many for the first graph
  await evaluator.pairs(...rows(1000));
  expect(seen).toEqual({ compiled: 3, open: 2 });
  await evaluator.dispose();
  expect(seen.open).toBe(0);
});

it("releases every graph though one refuses, and passes the reason on", async () => {
  const { seen, evaluator } = countingEngine(-1, () => {
    throw new Error("stuck");
  });
  await evaluator.pairs(...rows(1));
  await evaluator.pairs(...rows(100));
  await expect(evaluator.dispose()).rejects.toThrow("stuck");
  expect(seen.open).toBe(0);
});
