/**
 * Four equal bumps in the plane that move apart with `theta`: which bump a point came from is latent.
 *
 *     k ~ Uniform{0 ... 3},  x ~ Normal(m_k(theta), 0.5^2 I),  m = (theta, 0), (0, -theta), (0, theta), (-theta, 0)
 *
 * The joint score is the one of a normal around a known centre; `p(x | theta)` is the average of four.
 *
 * @see goldmine, the code of Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244
 * @module
 */
import { categorical } from "../../src/core/distributions/counts.js";
import { normal } from "../../src/core/distributions/normal.js";
import { matrix, row } from "../../src/core/matrix.js";
import { logSumExp } from "../../src/core/special.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram } from "../../src/program/program.js";
import { type GoldProblem, logRatioOf } from "../gold-problem.js";

const sd = 0.5;
/** Where the bumps go for `theta = 1`. */
const directions = [
  [1, 0],
  [0, -1],
  [0, 1],
  [-1, 0],
] as const;
const component = categorical([1, 1, 1, 1]);

/** One point per row, `[N, 1] -> [N, 2]`. */
export const program = defineProgram({
  name: "moving_mixture",
  prior: uniform({ theta: [0, 2] }),
  xShape: [2],
  run({ theta }, trace) {
    const [a, b] = directions[trace.sample("component", component)];
    return [trace.sample("x", normal(a * theta, sd)), trace.sample("x", normal(b * theta, sd))];
  },
  score({ theta }, { values }) {
    const [k, x1, x2] = values as number[];
    const [a, b] = directions[k];
    return (a * (x1 - a * theta) + b * (x2 - b * theta)) / (sd * sd);
  },
});

/** `log Normal(x; m_k, sd^2 I)` of the four bumps, up to what they share. */
const logBumps = (theta: number, [x1, x2]: ArrayLike<number> & Iterable<number>) =>
  directions.map(([a, b]) => (-0.5 * ((x1 - a * theta) ** 2 + (x2 - b * theta) ** 2)) / (sd * sd));

export const problem: GoldProblem = {
  name: "moving_mixture",
  title: "How far four bumps have moved apart",
  source: "goldmine, https://arxiv.org/abs/1805.12244",
  simulator: program,
  thetaRef: [1],
  logRatio: logRatioOf(([theta], x) => logSumExp(logBumps(theta, x))),
  score(theta, x) {
    const out = matrix(x.rows, 1);
    for (let i = 0; i < x.rows; i++) {
      const [x1, x2] = row(x, i);
      const logs = logBumps(theta.data[i], row(x, i));
      const total = logSumExp(logs);
      directions.forEach(([a, b], k) => {
        const slope = (a * (x1 - a * theta.data[i]) + b * (x2 - b * theta.data[i])) / (sd * sd);
        out.data[i] += Math.exp(logs[k] - total) * slope;
      });
    }
    return out;
  },
};
