/** Programs for the tests, in a module of their own so that worker threads can import them. */
import { bernoulli, poisson } from "../../src/core/distributions/counts.js";
import { multivariateNormal } from "../../src/core/distributions/multivariate-normal.js";
import { normal } from "../../src/core/distributions/normal.js";
import { matrix } from "../../src/core/matrix.js";
import { stream } from "../../src/core/rng.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram } from "../../src/program/program.js";
import type { Path, Trace } from "../../src/program/trace.js";
import type { Simulator } from "../../src/simulator.js";

export const prior = uniform({ mu: [-2, 2], sigma: [0.5, 2] });
type Theta = { readonly mu: number; readonly sigma: number };

const run = ({ mu, sigma }: Theta, trace: Trace) => {
  const z = trace.sample("z", normal(mu, 1));
  return trace.sample("x", normal(z, sigma));
};
/** `z ~ N(mu, 1)`, `x ~ N(z, sigma)`: so `x ~ N(mu, 1 + sigma^2)`. */
export const smeared = defineProgram({ name: "smeared", prior, xShape: [], run });

/** The same with its score in closed form. */
export const smearedWithScore = defineProgram({
  name: "smeared",
  prior,
  xShape: [],
  run,
  score({ mu, sigma }, { values: [z, x] }: Path) {
    const pull = ((x as number) - (z as number)) / sigma;
    return [(z as number) - mu, (pull * pull - 1) / sigma];
  },
});

/** The same without a trace: a simulator that writes its gold by hand. */
export const handWritten: Simulator = {
  name: "smeared",
  prior,
  parameters: prior.names,
  xShape: [],
  simulate(theta, keys) {
    const z = matrix(theta.rows, 1);
    const x = matrix(theta.rows, 1);
    keys.forEach((key, i) => {
      const rng = stream(key);
      z.data[i] = rng.normal(theta.data[2 * i], 1);
      x.data[i] = rng.normal(z.data[i], theta.data[2 * i + 1]);
    });
    const logProb = (i: number, mu: number, sigma: number) =>
      -0.5 * (z.data[i] - mu) ** 2 - 0.5 * ((x.data[i] - z.data[i]) / sigma) ** 2 - Math.log(sigma);
    return {
      x,
      gold: {
        jointLogRatio: ({ data: a }, { data: b }) =>
          z.data.map((_, i) => logProb(i, a[2 * i], a[2 * i + 1]) - logProb(i, b[2 * i], b[2 * i + 1])),
        jointScore({ data, rows, cols }) {
          const out = matrix(rows, cols);
          for (let i = 0; i < rows; i++) {
            const sigma = data[2 * i + 1];
            const pull = (x.data[i] - z.data[i]) / sigma;
            out.data.set([z.data[i] - data[2 * i], (pull * pull - 1) / sigma], 2 * i);
          }
          return out;
        },
      },
    };
  },
};

/** A path of any length: a walk that stops with probability `stop`, a draw of each kind at every step. */
export const walk = defineProgram({
  name: "walk",
  prior: uniform({ stop: [0.1, 0.9], drift: [-1, 1] }),
  xShape: [3],
  run({ stop, drift }, trace) {
    const at = Float64Array.of(0, 0);
    let photons = 0;
    do {
      const step = trace.sample(
        "step",
        multivariateNormal(
          [drift, 0],
          [
            [1, 0],
            [0, 1],
          ],
        ),
      );
      photons += trace.sample("photons", poisson(2 + drift));
      for (const j of [0, 1]) at[j] += step[j];
      step.fill(0); // a vector is the program's own
    } while (trace.sample("stop", bernoulli(stop)) === 0);
    return [at[0], at[1], photons];
  },
});

/** A 1 is impossible for `p <= 0`. */
export const oneSided = defineProgram({
  name: "oneSided",
  prior: uniform({ p: [-1, 1] }),
  xShape: [],
  run: ({ p }, trace) => trace.sample("x", bernoulli(Math.max(0, p))),
  score: ({ p }, { values: [x] }) => (p <= 0 ? (x === 1 ? Infinity : 0) : x === 1 ? 1 / p : -1 / (1 - p)),
});
