/** Simulators for the tests of the command line. */
import { bernoulli } from "../../src/core/distributions/counts.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram } from "../../src/program/program.js";
import { defineSimulator } from "../../src/simulator.js";

const prior = uniform({ mu: [-3, 3], sigma: [0.1, 2] });

export const simulator = defineSimulator({
  name: "gaussian",
  prior,
  xShape: [3],
  run: ({ mu, sigma }, rng) => rng.normals(3, mu, sigma),
});

/** The same, five milliseconds a row. */
export const slow = defineSimulator({
  name: "slow gaussian",
  prior,
  xShape: [3],
  async runBatch(theta, keys) {
    await new Promise((resolve) => setTimeout(resolve, 5 * theta.rows));
    return (await simulator.simulate(theta, keys)).x;
  },
});

/** Has no data where mu is above 2.5. */
export const sometimesNaN = defineSimulator({
  name: "sometimes NaN",
  prior,
  xShape: [1],
  run: ({ mu }) => (mu > 2.5 ? Number.NaN : mu),
});

/** A Galton board of ten rows: it draws through a trace, so it has gold. */
export const board = defineProgram({
  name: "board",
  prior: uniform({ right: [0.4, 0.8] }),
  xShape: [],
  run({ right }, trace) {
    let slot = 0;
    for (let row = 0; row < 10; row++) slot += trace.sample("pin", bernoulli(right));
    return slot;
  },
});
