/**
 * The activation that TensorFlow.js fuses into a matrix product or a convolution.
 *
 * @module
 */
import { EngineError } from "../../core/errors.js";
import type { Symbolic } from "../symbol.js";
import { binaryKernels } from "./binary.js";
import { elementwiseKernels } from "./elementwise.js";
import type { Recording } from "./kernel.js";

/** Attributes of a fused kernel that name its activation. */
export interface Activation {
  readonly activation?: string;
  readonly leakyreluAlpha?: number;
}

const kernelNames: Readonly<Record<string, string>> = {
  relu: "Relu",
  relu6: "Relu6",
  elu: "Elu",
  sigmoid: "Sigmoid",
  leakyrelu: "LeakyRelu",
  tanh: "Tanh",
};

/** Applies a fused activation; `slope` is prelu's. */
export function activate(
  recording: Recording,
  x: Symbolic,
  { activation = "linear", leakyreluAlpha }: Activation,
  slope?: Symbolic,
): Symbolic {
  if (activation === "linear" || activation === null) return x;
  if (activation === "prelu" && slope !== undefined) {
    return binaryKernels.Prelu(recording, { x, alpha: slope }, {} as never) as Symbolic;
  }
  const name = kernelNames[activation];
  if (name === undefined) {
    throw new EngineError(
      `compile: fused activation "${activation}" has no kernel. Apply it after the layer instead.`,
    );
  }
  return elementwiseKernels[name](recording, { x }, { alpha: leakyreluAlpha } as never) as Symbolic;
}
