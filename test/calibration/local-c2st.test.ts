import { describe, expect, it } from "vitest";
import { localC2st, type ObservedDraws } from "../../src/calibration/local-c2st.js";
import { matrix } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { stream } from "../../src/core/rng.js";

/**
 * The pair `theta ~ N(0, 1)`, `x ~ N(theta, 1)`, whose posterior is `N(x / 2, 1 / 2)`; the estimator has it right for
 * `x < 0` and is `width` times too wide above.
 */
function pairs(n: number, width: number) {
  const rng = stream(key("local"));
  const [theta, x, draws] = [matrix(n, 1), matrix(n, 1), matrix(n, 1)];
  for (let i = 0; i < n; i++) {
    theta.data[i] = rng.normal();
    x.data[i] = theta.data[i] + rng.normal();
    draws.data[i] = draw(x.data[i], width, rng.normal());
  }
  const at = (observed: number): ObservedDraws => {
    const own = matrix(500, 1);
    for (let s = 0; s < 500; s++) own.data[s] = draw(observed, width, rng.normal());
    return { observed: [observed], draws: own };
  };
  return { held: { theta, x, draws }, at };
}

const draw = (x: number, width: number, z: number) => x / 2 + Math.SQRT1_2 * (x > 0 ? width : 1) * z;

describe("the local two-sample test", () => {
  it("says where a posterior is wrong, and where it is right", async () => {
    const { held, at } = pairs(1000, 2.5);
    const [wrong, right] = await localC2st(held, [at(1.5), at(-1.5)], { seed: 1, trials: 19 });
    expect(wrong.pValue).toBe(1 / 20); // larger than all 19 by chance
    expect(wrong.statistic).toBeGreaterThan(3 * right.statistic);
    expect(wrong.byChance).toHaveLength(19);
  });

  it("accepts an exact posterior", async () => {
    const { held, at } = pairs(500, 1);
    const verdicts = await localC2st(held, [at(1), at(-1)], { seed: 1, trials: 19 });
    for (const { pValue } of verdicts) expect(pValue).toBeGreaterThan(0.05);
  });

  it("refuses tables that do not fit, few pairs and values that are not finite", async () => {
    const { held, at } = pairs(120, 1);
    const few = { theta: matrix(10, 1), x: matrix(10, 1), draws: matrix(10, 1) };
    await expect(localC2st(few, [at(1)])).rejects.toThrow(/at least 100 held-out pairs, got 10/);
    await expect(localC2st({ ...held, draws: matrix(120, 2) }, [at(1)])).rejects.toThrow(
      /one draw of 1 parameters for each/,
    );
    await expect(localC2st(held, [{ observed: [1, 2], draws: matrix(5, 1) }])).rejects.toThrow(
      /observation 0 needs 1 values/,
    );
    await expect(localC2st(held, [{ ...at(1), observed: [Number.NaN] }])).rejects.toThrow(
      /observation 0: observed holds NaN/,
    );
    await expect(localC2st(held, [at(1)], { trials: 0 })).rejects.toThrow(/trials must be a positive/);
  });
});
