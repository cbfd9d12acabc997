/**
 * The user's own tfjs-layers model as an embedding.
 *
 * @module
 */
import type { LayersModel } from "@tensorflow/tfjs";
import { ConfigError } from "../../core/errors.js";
import { bindLayers } from "../../engine/layers.js";
import type { Embedding } from "../embedding.js";
import { prefix } from "./parts.js";

/**
 * An embedding from a model of one input and one output, `[B, ...] -> [B, features]`. Rows are reshaped to the model's
 * input. Training starts from the weights that the model has; the model itself stays as it is. A file of the estimator
 * does not hold the model's architecture: pass the embedding again when it is loaded.
 *
 * @throws {ConfigError} if the model has several inputs or outputs, or an axis of unknown length.
 * @throws {EngineError} if it has no trainable weights.
 * @example
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 8, activation: "tanh", inputShape: [100] })] });
 * const estimator = await train(aalr(simulations, { embedding: layersEmbedding(model) }), { seed: "hello" });
 */
export function layersEmbedding(model: LayersModel): Embedding {
  const net = bindLayers(model);
  const [input, output] = [model.inputs, model.outputs].map((ends) =>
    ends.map(({ shape }) => shape.slice(1)),
  );
  const isKnown = (shapes: readonly (readonly (number | null)[])[]): shapes is number[][] =>
    shapes.length === 1 && shapes[0].every((length) => Number.isInteger(length));
  if (!isKnown(input) || !isKnown(output) || output[0].length !== 1) {
    throw new ConfigError(
      `layersEmbedding: expected a model from one input of known shape to one row of features, ` +
        `got inputs ${JSON.stringify(input)} and outputs ${JSON.stringify(output)}.`,
    );
  }
  const strip = (name: string) => name.slice(prefix.length);
  return {
    features: output[0][0],
    parameters: net.parameters.map(({ name, shape }) => ({ name: prefix + name, shape })),
    initialise: () => net.initial.slice(),
    apply(tf, parameters, x) {
      const own = Object.entries(parameters).flatMap(([name, tensor]) =>
        name.startsWith(prefix) ? [[strip(name), tensor] as const] : [],
      );
      return net.apply(tf, Object.fromEntries(own), tf.reshape(x, [-1, ...input[0]]));
    },
  };
}
