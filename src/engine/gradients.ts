/**
 * Repairs of TensorFlow.js's automatic differentiation (4.22), without which second derivatives are wrong,
 * often in silence.
 *
 * Cause A. Before an operator enters the tape, the engine clones what its gradient will need. A clone of an
 * operator's own *output* so precedes the operator on the tape, and every derivative through it is dropped:
 * d/dx of `exp'`, `tanh'`, `sigmoid'` ... is lost. `withRepairedGradients` saves an alias with the
 * tensor's own identity instead.
 *
 * Cause B. Some kernels that stand in first derivatives have no gradient or a wrong one.
 * `installGradients` registers them. The tape of `tf.batchNorm` breaks where scale or offset is left out:
 * `withRepairedGradients` puts ones and zeros in their place. Where a second derivative does not exist here (pooling, depthwise
 * convolution ...) it registers a refusal that names the operator.
 *
 * @module
 */
import type { KernelBackend } from "@tensorflow/tfjs";
import { EngineError } from "../core/errors.js";
import { internals, withReplaced } from "./internals.js";
import { installProductGradient } from "./product-gradient.js";
import type { Tensor, Tf } from "./types.js";

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

/** Kernels whose result does not change with its inputs, almost everywhere. */
const stepFunctions: Readonly<Record<string, readonly string[]>> = {
  Greater: ["a", "b"],
  GreaterEqual: ["a", "b"],
  Less: ["a", "b"],
  LessEqual: ["a", "b"],
  Equal: ["a", "b"],
  NotEqual: ["a", "b"],
  LogicalAnd: ["a", "b"],
  LogicalOr: ["a", "b"],
  LogicalNot: ["x"],
  IsNan: ["x"],
  IsInf: ["x"],
  IsFinite: ["x"],
  All: ["x"],
  Any: ["x"],
  FloorDiv: ["a", "b"],
  SearchSorted: ["sortedSequence", "values"],
};

/** Kernels that have no gradient here: what the user called, and what to do instead. */
const refused: Readonly<Record<string, string>> = {
  MaxPoolGrad: "tf.maxPool has no second derivative; use a convolution with strides",
  AvgPoolGrad: "tf.avgPool has no second derivative; use a convolution with strides, or tf.mean",
  DepthwiseConv2dNativeBackpropInput: "tf.depthwiseConv2d has no second derivative; use tf.conv2d",
  DepthwiseConv2dNativeBackpropFilter: "tf.depthwiseConv2d has no second derivative; use tf.conv2d",
  Cumprod: "tf.cumprod has no derivative; use exp(cumsum(log(x)))",
  Einsum: "tf.einsum has no derivative; use tf.matMul, tf.mul and tf.reshape",
  StridedSlice: "tf.stridedSlice has no derivative; use tf.slice or tf.gather",
  GatherNd: "tf.gatherND has no derivative; use tf.gather on a reshaped tensor",
  ScatterNd: "tf.scatterND has no derivative; use tf.unsortedSegmentSum",
  TopK: "tf.topk has no derivative; gather the values by its indices",
  MirrorPad: "tf.mirrorPad has no derivative; use tf.concat of slices",
};

/**
 * Runs `body` so that derivatives of every order that it takes are right, eagerly or in a trace.
 *
 * @example
 * withRepairedGradients(tf, () => tf.grad((x) => tf.sum(tf.grad((y) => tf.sum(tf.tanh(y)))(x)))(x));
 */
export function withRepairedGradients<T>(tf: Tf, body: () => T): T {
  const engine = internals(tf);
  const twins: Tensor[] = [];
  const alias = (tensor: Tensor): Tensor => {
    const twin = new tf.Tensor(tensor.shape, tensor.dtype, tensor.dataId, tensor.id);
    twin.kept = true; // the tape disposes it
    twins.push(twin);
    const { backend } = engine.state.tensorInfo.get(tensor.dataId) as { backend: KernelBackend };
    backend.incRef(tensor.dataId);
    engine.trackTensor(twin, backend);
    return twin;
  };
  const start = engine.startScope.bind(engine);
  const runKernel = engine.runKernel.bind(engine);
  const replaced = {
    saveTensorsForBackwardMode: (tensors: readonly Tensor[]) => tensors.map(alias),
    clone: alias,
    runKernel: (name: string, inputs: Readonly<Record<string, Tensor>>, attributes?: object) =>
      runKernel(name, name === "FusedBatchNorm" ? completeMoments(tf, inputs) : inputs, attributes),
    startScope: (name?: string) => {
      if (name === "softmaxCrossEntropy__op" && engine.state.gradientDepth > 1) {
        throw new EngineError(
          "tf.losses.softmaxCrossEntropy has no second derivative. Use -sum(labels * tf.logSoftmax(logits)).",
        );
      }
      start(name);
    },
  };
  try {
    return withReplaced(engine, replaced, body);
  } catch (error) {
    for (const twin of twins) if (!twin.isDisposed) twin.dispose(); // a tape that breaks off forgets to
    throw error;
  }
}

