/**
 * Loads TensorFlow.js when it is first needed (it takes about a second) and repairs its autodiff once.
 *
 * The union package is used: `@tensorflow/tfjs-core` alone comes without gradients under Node.
 *
 * @module
 */
import { EngineError } from "../core/errors.js";
import { installGradients } from "./gradients.js";
import type { Tf } from "./types.js";

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
