/**
 * Networks `(theta, x) -> log r`, the classifiers of ratio estimation.
 *
 * The first layer is split, `W_theta theta + W_x x + b`, so that data are embedded once and shared by all
 * the parameters they are paired with: contrasts in training, chains in sampling. Behind it stands a
 * trunk: plain layers, or residual blocks `h + B act(A act(h))` (He et al. 2016, pre-activation).
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import { foldIn, type Key } from "../core/random.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "../engine/types.js";
import { type Activation, activation } from "./activations.js";
import { dense, denseParameters, initialiseUniform } from "./dense.js";
import type { Embedding } from "./embedding.js";

/** JSON description of a ratio network. */
export type RatioNetworkSpec =
  | {
      readonly kind: "residual";
      readonly width: number;
      readonly blocks: number;
      readonly activation: Activation;
    }
  | { readonly kind: "mlp"; readonly hidden: readonly number[]; readonly activation: Activation };

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
  const widths = spec.kind === "mlp" ? spec.hidden : [spec.width];
  const counts = spec.kind === "mlp" ? widths : [...widths, spec.blocks];
  if (counts.length === 0 || counts.some((count) => !Number.isInteger(count) || count < 1)) {
    throw new ConfigError(
      `ratioNetwork: expected positive whole widths and block counts, got ${JSON.stringify(spec)}.`,
    );
  }
  const act = activation(spec.activation);
  const features = embedding?.features ?? xDim;
  const last = widths[widths.length - 1];

  const body: ParameterSpec[] = [];
  if (spec.kind === "mlp") {
    for (let i = 1; i < widths.length; i++)
      body.push(...denseParameters(`layer${i}`, widths[i - 1], widths[i]));
  } else {
    for (let i = 0; i < spec.blocks; i++) {
      body.push(...denseParameters(`block${i}.a`, last, last), ...denseParameters(`block${i}.b`, last, last));
    }
  }
  const own: ParameterSpec[] = [
    { name: "theta.weight", shape: [thetaDim, widths[0]] },
    { name: "x.weight", shape: [features, widths[0]] },
    { name: "in.bias", shape: [widths[0]] },
    ...body,
    ...denseParameters("out", last, 1),
  ];
  const inputs = thetaDim + features;
  const fanIns: Record<string, number> = { "theta.weight": inputs, "x.weight": inputs, "in.bias": inputs };
  for (const { name, shape } of own) {
    if (name.endsWith(".weight") && fanIns[name] === undefined) {
      fanIns[name] = shape[0];
      fanIns[name.replace(/weight$/, "bias")] = shape[0];
    }
  }

  const trunk = (tf: Tf, parameters: Tensors, first: Tensor): Tensor => {
    let h = first;
    if (spec.kind === "mlp") {
      for (let i = 1; i < widths.length; i++) h = dense(tf, parameters, `layer${i}`, act(tf, h));
    } else {
      for (let i = 0; i < spec.blocks; i++) {
        const inner = dense(tf, parameters, `block${i}.a`, act(tf, h));
        h = tf.add(h, dense(tf, parameters, `block${i}.b`, act(tf, inner)));
      }
    }
    return dense(tf, parameters, "out", act(tf, h));
  };

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
      const first = tf.add(tf.reshape(fromTheta, [b, a, widths[0]]), tf.reshape(fromX, [b, 1, widths[0]]));
      return tf.reshape(trunk(tf, parameters, tf.reshape(first, [b * a, widths[0]])), [b, a]);
    },
  };
}
