import { describe, expect, it } from "vitest";
import { loadTf } from "../../src/engine/tfjs.js";
import type { Tensor, Tf } from "../../src/engine/types.js";
import { checkNreLoss, type NreLoss, nreLoss } from "../../src/losses/nre.js";

const tf: Tf = await loadTf();

/** A joint distribution of two parameters and two data values, as counts out of 8. */
const joint = [
  [2, 1],
  [1, 4],
];
const marginalTheta = joint.map(([a, b]) => a + b);
const marginalX = [joint[0][0] + joint[1][0], joint[0][1] + joint[1][1]];
const exact = joint.map((counts, t) =>
  counts.map((c, x) => Math.log((c * 8) / (marginalTheta[t] * marginalX[x]))),
);

/** Every batch row there can be, in proportion: `(x, joint theta, K independent thetas)`. */
function population(k: number): number[][] {
  let rows = joint.flatMap((counts, t) => counts.flatMap((c, x) => Array.from({ length: c }, () => [x, t])));
  for (let i = 0; i < k; i++) {
    rows = rows.flatMap((row) =>
      marginalTheta.flatMap((c, t) => Array.from({ length: c }, () => [...row, t])),
    );
  }
  return rows;
}

/** Loss and its gradient when the network is a free table `h[theta][x]`. */
function tabular(loss: NreLoss, h: number[][]): { value: number; gradient: number[] } {
  const rows = population(loss.contrasts);
  const index = tf.tensor1d(
    rows.flatMap(([x, ...thetas]) => thetas.map((t) => 2 * t + x)),
    "int32",
  );
  const f = (table: Tensor) =>
    nreLoss(tf, tf.reshape(tf.gather(table, index), [rows.length, loss.contrasts + 1]), loss);
  const { value, grad } = tf.valueAndGrad(f as never)(tf.tensor1d(h.flat()));
  return { value: value.dataSync()[0], gradient: Array.from(grad.dataSync()) };
}

const losses: [string, NreLoss][] = [
  ["NRE-A", { contrasts: 1, gamma: 1, balance: 0 }],
  ["NRE-C, K = 1, gamma = 3", { contrasts: 1, gamma: 3, balance: 0 }],
  ["NRE-C, K = 2", { contrasts: 2, gamma: 1, balance: 0 }],
  ["NRE-C, K = 3, gamma = 0.1", { contrasts: 3, gamma: 0.1, balance: 0 }],
  ["NRE-B, K = 2", { contrasts: 2, gamma: Infinity, balance: 0 }],
  ["BNRE", { contrasts: 1, gamma: 1, balance: 100 }],
];

describe("contrastive ratio losses", () => {
  it.each(losses)("%s is stationary at the exact log ratio", (_name, loss) => {
    const { gradient } = tabular(loss, exact);
    // float32 sums of up to 4,096 terms: 4096^(1/2) * 6e-8 = 4e-6, times 100 for the penalty.
    for (const g of gradient) expect(Math.abs(g)).toBeLessThan(loss.balance > 0 ? 4e-4 : 4e-6);
  });

  it.each(losses)("%s grows when the log ratio is wrong by a function of theta", (_name, loss) => {
    const wrong = exact.map((values, t) => values.map((value) => value + (t === 0 ? 0.5 : -0.2)));
    expect(tabular(loss, wrong).value).toBeGreaterThan(tabular(loss, exact).value + 1e-3);
  });

  it("leaves a function of x free in NRE-B alone", () => {
    const shifted = exact.map((values) => values.map((value, x) => value + (x === 0 ? 1 : -0.5)));
    const change = (loss: NreLoss) => tabular(loss, shifted).value - tabular(loss, exact).value;
    expect(Math.abs(change({ contrasts: 2, gamma: Infinity, balance: 0 }))).toBeLessThan(1e-5);
    expect(change({ contrasts: 2, gamma: 1, balance: 0 })).toBeGreaterThan(1e-2);
  });

  it("follows the printed formula of NRE-C", () => {
    const loss = { contrasts: 3, gamma: 2, balance: 0 };
    const logits = [
      [0.3, -1.2, 4.1, 0.7],
      [12, -30, 2.5, 0.1],
    ];
    const lse = (values: number[]) => Math.log(values.reduce((sum, v) => sum + Math.exp(v), 0));
    const logGamma = Math.log(2);
    const expected = logits.map(([h0, h1, h2, h3]) => {
      const joined = logGamma + h0 - lse([Math.log(3), ...[h0, h1, h2].map((h) => h + logGamma)]);
      const apart = Math.log(3) - lse([Math.log(3), ...[h1, h2, h3].map((h) => h + logGamma)]);
      return -(2 / 3) * joined - (1 / 3) * apart;
    });
    const value = nreLoss(tf, tf.tensor2d(logits), loss).dataSync()[0];
    expect(value).toBeCloseTo((expected[0] + expected[1]) / 2, 5);
  });

  it("stays finite for logits that a float32 exponential cannot hold", () => {
    for (const [, loss] of losses) {
      const row = Array.from({ length: loss.contrasts + 1 }, (_, i) => (i === 0 ? -200 : 200));
      expect(Number.isFinite(nreLoss(tf, tf.tensor2d([row]), loss).dataSync()[0])).toBe(true);
    }
  });

  it.each([
    [{ contrasts: 0 }, /contrasts must be a positive integer/],
    [{ contrasts: 1.5 }, /contrasts must be a positive integer/],
    [{ gamma: 0 }, /gamma must be positive/],
    [{ gamma: Number.NaN }, /gamma must be positive/],
    [{ balance: -1 }, /balance must be a non-negative number/],
  ])("rejects %o", (change, message) => {
    expect(() => checkNreLoss({ contrasts: 1, gamma: 1, balance: 0, ...change })).toThrow(message);
  });
});
