/**
 * The parts of TensorFlow.js's engine that its types keep private and that tracing and the repair of its
 * autodiff need. All of them are pinned by the exact version in package.json and by the tests.
 *
 * @module
 */
import type { KernelBackend } from "@tensorflow/tfjs";
import type { Tensor, Tf } from "./types.js";

/** Engine internals of `@tensorflow/tfjs` 4.22. */
export interface EngineInternals {
  backendName: string;
  backendInstance: KernelBackend | null;
  readonly state: {
    readonly gradientDepth: number;
    readonly tensorInfo: WeakMap<object, { readonly backend: KernelBackend }>;
  };
  saveTensorsForBackwardMode(tensors: readonly Tensor[]): Tensor[];
  clone(x: Tensor): Tensor;
  trackTensor(tensor: Tensor, backend: KernelBackend): void;
  startScope(name?: string): void;
  runKernel(name: string, inputs: Readonly<Record<string, Tensor>>, attributes?: object): Tensor | Tensor[];
  tidy<T>(fn: () => T): T;
  makeTensorFromTensorInfo(info: { dataId: object; shape: readonly number[]; dtype: string }): Tensor;
}

/** The engine of a TensorFlow.js module, with its private parts. */
export function internals(tf: Tf): EngineInternals {
  return tf.engine() as unknown as EngineInternals;
}

/** Runs `body` while some methods of the engine are replaced. */
export function withReplaced<T>(
  engine: EngineInternals,
  replaced: Partial<EngineInternals>,
  body: () => T,
): T {
  const saved = Object.keys(replaced).map(
    (key) => [key, Object.getOwnPropertyDescriptor(engine, key)] as const,
  );
  Object.assign(engine, replaced);
  try {
    return body();
  } finally {
    for (const [key, descriptor] of saved) {
      if (descriptor === undefined) delete (engine as unknown as Record<string, unknown>)[key];
      else Object.defineProperty(engine, key, descriptor);
    }
  }
}
