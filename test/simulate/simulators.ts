/** Simulators for the tests, in a module of their own so that worker threads can import them. */
import { matrix } from "../../src/core/matrix.js";
import { stream } from "../../src/core/rng.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineSimulator } from "../../src/simulator.js";

export const prior = uniform({ mu: [-3, 3], sigma: [0.1, 2] });

/** Three normal draws per row. */
export const gaussian = defineSimulator({
  name: "gaussian",
  prior,
  xShape: [3],
  run: ({ mu, sigma }, rng) => rng.normals(3, mu, sigma),
});

/** The same simulator for many rows at once. */
export const batched = defineSimulator({
  name: "gaussian",
  prior,
  xShape: [3],
  runBatch(theta, keys) {
    const x = matrix(theta.rows, 3);
    keys.forEach((key, i) => {
      x.data.set(stream(key).normals(3, theta.data[2 * i], theta.data[2 * i + 1]), 3 * i);
    });
    return x;
  },
});

/** Has no data where mu is above 2.5, one row in twelve. */
export const sometimesNaN = defineSimulator({
  name: "sometimesNaN",
  prior,
  xShape: [2],
  run: ({ mu }, rng) => [rng.normal(mu, 1), mu > 2.5 ? Number.NaN : 1],
});

/** Throws where sigma is above 1.9. */
export const throwing = defineSimulator({
  name: "throwing",
  prior,
  xShape: [],
  run: ({ mu, sigma }) => {
    if (sigma > 1.9) throw new RangeError("sigma is too wide");
    return mu;
  },
});

/** Spends half a millisecond per row. */
export const slow = defineSimulator({
  name: "slow",
  prior,
  xShape: [1],
  run: ({ mu }, rng) => {
    const until = performance.now() + 0.5;
    while (performance.now() < until);
    return rng.normal(mu, 1);
  },
});

/** About 40 microseconds of computing per row. */
export const heavy = defineSimulator({
  name: "heavy",
  prior,
  xShape: [1],
  run: ({ mu, sigma }, rng) => {
    let sum = 0;
    for (let i = 0; i < 2000; i++) sum += rng.normal(mu, sigma);
    return sum / 2000;
  },
});
