/**
 * Refuses random operators in functions that are run once and replayed.
 *
 * @module
 */
import { EngineError } from "../core/errors.js";
import type { EngineInternals } from "./internals.js";

/** Operators that draw random numbers; a trace would freeze them. */
const randomOperators: ReadonlySet<string> = new Set([
  "randomNormal__op",
  "randomStandardNormal__op",
  "randomUniform__op",
  "randomUniformInt__op",
  "randomGamma__op",
  "truncatedNormal__op",
  "multinomial__op",
  "rand__op",
]);

/** A replacement of the engine's `startScope`, which every operator calls by name. */
export function randomnessGuard(engine: EngineInternals): EngineInternals["startScope"] {
  const start = engine.startScope.bind(engine);
  return (name) => {
    if (name !== undefined && randomOperators.has(name)) {
      throw new EngineError(
        `tf.${name.replace("__op", "")} draws random numbers (dropout and initialisers do), and a trace would ` +
          `freeze them: every run would see the same ones. Draw them outside and feed them as an input.`,
      );
    }
    start(name);
  };
}
