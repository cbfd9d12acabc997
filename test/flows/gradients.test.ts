/**
 * Derivatives of `log p` with respect to weights, values and contexts, of orders one and two: every engine and eager
 * TensorFlow.js against central differences of the same density in float64.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { withRepairedGradients } from "../../src/engine/gradients.js";
import { describeEngines, openEngine } from "../../src/engine/open.js";
import { unpack } from "../../src/engine/packing.js";
import { loadTf } from "../../src/engine/tfjs.js";
import type { Engine, Tensor, TensorFunction, Tf } from "../../src/engine/types.js";
import type { DensitySpec } from "../../src/flows/density.js";
import { distance } from "../engine/float64.js";
import { CONTEXT, logProb64, numbers, wild } from "./small.js";

let engine: Engine;
let tf: Tf;
beforeAll(async () => {
  const [best] = (await describeEngines()).filter(({ available }) => available);
  engine = await openEngine(best.name);
  tf = await loadTf();
  await tf.setBackend("cpu");
});

const size = { transforms: 2, width: 4, blocks: 1 };
const cases: readonly (readonly [name: string, spec: DensitySpec, valueDim: number])[] = [
  ["MAF", { kind: "maf", ...size }, 2],
  ["NSF", { kind: "nsf", ...size, bins: 4 }, 2],
  ["NSF of one column", { kind: "nsf", ...size, bins: 4 }, 1],
  ["autoregressive NSF", { kind: "nsf", ...size, bins: 4, form: "autoregressive" }, 2],
  ["RealNVP", { kind: "realNvp", ...size }, 2],
  ["mixture density", { kind: "mixtureDensity", components: 2, hidden: [4], activation: "tanh" }, 2],
];

const ROWS = 3;
const COMPARED = 8; // weights whose derivatives are compared with differences, spread over all of them

describe.each(cases)("%s", (_name, spec, valueDim) => {
  const { density, packed } = wild(spec, valueDim, "gradients", 0.8);
  const feeds = {
    flat: packed,
    value: numbers("value", ROWS, valueDim),
    context: numbers("context", ROWS, CONTEXT),
  };
  const inputs = ["flat", "value", "context"] as const;

  /** `mean(log p)`, and the mean square of its score with respect to values: gradients of both. */
  const fn: TensorFunction = (tf, tensors) => {
    const mean = (flat: Tensor, value: Tensor, context: Tensor) =>
      tf.mean(density.logProb(tf, unpack(tf, flat, density.parameters), value, context)) as Tensor;
    const scoreTerm = (flat: Tensor, value: Tensor, context: Tensor) => {
      const score = tf.grad((at: Tensor) => tf.sum(tf.mul(mean(flat, at, context), ROWS)))(value);
      return tf.mean(tf.square(score)) as Tensor;
    };
    const arrays = inputs.map((name) => tensors[name]);
    const first = tf.valueAndGrads(mean as never)(arrays);
    const second = tf.valueAndGrads(scoreTerm as never)(arrays);
    return {
      mean: first.value,
      term: second.value,
      ...Object.fromEntries(
        inputs.flatMap((name, i) => [
          [`first ${name}`, first.grads[i]],
          [`second ${name}`, second.grads[i]],
        ]),
      ),
    };
  };

  const mean64 = (at: typeof feeds) => {
    const logProb = logProb64(density, at.flat, at.value, at.context);
    return logProb.reduce((a, b) => a + b, 0) / ROWS;
  };

  /** Central differences of `f` along the elements of one input that `which` names. */
  function differences(
    f: (at: typeof feeds) => number,
    name: (typeof inputs)[number],
    which: readonly number[],
    step: number,
  ): number[] {
    return which.map((i) => {
      const from = (by: number) =>
        f({ ...feeds, [name]: feeds[name].map((v, j) => (j === i ? v + by * step : v)) });
      return (8 * (from(1) - from(-1)) - (from(2) - from(-2))) / (12 * step);
    });
  }

  const all = (n: number) => [...Array(n).keys()];
  const term64 = (at: typeof feeds) => {
    // rows do not know of each other, so one difference serves a column of them all
    const squares = all(valueDim).flatMap((column) => {
      const from = (by: number) => {
        const value = at.value.map((v, j) => (j % valueDim === column ? v + by * 1e-4 : v));
        return logProb64(density, at.flat, value, at.context);
      };
      const [a, b, c, d] = [-2, -1, 1, 2].map(from);
      return all(ROWS).map((row) => ((8 * (c[row] - b[row]) - (d[row] - a[row])) / 12e-4) ** 2);
    });
    return squares.reduce((x, y) => x + y, 0) / squares.length;
  };

  it("has right derivatives of orders one and two", async () => {
    const specs = {
      flat: { shape: [packed.length] },
      value: { shape: [ROWS, valueDim] },
      context: { shape: [ROWS, CONTEXT] },
    };
    await using compiled = await engine.compile(fn, specs);
    const result = await compiled.run(feeds);
    const eager = tf.tidy(() => {
      const tensors = Object.fromEntries(
        inputs.map((name) => [name, tf.tensor(Float32Array.from(feeds[name]), specs[name].shape)]),
      );
      const out = withRepairedGradients(tf, () => fn(tf, tensors));
      return Object.fromEntries(Object.entries(out).map(([name, tensor]) => [name, tensor.dataSync()]));
    });
    expect(distance(result.mean, [mean64(feeds)])).toBeLessThan(1e-5);
    expect(distance(result.term, [term64(feeds)])).toBeLessThan(1e-4);
    for (const name of inputs) {
      // seven digits of float32, of which curvatures of some ten per map and order cost one to two
      expect(distance(result[`first ${name}`], eager[`first ${name}`]), `first ${name}`).toBeLessThan(1e-4);
      expect(distance(result[`second ${name}`], eager[`second ${name}`]), `second ${name}`).toBeLessThan(
        1e-3,
      );

      const n = feeds[name].length;
      const which = all(n).filter((i) => i % Math.ceil(n / COMPARED) === 0);
      const at = (values: ArrayLike<number>) => which.map((i) => values[i]);
      const first = differences(mean64, name, which, 1e-4);
      expect(distance(at(result[`first ${name}`]), first), `first ${name}`).toBeLessThan(1e-4);
      const second = differences(term64, name, which, 1e-3);
      expect(distance(at(result[`second ${name}`]), second), `second ${name}`).toBeLessThan(1e-3);
    }
  });
});
