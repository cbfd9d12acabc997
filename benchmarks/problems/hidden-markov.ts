/**
 * A hidden Markov chain of two states, watched for eight steps through three symbols.
 *
 * The chain starts in either state and stays where it is with probability `stay`. State 0 shows symbol 0 and state 1
 * symbol 1 with probability `clarity`; the two other symbols share the rest. The forward algorithm gives the exact
 * `p(x | theta)`.
 *
 * @see Rabiner (1989), https://doi.org/10.1109/5.18626
 * @module
 */
import { bernoulli, categorical } from "../../src/core/distributions/counts.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram } from "../../src/program/program.js";
import { type GoldProblem, type LogLikelihood, logRatioOf, scoreOf } from "../gold-problem.js";

const length = 8;
const symbols = 3;

const shows = (state: number, symbol: number, clarity: number) =>
  symbol === state ? clarity : (1 - clarity) / (symbols - 1);

/** Eight symbols per row, `[N, 2] -> [N, 8]`. */
export const program = defineProgram({
  name: "hidden_markov",
  prior: uniform({ stay: [0.5, 0.95], clarity: [0.4, 0.9] }),
  xShape: [length],
  run({ stay, clarity }, trace) {
    const seen = [0, 1].map((state) => categorical([0, 1, 2].map((symbol) => shows(state, symbol, clarity))));
    const x = new Float64Array(length);
    let state = 0;
    for (let t = 0; t < length; t++) {
      state = trace.sample("state", bernoulli(t === 0 ? 0.5 : state === 1 ? stay : 1 - stay));
      x[t] = trace.sample("symbol", seen[state]);
    }
    return x;
  },
  score({ stay, clarity }, { values }) {
    let [byStay, byClarity] = [0, 0];
    for (let t = 0; t < length; t++) {
      const state = values[2 * t];
      if (t > 0) byStay += state === values[2 * t - 2] ? 1 / stay : -1 / (1 - stay);
      byClarity += values[2 * t + 1] === state ? 1 / clarity : -1 / (1 - clarity);
    }
    return [byStay, byClarity];
  },
});

/** Forward algorithm: `log p(x | theta)`, nats. */
export const logLikelihood: LogLikelihood = ([stay, clarity], x) => {
  let [p0, p1] = [0.5, 0.5]; // of the state, given the symbols before
  let sum = 0;
  for (const symbol of x) {
    const [a, b] = [p0 * shows(0, symbol, clarity), p1 * shows(1, symbol, clarity)];
    sum += Math.log(a + b);
    [p0, p1] = [(stay * a + (1 - stay) * b) / (a + b), (stay * b + (1 - stay) * a) / (a + b)];
  }
  return sum;
};

export const problem: GoldProblem = {
  name: "hidden_markov",
  title: "How a hidden chain moves and how clearly it is seen, from eight symbols",
  source: "the hidden Markov model; Rabiner (1989), https://doi.org/10.1109/5.18626",
  simulator: program,
  thetaRef: [0.7, 0.7],
  logRatio: logRatioOf(logLikelihood),
  score: scoreOf(logLikelihood, 1e-3),
};
