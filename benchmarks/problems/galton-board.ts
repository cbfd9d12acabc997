/**
 * The generalised Galton board: a ball falls through 20 rows of 31 nails, and how it bounces depends on `theta` and on
 * where it is. The latent path is the way down; the data are the slot, 5 to 25 for nearly every ball.
 *
 * In row `l` at slot `s` the ball meets a nail at `v = l / 19`, `h = 2 s / 30 - 1`, and goes left with probability
 *
 *     P(left) = (1 - f) / 2 + f sigmoid(10 theta h),   f = sin(pi v)
 *
 * In even rows left keeps the slot and right adds one; in odd rows left subtracts one and right keeps it, and at the
 * walls of odd rows the ball has no choice. Twenty rows of probabilities, pushed forward, are the exact `p(x | theta)`.
 *
 * @see Brehmer, Louppe, Pavez and Cranmer (2018), https://arxiv.org/abs/1805.12244; this is the board of the code and data
 *   published with it, `10 theta h`, whose description has a quarter of that slope
 * @module
 */
import { bernoulli } from "../../src/core/distributions/counts.js";
import { type Matrix, matrix, repeatRow } from "../../src/core/matrix.js";
import { sigmoid } from "../../src/core/special.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineProgram } from "../../src/program/program.js";
import { type GoldProblem, sharedByRows } from "../gold-problem.js";

const rows = 20;
const nails = 31;
const slots = nails + 1;
const start = 15;

/** `f(l)` and `10 h(s)`: constants of the board. */
const bend = Float64Array.from({ length: rows }, (_, l) => Math.sin((Math.PI * l) / (rows - 1)));
const lever = Float64Array.from({ length: slots }, (_, s) => 10 * ((2 * s) / (nails - 1) - 1));

const leftProbability = (l: number, s: number, theta: number) =>
  0.5 * (1 - bend[l]) + bend[l] * sigmoid(theta * lever[s]);

/** `d P(left) / d theta`. */
const leftSlope = (l: number, s: number, theta: number) => {
  const sigma = sigmoid(theta * lever[s]);
  return bend[l] * sigma * (1 - sigma) * lever[s];
};

/** Whether the ball at slot `s` of row `l` is at a wall: an odd row has no nail beyond the outermost. */
const isForced = (l: number, s: number) => l % 2 === 1 && (s === 0 || s === slots - 1);
/** The slot after a bounce, `went` being 1 for left. */
const next = (l: number, s: number, went: number) => (l % 2 === 0 ? s + 1 - went : s - went);

/** A ball per row, `[N, 1] -> [N, 1]`: the slot where it ends. The score is that of the code, without replays. */
export const program = defineProgram({
  name: "galton_board",
  prior: uniform({ theta: [-1, -0.4] }),
  xShape: [],
  run({ theta }, trace) {
    let s = start;
    for (let l = 0; l < rows; l++) {
      const went = isForced(l, s)
        ? Number(s > 0)
        : trace.sample("left", bernoulli(leftProbability(l, s, theta)));
      s = next(l, s, went);
    }
    return s;
  },
  score({ theta }, { values }) {
    let s = start;
    let draw = 0;
    let sum = 0;
    for (let l = 0; l < rows; l++) {
      let went = Number(s > 0);
      if (!isForced(l, s)) {
        went = values[draw++] as number;
        const p = leftProbability(l, s, theta);
        const slope = leftSlope(l, s, theta);
        sum += went === 1 ? slope / p : -slope / (1 - p);
      }
      s = next(l, s, went);
    }
    return sum;
  },
});

/** Exact `p(x | theta)` for the 32 slots, and its derivative by `theta`. */
export function slotProbabilities(theta: number): { p: Float64Array; slope: Float64Array } {
  let p = new Float64Array(slots);
  let slope = new Float64Array(slots);
  p[start] = 1;
  for (let l = 0; l < rows; l++) {
    const [pNext, slopeNext] = [new Float64Array(slots), new Float64Array(slots)];
    for (let s = 0; s < slots; s++) {
      if (p[s] === 0) continue;
      const forced = isForced(l, s);
      const left = forced ? Number(s > 0) : leftProbability(l, s, theta);
      const change = forced ? 0 : leftSlope(l, s, theta);
      for (const went of [0, 1]) {
        const share = went === 1 ? left : 1 - left;
        if (share === 0) continue;
        const to = next(l, s, went);
        pNext[to] += p[s] * share;
        slopeNext[to] += slope[s] * share + p[s] * (went === 1 ? change : -change);
      }
    }
    [p, slope] = [pNext, slopeNext];
  }
  return { p, slope };
}

const tables = (theta: Matrix) => sharedByRows(theta, ([value]) => slotProbabilities(value));

/** Slots that the published comparison sums over; 0.03 % of the balls end elsewhere. */
const compared = Float64Array.from({ length: 21 }, (_, i) => i + 5);

/**
 * `theta0 = -0.8` against `theta1 = -0.6` is the pair of the paper, whose mean squared error is
 * `sum p(x | theta1) (log r_learned - log r)^2` over the slots 5 to 25, learned from pairs that both vary.
 */
export const problem: GoldProblem = {
  name: "galton_board",
  title: "How far the nails of a Galton board bend the way of a ball",
  source: "Brehmer et al. (2018), https://arxiv.org/abs/1805.12244",
  simulator: program,
  values: Array.from({ length: slots }, (_, slot) => slot),
  thetaRef: [-0.6],
  logRatio(theta0, theta1, x) {
    const [at0, at1] = [tables(theta0), tables(theta1)];
    return Float64Array.from({ length: x.rows }, (_, i) =>
      Math.log(at0(i).p[x.data[i]] / at1(i).p[x.data[i]]),
    );
  },
  logProb(theta, x) {
    const at = tables(theta);
    return Float64Array.from({ length: x.rows }, (_, i) => Math.log(at(i).p[x.data[i]]));
  },
  score(theta, x) {
    const at = tables(theta);
    return matrix(
      x.rows,
      1,
      Float64Array.from({ length: x.rows }, (_, i) => at(i).slope[x.data[i]] / at(i).p[x.data[i]]),
    );
  },
  comparison: {
    denominators: "drawn",
    async test() {
      const { p } = slotProbabilities(-0.6);
      return {
        theta: repeatRow([-0.8], compared.length),
        x: matrix(compared.length, 1, compared),
        weights: compared.map((x) => p[x]),
      };
    },
  },
};
