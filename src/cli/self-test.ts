/**
 * A small network with its gradient, on an engine and step by step in TensorFlow.js: the two must agree.
 *
 * @module
 */
import { key, stream } from "../core/random.js";
import { openEngine } from "../engine/open.js";
import type { Engine, EngineName, Tensor, Tensors, Tf } from "../engine/types.js";

/** How the test went. */
export interface SelfTest {
  readonly passed: boolean;
  /** Largest absolute difference of any value; values are of order one. */
  readonly difference: number;
  readonly seconds: number;
}

/** Float32 has 7 digits, and sums of 32 terms of order one lose one of them. */
const tolerance = 1e-5;

const specs = { x: { shape: [8, 4] }, w: { shape: [4, 32] }, v: { shape: [32, 1] } } as const;

/** Runs the test on an engine. */
export async function selfTest(name: EngineName): Promise<SelfTest> {
  const started = performance.now();
  const rng = stream(key("self test"));
  const feeds = {
    x: rng.normals(8 * 4, 0, 1),
    w: rng.normals(4 * 32, 0, 0.5),
    v: rng.normals(32, 0, 0.2),
  };
  const run = async (engine: Engine) => {
    await using compiled = await engine.compile(network, specs);
    const outputs = await compiled.run(feeds);
    return [...outputs.value, ...outputs.slope];
  };
  const here = await run(await openEngine(name));
  const eager = await run(await openEngine("tfjs"));
  const difference = here.reduce((worst, value, i) => Math.max(worst, Math.abs(value - eager[i])), 0);
  return {
    passed: here.length === eager.length && difference < tolerance,
    difference,
    seconds: (performance.now() - started) / 1000,
  };
}

/** Values of a network of one hidden layer, and the slope of their sum in its first weights. */
function network(tf: Tf, { x, w, v }: Tensors): Record<string, Tensor> {
  const output = (weights: Tensor) => tf.matMul(tf.tanh(tf.matMul(x as never, weights as never)), v as never);
  return { value: output(w), slope: tf.grad((weights) => tf.sum(output(weights)))(w) };
}
