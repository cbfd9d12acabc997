/**
 * "Simple likelihood, complex posterior": four points of a two-dimensional normal whose five parameters enter
 * through squares, so that the posterior has four modes of equal mass.
 *
 * `theta ~ Uniform[-3, 3]^5`, `m = (t1, t2)`, `s1 = t3^2`, `s2 = t4^2`, `rho = tanh t5`,
 * `S = [[s1^2, rho s1 s2], [rho s1 s2, s2^2]] + 1e-6 I`, and `x` = four independent draws of `Normal(m, S)`.
 *
 * The exact posterior: given `t3, t4, t5` the mean is normal around the average point with covariance `S / 4`,
 * cut by the prior's box; what is left after integrating it out without the cut,
 * `|S|^(-3/2) exp(-tr(S^-1 W) / 2)` with `W` the scatter of the points, is a density of three parameters on a
 * grid. Signs of `t3` and `t4` are tossed; draws whose mean leaves the box are drawn again.
 *
 * @see Papamakarios, Sterratt and Murray (2019), https://arxiv.org/abs/1805.07226
 * @see Lueckmann et al. (2021), https://arxiv.org/abs/2101.04653, appendix T.3
 * @module
 */
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { foldIn, type Key, key as keyOf } from "../../src/core/random.js";
import { type Rng, stream } from "../../src/core/rng.js";
import { uniform } from "../../src/prior/uniform.js";
import { defineSimulator } from "../../src/simulator.js";
import { type GridDensity, gridDensity } from "../grid.js";
import { observationList, type Problem } from "../problem.js";

const points = 4;
const jitter = 1e-6;
const edge = 3;
const log2Pi = Math.log(2 * Math.PI);

const range = [-edge, edge] as const;

/** Four points per row, `[N, 5] -> [N, 8]`. */
export const simulator = defineSimulator({
  name: "slcp",
  prior: uniform({ theta1: range, theta2: range, theta3: range, theta4: range, theta5: range }),
  xShape: [2 * points],
  runBatch(theta: Matrix, keys: readonly Key[]) {
    const x = matrix(theta.rows, 2 * points);
    const { data } = theta;
    for (let i = 0; i < theta.rows; i++) {
      const rng = stream(keys[i]);
      const at = 5 * i;
      const { a, b, c } = covariance(data[at + 2], data[at + 3], data[at + 4]);
      const l11 = Math.sqrt(a);
      const l21 = c / l11;
      const l22 = Math.sqrt(b - l21 * l21);
      for (let j = 0; j < points; j++) {
        const z1 = rng.normal();
        const z2 = rng.normal();
        x.data[8 * i + 2 * j] = data[at] + l11 * z1;
        x.data[8 * i + 2 * j + 1] = data[at + 1] + l21 * z1 + l22 * z2;
      }
    }
    return x;
  },
});

/** Entries of the covariance `[[a, c], [c, b]]`. */
function covariance(theta3: number, theta4: number, theta5: number) {
  const s1 = theta3 * theta3;
  const s2 = theta4 * theta4;
  return { a: s1 * s1 + jitter, b: s2 * s2 + jitter, c: Math.tanh(theta5) * s1 * s2 };
}

/** Average point and scatter about it, `W = sum (x_j - mean)(x_j - mean)'`. */
function summarise(x: ArrayLike<number>) {
  let mean1 = 0;
  let mean2 = 0;
  for (let j = 0; j < points; j++) {
    mean1 += x[2 * j] / points;
    mean2 += x[2 * j + 1] / points;
  }
  let w11 = 0;
  let w12 = 0;
  let w22 = 0;
  for (let j = 0; j < points; j++) {
    const d1 = x[2 * j] - mean1;
    const d2 = x[2 * j + 1] - mean2;
    w11 += d1 * d1;
    w12 += d1 * d2;
    w22 += d2 * d2;
  }
  return { mean1, mean2, w11, w12, w22 };
}