/** Batch normalisation with the scale and offset that stand for none. */
function completeMoments(
  tf: Tf,
  { scale, offset, ...inputs }: Readonly<Record<string, Tensor>>,
): Readonly<Record<string, Tensor>> {
  const { shape } = inputs.mean;
  return { ...inputs, scale: scale ?? tf.ones(shape), offset: offset ?? tf.zeros(shape) };
}

/** Registers the missing and the wrong gradients. Does no harm when called twice. */
export function installGradients(tf: Tf): void {
  for (const [kernelName, names] of Object.entries(stepFunctions)) {
    tf.registerGradient({
      kernelName,
      inputsToSave: [...names],
      gradFunc: (_dy, saved) =>
        Object.fromEntries(names.map((name, i) => [name, () => tf.zeros(saved[i].shape)])),
    });
  }
  for (const [kernelName, advice] of Object.entries(refused)) {
    tf.registerGradient({
      kernelName,
      gradFunc: () => {
        throw new EngineError(`Kernel ${kernelName} cannot be differentiated: ${advice}.`);
      },
    });
  }
  tf.registerGradient({
    kernelName: "Cast", // rounding to integers has no slope
    gradFunc: (dy, _saved, attrs) => ({
      x: () =>
        attrs.dtype === "float32" ? tf.cast(dy as Tensor, "float32") : tf.zeros((dy as Tensor).shape),
    }),
  });
  installBroadcasting(tf);
  installActivations(tf);
  installPooling(tf);
  installProducts(tf);
  installProductGradient(tf);

  tf.registerGradient({
    kernelName: "Cumsum", // the stock gradient transposes when the axis is not the last
    inputsToSave: ["x"],
    gradFunc: (dy, _saved, attrs) => {
      const { axis, exclusive, reverse } = attrs as unknown as {
        axis: number;
        exclusive: boolean;
        reverse: boolean;
      };
      return { x: () => tf.cumsum(dy as Tensor, axis, exclusive, !reverse) };
    },
  });
  tf.registerGradient({
    kernelName: "Conv2DBackpropFilter", // linear in both arguments
    inputsToSave: ["x", "dy"],
    gradFunc: (ddw, [x, dy], attrs) => {
      const { strides, pad, dataFormat, dimRoundingMode } = attrs as never;
      const inputs = { dy, filter: ddw as Tensor };
      return {
        x: () =>
          tf.engine().runKernel("Conv2DBackpropInput", inputs, { ...attrs, inputShape: x.shape }) as Tensor,
        dy: () => tf.conv2d(x as never, ddw as never, strides, pad, dataFormat, 1, dimRoundingMode) as Tensor,
      };
    },
  });
}

/** Maximum, minimum and squared difference, whose stock gradients forget to sum over broadcast axes. */
function installBroadcasting(tf: Tf): void {
  const { assertAndGetBroadcastShape, getReductionAxes } = tf.backend_util;
  const unbroadcast = (g: Tensor, shape: number[], from: number[]): Tensor => {
    const axes = getReductionAxes(shape, from);
    return tf.reshape(axes.length > 0 ? tf.sum(g, axes) : g, shape);
  };
  const register = (
    kernelName: string,
    partials: (dy: Tensor, a: Tensor, b: Tensor) => readonly [() => Tensor, () => Tensor],
  ) =>
    tf.registerGradient({
      kernelName,
      inputsToSave: ["a", "b"],
      gradFunc: (dy, [a, b]) => {
        const shape = assertAndGetBroadcastShape(a.shape, b.shape);
        const [da, db] = partials(dy as Tensor, a, b);
        return {
          a: () => unbroadcast(da(), a.shape, shape),
          b: () => unbroadcast(db(), b.shape, shape),
        };
      },
    });
  const where = (dy: Tensor, test: Tensor): Tensor => tf.mul(dy, tf.cast(test, "float32"));

  register("Maximum", (dy, a, b) => [() => where(dy, tf.greaterEqual(a, b)), () => where(dy, tf.less(a, b))]);
  register("Minimum", (dy, a, b) => [() => where(dy, tf.lessEqual(a, b)), () => where(dy, tf.greater(a, b))]);
  register("SquaredDifference", (dy, a, b) => {
    const half = () => tf.mul(dy, tf.mul(2, tf.sub(a, b))) as Tensor;
    return [half, () => tf.neg(half())];
  });
}

