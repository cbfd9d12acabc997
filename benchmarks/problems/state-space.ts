/**
 * A linear state space: a hidden walk that forgets, measured ten times.
 *
 *     s_1 ~ Normal(0, 1),  s_t ~ Normal(memory s_(t-1), kick^2),  x_t ~ Normal(s_t, 0.5^2)
 *
 * The Kalman filter gives the exact `p(x | theta)`.
 *
 * @see Kalman (1960), https://doi.org/10.1115/1.3662552
 * @module
 */
import { normal } from "../../src/core/distributions/normal.js";
import { logSqrt2Pi } from "../../src/core/special.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram } from "../../src/program/program.js";
import { type GoldProblem, type LogLikelihood, logRatioOf, scoreOf } from "../gold-problem.js";

const length = 10;
const noise = 0.5;

/** A series per row, `[N, 2] -> [N, 10]`. */
export const program = defineProgram({
  name: "state_space",
  prior: uniform({ memory: [0, 1], kick: [0.2, 1] }),
  xShape: [length],
  run({ memory, kick }, trace) {
    const x = new Float64Array(length);
    let state = 0;
    for (let t = 0; t < length; t++) {
      state = trace.sample("state", t === 0 ? normal() : normal(memory * state, kick));
      x[t] = trace.sample("x", normal(state, noise));
    }
    return x;
  },
  score({ memory, kick }, { values }) {
    let [byMemory, byKick] = [0, 0];
    for (let t = 1; t < length; t++) {
      const before = values[2 * t - 2] as number;
      const pull = ((values[2 * t] as number) - memory * before) / kick;
      byMemory += (pull * before) / kick;
      byKick += (pull * pull - 1) / kick;
    }
    return [byMemory, byKick];
  },
});

/** Kalman filter: `log p(x | theta)`, normalised, nats. */
export const logLikelihood: LogLikelihood = ([memory, kick], x) => {
  let [mean, variance] = [0, 1]; // of the state, given what was measured before
  let sum = 0;
  for (const value of x) {
    const spread = variance + noise * noise;
    const surprise = value - mean;
    sum -= 0.5 * ((surprise * surprise) / spread + Math.log(spread)) + logSqrt2Pi;
    const gain = variance / spread;
    mean = memory * (mean + gain * surprise);
    variance = memory * memory * variance * (1 - gain) + kick * kick;
  }
  return sum;
};

export const problem: GoldProblem = {
  name: "state_space",
  title: "Memory and kicks of a hidden walk, from ten noisy looks at it",
  source: "the linear-Gaussian state space; Kalman (1960), https://doi.org/10.1115/1.3662552",
  simulator: program,
  thetaRef: [0.5, 0.5],
  logRatio: logRatioOf(logLikelihood),
  score: scoreOf(logLikelihood, 1e-3),
};
