/** Activations and losses: orders one and two, in the tails as well. */
import { beforeAll, describe, expect, it } from "vitest";
import { withRepairedGradients } from "../../src/engine/gradients.js";
import { openEngine } from "../../src/engine/open.js";
import { loadTf } from "../../src/engine/tfjs.js";
import type { Engine, Tensor, Tensors, Tf } from "../../src/engine/types.js";
import { type NreLoss, nreLoss } from "../../src/losses/nre.js";
import { type Activation, activation } from "../../src/nets/activations.js";
import { curvatureOf, distance, erf, gradientOf, logSumExp, sigmoid, softplus, spread } from "./float64.js";

let engine: Engine;
let tf: Tf;
beforeAll(async () => {
  engine = await openEngine("onnx");
  tf = await loadTf();
  await tf.setBackend("cpu");
});

/** A function with its first two derivatives, in float64. */
type Derivatives = readonly [
  value: (x: number) => number,
  first: (x: number) => number,
  second: (x: number) => number,
];

const ALPHA = 1.6732632423543772;
const SCALE = 1.0507009873554805;
const slope = (x: number) => sigmoid(x) * sigmoid(-x);
const bell = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const normalCdf = (x: number) => (Math.abs(x) > 6 ? Number(x > 0) : (1 + erf(x * Math.SQRT1_2)) / 2);
const cosh2 = (x: number) => 1 / Math.cosh(Math.min(Math.abs(x), 300)) ** 2;

const activations: Readonly<Record<Activation, Derivatives>> = {
  silu: [
    (x) => x * sigmoid(x),
    (x) => sigmoid(x) + x * slope(x),
    (x) => slope(x) * (2 + x * (sigmoid(-x) - sigmoid(x))),
  ],
  tanh: [Math.tanh, cosh2, (x) => -2 * Math.tanh(x) * cosh2(x)],
  softplus: [softplus, sigmoid, slope],
  gelu: [(x) => x * normalCdf(x), (x) => normalCdf(x) + x * bell(x), (x) => (2 - x * x) * bell(x)],
  elu: [
    (x) => (x > 0 ? x : Math.expm1(x)),
    (x) => (x > 0 ? 1 : Math.exp(x)),
    (x) => (x > 0 ? 0 : Math.exp(x)),
  ],
  selu: [
    (x) => SCALE * (x > 0 ? x : ALPHA * Math.expm1(x)),
    (x) => SCALE * (x > 0 ? 1 : ALPHA * Math.exp(x)),
    (x) => (x > 0 ? 0 : SCALE * ALPHA * Math.exp(x)),
  ],
  relu: [(x) => Math.max(x, 0), (x) => Number(x > 0), () => 0],
};

/** Functions that must keep their relative accuracy where they are small. */
const tails: Readonly<Record<string, readonly [(tf: Tf, x: Tensor) => Tensor, Derivatives]>> = {
  sigmoid: [(tf, x) => tf.sigmoid(x), [sigmoid, slope, (x) => slope(x) * (sigmoid(-x) - sigmoid(x))]],
  logSigmoid: [(tf, x) => tf.logSigmoid(x), [(x) => -softplus(-x), (x) => sigmoid(-x), (x) => -slope(x)]],
  softplus: [(tf, x) => tf.softplus(x), activations.softplus],
  swish: [(tf, x) => tf.mul(x, tf.sigmoid(x)), activations.silu],
  log1p: [(tf, x) => tf.log1p(x), [Math.log1p, (x) => 1 / (1 + x), (x) => -1 / (1 + x) ** 2]],
  expm1: [(tf, x) => tf.expm1(x), [Math.expm1, Math.exp, Math.exp]],
};

const POINTS = [-100, -20, -3, -0.5, -1e-3, -1e-8, 1e-8, 1e-3, 0.5, 3, 20, 100].map(Math.fround);

/** Value and derivatives at each point, compiled and eager. */
async function evaluate(f: (tf: Tf, x: Tensor) => Tensor, points: readonly number[]) {
  const fn = (t: Tf, { x }: Tensors) => {
    const first = (input: Tensor) => t.grad((u: Tensor) => t.sum(f(t, u)))(input);
    return { value: f(t, x), first: first(x), second: t.grad((u: Tensor) => t.sum(first(u)))(x) };
  };
  await using compiled = await engine.compile(fn, { x: { shape: [points.length] } });
  const result = await compiled.run({ x: Float32Array.from(points) });
  const eager = tf.tidy(() => {
    const tensors = withRepairedGradients(tf, () => fn(tf, { x: tf.tensor1d([...points]) }));
    return Object.fromEntries(Object.entries(tensors).map(([key, tensor]) => [key, tensor.dataSync()]));
  });
  return { result, eager };
}

const orders = ["value", "first", "second"] as const;

describe.each(Object.entries(activations))("activation %s", (name, derivatives) => {
  it("has the right value and derivatives", async () => {
    const { result, eager } = await evaluate(activation(name as Activation), POINTS);
    orders.forEach((order, i) => {
      POINTS.forEach((x, j) => {
        const exact = derivatives[i](x);
        // a few roundings of float32 (6e-8) relative to the larger of one and the value; TensorFlow.js's own
        // erf is an approximation that is off by 1.5e-7, which gelu multiplies by x
        const bound = 1e-6 * Math.max(1, Math.abs(exact));
        expect(Math.abs(result[order][j] - exact), `${order} at ${x}`).toBeLessThan(bound);
        expect(Math.abs(result[order][j] - eager[order][j]), `${order} at ${x}, eager`).toBeLessThan(
          2 * bound,
        );
      });
    });
  });
});

