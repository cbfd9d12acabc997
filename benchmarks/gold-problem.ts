/**
 * A problem that gives gold: a simulator that knows its own latent path, and what is known exactly of `p(x | theta)`,
 * which an estimator that learned from the gold has to find.
 *
 * @module
 */
import { type Matrix, matrix, row } from "../src/core/matrix.js";
import type { Simulator } from "../src/simulator.js";

/** Where a learned log ratio is compared with the true one, whose denominator is the problem's `thetaRef`. */
export interface RatioTest {
  /** Numerators, `[N, D]`. */
  readonly theta: Matrix;
  /** `[N, L]`. */
  readonly x: Matrix;
  /** `[N]`: the score is the sum of weighted squared errors. */
  readonly weights: Float64Array;
  /** What is taken for the truth at these rows where the problem has no `logRatio`, `[N]`, nats. */
  readonly logRatio?: Float64Array;
  /** The same of `log p(x | theta)` where the problem has no `logProb`. */
  readonly logProb?: Float64Array;
}

/** How methods are compared on a problem. */
export interface RatioComparison {
  /** Denominators of the simulations to learn from: all `thetaRef`, or drawn as the numerators are. */
  readonly denominators: "thetaRef" | "drawn";
  /** Where the rows bring their own truth because nothing is exact: what it is, in one sentence. */
  readonly estimatedBy?: string;
  /** The same rows on every call. */
  test(): Promise<RatioTest>;
}

/** A simulator with gold, and the truth where it is known. Rows of the arguments belong together. */
export interface GoldProblem {
  /** Name in the registry, e.g. `galton_board`. */
  readonly name: string;
  /** One sentence: what is inferred from what. */
  readonly title: string;
  /** Where the problem was published. */
  readonly source: string;
  /** Its batches carry gold. */
  readonly simulator: Simulator;
  /** The values that `x`, one number, can take, where it is counted and not measured. */
  readonly values?: readonly number[];
  /** The usual denominator point, `[D]`. */
  readonly thetaRef: readonly number[];
  /** Exact `log p(x | theta0) - log p(x | theta1)`: `[N, D]`, `[N, D]` and `[N, L]` to `[N]`, nats. */
  logRatio?(theta0: Matrix, theta1: Matrix, x: Matrix): Float64Array;
  /** Exact `log p(x | theta)`, a probability where `x` is counted: `[N, D]` and `[N, L]` to `[N]`, nats. */
  logProb?(theta: Matrix, x: Matrix): Float64Array;
  /** Exact `d log p(x | theta) / d theta`: `[N, D]` and `[N, L]` to `[N, D]`, per unit of `theta`. */
  score?(theta: Matrix, x: Matrix): Matrix;
  /** Left out where there is no truth, exact or estimated, or nobody has compared methods on it. */
  readonly comparison?: RatioComparison;
}

/** `log p(x | theta)` of one row: `[D]` and `[L]` to nats, up to a constant that may depend on `x`. */
export type LogLikelihood = (theta: Float64Array, x: Float64Array) => number;

/** The exact log ratio of a problem whose likelihood is known. */
export function logRatioOf(logLikelihood: LogLikelihood): NonNullable<GoldProblem["logRatio"]> {
  return (theta0, theta1, x) =>
    Float64Array.from(
      { length: x.rows },
      (_, i) => logLikelihood(row(theta0, i), row(x, i)) - logLikelihood(row(theta1, i), row(x, i)),
    );
}

/**
 * The score of a problem whose likelihood is known: central differences of fourth order.
 *
 * @param step - of each parameter; about a hundredth of what changes the likelihood by a factor.
 */
export function scoreOf(logLikelihood: LogLikelihood, step: number): NonNullable<GoldProblem["score"]> {
  return (theta, x) => {
    const out = matrix(theta.rows, theta.cols);
    for (let i = 0; i < theta.rows; i++) {
      const at = row(x, i);
      for (let j = 0; j < theta.cols; j++) {
        const [value] = slope((point) => [logLikelihood(point, at)], row(theta, i), j, step);
        out.data[i * theta.cols + j] = value;
      }
    }
    return out;
  };
}

/**
 * What is exact where `x` is one of a few cells: log ratio, log probability and score from a table of their probabilities. Rows that
 * follow each other with the same theta share one table.
 *
 * @param probabilities - `p(cell | theta)` of all cells.
 * @param cellOf - the cell of a row of data.
 * @param step - as for `scoreOf`.
 */
export function exactFromTable(
  probabilities: (theta: Float64Array) => ArrayLike<number>,
  cellOf: (x: Float64Array) => number,
  step: number,
): Required<Pick<GoldProblem, "logRatio" | "logProb" | "score">> {
  const gradients = (theta: Float64Array) =>
    Array.from(theta, (_, j) => slope((point) => Array.from(probabilities(point), Math.log), theta, j, step));
  return {
    logRatio(theta0, theta1, x) {
      const [at0, at1] = [sharedByRows(theta0, probabilities), sharedByRows(theta1, probabilities)];
      return Float64Array.from({ length: x.rows }, (_, i) => {
        const cell = cellOf(row(x, i));
        return Math.log(at0(i)[cell] / at1(i)[cell]);
      });
    },
    logProb(theta, x) {
      const at = sharedByRows(theta, probabilities);
      return Float64Array.from({ length: x.rows }, (_, i) => Math.log(at(i)[cellOf(row(x, i))]));
    },
    score(theta, x) {
      const at = sharedByRows(theta, gradients);
      const out = matrix(theta.rows, theta.cols);
      for (let i = 0; i < theta.rows; i++) {
        const cell = cellOf(row(x, i));
        at(i).forEach((values, j) => {
          out.data[i * theta.cols + j] = values[cell];
        });
      }
      return out;
    },
  };
}

/** `make(theta_i)`, made anew only where row `i` differs from the row asked for before. */
export function sharedByRows<Made>(theta: Matrix, make: (theta: Float64Array) => Made): (i: number) => Made {
  let known: { readonly theta: Float64Array; readonly made: Made } | undefined;
  return (i) => {
    const at = row(theta, i);
    if (!known?.theta.every((value, j) => value === at[j])) known = { theta: at, made: make(at) };
    return known!.made;
  };
}

/** Slope of several functions along parameter `j`, by central differences of fourth order. */
function slope(
  evaluate: (point: Float64Array) => readonly number[],
  theta: Float64Array,
  j: number,
  step: number,
): number[] {
  const [a, b, c, d] = [-2, -1, 1, 2].map((by) => {
    const point = theta.slice();
    point[j] += by * step;
    return evaluate(point);
  });
  return a.map((value, k) => (8 * (c[k] - b[k]) - (d[k] - value)) / (12 * step));
}
