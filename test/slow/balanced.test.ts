import { describe, expect, it } from "vitest";
import { findProblem } from "../../benchmarks/problems.js";
import { npe } from "../../src/estimators/npe.js";
import { posteriorCard } from "../../src/posterior-card.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";

describe("balanced NPE on slcp with 500 simulations", () => {
  it("is far less overconfident than NPE", async () => {
    const { simulator } = await findProblem("slcp");
    const fresh = await simulate(simulator, { n: 500, seed: "check" });
    const bias = async (balance: number) => {
      const all: number[] = [];
      for (const seed of [1, 2]) {
        const simulations = await simulate(simulator, { n: 500, seed });
        await using estimator = await train(npe(simulations, { balance }), { seed, card: false });
        all.push((await posteriorCard(estimator, fresh, { pairs: 500, draws: 199 })).coverage.bias);
      }
      return (all[0] + all[1]) / 2;
    };
    const [plain, balanced] = [await bias(0), await bias(100)];
    // the mean of 500 credibilities is known to 1 / sqrt(12 * 500) = 0.013
    expect(plain).toBeLessThan(-0.06);
    expect(balanced).toBeGreaterThan(plain + 0.05);
  });
});
