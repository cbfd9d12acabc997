/**
 * A toy of an effective field theory: an amplitude that two couplings bend, squared, and seen through a blurred detector.
 *
 *     M(z | theta) = 1 + a z1 + b (z2^2 - 1),   p(z | theta) = M^2 phi(z) / s(theta),   s(theta) = 1 + a^2 + 2 b^2
 *     x = z + 0.5 e,  e ~ Normal(0, I)
 *
 * `phi` is the standard normal in the plane. Where the amplitude vanishes the joint ratio does too, so it has heavy
 * tails, as in particle physics. The likelihood of `x` is exact: with `v = S^2 / (1 + S^2)`, `m = x / (1 + S^2)`,
 * `p(x | theta) = Normal(x; 0, (1 + S^2) I) E[M^2] / s(theta)`, the expectation over `z ~ Normal(m, v I)` being a
 * polynomial. Without the blur (`eft_truth`) the joint quantities are those of `x`.
 *
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, whose process this stands for
 * @module
 */
import { normal } from "../../src/core/distributions/normal.js";
import { type Matrix, matrix, repeatRow, row } from "../../src/core/matrix.js";
import { foldIn, key, type Rng } from "../../src/core/random.js";
import type { EventRate } from "../../src/local/event-rate.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram, type Program } from "../../src/program/program.js";
import { simulateRange } from "../../src/simulate-range.js";
import { type GoldProblem, logRatioOf, type RatioTest } from "../gold-problem.js";

const blur = 0.5;

const amplitude = (a: number, b: number, z1: number, z2: number) => 1 + a * z1 + b * (z2 * z2 - 1);
const crossSection = (a: number, b: number) => 1 + a * a + 2 * b * b;

/** `p(z | theta) = M^2 phi / s`. */
class Event {
  constructor(
    readonly a: number,
    readonly b: number,
  ) {}

  /**
   * By rejection. With weights `w = (1, |a|, sqrt2 |b|)` and `W` their sum, Cauchy and Schwarz have
   * `M^2 <= W (1 + |a| z1^2 + |b| (z2^2 - 1)^2 / sqrt2)`, a mixture with shares `w / W` of densities that are easy to
   * draw from; `s / W^2` of the draws are accepted.
   */
  sample(rng: Rng): Float64Array {
    const { a, b } = this;
    const weights = [1, Math.abs(a), Math.SQRT2 * Math.abs(b)];
    const total = weights[0] + weights[1] + weights[2];
    for (;;) {
      const part = rng.categorical(weights);
      const z1 = part === 1 ? Math.sqrt(2 * rng.gamma(1.5)) * (rng.uniform() < 0.5 ? -1 : 1) : rng.normal();
      const z2 = part === 2 ? bentNormal(rng) : rng.normal();
      const m = amplitude(a, b, z1, z2);
      const bound = total * (1 + weights[1] * z1 * z1 + (weights[2] / 2) * (z2 * z2 - 1) ** 2);
      if (rng.uniform() * bound < m * m) return Float64Array.of(z1, z2);
    }
  }

  logProb([z1, z2]: Float64Array): number {
    const { a, b } = this;
    const density = 2 * Math.log(Math.abs(amplitude(a, b, z1, z2))) - 0.5 * (z1 * z1 + z2 * z2);
    return density - Math.log(2 * Math.PI * crossSection(a, b));
  }
}

/** `(z^2 - 1)^2 phi(z) / 2`, by rejection from `(z^4 + 1) phi(z) / 4`, of which half are accepted. */
function bentNormal(rng: Rng): number {
  for (;;) {
    const z =
      rng.uniform() < 0.75 ? Math.sqrt(2 * rng.gamma(2.5)) * (rng.uniform() < 0.5 ? -1 : 1) : rng.normal();
    const square = z * z;
    if (rng.uniform() * (square * square + 1) < (square - 1) ** 2) return z;
  }
}

