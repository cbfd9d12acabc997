/**
 * What stands behind a first layer: plain layers, or residual blocks `h + B act(A act(h))` (He et al. 2016,
 * pre-activation), and a linear output.
 *
 * @module
 */
import { ConfigError } from "../core/errors.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "../engine/types.js";
import { type Activation, activation } from "./activations.js";
import { dense, denseParameters } from "./dense.js";

/** JSON description of a network's hidden layers. */
export type TrunkSpec =
  | {
      readonly kind: "residual";
      readonly width: number;
      readonly blocks: number;
      readonly activation: Activation;
    }
  | { readonly kind: "mlp"; readonly hidden: readonly number[]; readonly activation: Activation };

/** Hidden layers after the first, and the output. */
export interface Trunk {
  /** Width of the first hidden layer, which the caller makes. */
  readonly first: number;
  readonly parameters: readonly ParameterSpec[];
  /** `[N, first]`, before its activation, to `[N, outputs]`. */
  apply(tf: Tf, parameters: Tensors, first: Tensor): Tensor;
}

/**
 * Builds the layers of a spec.
 *
 * @param caller - for the message.
 * @throws {ConfigError} if a width or count is not a positive integer.
 */
export function trunk(spec: TrunkSpec, outputs: number, caller: string): Trunk {
  const widths = spec.kind === "mlp" ? spec.hidden : [spec.width];
  const counts = spec.kind === "mlp" ? widths : [...widths, spec.blocks];
  if (counts.length === 0 || counts.some((count) => !Number.isInteger(count) || count < 1)) {
    throw new ConfigError(
      `${caller}: expected positive whole widths and block counts, got ${JSON.stringify(spec)}.`,
    );
  }
  const act = activation(spec.activation);
  const last = widths[widths.length - 1];
  const parameters: ParameterSpec[] = [];
  if (spec.kind === "mlp") {
    for (let i = 1; i < widths.length; i++) {
      parameters.push(...denseParameters(`layer${i}`, widths[i - 1], widths[i]));
    }
  } else {
    for (let i = 0; i < spec.blocks; i++) {
      parameters.push(
        ...denseParameters(`block${i}.a`, last, last),
        ...denseParameters(`block${i}.b`, last, last),
      );
    }
  }
  parameters.push(...denseParameters("out", last, outputs));
  return {
    first: widths[0],
    parameters,
    apply(tf, tensors, first) {
      let h = first;
      if (spec.kind === "mlp") {
        for (let i = 1; i < widths.length; i++) h = dense(tf, tensors, `layer${i}`, act(tf, h));
      } else {
        for (let i = 0; i < spec.blocks; i++) {
          const inner = dense(tf, tensors, `block${i}.a`, act(tf, h));
          h = tf.add(h, dense(tf, tensors, `block${i}.b`, act(tf, inner)));
        }
      }
      return dense(tf, tensors, "out", act(tf, h));
    },
  };
}