function logLikelihood(theta: Matrix, x: ArrayLike<number>): Float64Array {
  const { mean1, mean2, w11, w12, w22 } = summarise(x);
  return Float64Array.from({ length: theta.rows }, (_, i) => {
    const [m1, m2, theta3, theta4, theta5] = row(theta, i);
    const { a, b, c } = covariance(theta3, theta4, theta5);
    const determinant = a * b - c * c;
    const d1 = mean1 - m1;
    const d2 = mean2 - m2;
    const v11 = w11 + points * d1 * d1;
    const v12 = w12 + points * d1 * d2;
    const v22 = w22 + points * d2 * d2;
    const square = (b * v11 - 2 * c * v12 + a * v22) / determinant;
    return -points * (log2Pi + Math.log(determinant) / 2) - square / 2;
  });
}

/** With `P = S^-1` and `V` the scatter about `m`: `d/dm = 4 P (mean - m)`, `d/dS = (P V P - 4 P) / 2`. */
function likelihoodGradient(theta: Matrix, x: ArrayLike<number>): Matrix {
  const { mean1, mean2, w11, w12, w22 } = summarise(x);
  const out = matrix(theta.rows, 5);
  for (let i = 0; i < theta.rows; i++) {
    const [m1, m2, theta3, theta4, theta5] = row(theta, i);
    const { a, b, c } = covariance(theta3, theta4, theta5);
    const determinant = a * b - c * c;
    const p11 = b / determinant;
    const p12 = -c / determinant;
    const p22 = a / determinant;
    const d1 = mean1 - m1;
    const d2 = mean2 - m2;
    const v11 = w11 + points * d1 * d1;
    const v12 = w12 + points * d1 * d2;
    const v22 = w22 + points * d2 * d2;
    const q11 = p11 * v11 + p12 * v12; // Q = P V
    const q12 = p11 * v12 + p12 * v22;
    const q21 = p12 * v11 + p22 * v12;
    const q22 = p12 * v12 + p22 * v22;
    const byA = (q11 * p11 + q12 * p12 - points * p11) / 2;
    const byB = (q21 * p12 + q22 * p22 - points * p22) / 2;
    const byC = q11 * p12 + q12 * p22 - points * p12;
    const s1 = theta3 * theta3;
    const s2 = theta4 * theta4;
    const rho = Math.tanh(theta5);
    out.data.set(
      [
        points * (p11 * d1 + p12 * d2),
        points * (p12 * d1 + p22 * d2),
        2 * theta3 * (2 * s1 * byA + rho * s2 * byC),
        2 * theta4 * (2 * s2 * byB + rho * s1 * byC),
        (1 - rho * rho) * s1 * s2 * byC,
      ],
      5 * i,
    );
  }
  return out;
}

/**
 * The likelihood integrated over the mean without the prior's cut, on a grid of `(|t3|, |t4|, t5)`.
 * Normalised so that its evidence, less `5 log 6` for the prior and plus `2 log 2` for the signs, is that of
 * the data wherever the cut takes nothing away.
 */
function scatterGrid(x: ArrayLike<number>, cells = 72): GridDensity {
  const { w11, w12, w22 } = summarise(x);
  const constant = -(points - 1) * log2Pi - Math.log(points);
  const density = (theta: Matrix) =>
    Float64Array.from({ length: theta.rows }, (_, i) => {
      const [theta3, theta4, theta5] = row(theta, i);
      const { a, b, c } = covariance(theta3, theta4, theta5);
      const determinant = a * b - c * c;
      const square = (b * w11 - 2 * c * w12 + a * w22) / determinant;
      return constant - ((points - 1) * Math.log(determinant) + square) / 2;
    });
  return gridDensity(
    density,
    [
      [0, edge],
      [0, edge],
      [-edge, edge],
    ],
    [cells, cells, cells],
  );
}