/** One event per row, `[N, 2] -> [N, 2]`. */
function eftProgram(name: string, smearing: number): Program {
  return defineProgram({
    name,
    prior: uniform({ a: [-0.5, 0.5], b: [-0.5, 0.5] }),
    xShape: [2],
    run({ a, b }, trace) {
      const z = trace.sample("z", new Event(a, b));
      if (smearing === 0) return z;
      return [trace.sample("x", normal(z[0], smearing)), trace.sample("x", normal(z[1], smearing))];
    },
    score({ a, b }, { values }) {
      const [z1, z2] = values[0] as Float64Array;
      const m = amplitude(a, b, z1, z2);
      const s = crossSection(a, b);
      return [(2 * z1) / m - (2 * a) / s, (2 * (z2 * z2 - 1)) / m - (4 * b) / s];
    },
  });
}

/**
 * How many events are expected: as many as the cross-section says, `nu(theta) = events s(theta) / s(0)`.
 *
 * @param events - at the Standard Model. Default 36, as the published study.
 */
export function eftRate(events = 36): EventRate {
  return {
    names: ["a", "b"],
    expected: ([a, b]) => events * crossSection(a, b),
    gradient: ([a, b]) => [2 * events * a, 4 * events * b],
  };
}

/** `E[M^2]` over `z ~ Normal(m, v I)`, and its derivatives by `a` and `b`. */
function meanSquare(a: number, b: number, x: ArrayLike<number>, smearing: number): [number, number, number] {
  const wide = 1 + smearing * smearing;
  const v = (smearing * smearing) / wide;
  const [m1, m2] = [x[0] / wide, x[1] / wide];
  const z1Square = m1 * m1 + v;
  const z2Square = m2 * m2 + v;
  const q = z2Square - 1; // E[z2^2 - 1]
  const qSquare = m2 ** 4 + 6 * m2 * m2 * v + 3 * v * v - 2 * z2Square + 1; // E[(z2^2 - 1)^2]
  return [
    1 + a * a * z1Square + b * b * qSquare + 2 * a * m1 + 2 * b * q + 2 * a * b * m1 * q,
    2 * (a * z1Square + m1 + b * m1 * q),
    2 * (b * qSquare + q + a * m1 * q),
  ];
}

/** Rows of the comparison. */
const testRows = 20_000;

/** Numerators from the prior, events at the Standard Model, where neither coupling acts; all count the same. */
async function eftTest(program: Program, thetaRef: readonly number[]): Promise<RatioTest> {
  const root = key("comparison");
  const { x } = await simulateRange(program, repeatRow(thetaRef, testRows), foldIn(root, "x"));
  return {
    theta: program.prior.sample(testRows, foldIn(root, "theta")),
    x,
    weights: new Float64Array(testRows).fill(1 / testRows),
  };
}

function eftProblem(name: string, title: string, smearing: number): GoldProblem {
  const simulator = eftProgram(name, smearing);
  const thetaRef = [0, 0];
  return {
    name,
    title,
    source: "a stand-in with exact likelihood for the process of https://arxiv.org/abs/1805.00020",
    simulator,
    thetaRef,
    comparison: { denominators: "thetaRef", test: () => eftTest(simulator, thetaRef) },
    logRatio: logRatioOf(([a, b], x) => Math.log(meanSquare(a, b, x, smearing)[0] / crossSection(a, b))),
    score(theta: Matrix, x: Matrix) {
      const out = matrix(x.rows, 2);
      for (let i = 0; i < x.rows; i++) {
        const [a, b] = row(theta, i);
        const [mean, byA, byB] = meanSquare(a, b, row(x, i), smearing);
        const s = crossSection(a, b);
        out.data.set([byA / mean - (2 * a) / s, byB / mean - (4 * b) / s], 2 * i);
      }
      return out;
    },
  };
}

export const problem = eftProblem("eft", "Two couplings of an amplitude, from blurred events", blur);
export const truthProblem = eftProblem(
  "eft_truth",
  "Two couplings of an amplitude, from events seen exactly",
  0,
);
