/**
 * Makes a target for the samplers from plain functions, for any density whose logarithm can be computed.
 *
 * @module
 */
import { identity } from "../src/core/bijection.js";
import type { Bijection, LogDensity, LogProbAndGradient } from "../src/core/contracts.js";
import { ShapeError } from "../src/core/errors.js";
import { type Matrix, matrix, row } from "../src/core/matrix.js";

interface Common {
  readonly names: readonly string[];
  /** Map from R^D to the support of `theta`. Default: all of R^D. */
  readonly support?: Bijection;
  /** What starting points are drawn from, usually the prior. Default none: pass `initial` to `sample`. */
  readonly start?: LogDensity["start"];
  /** Whether the density integrates to one. Default `false`. */
  readonly normalised?: boolean;
}

/**
 * Refuses what is no log density, such as an estimator, whose `logProb` nobody can ask.
 *
 * @throws {TypeError} naming the caller and what came.
 */
export function checkTarget(caller: string, target: LogDensity): void {
  if (typeof target?.logProb === "function" && Number.isInteger(target.dim)) return;
  throw new TypeError(
    `${caller}: target must be a log density, such as posterior(estimator, { observed }) or logDensity({ ... }), ` +
      `got ${target === undefined ? "nothing" : `a value of type ${typeof target} that is none`}.`,
  );
}

/**
 * Refuses what is no log density with a gradient.
 *
 * @throws {TypeError} naming the caller, and what needs none.
 */
export function checkGradient(caller: string, target: LogDensity): void {
  checkTarget(caller, target);
  if (target.gradient) return;
  throw new TypeError(
    `${caller}: target has no gradient; use metropolis(target) or slice(target), or give the target one.`,
  );
}

/** A density of one row at a time. */
export interface RowDensity extends Common {
  /** `log p(theta)`, `[D] -> []`, nats, up to a constant; `-Infinity` outside the support. */
  logProb(theta: Float64Array): number;
  /** Writes `d logProb / d theta` to `out`, `[D]`. */
  gradient?(theta: Float64Array, out: Float64Array): void;
}

/** A density of many rows at once. */
export interface BatchDensity extends Common {
  /** `[N, D] -> [N]`. */
  logProbBatch(theta: Matrix): Float64Array | Promise<Float64Array>;
  /** Values and gradients, `[N, D] -> { logProb: [N], gradient: [N, D] }`. */
  gradientBatch?(theta: Matrix): LogProbAndGradient | Promise<LogProbAndGradient>;
}

/**
 * Makes a `LogDensity` from a function of one row (`logProb`, `gradient`) or of many
 * (`logProbBatch`, `gradientBatch`).
 *
 * @throws {TypeError} if neither or both of `logProb` and `logProbBatch` are given.
 * @throws {ShapeError} if `support.dim` differs from the number of names, or there is no name.
 * @example
 * const banana = logDensity({
 *   names: ["a", "b"],
 *   logProb: ([a, b]) => -0.5 * (a * a + (b - a * a) ** 2),
 * });
 * const draws = await sample(metropolis(banana), { initial: matrix(100, 2), seed: 1 });
 */
export function logDensity(density: RowDensity | BatchDensity): LogDensity {
  const { names, start, normalised = false } = density;
  const dim = names.length;
  const { support = identity(dim) } = density;
  const byRow = "logProb" in density;
  if (byRow === "logProbBatch" in density) {
    throw new TypeError(
      `logDensity: expected one function, logProb (one row) or logProbBatch (many rows), got ${byRow ? "both" : "neither"}.`,
    );
  }
  if (dim === 0 || support.dim !== dim) {
    throw new ShapeError(`logDensity: there are ${dim} names but support has dim = ${support.dim}.`);
  }
  const functions = byRow ? rowFunctions(density as RowDensity) : batchFunctions(density as BatchDensity);
  return { dim, names: [...names], support, normalised, ...functions, ...(start && { start }) };
}

function rowFunctions(density: RowDensity): Pick<LogDensity, "logProb" | "gradient"> {
  const values = (theta: Matrix) => {
    const out = new Float64Array(theta.rows);
    for (let i = 0; i < theta.rows; i++) out[i] = density.logProb(row(theta, i));
    return out;
  };
  if (!density.gradient) return { logProb: async (theta) => values(theta) };
  return {
    logProb: async (theta) => values(theta),
    async gradient(theta) {
      const gradient = matrix(theta.rows, theta.cols);
      for (let i = 0; i < theta.rows; i++) density.gradient!(row(theta, i), row(gradient, i));
      return { logProb: values(theta), gradient };
    },
  };
}

function batchFunctions(density: BatchDensity): Pick<LogDensity, "logProb" | "gradient"> {
  return {
    logProb: async (theta) => density.logProbBatch(theta),
    ...(density.gradientBatch && { gradient: async (theta: Matrix) => density.gradientBatch!(theta) }),
  };
}
