/**
 * Fully connected layers over a packed parameter vector, and how their weights start.
 *
 * @module
 */
import { foldIn, type Key, stream } from "../core/random.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "../engine/types.js";

/** The weight `[inputs, outputs]` and bias `[outputs]` of a layer called `name`. */
export function denseParameters(name: string, inputs: number, outputs: number): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [inputs, outputs] },
    { name: `${name}.bias`, shape: [outputs] },
  ];
}

/** `x W + b`: `[N, inputs] -> [N, outputs]`. */
export function dense(tf: Tf, parameters: Tensors, name: string, x: Tensor): Tensor {
  return tf.add(tf.matMul(x as never, parameters[`${name}.weight`] as never), parameters[`${name}.bias`]);
}

/**
 * Draws initial weights and biases uniformly within `1 / sqrt(fanIn)`, PyTorch's default for linear
 * layers, so that budgets and learning rates carry over from the literature.
 *
 * @param fanIns - inputs that feed each parameter; default the first axis of a weight.
 * @returns the packed vector, in the order of `parameters`.
 */
export function initialiseUniform(
  parameters: readonly ParameterSpec[],
  fanIns: Readonly<Record<string, number>>,
  key: Key,
): Float32Array {
  const sizes = parameters.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  const packed = new Float32Array(sizes.reduce((a, b) => a + b, 0));
  let offset = 0;
  parameters.forEach(({ name, shape }, i) => {
    const rng = stream(foldIn(key, i));
    const bound = 1 / Math.sqrt(fanIns[name] ?? shape[0]);
    for (let j = 0; j < sizes[i]; j++) packed[offset++] = rng.uniform(-bound, bound);
  });
  return packed;
}

/** Inputs that feed each weight and the bias beside it, but for those in `known`, which are more than their first axis. */
export function fanInsOf(
  parameters: readonly ParameterSpec[],
  known: Readonly<Record<string, number>>,
): Record<string, number> {
  const fanIns: Record<string, number> = { ...known };
  for (const { name, shape } of parameters) {
    if (name.endsWith(".weight") && fanIns[name] === undefined) {
      fanIns[name] = shape[0];
      fanIns[name.replace(/weight$/, "bias")] = shape[0];
    }
  }
  return fanIns;
}
