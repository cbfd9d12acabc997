/**
 * The errors that callers may catch. Every message says what was expected, what came and what to do.
 * A bad argument is a plain `RangeError` or `TypeError`.
 *
 * @module
 */

/** Arrays whose shapes do not fit together or do not fit the trained estimator. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

/** A file, plan or command line that cannot be used as it stands. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** An engine that cannot be loaded, or a function that it cannot compile or run. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}

/** Training that cannot go on: non-finite losses, an empty split, a checkpoint of other data. */
export class TrainingError extends Error {
  override readonly name = "TrainingError";
}

/** A simulator that threw, or returned something that is not a data row. */
export class SimulatorError extends Error {
  override readonly name = "SimulatorError";
}

/** A job whose module or export cannot be found, or whose worker died. */
export class ExecutorError extends Error {
  override readonly name = "ExecutorError";
}
