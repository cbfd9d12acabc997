/**
 * Pooling over windows of images and its first derivatives.
 *
 * @module
 */
import { full, reshape, type Symbolic, sizeOf, uniform } from "../symbol.js";
import {
  type ConvolutionAttributes,
  checkFormat,
  fromChannelsFirst,
  spread,
  toChannelsFirst,
  type WindowPlan,
} from "./convolution.js";
import type { Inputs, KernelTable, Recording } from "./kernel.js";

interface PoolAttributes extends ConvolutionAttributes {
  readonly filterSize: number | [number, number];
}

function planOf({ tf }: Recording, x: Symbolic, attributes: PoolAttributes): WindowPlan {
  const { filterSize, strides, pad, dimRoundingMode, dataFormat } = attributes;
  checkFormat(dataFormat);
  return tf.backend_util.computePool2DInfo(x.shape as never, filterSize, strides, 1, pad, dimRoundingMode);
}

const windowOf = (plan: WindowPlan) => ({
  kernel_shape: [plan.filterHeight, plan.filterWidth],
  strides: [plan.strideHeight, plan.strideWidth],
  pads: [plan.padInfo.top, plan.padInfo.left, plan.padInfo.bottom, plan.padInfo.right],
});

const pool =
  (type: "MaxPool" | "AveragePool") =>
  (recording: Recording, { x }: Inputs, attributes: PoolAttributes): Symbolic => {
    const plan = planOf(recording, x, attributes);
    const shape = [plan.batchSize, plan.outChannels, plan.outHeight, plan.outWidth];
    const image = toChannelsFirst(recording, x);
    return fromChannelsFirst(recording, recording.graph.op(type, [image], shape, windowOf(plan)));
  };

/** Each output's gradient goes to the first largest element of its window. */
function maxPoolGradient(recording: Recording, { dy, input }: Inputs, attributes: PoolAttributes): Symbolic {
  const { graph } = recording;
  const plan = planOf(recording, input, attributes);
  const image = toChannelsFirst(recording, input);
  const shape = [plan.batchSize, plan.outChannels, plan.outHeight, plan.outWidth];
  const [, positions] = graph.ops(
    "MaxPool",
    [image],
    [
      { shape, dtype: "float32" },
      { shape, dtype: "int64" },
    ],
    windowOf(plan),
  );
  const size = sizeOf(image.shape);
  const operands = [
    full(graph, uniform(0, [size])),
    reshape(graph, positions, [sizeOf(shape)]),
    reshape(graph, toChannelsFirst(recording, dy), [sizeOf(shape)]),
  ];
  const added = graph.op("ScatterElements", operands, [size], { axis: 0, reduction: "add" });
  return fromChannelsFirst(recording, reshape(graph, added, image.shape));
}

/** Each output's gradient is shared equally by its window, as TensorFlow.js defines the kernel. */
function averagePoolGradient(
  recording: Recording,
  { dy, input }: Inputs,
  attributes: PoolAttributes,
): Symbolic {
  const plan = planOf(recording, input, attributes);
  const share = 1 / (plan.filterHeight * plan.filterWidth);
  const weights = uniform(Math.fround(share), [plan.inChannels, 1, plan.filterHeight, plan.filterWidth]);
  return spread(recording, dy, full(recording.graph, weights), plan, plan.inChannels);
}

/** Pooling and its first derivatives. */
export const poolingKernels: KernelTable = {
  MaxPool: pool("MaxPool"),
  AvgPool: pool("AveragePool"),
  MaxPoolGrad: maxPoolGradient,
  AvgPoolGrad: averagePoolGradient,
};
