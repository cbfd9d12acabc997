/**
 * All kernels that a trace knows, by the names of TensorFlow.js.
 *
 * @module
 */
import { binaryKernels } from "./binary.js";
import { convolutionKernels } from "./convolution.js";
import { elementwiseKernels } from "./elementwise.js";
import { gatherKernels } from "./gather.js";
import type { KernelTable } from "./kernel.js";
import { matmulKernels } from "./matmul.js";
import { poolingKernels } from "./pooling.js";
import { reduceKernels } from "./reduce.js";
import { shapeKernels } from "./shape.js";

/** All kernels that a trace knows. */
export const kernels: KernelTable = {
  ...elementwiseKernels,
  ...binaryKernels,
  ...shapeKernels,
  ...reduceKernels,
  ...matmulKernels,
  ...gatherKernels,
  ...convolutionKernels,
  ...poolingKernels,
};