it("the derivatives that activations are held against are derivatives", () => {
  for (const [value, first, second] of Object.values(activations)) {
    for (const x of [-2.3, -0.7, 0.4, 1.9]) {
      expect(gradientOf(([u]) => value(u), [x])[0]).toBeCloseTo(first(x), 9);
      expect(gradientOf(([u]) => first(u), [x])[0]).toBeCloseTo(second(x), 9);
    }
  }
});

describe.each(Object.entries(tails))("%s in the tails", (name, [f, derivatives]) => {
  it("keeps its relative accuracy", async () => {
    const points =
      name === "log1p" ? POINTS.filter((x) => x > -1) : POINTS.filter((x) => x < 80 || name !== "expm1");
    const { result } = await evaluate(f, points);
    orders.forEach((order, i) => {
      points.forEach((x, j) => {
        const exact = derivatives[i](x);
        // the second derivative of the sigmoid crosses zero there, as a difference of halves
        const cancels = name === "sigmoid" && order === "second" && Math.abs(x) < 1;
        // below 1e-30 the exponential leaves the normal numbers of float32; above, a dozen roundings
        const bound = 2e-6 * Math.abs(exact) + (cancels ? 6e-8 : 1e-30);
        expect(Math.abs(result[order][j] - exact), `${order} at ${x}`).toBeLessThan(bound);
      });
    });
  });
});

/** The loss by its definition: mean negative log probabilities of the classes. */
function plainLoss(h: Float64Array, rows: number, { contrasts: K, gamma, balance }: NreLoss): number {
  let loss = 0;
  let excess = -1;
  for (let row = 0; row < rows; row++) {
    const logits = Array.from(h.subarray(row * (K + 1), (row + 1) * (K + 1)));
    if (gamma === Number.POSITIVE_INFINITY) {
      loss += (logSumExp(logits) - logits[0]) / rows;
    } else {
      const evidence = (candidates: number[]) =>
        logSumExp([Math.log(K), ...candidates.map((value) => Math.log(gamma) + value)]);
      const joint = Math.log(gamma) + logits[0] - evidence(logits.slice(0, K));
      const none = Math.log(K) - evidence(logits.slice(1));
      loss -= ((gamma / (1 + gamma)) * joint + none / (1 + gamma)) / rows;
    }
    excess += (sigmoid(logits[0]) + sigmoid(logits[1])) / rows;
  }
  return loss + balance * excess ** 2;
}

const losses: readonly [string, NreLoss][] = [
  ["NRE-A (AALR)", { contrasts: 1, gamma: 1, balance: 0 }],
  ["NRE-A, other odds", { contrasts: 1, gamma: 2.5, balance: 0 }],
  ["NRE-B", { contrasts: 3, gamma: Number.POSITIVE_INFINITY, balance: 0 }],
  ["NRE-C", { contrasts: 4, gamma: 1.5, balance: 0 }],
  ["balanced NRE-A", { contrasts: 1, gamma: 1, balance: 10 }],
  ["balanced NRE-C", { contrasts: 4, gamma: 1, balance: 10 }],
];

describe.each(losses)("loss %s", (_name, options) => {
  const rows = 3;
  const columns = options.contrasts + 1;
  it.each([3, 40])("has the right derivatives for logits up to %d", async (extent) => {
    const logits = spread(rows * columns, -extent, extent);
    const direction = spread(rows * columns, -1, 1, 0.41);
    const fn = (t: Tf, { h, d }: Tensors) => {
      const loss = (input: Tensor) => nreLoss(t, input, options);
      const along = (input: Tensor) => t.sum(t.mul(t.grad(loss)(input), d));
      return { value: loss(h), first: t.grad(loss)(h), second: t.grad(along)(h) };
    };
    const shape = [rows, columns];
    await using compiled = await engine.compile(fn, { h: { shape }, d: { shape } });
    const result = await compiled.run({ h: logits, d: direction });
    const eager = tf.tidy(() => {
      const inputs = { h: tf.tensor(logits, shape), d: tf.tensor(direction, shape) };
      const tensors = withRepairedGradients(tf, () => fn(tf, inputs));
      return Object.fromEntries(Object.entries(tensors).map(([key, tensor]) => [key, tensor.dataSync()]));
    });
    const f = (h: Float64Array) => plainLoss(h, rows, options);
    const exact = {
      value: [f(Float64Array.from(logits))],
      first: gradientOf(f, logits),
      second: curvatureOf(f, logits, direction),
    };
    for (const order of orders) {
      // some twenty roundings of float32; probabilities of exp(-40) are told apart from zero absolutely only
      expect(distance(result[order], exact[order]), order).toBeLessThan(2e-6);
      expect(distance(result[order], eager[order]), `${order}, eager`).toBeLessThan(2e-6);
    }
  });
});
