/**
 * Strains of a bacterium in a day care centre: 53 children, 33 strains, who carries what after ten units of time.
 *
 * In each step of 0.1 every child that lacks strain `s` catches it with probability
 *
 *     dt (beta exposure_s + lambda prevalence_s) (times theta if it carries another),
 *     exposure_s = sum_i carries_is / ((N - 1) strains_i)
 *
 * and keeps one that it has with probability `1 - gamma dt`. All of a step is one draw, a table of zeros and ones. The
 * data are six summaries of the end; `p(x | theta)` is not known.
 *
 * @see Numminen, Cheng, Gyllenberg and Corander (2013), https://doi.org/10.1111/biom.12040
 * @see goldmine, the code of https://arxiv.org/abs/1805.12244, for the figures
 * @module
 */
import type { Rng } from "../../src/core/random.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram, type Program } from "../../src/program/program.js";
import type { GoldProblem } from "../gold-problem.js";

const children = 53;
const step = 0.1;
/** How common each strain is outside. */
const prevalence = [0.12, 0.11, 0.1, 0.07, 0.06].concat(
  new Array(3).fill(0.05),
  new Array(2).fill(0.04),
  new Array(3).fill(0.03),
  new Array(3).fill(0.02),
  new Array(7).fill(0.015),
  new Array(5).fill(0.01),
  new Array(5).fill(0.005),
);
const strains = prevalence.length;
const cells = children * strains;

/** A table of independent zeros and ones. One object serves a whole run. */
class Carriage {
  readonly probability = new Float64Array(cells);

  sample(rng: Rng): Float64Array {
    return this.probability.map((p) => (rng.uniform() < p ? 1 : 0));
  }
  logProb(table: Float64Array): number {
    let sum = 0;
    for (let c = 0; c < cells; c++) {
      const p = this.probability[c];
      if (p > 0 || table[c] === 1) sum += table[c] === 1 ? Math.log(p) : Math.log1p(-p);
    }
    return sum;
  }
}

/** Pressure of each strain from inside, `[33]`, and number of strains per child, `[53]`. */
function exposure(carries: Float64Array) {
  const inside = new Float64Array(strains);
  const carried = new Float64Array(children);
  for (let i = 0; i < children; i++) {
    const own = carries.subarray(i * strains, (i + 1) * strains);
    carried[i] = own.reduce((sum, value) => sum + value, 0);
    if (carried[i] === 0) continue;
    for (let s = 0; s < strains; s++) inside[s] += own[s] / ((children - 1) * carried[i]);
  }
  return { inside, carried };
}

const clip = (p: number) => Math.min(1, Math.max(0, p));

/**
 * The spread as a program.
 *
 * @param options.duration - units of time. Default 10.
 */
export function epidemiology({ duration = 10 } = {}): Program {
  const steps = Math.round(duration / step);
  return defineProgram({
    name: "epidemiology",
    prior: uniform({ beta: [2, 6], lambda: [0.3, 1], theta: [0.05, 0.2], gamma: [0.5, 2] }),
    xShape: [6],
    run({ beta, lambda, theta, gamma }, trace) {
      const next = new Carriage();
      let carries: Float64Array = new Float64Array(cells);
      for (let t = 0; t < steps; t++) {
        const { inside, carried } = exposure(carries);
        for (let c = 0; c < cells; c++) {
          const s = c % strains;
          const crowded = carried[Math.floor(c / strains)] > 0 ? theta : 1;
          const caught = crowded * (beta * inside[s] + lambda * prevalence[s]) * step;
          next.probability[c] = clip(carries[c] === 1 ? 1 - gamma * step : caught);
        }
        carries = trace.sample("carriage", next);
      }
      return summaries(carries);
    },
    score({ beta, lambda, theta, gamma }, { values }) {
      const score = [0, 0, 0, 0];
      let carries: Float64Array = new Float64Array(cells);
      for (const value of values) {
        const after = value as Float64Array;
        const { inside, carried } = exposure(carries);
        for (let c = 0; c < cells; c++) {
          if (carries[c] === 1) {
            score[3] += after[c] === 1 ? -step / (1 - gamma * step) : 1 / gamma;
            continue;
          }
          const s = c % strains;
          const isCrowded = carried[Math.floor(c / strains)] > 0;
          const pressure = beta * inside[s] + lambda * prevalence[s];
          const p = (isCrowded ? theta : 1) * pressure * step;
          if (p >= 1) continue; // clipped: theta changes nothing here
          const byLogP = after[c] === 1 ? 1 : -p / (1 - p);
          score[0] += (byLogP * inside[s]) / pressure;
          score[1] += (byLogP * prevalence[s]) / pressure;
          if (isCrowded) score[2] += byLogP / theta;
        }
        carries = after;
      }
      return score;
    },
  });
}

/**
 * Six summaries of a table: Shannon entropy of the strains (nats), number of strains, shares of children with a strain
 * and with more than one, share with the most common strain, number of strains seen once.
 */
export function summaries(carries: Float64Array): number[] {
  const { carried } = exposure(carries);
  const counts = Array.from({ length: strains }, (_, s) => {
    let count = 0;
    for (let i = 0; i < children; i++) count += carries[i * strains + s];
    return count;
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  const shares = counts.filter((count) => count > 0).map((count) => count / total);
  return [
    -shares.reduce((sum, share) => sum + share * Math.log(share), 0),
    shares.length,
    carried.filter((count) => count > 0).length / children,
    carried.filter((count) => count > 1).length / children,
    Math.max(...counts) / children,
    counts.filter((count) => count === 1).length,
  ];
}

export const problem: GoldProblem = {
  name: "epidemiology",
  title: "How strains of a bacterium spread in a day care centre, from who carries what",
  source: "Numminen et al. (2013), https://doi.org/10.1111/biom.12040; goldmine",
  simulator: epidemiology(),
  thetaRef: [3.589, 0.593, 0.097, 1],
};
