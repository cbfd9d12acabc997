/**
 * Networks built with tfjs-layers, as functions of packed parameters.
 *
 * @module
 */
import type { LayersModel } from "@tensorflow/tfjs";
import { EngineError } from "../core/errors.js";
import type { ParameterSpec, Tensor, Tensors, Tf } from "./types.js";

/** A tfjs-layers model with its trainable weights taken out. */
export interface BoundLayers {
  /** The trainable weights, named by position and role: `0.kernel`, `1.bias`. */
  readonly parameters: readonly ParameterSpec[];
  /** Their present values, packed, `[P]`. */
  readonly initial: Float32Array;
  /**
   * Evaluates the model, in a trace or eagerly.
   *
   * @param parameters - tensors named as `parameters` names them.
   * @param input - the model's input, or inputs in its order.
   * @param options.training - batch normalisation uses the batch's own moments; default false.
   */
  apply(
    tf: Tf,
    parameters: Tensors,
    input: Tensor | readonly Tensor[],
    options?: { readonly training?: boolean },
  ): Tensor;
}

/** What of a layer's variable is used here. */
interface LayerVariable {
  val: Tensor;
  readonly originalName: string;
  readonly shape: readonly number[];
}

/**
 * Takes the weights out of a tfjs-layers model, so that it can be compiled and trained like any function.
 * The model itself stays as it is, whatever happens to the parameters.
 *
 * Weights that are not trained, such as the moving averages of batch normalisation, are frozen at their
 * present values: with `training: false` a fresh batch normalisation so only scales and shifts, and with
 * `training: true` it uses the moments of each batch, in evaluation, too, if it is asked to; the averages
 * are never updated. Layer normalisation needs no such care. Dropout is refused in training, because a
 * trace would freeze its random numbers.
 *
 * @throws {EngineError} if the model has no trainable weights or no known input.
 * @example
 * const net = bindLayers(tf.sequential({ layers: [tf.layers.dense({ units: 8, inputShape: [3] })] }));
 * const loss = (tf, p, { x }) => tf.mean(tf.square(net.apply(tf, p, x)));
 */
export function bindLayers(model: LayersModel): BoundLayers {
  if (!(model.inputs?.length > 0)) {
    throw new EngineError("bindLayers: the model's input is unknown. Give its first layer an inputShape.");
  }
  if (!model.built) model.build(model.inputs.map(({ shape }) => shape) as never);
  const trained = model.trainableWeights as unknown as LayerVariable[];
  const fixed = model.nonTrainableWeights as unknown as LayerVariable[];
  if (trained.length === 0) throw new EngineError("bindLayers: the model has no trainable weights.");
  const parameters = trained.map(({ originalName, shape }, i) => ({
    name: `${i}.${originalName.split("/").at(-1)}`,
    shape: [...shape],
  }));
  const values = (variable: LayerVariable) => variable.val.dataSync().slice() as Float32Array;
  const initial = Float32Array.from(trained.flatMap((variable) => Array.from(values(variable))));
  const frozen = fixed.map((variable) => ({ variable, values: values(variable) }));

  return {
    parameters,
    initial,
    apply: (tf, given, input, { training = false } = {}) =>
      tf.tidy(() => {
        const substitutes = new Map<LayerVariable, Tensor>();
        trained.forEach((variable, i) => {
          const tensor = given[parameters[i].name];
          if (tensor === undefined) {
            throw new EngineError(`bindLayers: parameter "${parameters[i].name}" is missing.`);
          }
          substitutes.set(variable, tensor);
        });
        for (const { variable, values } of frozen) {
          const tensor = tf.tensor(values, [...variable.shape]);
          substitutes.set(variable, Object.assign(tensor, { assign: () => undefined }));
        }
        return withSubstitutes(substitutes, () => {
          const output = model.apply(Array.isArray(input) ? [...input] : (input as Tensor), { training });
          if (!(output instanceof tf.Tensor)) {
            throw new EngineError("bindLayers: the model must have one output.");
          }
          return output as Tensor;
        });
      }),
  };
}

/** Runs `body` while each variable holds another tensor. */
function withSubstitutes<T>(substitutes: ReadonlyMap<LayerVariable, Tensor>, body: () => T): T {
  const originals = new Map<LayerVariable, Tensor>();
  for (const [variable, tensor] of substitutes) {
    originals.set(variable, variable.val);
    variable.val = tensor;
  }
  try {
    return body();
  } finally {
    for (const [variable, tensor] of originals) variable.val = tensor;
  }
}
