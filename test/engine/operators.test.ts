/**
 * Every kernel, one table: value, gradient and second derivative of each operator, compiled, against eager
 * TensorFlow.js (with its autodiff repaired) and against central differences of plain float64 functions.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { withRepairedGradients } from "../../src/engine/gradients.js";
import type { Kernel } from "../../src/engine/kernels/kernel.js";
import { kernels } from "../../src/engine/kernels/table.js";
import { openEngine } from "../../src/engine/open.js";
import { loadTf } from "../../src/engine/tfjs.js";
import type { Engine, Tensor, TensorFunction, Tf } from "../../src/engine/types.js";
import { arrayCases } from "./cases/arrays.js";
import { type OperatorCase, SHAPE } from "./cases/case.js";
import { elementwiseCases } from "./cases/elementwise.js";
import { linearCases } from "./cases/linear.js";
import { reductionCases } from "./cases/reductions.js";
import { at, curvatureOf, distance, gradientOf, spread } from "./float64.js";

const cases = [...elementwiseCases, ...reductionCases, ...arrayCases, ...linearCases];
const used = new Set<string>();

let engine: Engine;
let tf: Tf;
beforeAll(async () => {
  // count which kernels the table reaches; a tracer takes the kernels over when it first traces
  for (const [name, kernel] of Object.entries(kernels)) {
    const counted: Kernel = (...parts) => {
      used.add(name);
      return kernel(...parts);
    };
    (kernels as Record<string, Kernel>)[name] = counted;
  }
  engine = await openEngine("onnx");
  tf = await loadTf();
  await tf.setBackend("cpu");
});

const shapeOf = (row: OperatorCase) => row.shape ?? SHAPE;
const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const inputOf = (row: OperatorCase) => spread(sizeOf(shapeOf(row)), ...(row.range ?? [-1, 1]));
const directionOf = (row: OperatorCase) => spread(sizeOf(shapeOf(row)), -1, 1, 0.57);
const factors = spread(400, -1, 1, 0.83);

/** `sum_i c_i (y_i + y_i^2 / 2)`: curved, so that linear operators have second derivatives as well. */
function objective(tf: Tf, y: Tensor): Tensor {
  const c = tf.tensor(factors.subarray(0, y.size), y.shape);
  return tf.sum(tf.mul(c, tf.add(y, tf.div(tf.square(y), 2))));
}
const plainObjective = (y: readonly number[]) =>
  y.reduce((sum, value, i) => sum + factors[i] * (value + (value * value) / 2), 0);

/** The value (order 0), and the gradient (1) and Hessian times a direction (2) of the objective. */
function derivatives(row: OperatorCase, order: number): TensorFunction {
  return (tf, { x }) => {
    const scalar = (input: Tensor) => objective(tf, row.apply(tf, input));
    const slope = (input: Tensor) => {
      const direction = tf.tensor(directionOf(row), [...shapeOf(row)]);
      return tf.sum(tf.mul(tf.grad(scalar)(input), direction));
    };
    return {
      y: row.apply(tf, x),
      ...(order > 0 && { g: tf.grad(scalar)(x) }),
      ...(order > 1 && { h: tf.grad(slope)(x) }),
    };
  };
}

function eager(row: OperatorCase, order: number): Record<string, ArrayLike<number>> {
  return tf.tidy(() => {
    const x = tf.tensor(inputOf(row), [...shapeOf(row)]);
    const tensors = withRepairedGradients(tf, () => derivatives(row, order)(tf, { x }));
    return Object.fromEntries(Object.entries(tensors).map(([key, tensor]) => [key, tensor.dataSync()]));
  });
}

function plain(row: OperatorCase, order: number): Record<string, ArrayLike<number>> {
  const x = inputOf(row);
  const shape = shapeOf(row);
  const f = (point: Float64Array) => plainObjective(row.reference(at(point, shape)));
  return {
    y: row.reference(at(x, shape)),
    ...(order > 0 && { g: gradientOf(f, x) }),
    ...(order > 1 && { h: curvatureOf(f, x, directionOf(row)) }),
  };
}

/**
 * Relative to the largest element. One rounding of float32 is 6e-8; a value takes a few, a derivative some
 * ten per order, and cancelling sums amplify them by their condition, below ten here.
 */
const tolerance: Readonly<Record<string, number>> = { y: 1e-6, g: 5e-6, h: 2e-5 };

describe("operators", () => {
  it.each(cases.map((row) => [row.name, row] as const))("%s", async (_name, row) => {
    const order = row.order ?? 2;
    const fn = derivatives(row, order);
    await using compiled = await engine.compile(fn, { x: { shape: shapeOf(row) } });
    const result = await compiled.run({ x: inputOf(row) });
    const ofTfjs = row.isEager === false ? undefined : eager(row, order);
    const ofFloat64 = plain(row, order);
    for (const key of Object.keys(ofFloat64)) {
      expect(distance(result[key], ofFloat64[key]), `${key} against float64`).toBeLessThan(tolerance[key]);
      if (ofTfjs === undefined) continue;
      expect(distance(result[key], ofTfjs[key]), `${key} against tfjs`).toBeLessThan(tolerance[key]);
    }
    if (row.refusal !== undefined) {
      const next = derivatives(row, order + 1);
      await expect(engine.compile(next, { x: { shape: shapeOf(row) } })).rejects.toThrow(row.refusal);
      expect(() => eager(row, order + 1)).toThrow(row.refusal);
    }
  });

  it("reach every kernel of the table", () => {
    expect(Object.keys(kernels).filter((name) => !used.has(name))).toEqual([]);
  });
});
