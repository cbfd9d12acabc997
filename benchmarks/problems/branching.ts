/**
 * A program that branches: five decisions, each taken with probability `0.1 + 2.5 theta`, and one more level to go down
 * wherever one was taken. The data are what was counted on the way.
 *
 *     for step = 1 ... 5:  with probability 0.1 + 2.5 theta:  total += Poisson(1 + 2 depth),  depth += 1
 *
 * Paths differ in length, and which draws there are depends on earlier draws alone. After `k` branches the counts add up
 * to a Poisson total of mean `1 + 3 + ... = k^2`, so
 *
 *     p(x | theta) = sum_k Binomial(k; 5, 0.1 + 2.5 theta) Poisson(x; k^2)
 *
 * @see Brehmer (2019), "Mining gold", the talk whose program branches with this probability; the method is that of
 *   https://arxiv.org/abs/1805.12244
 * @module
 */
import { bernoulli, poisson } from "../../src/core/distributions/counts.js";
import { matrix } from "../../src/core/matrix.js";
import { logBinomialMass, logPoissonMass, logSumExp } from "../../src/core/special.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram } from "../../src/program/program.js";
import { type GoldProblem, logRatioOf } from "../gold-problem.js";

const steps = 5;
const taken = (theta: number) => 0.1 + 2.5 * theta;

/** One total per row, `[N, 1] -> [N, 1]`. */
export const program = defineProgram({
  name: "branching",
  prior: uniform({ theta: [0, 0.36] }),
  xShape: [],
  run({ theta }, trace) {
    let depth = 0;
    let total = 0;
    for (let step = 0; step < steps; step++) {
      if (trace.sample("branch", bernoulli(taken(theta))) === 0) continue;
      total += trace.sample("count", poisson(1 + 2 * depth));
      depth++;
    }
    return total;
  },
});

/** `log p(k, x | theta)` for `k = 0 ... 5` branches. */
const logJoint = (theta: number, x: number) =>
  Array.from(
    { length: steps + 1 },
    (_, k) => logBinomialMass(k, steps - k, taken(theta), 1 - taken(theta)) + logPoissonMass(x, k * k),
  );

export const problem: GoldProblem = {
  name: "branching",
  title: "How often a program branches, from what it counts on the way",
  source: "after the program of Brehmer (2019), Mining gold",
  simulator: program,
  thetaRef: [0.1],
  logRatio: logRatioOf(([theta], [x]) => logSumExp(logJoint(theta, x))),
  score(theta, x) {
    const out = matrix(x.rows, 1);
    for (let i = 0; i < x.rows; i++) {
      const p = taken(theta.data[i]);
      const logs = logJoint(theta.data[i], x.data[i]);
      const total = logSumExp(logs);
      logs.forEach((log, k) => {
        if (log > -Infinity) out.data[i] += Math.exp(log - total) * 2.5 * (k / p - (steps - k) / (1 - p));
      });
    }
    return out;
  },
};
