/**
 * A pond with room for six predators and six prey: the same four events, and births stop where the pond is full. The
 * data are the numbers at the end.
 *
 * The 49 states make `p(x | theta)` exact: with `Q` the matrix of rates, `p(T) = p(0) exp(Q T)`, summed by
 * uniformisation, `exp(Q T) = sum_k Poisson(k; L T) (I + Q / L)^k`.
 *
 * @see Jensen (1953), https://doi.org/10.1080/03461238.1953.10419459, for uniformisation
 * @module
 */
import { fromRows, row } from "../../src/core/matrix.js";
import { key } from "../../src/core/random.js";
import { logPoissonMass } from "../../src/core/special.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram } from "../../src/program/program.js";
import { exactFromTable, type GoldProblem, type RatioTest } from "../gold-problem.js";
import { type JumpProcess, jumpScore, runJumps } from "./gillespie.js";
import { changes, rates } from "./lotka-volterra.js";

const room = 6;
const process: JumpProcess = {
  start: [2, 3],
  changes,
  duration: 1,
  maxEvents: Infinity, // the pond is small: the counts cannot explode
  rates(state, constants, out) {
    rates(state, constants, out);
    if (state[0] === room) out[0] = 0;
    if (state[1] === room) out[2] = 0;
  },
};
const centre = [0.2, 0.5, 1, 0.2].map(Math.log);
const around = (value: number) => [value - 0.5, value + 0.5] as const;

/** Numbers at the end, `[N, 4] -> [N, 2]`. */
export const program = defineProgram({
  name: "lotka_volterra_small",
  prior: uniform({
    predatorBirth: around(centre[0]),
    predatorDeath: around(centre[1]),
    preyBirth: around(centre[2]),
    predation: around(centre[3]),
  }),
  xShape: [2],
  run({ predatorBirth, predatorDeath, preyBirth, predation }, trace) {
    const constants = [predatorBirth, predatorDeath, preyBirth, predation].map(Math.exp);
    return runJumps(process, constants, trace, () => {}).state;
  },
  score({ predatorBirth, predatorDeath, preyBirth, predation }, { values }) {
    return jumpScore(process, [predatorBirth, predatorDeath, preyBirth, predation].map(Math.exp), values);
  },
});

const states = (room + 1) ** 2;
const number = ([x, y]: readonly number[]) => x * (room + 1) + y;

/** Probability of each state at the end, `[49]`, state `(x, y)` at `7 x + y`. */
export function endProbabilities(theta: ArrayLike<number>): Float64Array {
  const constants = Array.from(theta, Math.exp);
  const leaving = Array.from({ length: states }, (_, s) => {
    const out = new Float64Array(changes.length);
    process.rates([Math.floor(s / (room + 1)), s % (room + 1)], constants, out);
    return out;
  });
  const totals = leaving.map((out) => out.reduce((sum, rate) => sum + rate, 0));
  const fastest = Math.max(...totals);
  const jumps = fastest * process.duration;
  let p = new Float64Array(states);
  p[number(process.start)] = 1;
  const sum = new Float64Array(states);
  for (let k = 0; k < jumps + 20 + 10 * Math.sqrt(jumps); k++) {
    const weight = Math.exp(logPoissonMass(k, jumps));
    for (let s = 0; s < states; s++) sum[s] += weight * p[s];
    const next = new Float64Array(states);
    for (let s = 0; s < states; s++) {
      if (p[s] === 0) continue;
      next[s] += p[s] * (1 - totals[s] / fastest);
      changes.forEach((change, j) => {
        if (leaving[s][j] > 0) next[s + number(change)] += (p[s] * leaving[s][j]) / fastest;
      });
    }
    p = next;
  }
  return sum;
}

/** Numerators of the comparison. */
const testPoints = 200;

/** Numerators from the prior, all ends of each, weighted by their probability at the reference. */
async function smallTest(): Promise<RatioTest> {
  const points = program.prior.sample(testPoints, key("comparison"));
  const p = endProbabilities(centre);
  const at = Array.from({ length: testPoints * states }, (_, i) => [Math.floor(i / states), i % states]);
  return {
    theta: fromRows(at.map(([point]) => row(points, point))),
    x: fromRows(at.map(([, s]) => [Math.floor(s / (room + 1)), s % (room + 1)])),
    weights: Float64Array.from(at, ([, s]) => p[s] / testPoints),
  };
}

export const problem: GoldProblem = {
  name: "lotka_volterra_small",
  title: "Rates of a few predators and prey, from how many there are in the end",
  source: "a pond small enough for a matrix exponential, after https://arxiv.org/abs/1805.12244",
  simulator: program,
  thetaRef: centre,
  comparison: { denominators: "thetaRef", test: smallTest },
  ...exactFromTable(endProbabilities, ([x, y]) => number([x, y]), 5e-3),
};
