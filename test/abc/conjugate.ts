/** A model whose posterior is known, and what weighted draws say of it. */
import type { Matrix } from "../../src/core/matrix.js";
import { normalPrior } from "../../src/prior/normal-prior.js";
import { defineSimulator, type Simulator } from "../../src/simulator.js";

/** `theta ~ N(0, 1)`, `x ~ N(theta, 1 / 4)`: the posterior is `N(0.8 x, 0.2)`. */
export const conjugate = defineSimulator({
  prior: normalPrior(["theta"], [0], [[1]]),
  xShape: [],
  run: ({ theta }, rng) => theta + 0.5 * rng.normal(),
});

/** In the tail of the prior, where weights matter: the posterior is `N(1.6, 0.2)`. */
export const observed = [2];
export const exact = { mean: 1.6, sd: Math.sqrt(0.2) };

/** Weighted mean and standard deviation of column `j`. */
export function momentsOf({ data, rows, cols }: Matrix, weights: ArrayLike<number>, j = 0) {
  let mean = 0;
  let square = 0;
  for (let i = 0; i < rows; i++) mean += weights[i] * data[i * cols + j];
  for (let i = 0; i < rows; i++) square += weights[i] * (data[i * cols + j] - mean) ** 2;
  return { mean, sd: Math.sqrt(square) };
}

/** The simulator, counting the rows that it is given. */
export function counting(simulator: Simulator): Simulator & { readonly rows: () => number } {
  let rows = 0;
  return {
    ...simulator,
    rows: () => rows,
    simulate(theta, keys, options) {
      rows += theta.rows;
      return simulator.simulate(theta, keys, options);
    },
  };
}
