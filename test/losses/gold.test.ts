import { describe, expect, it } from "vitest";
import { withRepairedGradients } from "../../src/engine/gradients.js";
import { unpack } from "../../src/engine/packing.js";
import { loadTf } from "../../src/engine/tfjs.js";
import type { Tensor, Tensors, Tf } from "../../src/engine/types.js";
import { type GoldLoss, goldLosses, ratioTarget, ratioTerm, scoreTerm } from "../../src/losses/gold.js";
import type { Activation } from "../../src/nets/activations.js";
import { requireSmooth } from "../../src/nets/activations.js";
import { ratioNetwork } from "../../src/nets/ratio-network.js";
import { at, distance, gradientOf, softplus, spread, total } from "../engine/float64.js";

const tf: Tf = await loadTf();
const ratios: readonly GoldLoss["ratio"][] = ["carl", "rolr", "alice"];

/**
 * A simulator with three values of x and two latent values, small enough to sum over: `p(x, z | theta)` is proportional to
 * `exp(a theta + b theta^2)`, with a and b of each of the six paths.
 */
const paths = [0, 1, 2].flatMap((x) => [0, 1].map((z) => ({ x, z })));
const [theta0, theta1] = [0.6, -0.3];
const slope = ({ x, z }: (typeof paths)[number], theta: number) =>
  [0.5, -0.9, 1.3, 0.2, -0.4, 0.8][2 * x + z] + 2 * theta * [0.3, 0.1, -0.5, 0.4, 0, 0.2][2 * x + z];
const weight = (path: (typeof paths)[number], theta: number) =>
  Math.exp(((slope(path, 0) + slope(path, theta)) * theta) / 2);
const norm = (theta: number) => paths.reduce((sum, path) => sum + weight(path, theta), 0);
const probability = (path: (typeof paths)[number], theta: number) => weight(path, theta) / norm(theta);
const score = (path: (typeof paths)[number], theta: number) =>
  slope(path, theta) - paths.reduce((sum, each) => sum + probability(each, theta) * slope(each, theta), 0);
const marginal = (x: number, theta: number) =>
  paths.reduce((sum, path) => sum + (path.x === x ? probability(path, theta) : 0), 0);
const exactLogRatio = [0, 1, 2].map((x) => Math.log(marginal(x, theta0) / marginal(x, theta1)));
const exactScore = (theta: number) =>
  [0, 1, 2].map((x) => {
    const sum = paths.reduce(
      (s, path) => s + (path.x === x ? probability(path, theta) * score(path, theta) : 0),
      0,
    );
    return sum / marginal(x, theta);
  });

/** Every row there can be, `(path, y)`, with its probability under the even mixture. */
const population = [0, 1].flatMap((y) =>
  paths.map((path) => ({ ...path, y, share: probability(path, y === 0 ? theta0 : theta1) / 2 })),
);
const shares = tf.tensor1d(population.map(({ share }) => share));
const index = tf.tensor1d(
  population.map(({ x }) => x),
  "int32",
);

/** Gradient of the expected loss of a free table with one entry for each x. */
function gradientAt(perRow: (entries: Tensor) => Tensor, table: readonly number[]): number[] {
  const expected = (entries: Tensor) => tf.sum(tf.mul(shares, perRow(tf.gather(entries, index))));
  return Array.from(tf.tidy(() => tf.grad(expected as never)(tf.tensor1d([...table]))).dataSync());
}

const jointLogRatio = (path: (typeof paths)[number]) =>
  Math.log(probability(path, theta0) / probability(path, theta1));
const expectedRatioTerm = (ratio: GoldLoss["ratio"]) => (logRatio: Tensor) =>
  ratioTerm(tf, ratio, {
    logRatio,
    target: tf.tensor1d(population.map((path) => ratioTarget(ratio, jointLogRatio(path), path.y))),
    y: tf.tensor1d(population.map(({ y }) => y)),
  });
/** The score term of a table of slopes, over the rows with a label in `labels`. */
const expectedScoreTerm = (labels: readonly number[], theta: number, sign: number) => (slopes: Tensor) => {
  const targets = population.map((path) => sign * score(path, theta));
  const mask = tf.tensor1d(population.map(({ y }) => (labels.includes(y) ? 1 : 0)));
  return tf.mul(mask, scoreTerm(tf, tf.reshape(slopes, [-1, 1]), tf.tensor2d(targets, [targets.length, 1])));
};

