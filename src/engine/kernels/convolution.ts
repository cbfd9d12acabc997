/**
 * Convolutions. TensorFlow.js works channels-last, `[N, H, W, C]` with filters `[h, w, in, out]`; ONNX
 * channels-first, `[N, C, H, W]` with filters `[out, in, h, w]`. The transposes between them are lazy and
 * cancel from layer to layer. Where filters are trained, matrix products take the place of convolutions
 * (`patches.ts`).
 *
 * @module
 */
import { EngineError } from "../../core/errors.js";
import type { Value } from "../graph.js";
import { full, isSameShape, reshape, type Symbolic, symbolic } from "../symbol.js";
import type { Tf } from "../types.js";
import { type Activation, activate } from "./activation.js";
import { binaryKernels } from "./binary.js";
import type { Inputs, KernelTable, Recording } from "./kernel.js";
import { convolveByPatches, filterGradientByPatches, patchPlan } from "./patches.js";
import { transposed } from "./shape.js";

/** Shape arithmetic of a convolution or a pooling window, as TensorFlow.js does it. */
export type WindowPlan = ReturnType<Tf["backend_util"]["computeConv2DInfo"]>;

export interface ConvolutionAttributes {
  readonly strides: number | [number, number];
  readonly pad: "valid" | "same" | number;
  readonly dataFormat?: string;
  readonly dilations?: number | [number, number];
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

/** The channels-first value of a channels-last tensor. */
export const toChannelsFirst = (recording: Recording, x: Symbolic): Value =>
  full(recording.graph, transposed(recording, x, [0, 3, 1, 2]));

/** The channels-last tensor that a channels-first value holds. */
export const fromChannelsFirst = (recording: Recording, value: Value): Symbolic =>
  transposed(recording, symbolic(value), [0, 2, 3, 1]);

/** Refuses channels-first programs. */
export function checkFormat(dataFormat: string | undefined): void {
  if (dataFormat === undefined || dataFormat === "NHWC" || dataFormat === "channelsLast") return;
  throw new EngineError(`compile: data format ${dataFormat} cannot be compiled. Use NHWC (channelsLast).`);
}

function planOf(
  { tf }: Recording,
  inputShape: readonly number[],
  filterShape: readonly number[],
  { strides, pad, dataFormat, dilations, dimRoundingMode }: ConvolutionAttributes,
  isDepthwise = false,
): WindowPlan {
  checkFormat(dataFormat);
  return tf.backend_util.computeConv2DInfo(
    inputShape as never,
    filterShape as never,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    isDepthwise,
  );
}

/** Attributes that every form of convolution shares. */
const windowOf = (plan: WindowPlan) => ({
  strides: [plan.strideHeight, plan.strideWidth],
  pads: [plan.padInfo.top, plan.padInfo.left, plan.padInfo.bottom, plan.padInfo.right],
  dilations: [plan.dilationHeight, plan.dilationWidth],
  kernel_shape: [plan.filterHeight, plan.filterWidth],
});

function convolution(
  recording: Recording,
  x: Symbolic,
  filter: Symbolic,
  attributes: ConvolutionAttributes,
): Symbolic {
  const plan = planOf(recording, x.shape, filter.shape, attributes);
  const layout = patchPlan(plan);
  const isTrained = recording.isDifferentiated() && filter.value?.data === undefined;
  if (layout !== undefined && isTrained) return convolveByPatches(recording.graph, x, filter, layout);
  const weights = full(recording.graph, transposed(recording, filter, [3, 2, 0, 1]));
  const shape = [plan.batchSize, plan.outChannels, plan.outHeight, plan.outWidth];
  const operands = [toChannelsFirst(recording, x), weights];
  return fromChannelsFirst(recording, recording.graph.op("Conv", operands, shape, windowOf(plan)));
}

/** Gradient with respect to the input: a transposed convolution. */
function inputGradient(
  recording: Recording,
  { dy, filter }: Inputs,
  { inputShape, ...attributes }: ConvolutionAttributes & { inputShape: readonly number[] },
): Symbolic {
  const plan = planOf(recording, inputShape, filter.shape, attributes);
  const weights = full(recording.graph, transposed(recording, filter, [3, 2, 0, 1]));
  return spread(recording, dy, weights, plan, 1);
}

/** The transposed convolution of `dy` that goes with a plan. */
export function spread(
  recording: Recording,
  dy: Symbolic,
  weights: Value,
  plan: WindowPlan,
  group: number,
): Symbolic {
  const { padInfo } = plan;
  const needed = reach(plan);
  // rows and columns that the last window does not reach
  const missed = [
    plan.inHeight - (needed.height - padInfo.top - padInfo.bottom),
    plan.inWidth - (needed.width - padInfo.left - padInfo.right),
  ];
  const shape = [plan.batchSize, plan.inChannels, plan.inHeight, plan.inWidth];
  const attributes = { ...windowOf(plan), output_padding: missed, group };
  const operands = [toChannelsFirst(recording, dy), weights];
  return fromChannelsFirst(recording, recording.graph.op("ConvTranspose", operands, shape, attributes));
}

/**
 * Gradient with respect to the filter: the correlation of input and output gradient over the batch, as a
 * convolution of `[in, N, H, W]` with `[out, N, P, Q]` whose dilation is the stride.
 */
function filterGradient(
  recording: Recording,
  { x, dy }: Inputs,
  { filterShape, ...attributes }: ConvolutionAttributes & { filterShape: readonly number[] },
): Symbolic {
  const { graph } = recording;
  const plan = planOf(recording, x.shape, filterShape, attributes);
  const layout = patchPlan(plan);
  if (layout !== undefined) return filterGradientByPatches(graph, x, dy, layout);
  const image = cropped(recording, full(graph, transposed(recording, x, [3, 0, 1, 2])), plan);
  const kernel = full(graph, transposed(recording, dy, [3, 0, 1, 2]));
  const shape = [plan.inChannels, plan.outChannels, plan.filterHeight, plan.filterWidth];
  const result = graph.op("Conv", [image, kernel], shape, correlation(plan));
  return transposed(recording, symbolic(result), [2, 3, 0, 1]);
}

/** Window of the correlation: strides and dilations change places, and the output is the kernel. */
function correlation(plan: WindowPlan) {
  const needed = reach(plan);
  return {
    strides: [plan.dilationHeight, plan.dilationWidth],
    dilations: [plan.strideHeight, plan.strideWidth],
    pads: [
      plan.padInfo.top,
      plan.padInfo.left,
      Math.max(0, needed.height - plan.inHeight - plan.padInfo.top),
      Math.max(0, needed.width - plan.inWidth - plan.padInfo.left),
    ],
    kernel_shape: [plan.outHeight, plan.outWidth],
  };
}

/** Extent of the padded input that the windows touch. */
const reach = (plan: WindowPlan) => ({
  height: (plan.outHeight - 1) * plan.strideHeight + plan.effectiveFilterHeight,
  width: (plan.outWidth - 1) * plan.strideWidth + plan.effectiveFilterWidth,
});

/** Drops the rows and columns (of the last two axes) that no window reaches. */
function cropped({ graph }: Recording, image: Value, plan: WindowPlan): Value {
  const needed = reach(plan);
  const height = Math.min(plan.inHeight, needed.height - plan.padInfo.top);
  const width = Math.min(plan.inWidth, needed.width - plan.padInfo.left);
  const shape = [...image.shape.slice(0, 2), height, width];
  if (isSameShape(shape, image.shape)) return image;
  const operands = [image, graph.integers([0, 0]), graph.integers([height, width]), graph.integers([2, 3])];
  return graph.op("Slice", operands, shape);
}

/** Depthwise filters `[h, w, in, multiplier]` are grouped filters `[in * multiplier, 1, h, w]`. */
function depthwise(
  recording: Recording,
  x: Symbolic,
  filter: Symbolic,
  attributes: ConvolutionAttributes,
): Symbolic {
  const plan = planOf(recording, x.shape, filter.shape, attributes, true);
  const shape = [plan.batchSize, plan.outChannels, plan.outHeight, plan.outWidth];
  const operands = [toChannelsFirst(recording, x), groupedFilter(recording, filter)];
  const attributesOf = { ...windowOf(plan), group: plan.inChannels };
  return fromChannelsFirst(recording, recording.graph.op("Conv", operands, shape, attributesOf));
}

function groupedFilter(recording: Recording, filter: Symbolic): Value {
  const [height, width, channels, multiplier] = filter.shape;
  const { graph } = recording;
  const moved = full(graph, transposed(recording, filter, [2, 3, 0, 1]));
  return reshape(graph, moved, [channels * multiplier, 1, height, width]);
}

function depthwiseInputGradient(
  recording: Recording,
  { dy, filter }: Inputs,
  { inputShape, ...attributes }: ConvolutionAttributes & { inputShape: readonly number[] },
): Symbolic {
  const plan = planOf(recording, inputShape, filter.shape, attributes, true);
  return spread(recording, dy, groupedFilter(recording, filter), plan, plan.inChannels);
}

/** Each channel is a group whose "channels" are the rows of the batch. */
function depthwiseFilterGradient(
  recording: Recording,
  { x, dy }: Inputs,
  { filterShape, ...attributes }: ConvolutionAttributes & { filterShape: readonly number[] },
): Symbolic {
  const { graph } = recording;
  const plan = planOf(recording, x.shape, filterShape, attributes, true);
  const images = cropped(recording, full(graph, transposed(recording, x, [3, 0, 1, 2])), plan);
  const [channels, rows, height, width] = images.shape;
  const image = reshape(graph, images, [1, channels * rows, height, width]);
  const kernel = full(graph, transposed(recording, dy, [3, 0, 1, 2]));
  const shape = [1, plan.outChannels, plan.filterHeight, plan.filterWidth];
  const result = graph.op("Conv", [image, kernel], shape, { ...correlation(plan), group: channels });
  const split = [channels, plan.outChannels / channels, plan.filterHeight, plan.filterWidth];
  return transposed(recording, symbolic(reshape(graph, result, split)), [2, 3, 0, 1]);
}

interface FusedAttributes extends ConvolutionAttributes, Activation {}

function fused(
  apply: (recording: Recording, x: Symbolic, filter: Symbolic, attributes: ConvolutionAttributes) => Symbolic,
) {
  return (recording: Recording, inputs: Inputs, attributes: FusedAttributes): Symbolic => {
    const { x, filter, bias, preluActivationWeights } = inputs;
    const plain = apply(recording, x, filter, attributes);
    const shifted =
      bias === undefined
        ? plain
        : (binaryKernels.Add(recording, { a: plain, b: bias }, {} as never) as Symbolic);
    return activate(recording, shifted, attributes, preluActivationWeights);
  };
}

/** Batch normalisation by given moments; the repair of autodiff has put in scale and offset where they were left out. */
function batchNorm(
  recording: Recording,
  { x, mean, variance, offset, scale }: Inputs,
  { varianceEpsilon = 1e-3 }: { varianceEpsilon?: number },
): Symbolic {
  const apply = (name: "Add" | "Sub" | "Multiply" | "RealDiv", a: Symbolic, b: Symbolic) =>
    binaryKernels[name](recording, { a, b }, {} as never) as Symbolic;
  const spread = apply("Add", variance, {
    constant: Math.fround(varianceEpsilon),
    shape: [],
    dtype: "float32",
  });
  const deviation = binaryKernels.Pow(
    recording,
    { a: spread, b: { constant: -0.5, shape: [], dtype: "float32" } },
    {} as never,
  ) as Symbolic;
  const scaled = apply("Multiply", apply("Sub", x, mean), apply("Multiply", deviation, scale));
  return apply("Add", scaled, offset);
}

/** Convolutions and batch normalisation. */
export const convolutionKernels: KernelTable = {
  Conv2D: (recording: Recording, { x, filter }: Inputs, attributes: ConvolutionAttributes) =>
    convolution(recording, x, filter, attributes),
  FusedConv2D: fused(convolution),
  Conv2DBackpropInput: inputGradient,
  Conv2DBackpropFilter: filterGradient,
  DepthwiseConv2dNative: (recording: Recording, { x, filter }: Inputs, attributes: ConvolutionAttributes) =>
    depthwise(recording, x, filter, attributes),
  FusedDepthwiseConv2D: fused(depthwise),
  DepthwiseConv2dNativeBackpropInput: depthwiseInputGradient,
  DepthwiseConv2dNativeBackpropFilter: depthwiseFilterGradient,
  FusedBatchNorm: batchNorm,
};
