/**
 * Simulators by name. A function cannot travel to another thread or machine; the module that exports it can
 * be imported there.
 *
 * @module
 */
import { SimulatorError } from "./core/errors.js";
import { importModule } from "./executor/allow-list.js";
import { moduleUrl } from "./executor/executor.js";
import type { Simulator } from "./simulator.js";

/** Where a simulator is exported; plain data. */
export interface SimulatorModule {
  /** Absolute URL of the module. */
  readonly module: string;
  readonly exportName: string;
}

/**
 * Names a simulator by the module that exports it, so that `simulate` can run it on several workers.
 *
 * @param url - `new URL("./my-simulator.js", import.meta.url)`.
 * @param exportName - name of the exported simulator. Default `"simulator"`.
 * @throws {ExecutorError} if `url` is a relative path.
 * @example
 * const dice = simulatorModule(new URL("./dice.ts", import.meta.url));
 * const simulations = await simulate(dice, { n: 100_000, seed: 1, workers: 2 });
 */
export function simulatorModule(url: string | URL, exportName = "simulator"): SimulatorModule {
  return { module: moduleUrl(url), exportName };
}

/** Whether a simulator is given by its module. */
export function isSimulatorModule(simulator: Simulator | SimulatorModule): simulator is SimulatorModule {
  return "exportName" in simulator;
}

/**
 * Imports the simulator.
 *
 * @throws {SimulatorError} if the module cannot be imported or exports no such simulator.
 */
export async function loadSimulator({ module, exportName }: SimulatorModule): Promise<Simulator> {
  let exports: Record<string, unknown>;
  try {
    exports = await importModule(module);
  } catch (cause) {
    throw new SimulatorError(
      `simulatorModule: cannot import ${module}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
  const simulator = exports[exportName] as Simulator | undefined;
  if (typeof simulator?.simulate !== "function") {
    throw new SimulatorError(
      `simulatorModule: ${module} exports no simulator "${exportName}"; ` +
        `it exports ${Object.keys(exports).join(", ") || "nothing"}.`,
    );
  }
  return simulator;
}