/** A draw of the mean given the scatter, not yet cut by the prior's box. */
function drawMean(
  { mean1, mean2 }: { readonly mean1: number; readonly mean2: number },
  [size3, size4, theta5]: ArrayLike<number> & Iterable<number>,
  rng: Rng,
): readonly [number, number] {
  const { a, b, c } = covariance(size3, size4, theta5);
  const l11 = Math.sqrt(a / points);
  const l21 = c / points / l11;
  const z1 = rng.normal();
  const theta1 = mean1 + l11 * z1;
  return [theta1, mean2 + l21 * z1 + Math.sqrt(b / points - l21 * l21) * rng.normal()];
}

const inBox = (theta1: number, theta2: number) => Math.abs(theta1) < edge && Math.abs(theta2) < edge;

/** Draws of the mean that the evidence is taken from: it errs by 1 % where the box cuts off four fifths. */
const evidenceDraws = 40_000;

/** The grid's evidence times the share of the mean's law that lies in the box, by draws from one key. */
function logEvidence(x: ArrayLike<number>): number {
  const grid = scatterGrid(x);
  const scatter = grid.draws(evidenceDraws, foldIn(keyOf("slcp evidence"), 0));
  const rng = stream(foldIn(keyOf("slcp evidence"), 1));
  const mean = summarise(x);
  let inside = 0;
  for (let i = 0; i < scatter.rows; i++) if (inBox(...drawMean(mean, row(scatter, i), rng))) inside++;
  return grid.logEvidence + Math.log(4 / (2 * edge) ** 5) + Math.log(inside / scatter.rows); // 4: the signs
}

/** Largest number of rounds of redrawing; the mean leaves the box with probability below 0.95 in practice. */
const maxRounds = 200;

function exactPosterior(x: ArrayLike<number>, n: number, key: Key): Matrix {
  const mean = summarise(x);
  const grid = scatterGrid(x);
  const out = matrix(n, 5);
  let filled = 0;
  for (let round = 0; filled < n; round++) {
    if (round === maxRounds) {
      throw new RangeError(
        `slcp: expected data whose average lies near the prior's box, got (${mean.mean1}, ${mean.mean2}): ` +
          `${filled} of ${n} draws after ${maxRounds} rounds. Use data that the simulator can make.`,
      );
    }
    const scatter = grid.draws(n, foldIn(key, 2 * round));
    const rng = stream(foldIn(key, 2 * round + 1));
    for (let i = 0; i < n && filled < n; i++) {
      const [size3, size4, theta5] = row(scatter, i);
      const [theta1, theta2] = drawMean(mean, [size3, size4, theta5], rng);
      const theta3 = rng.uniform() < 0.5 ? -size3 : size3;
      const theta4 = rng.uniform() < 0.5 ? -size4 : size4;
      if (inBox(theta1, theta2)) out.data.set([theta1, theta2, theta3, theta4, theta5], 5 * filled++);
    }
  }
  return out;
}

/** sbibm's observations 1 to 3. */
export const problem: Problem = {
  name: "slcp",
  title: "Mean and covariance, through squares, from four points of a plane",
  source: "Papamakarios et al. (2019), https://arxiv.org/abs/1805.07226; observations of sbibm",
  simulator,
  ...observationList("slcp", [
    {
      theta: [-2.8581212, -0.44451332, 2.9473476, 1.2396116, 2.9712725],
      x: [2.3718784, 0.49947417, 9.931435, 1.7136912, -10.436423, -1.9067793, -1.2343777, -0.09735],
    },
    {
      theta: [-0.8669908, -2.6278377, 2.8607178, -1.8587376, -2.7437975],
      x: [-0.66452104, -2.9279308, -16.49147, 4.06107, 4.232153, -4.652277, -4.9924355, -1.5655216],
    },
    {
      theta: [2.1904812, -0.9653516, 2.2308893, -2.95686, 1.7665963],
      x: [3.5023372, 5.254722, 8.685451, 9.995327, 0.40782332, -5.7111573, 10.605566, 12.695774],
    },
  ]),
  logLikelihood,
  logEvidence,
  likelihoodGradient,
  exactPosterior,
};