/** Matrix products, whose stock gradients forget to sum over broadcast batches. */
function installProducts(tf: Tf): void {
  const sumTo = (g: Tensor, shape: number[]): Tensor => {
    const axes = tf.backend_util.getReductionAxes(shape, g.shape);
    return tf.reshape(axes.length > 0 ? tf.sum(g, axes) : g, shape);
  };
  tf.registerGradient({
    kernelName: "BatchMatMul",
    inputsToSave: ["a", "b"],
    gradFunc: (dys, [a, b], attrs) => {
      const dy = dys as Tensor;
      const { transposeA, transposeB } = attrs as unknown as { transposeA: boolean; transposeB: boolean };
      const da = () =>
        transposeA ? tf.matMul(b, dy, transposeB, true) : tf.matMul(dy, b, false, !transposeB);
      const db = () =>
        transposeB ? tf.matMul(dy, a, true, transposeA) : tf.matMul(a, dy, !transposeA, false);
      return { a: () => sumTo(da(), a.shape), b: () => sumTo(db(), b.shape) };
    },
  });
}

/** Average pooling with padding: the stock gradient divides by the whole window at the edges, too. */
function installPooling(tf: Tf): void {
  tf.registerGradient({
    kernelName: "AvgPool",
    inputsToSave: ["x"],
    gradFunc: (dy, [x], attrs) => {
      const { filterSize, strides, pad, dimRoundingMode } = attrs as never;
      const plan = tf.backend_util.computePool2DInfo(
        x.shape as never,
        filterSize,
        strides,
        1,
        pad,
        dimRoundingMode,
      );
      const rows = windowCounts(
        plan.outHeight,
        plan.strideHeight,
        plan.filterHeight,
        plan.padInfo.top,
        plan.inHeight,
      );
      const columns = windowCounts(
        plan.outWidth,
        plan.strideWidth,
        plan.filterWidth,
        plan.padInfo.left,
        plan.inWidth,
      );
      const share = rows.flatMap((row) =>
        columns.map((column) => (plan.filterHeight * plan.filterWidth) / (row * column)),
      );
      const spread = (): Tensor => {
        const weights = tf.tensor(share, [1, plan.outHeight, plan.outWidth, 1]);
        const inputs = { dy: tf.mul(dy as Tensor, weights), input: x };
        return tf.engine().runKernel("AvgPoolGrad", inputs, { filterSize, strides, pad }) as Tensor;
      };
      return { x: spread };
    },
  });
}

/** How many of its input rows each window covers, padding left out. */
function windowCounts(
  windows: number,
  stride: number,
  extent: number,
  before: number,
  available: number,
): number[] {
  return Array.from({ length: windows }, (_, i) => {
    const from = i * stride - before;
    return Math.min(from + extent, available) - Math.max(from, 0);
  });
}

/** Activations: right in the tails, and differentiable again. */
function installActivations(tf: Tf): void {
  // s'(x) = s(x) s(-x), not s (1 - s), which is zero where s rounds to one; s'' = -s' tanh(x / 2) keeps
  // its accuracy where s(-x) - s(x) cancels
  const sigmoidSlope = (at: Tensor): Tensor =>
    tf.customGrad((x, save) => {
      (save as (tensors: Tensor[]) => void)([x as Tensor]);
      return {
        value: tf.mul(tf.sigmoid(x as Tensor), tf.sigmoid(tf.neg(x as Tensor))),
        gradFunc: (dy: Tensor, [point]: Tensor[]) =>
          tf.neg(tf.mul(tf.mul(dy, sigmoidSlope(point)), tf.tanh(tf.mul(point, 0.5)))),
      };
    })(at);
  tf.registerGradient({
    kernelName: "Sigmoid",
    inputsToSave: ["x"],
    gradFunc: (dy, [x]) => ({ x: () => tf.mul(dy as Tensor, sigmoidSlope(x)) }),
  });
  tf.registerGradient({
    kernelName: "EluGrad",
    inputsToSave: ["dy", "y"],
    gradFunc: (ddx, [dy, y]) => ({
      dy: () => tf.mul(ddx as Tensor, tf.add(tf.minimum(y, 0), 1)),
      y: () => tf.mul(tf.mul(ddx as Tensor, dy), tf.sub(1, tf.step(y))),
    }),
  });
  tf.registerGradient({
    kernelName: "Selu", // without a choice by condition: finite for any x
    inputsToSave: ["x"],
    gradFunc: (dy, [x]) => ({
      x: () => {
        const lower = tf.mul(tf.exp(tf.minimum(x, 0)), SELU_SCALE * SELU_ALPHA);
        const isUpper = tf.step(x);
        const slope = tf.add(tf.mul(lower, tf.sub(1, isUpper)), tf.mul(isUpper, SELU_SCALE));
        return tf.mul(dy as Tensor, slope);
      },
    }),
  });
}
