/**
 * A trained score as an ONNX model: standardisation, every member, their mean and the units of `theta` in one graph.
 *
 * @module
 */
import { exportOnnx } from "../engine/export.js";
import { unpack } from "../engine/packing.js";
import type { Tensor, Tensors, Tf } from "../engine/types.js";
import type { ScoreNetwork } from "../nets/score-network.js";
import { checkRows, type RatioOnnxOptions, standardised } from "./ratio-onnx.js";
import type { ScoreHeader } from "./score.js";

/**
 * Writes the model.
 *
 * @param weights - packed weights of each member.
 * @throws {RangeError} if `rows` is not a positive integer.
 * @throws {EngineError} if an embedding network holds for a fixed number of rows only and `rows` is left out.
 */
export async function scoreToOnnx(
  header: ScoreHeader,
  network: ScoreNetwork,
  weights: readonly Float32Array[],
  { rows }: RatioOnnxOptions = {},
): Promise<Uint8Array> {
  checkRows(rows);
  const { transforms, names, xShape, method, thetaRef } = header;
  const score = (tf: Tf, inputs: Tensors): Tensor => {
    const x = standardised(tf, inputs.x, transforms.x);
    const members = weights.map((_, e) =>
      network.apply(tf, unpack(tf, inputs[`member${e}`], network.parameters), x),
    );
    const sum = members.length === 1 ? members[0] : tf.addN(members);
    return tf.mul(sum, tf.tensor1d(transforms.score.map((scale) => scale / members.length)));
  };
  return exportOnnx(
    "toOnnx",
    {
      fn: (tf, inputs) => ({ score: score(tf, inputs) }),
      inputs: { x: [xShape.reduce((a, b) => a * b, 1)] },
      constants: Object.fromEntries(weights.map((packed, e) => [`member${e}`, packed])),
    },
    {
      rows,
      metadata: { galton: JSON.stringify({ method, names, xShape, thetaRef, members: weights.length }) },
    },
  );
}