describe("the losses that learn from gold, over every path of a small simulator", () => {
  it.each(ratios)("%s is stationary at the exact log ratio, and nowhere near it", (ratio) => {
    const perRow = expectedRatioTerm(ratio);
    // float32 sums of twelve terms of order one
    for (const g of gradientAt(perRow, exactLogRatio)) expect(Math.abs(g)).toBeLessThan(1e-6);
    const wrong = exactLogRatio.map((value, x) => value + [0.2, -0.1, 0.15][x]);
    for (const g of gradientAt(perRow, wrong)) expect(Math.abs(g)).toBeGreaterThan(1e-3);
  });

  it("the score term is stationary at the exact score of theta0 over rows of theta0", () => {
    for (const g of gradientAt(expectedScoreTerm([0], theta0, 1), exactScore(theta0))) {
      expect(Math.abs(g)).toBeLessThan(1e-6);
    }
  });

  it("the score term is biased when rows of theta1 are let in", () => {
    const gradient = gradientAt(expectedScoreTerm([0, 1], theta0, 1), exactScore(theta0));
    expect(Math.max(...gradient.map(Math.abs))).toBeGreaterThan(1e-2);
  });

  it("over rows of theta1 the slope with respect to theta1 is minus the score there", () => {
    const exact = exactScore(theta1).map((value) => -value);
    for (const g of gradientAt(expectedScoreTerm([1], theta1, -1), exact))
      expect(Math.abs(g)).toBeLessThan(1e-6);
  });
});

/** One row's ratio term and its slope, for the network's log ratio `l`. */
function oneRow(
  ratio: GoldLoss["ratio"],
  l: number,
  joint: number,
  y: number,
): { value: number; slope: number } {
  const f = (logRatio: Tensor) =>
    tf.sum(
      ratioTerm(tf, ratio, {
        logRatio,
        target: tf.tensor1d([ratioTarget(ratio, joint, y)]),
        y: tf.tensor1d([y]),
      }),
    );
  const { value, grad } = tf.valueAndGrad(f as never)(tf.tensor1d([l]));
  return { value: value.dataSync()[0], slope: grad.dataSync()[0] };
}

describe("rows that explode", () => {
  it("follow the printed formulas where nothing is large", () => {
    for (const [l, joint] of [
      [0.3, -1.2],
      [-2, 0.7],
    ]) {
      const s = 1 / (1 + Math.exp(joint));
      const bce = (p: number) => p * softplus(l) + (1 - p) * softplus(-l);
      expect(oneRow("carl", l, joint, 0).value).toBeCloseTo(softplus(-l), 5);
      expect(oneRow("carl", l, joint, 1).value).toBeCloseTo(softplus(l), 5);
      expect(oneRow("alice", l, joint, 0).value).toBeCloseTo(bce(s), 5);
      expect(oneRow("rolr", l, joint, 1).value / (Math.exp(joint) - Math.exp(l)) ** 2).toBeCloseTo(1, 4);
      expect(oneRow("rolr", l, joint, 0).value / (Math.exp(-joint) - Math.exp(-l)) ** 2).toBeCloseTo(1, 4);
    }
  });

  it.each(ratios)("%s stays finite for paths that are impossible at one point", (ratio) => {
    for (const [y, joint] of [
      [0, Infinity],
      [1, -Infinity],
    ]) {
      for (const l of [-300, 0, 300]) expect(Number.isFinite(oneRow(ratio, l, joint, y).value)).toBe(true);
    }
  });

  it("ROLR pulls a log ratio back from wherever it is", () => {
    for (const l of [10.5, 30, 200]) {
      expect(oneRow("rolr", l, 0, 1).slope).toBeGreaterThan(1);
      expect(oneRow("rolr", -l, 0, 0).slope).toBeLessThan(-1);
      // towards ratios that are too small the pull is weak, as that of an exponential is, but never none
      expect(oneRow("rolr", -l, 0, 1).slope).toBeLessThan(-1e-5);
    }
  });
});

