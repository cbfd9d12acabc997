/**
 * R-hat and effective sample sizes as the run went on: have they settled?
 *
 * @see Vehtari et al. (2021), section 4, https://doi.org/10.1214/20-BA1221
 * @module
 */
import { type Matrix, matrix, row } from "../../src/core/matrix.js";
import { chainValues, type Draws } from "../draws.js";
import { needsNestedRhat, summariseParameter } from "../summary.js";

/** The diagnostics of one parameter after so many draws; `NaN` where there were too few. */
export interface RunningDiagnostics {
  readonly name: string;
  /** Draws per chain, `[points]`. */
  readonly draws: Float64Array;
  /** The R-hat of `summary`, `[points]`. */
  readonly rhat: Float64Array;
  readonly essBulk: Float64Array;
  readonly essTail: Float64Array;
}

/**
 * Computes the diagnostics of the first draws of every chain. ESS of chains that mix grows in a straight line, and
 * R-hat falls to 1.
 *
 * @param options.points - numbers of draws, evenly spaced up to all. Default 20, or as many as there are draws.
 * @returns one entry per parameter.
 * @throws {RangeError} if `points` is not a positive integer.
 */
export function runningDiagnostics(draws: Draws, { points = 20 } = {}): RunningDiagnostics[] {
  if (!(Number.isSafeInteger(points) && points >= 1)) {
    throw new RangeError(`runningDiagnostics: points must be a positive integer, got ${points}.`);
  }
  const count = Math.min(points, draws.draws);
  const lengths = Float64Array.from({ length: count }, (_, i) => Math.round(((i + 1) * draws.draws) / count));
  const nested = needsNestedRhat(draws);
  return draws.names.map((name) => {
    const x = chainValues(draws, name);
    const rows = Array.from(lengths, (length) =>
      summariseParameter(name, head(x, length), nested, draws.groups),
    );
    return {
      name,
      draws: lengths,
      rhat: Float64Array.from(rows, (row) => row.rhat),
      essBulk: Float64Array.from(rows, (row) => row.essBulk),
      essTail: Float64Array.from(rows, (row) => row.essTail),
    };
  });
}

/** The first `length` draws of every chain. */
function head(x: Matrix, length: number): Matrix {
  const out = matrix(x.rows, length);
  for (let c = 0; c < x.rows; c++) row(out, c).set(row(x, c).subarray(0, length));
  return out;
}
