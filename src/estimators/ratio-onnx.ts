/**
 * A trained ratio as an ONNX model: standardisation, every member and their average in one graph.
 *
 * @module
 */
import type { Standardiser } from "../dataset/standardise.js";
import type { TailMap } from "../dataset/tail-maps.js";
import { exportOnnx } from "../engine/export.js";
import { unpack } from "../engine/packing.js";
import type { Tensor, Tensors, Tf } from "../engine/types.js";
import type { RatioNetwork } from "../nets/ratio-network.js";
import { averagesLogs, type RatioHeader } from "./ratio.js";

/** Options of `RatioEstimator.toOnnx` and `ScoreEstimator.toOnnx`. */
export interface RatioOnnxOptions {
  /** Number of rows the model takes. Default: any. */
  readonly rows?: number;
}

/**
 * Writes the model.
 *
 * @param weights - packed weights of each member.
 * @throws {RangeError} if `rows` is not a positive integer.
 * @throws {EngineError} if an embedding network holds for a fixed number of rows only and `rows` is left out.
 */
export async function ratioToOnnx(
  header: RatioHeader,
  network: RatioNetwork,
  weights: readonly Float32Array[],
  { rows }: RatioOnnxOptions = {},
): Promise<Uint8Array> {
  checkRows(rows);
  const { transforms, loss, names, xShape, method, reference } = header;
  const thetaDim = names.length;
  const logRatio = (tf: Tf, inputs: Tensors): Tensor => {
    const n = inputs.theta.shape[0];
    const theta = tf.reshape(standardised(tf, inputs.theta, transforms.theta), [n, 1, thetaDim]);
    const x = standardised(tf, tailsMapped(tf, inputs.x, transforms.tails), transforms.x);
    const members = weights.map((_, e) => {
      const parameters = unpack(tf, inputs[`member${e}`], network.parameters);
      return tf.reshape(network.apply(tf, parameters, theta, x), [n]);
    });
    if (members.length === 1) return members[0];
    const stacked = tf.stack(members);
    if (averagesLogs(header)) return tf.mean(stacked, 0);
    return tf.sub(tf.logSumExp(stacked, 0), Math.log(members.length));
  };
  const facts = {
    method,
    names,
    xShape,
    reference,
    loss: { ...loss, gamma: loss.gamma === Infinity ? "Infinity" : loss.gamma },
    members: weights.length,
  };
  return exportOnnx(
    "toOnnx",
    {
      fn: (tf, inputs) => ({ log_ratio: logRatio(tf, inputs) }),
      inputs: { theta: [thetaDim], x: [xShape.reduce((a, b) => a * b, 1)] },
      constants: Object.fromEntries(weights.map((packed, e) => [`member${e}`, packed])),
    },
    { rows, metadata: { galton: JSON.stringify(facts) } },
  );
}

/** @throws {RangeError} if the number of rows is given and not a positive integer. */
export function checkRows(rows: number | undefined): void {
  if (rows === undefined || (Number.isSafeInteger(rows) && rows >= 1)) return;
  throw new RangeError(`toOnnx: rows must be a positive integer, got ${rows}.`);
}

/** The maps of tails in float32, each column by its own: the others go through as numbers that no map stumbles over. */
function tailsMapped(tf: Tf, x: Tensor, maps: readonly TailMap[] | undefined): Tensor {
  if (!maps) return x;
  const vector = (of: (map: TailMap) => number) => tf.tensor1d(maps.map(of));
  const share = (kind: TailMap["kind"]) => vector((map) => (map.kind === kind ? 1 : 0));
  const from = vector((map) => (map.kind === "log" ? map.from : 1));
  const log = tf.add(tf.log(tf.maximum(x, from)), tf.minimum(tf.div(tf.sub(x, from), from), 0));
  const center = vector((map) => (map.kind === "asinh" ? map.center : 0));
  const scale = vector((map) => (map.kind === "asinh" ? map.scale : 1));
  const z = tf.mul(share("asinh"), tf.div(tf.sub(x, center), scale));
  const size = tf.abs(z);
  const asinh = tf.mul(tf.sign(z), tf.log(tf.add(size, tf.sqrt(tf.add(tf.square(size), 1)))));
  return tf.add(tf.mul(share("identity"), x), tf.add(tf.mul(share("log"), log), asinh));
}

/**
 * `(rows - center) / scale` in float32. The centre goes off in two parts, its float32 value and what that rounded off, so
 * that columns far from zero lose no digits that their float32 input has.
 */
export function standardised(tf: Tf, rows: Tensor, { center, scale }: Standardiser): Tensor {
  const high = center.map(Math.fround);
  const rest = center.map((value, j) => value - high[j]);
  const centred = tf.sub(tf.sub(rows, tf.tensor1d(high)), tf.tensor1d(rest));
  return tf.div(centred, tf.tensor1d([...scale]));
}