/** Loss of ALICES on three rows of a (2, 2) -> 4 -> 3 -> 1 network, as plain float64 numbers. */
const act = { tanh: Math.tanh, silu: (u: number) => u / (1 + Math.exp(-u)) };
const rows = 3;
const thetas = spread(rows * 2, -1, 1, 0.1);
const xs = spread(rows * 2, -1, 1, 0.6);
const scores = spread(rows * 2, -1, 1, 0.35);
const soft = spread(rows, 0.1, 0.9, 0.5);

function plainLoss(name: keyof typeof act, p: ArrayLike<number>): number {
  const f = act[name];
  const [wTheta, wX, bIn] = [
    at(Array.from(p).slice(0, 8), [2, 4]),
    at(Array.from(p).slice(8, 16), [2, 4]),
    16,
  ];
  const [w1, b1] = [at(Array.from(p).slice(20, 32), [4, 3]), 32];
  const [wOut, bOut] = [35, 38];
  const logRatio = (t: readonly number[], x: readonly number[]) => {
    const h = [0, 1, 2, 3].map((j) => f(p[bIn + j] + total(2, (k) => t[k] * wTheta(k, j) + x[k] * wX(k, j))));
    const g = [0, 1, 2].map((j) => f(p[b1 + j] + total(4, (k) => h[k] * w1(k, j))));
    return p[bOut] + total(3, (k) => g[k] * p[wOut + k]);
  };
  return (
    total(rows, (i) => {
      const t = [thetas[2 * i], thetas[2 * i + 1]];
      const x = [xs[2 * i], xs[2 * i + 1]];
      const l = logRatio(t, x);
      const gradient = gradientOf((point) => logRatio(Array.from(point), x), t);
      return (
        soft[i] * softplus(l) +
        (1 - soft[i]) * softplus(-l) +
        total(2, (j) => (gradient[j] - scores[2 * i + j]) ** 2)
      );
    }) / rows
  );
}

function engineLoss(name: keyof typeof act, parameters: Tensors): Tensor {
  const network = ratioNetwork({ kind: "mlp", hidden: [4, 3], activation: name }, 2, 2);
  const logRatio = (theta: Tensor) =>
    network.apply(tf, parameters, tf.reshape(theta, [rows, 1, 2]), tf.tensor2d(xs, [rows, 2]));
  const theta = tf.tensor2d(thetas, [rows, 2]);
  const slopes = tf.grad((point: Tensor) => tf.sum(logRatio(point)))(theta);
  const target = tf.tensor2d(soft, [rows, 1]);
  const ratio = ratioTerm(tf, "alice", { logRatio: logRatio(theta), target, y: target });
  return tf.add(tf.mean(ratio), tf.mean(scoreTerm(tf, slopes, tf.tensor2d(scores, [rows, 2]))));
}

describe("the gradient of a loss with a score term", () => {
  it.each(["tanh", "silu"] as const)("equals central differences in float64, with %s", (name) => {
    const { parameters } = ratioNetwork({ kind: "mlp", hidden: [4, 3], activation: name }, 2, 2);
    const packed = spread(39, -0.9, 0.9, 0.2);
    const gradient = withRepairedGradients(tf, () =>
      tf.tidy(() =>
        tf
          .grad(((flat: Tensor) => engineLoss(name, unpack(tf, flat, parameters))) as never)(
            tf.tensor1d(packed),
          )
          .dataSync(),
      ),
    );
    // float32 against nested five-point differences in float64
    expect(
      distance(
        gradient,
        gradientOf((p) => plainLoss(name, p), packed),
      ),
    ).toBeLessThan(1e-5);
  });

  it.each(["relu", "elu", "selu"] as Activation[])("is not trained with %s", (name) => {
    expect(() => requireSmooth(name, "alices")).toThrow(`"${name}" does not have everywhere; use silu, tanh`);
    expect(() => requireSmooth("tanh", "alices")).not.toThrow();
  });
});

it("names the methods by their terms", () => {
  const withScore = Object.entries(goldLosses).flatMap(([name, { score }]) => (score ? [name] : []));
  expect(withScore).toEqual(["cascal", "rascal", "alices"]);
});
