/** A conjugate problem small enough to train on in a second: `theta ~ N(0, 1)`, `x_1, x_2 ~ N(theta, 1)`. */
import { normal } from "../../src/core/distributions/normal.js";
import type { RatioNetworkSpec } from "../../src/nets/ratio-network.js";
import { independent } from "../../src/prior/independent.js";
import { defineSimulator } from "../../src/simulator.js";

export const gaussian = defineSimulator({
  name: "gaussian",
  prior: independent({ theta: normal(0, 1) }),
  xShape: [2],
  run: ({ theta }, rng) => [rng.normal(theta), rng.normal(theta)],
});

/** Mean and variance of the posterior of `theta` given rows of data. */
export function exactPosterior(...rows: readonly (readonly number[])[]): { mean: number; sd: number } {
  const data = rows.flat();
  const precision = 1 + data.length;
  return { mean: data.reduce((a, b) => a + b, 0) / precision, sd: 1 / Math.sqrt(precision) };
}

/** `log p(x | theta) / p(x)`: the posterior over the prior. */
export function exactLogRatio(theta: number, x: ArrayLike<number>): number {
  const { mean, sd } = exactPosterior(Array.from(x));
  const logNormal = (z: number, m: number, s: number) => -Math.log(s) - ((z - m) / s) ** 2 / 2;
  return logNormal(theta, mean, sd) - logNormal(theta, 0, 1);
}

export const smallNetwork: RatioNetworkSpec = { kind: "mlp", hidden: [32, 32], activation: "silu" };
