/**
 * Networks `(theta, x) -> log r`, the classifiers of ratio estimation.
 *
 * The first layer is split, `W_theta theta + W_x x + b`, so that data are embedded once and shared by all
 * the parameters they are paired with: contrasts in training, chains in sampling. Behind it stands a trunk.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { foldIn, type Key } from "../core/random.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "../engine/types.js";
import { fanInsOf, initialiseUniform } from "./dense.js";
import type { Embedding } from "./embedding.js";
import { type TrunkSpec, trunk } from "./trunk.js";

/** JSON description of a ratio network. */
export type RatioNetworkSpec = TrunkSpec;

/** A network that pairs parameters with data. */
export interface RatioNetwork {
  readonly spec: RatioNetworkSpec;
  readonly parameters: readonly ParameterSpec[];
  /** Packed initial parameters, `[P]`. */
  initialise(key: Key): Float32Array;
  /** `theta: [B, A, D]` and `x: [B, L]` (standardised) to `log r: [B, A]`: A parameters for each data row. */
  apply(tf: Tf, parameters: Tensors, theta: Tensor, x: Tensor): Tensor;
}

/**
 * Builds the network of a spec.
 *
 * @param thetaDim - columns of `theta`.
 * @param xDim - columns of `x` as stored; `embedding` may turn them into other features.
 * @throws {ConfigError} if a width or count is not a positive integer, or an embedding uses a name of the ratio network.
 */
export function ratioNetwork(
  spec: RatioNetworkSpec,
  thetaDim: number,
  xDim: number,
  embedding?: Embedding,
): RatioNetwork {
  const features = embedding?.features ?? xDim;
  const body = trunk(spec, 1, "ratioNetwork");
  const own: ParameterSpec[] = [
    { name: "theta.weight", shape: [thetaDim, body.first] },
    { name: "x.weight", shape: [features, body.first] },
    { name: "in.bias", shape: [body.first] },
    ...body.parameters,
  ];
  const inputs = thetaDim + features;
  const fanIns = fanInsOf(own, { "theta.weight": inputs, "x.weight": inputs, "in.bias": inputs });

  const names = new Set(own.map(({ name }) => name));
  const taken = embedding?.parameters.find(({ name }) => names.has(name));
  if (taken) {
    throw new ConfigError(
      `ratioNetwork: the embedding has a parameter "${taken.name}", and so has the ratio network. Put a prefix before the embedding's names.`,
    );
  }

  return {
    spec,
    parameters: [...own, ...(embedding?.parameters ?? [])],
    initialise(key) {
      const head = initialiseUniform(own, fanIns, foldIn(key, "head"));
      const tail = embedding?.initialise(foldIn(key, "embedding")) ?? new Float32Array(0);
      const packed = new Float32Array(head.length + tail.length);
      packed.set(head);
      packed.set(tail, head.length);
      return packed;
    },
    apply(tf, parameters, theta, x) {
      const [b, a] = theta.shape;
      const data = embedding ? embedding.apply(tf, parameters, x) : x;
      const fromX = tf.add(tf.matMul(data as never, parameters["x.weight"] as never), parameters["in.bias"]);
      const fromTheta = tf.matMul(tf.reshape(theta, [b * a, thetaDim]), parameters["theta.weight"] as never);
      const first = tf.add(tf.reshape(fromTheta, [b, a, body.first]), tf.reshape(fromX, [b, 1, body.first]));
      return tf.reshape(body.apply(tf, parameters, tf.reshape(first, [b * a, body.first])), [b, a]);
    },
  };
}
