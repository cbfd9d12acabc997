import { describe, expect, it } from "vitest";
import { findProblem } from "../../benchmarks/problems.js";
import { npe } from "../../src/estimators/npe.js";
import { posteriorCard } from "../../src/posterior-card.js";
import { simulate } from "../../src/simulate.js";
import { train } from "../../src/train/train.js";

/** The training that the numbers below were measured with. */
const measured = { epochs: 316, learningRate: 5e-3, weightDecay: 0.02 };

describe("balanced NPE on slcp with 1,000 simulations", () => {
  it("is far less overconfident than NPE", async () => {
    const { simulator } = await findProblem("slcp");
    const simulations = await simulate(simulator, { n: 1000, seed: 1 });
    const fresh = await simulate(simulator, { n: 300, seed: "check" });
    const bias = async (balance: number) => {
      await using estimator = await train(npe(simulations, { balance }), {
        seed: 1,
        card: false,
        ...measured,
      });
      return (await posteriorCard(estimator, fresh, { pairs: 300, draws: 199 })).coverage.bias;
    };
    const [plain, balanced] = [await bias(0), await bias(100)];
    // the mean of 300 credibilities is known to 1 / sqrt(12 * 300) = 0.017; measured -0.142 and -0.026
    expect(plain).toBeLessThan(-0.08);
    expect(balanced).toBeGreaterThan(plain + 0.06);
  });
});
