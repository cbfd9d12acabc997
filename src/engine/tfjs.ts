/**
 * Loads TensorFlow.js when it is first needed (it takes about a second) and repairs its autodiff and one kernel.
 *
 * The union package is used: `@tensorflow/tfjs-core` alone comes without gradients under Node.
 *
 * @module
 */
import type { KernelBackend } from "@tensorflow/tfjs-core";
import { EngineError } from "../core/errors.js";
import { installGradients } from "./gradients.js";
import type { Tensor, Tf } from "./types.js";

let loaded: Promise<Tf> | undefined;

/**
 * The TensorFlow.js module, with the gradients of `gradients.ts` installed.
 *
 * @throws {EngineError} if `@tensorflow/tfjs` is not installed.
 */
export function loadTf(): Promise<Tf> {
  loaded ??= import("@tensorflow/tfjs").then(
    (tf) => {
      installGradients(tf);
      repairCumsum(tf);
      silenceAdvertisement(tf);
      return tf;
    },
    (cause) => {
      loaded = undefined;
      throw new EngineError(
        `loadTf: @tensorflow/tfjs could not be loaded. Run "npm install @tensorflow/tfjs".`,
        { cause },
      );
    },
  );
  return loaded;
}

/**
 * Keeps the cpu backend from recommending another package on the console at its first tensor. TensorFlow.js
 * may make the backend anew, so its class is told, not the one that is here.
 */
function silenceAdvertisement(tf: Tf): void {
  const backend = tf.findBackend("cpu") as KernelBackend & { firstUse?: boolean };
  backend.firstUse = false;
  Object.defineProperty(Object.getPrototypeOf(backend), "firstUse", {
    get: () => false,
    set: () => {},
    configurable: true,
  });
}

/** Running sums along a negative axis: the stock cpu kernel misreads it and returns an empty tensor. */
function repairCumsum(tf: Tf): void {
  const stock = tf.getKernel("Cumsum", "cpu");
  tf.unregisterKernel("Cumsum", "cpu");
  tf.registerKernel({
    ...stock,
    kernelFunc: ({ inputs, backend, attrs }) => {
      const axis = attrs?.axis as number;
      const rank = (inputs.x as Tensor).shape.length;
      return stock.kernelFunc({ inputs, backend, attrs: { ...attrs, axis: axis < 0 ? axis + rank : axis } });
    },
  });
}
