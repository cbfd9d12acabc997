/**
 * Tests of accuracy with random points (TARP): how often the true `theta` lies nearer to a random reference point than
 * a share `c` of the posterior's draws do. Over the joint of parameters and data that share is uniform for an accurate
 * posterior. It needs draws only, no density, and sees errors of the joint that ranks of single parameters miss.
 *
 * Distances are Euclidean after each parameter is divided by the standard deviation of its true values, so units do
 * not matter. Levels run over all of [0, 1], whatever shares occur.
 *
 * @see Lemos, Coogan, Hezaveh and Perreault-Levasseur (2023), https://arxiv.org/abs/2302.03026, algorithm 2
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, matrix, row } from "../core/matrix.js";
import { checkOptions, type OptionNames } from "../core/options.js";
import { key as keyOf } from "../core/random.js";
import { stream } from "../core/rng.js";
import { fitStandardiser } from "../dataset/standardise.js";
import { type ExpectedCoverage, expectedCoverage } from "./expected-coverage.js";

/** Options of `tarp`. */
export interface TarpOptions {
  /**
   * Reference points, one per pair, `[N, D]`. They may depend on the data of their pair, never on its truth. Default:
   * uniform over the box that the true parameters span.
   */
  readonly references?: Matrix;
  /** Of the default references. Default 0. */
  readonly seed?: string | number;
}

const optionNames: OptionNames<TarpOptions> = { references: true, seed: true };

/** The result of `tarp`. */
export interface Tarp extends Pick<ExpectedCoverage, "levels" | "coverage" | "numPairs" | "pValue"> {
  /** Of each pair, the share of draws that are nearer to the reference point than the truth is, `[N]`. */
  readonly credibilities: Float64Array;
  /**
   * Mean of `|share - 1/2|` less its value for an accurate posterior, 1/4: above 0 the truth is often outside all draws
   * (overconfident or shifted), below 0 amidst them (too wide).
   */
  readonly excess: number;
}

/**
 * Tests posterior draws against the truth.
 *
 * @param truth - true parameters, `[N, D]`, drawn from the prior.
 * @param draws - posterior draws, those of pair `i` in rows `i S` to `(i + 1) S`, `[N S, D]`; nearly independent.
 * @throws {TypeError} if there is no such option.
 * @throws {ShapeError} if the rows of `draws` are not a whole number per pair, or widths differ.
 * @throws {RangeError} if a value is not finite.
 * @example
 * const { levels, coverage, pValue } = tarp(heldOut.theta, draws);
 */
export function tarp(truth: Matrix, draws: Matrix, options: TarpOptions = {}): Tarp {
  checkOptions("tarp", options, optionNames);
  const numDraws = draws.rows / truth.rows;
  if (truth.rows === 0 || !Number.isInteger(numDraws) || numDraws < 1 || draws.cols !== truth.cols) {
    throw new ShapeError(
      `tarp: expected draws of ${truth.cols} columns and a whole number of rows for each of ${truth.rows} pairs, ` +
        `got [${draws.rows}, ${draws.cols}].`,
    );
  }
  const references = options.references ?? inTheBox(truth, options.seed ?? 0);
  if (references.rows !== truth.rows || references.cols !== truth.cols) {
    throw new ShapeError(
      `tarp: expected one reference point per pair, [${truth.rows}, ${truth.cols}], got [${references.rows}, ${references.cols}].`,
    );
  }
  for (const [name, table] of Object.entries({ truth, draws, references })) {
    const at = table.data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) {
      throw new RangeError(
        `tarp: ${name} holds ${table.data[at]} in row ${Math.floor(at / table.cols)}, expected finite numbers.`,
      );
    }
  }
  const { scale } = fitStandardiser(truth, { robust: false });
  const distance = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let sum = 0;
    for (let j = 0; j < scale.length; j++) sum += ((a[j] - b[j]) / scale[j]) ** 2;
    return sum;
  };
  const credibilities = new Float64Array(truth.rows);
  for (let i = 0; i < truth.rows; i++) {
    const reference = row(references, i);
    const own = distance(row(truth, i), reference);
    let nearer = 0;
    for (let s = i * numDraws; s < (i + 1) * numDraws; s++) {
      const other = distance(row(draws, s), reference);
      nearer += other < own ? 1 : other === own ? 0.5 : 0;
    }
    credibilities[i] = (nearer + 0.5) / (numDraws + 1);
  }
  const { levels, coverage, numPairs, pValue } = expectedCoverage(credibilities);
  const excess = credibilities.reduce((sum, share) => sum + Math.abs(share - 0.5), 0) / numPairs - 0.25;
  return { levels, coverage, numPairs, pValue, credibilities, excess };
}

/** Points uniform over the box that the rows span. */
function inTheBox({ rows, cols, data }: Matrix, seed: string | number): Matrix {
  const low = new Float64Array(cols).fill(Infinity);
  const high = new Float64Array(cols).fill(-Infinity);
  data.forEach((value, at) => {
    low[at % cols] = Math.min(low[at % cols], value);
    high[at % cols] = Math.max(high[at % cols], value);
  });
  const rng = stream(keyOf(seed));
  const points = matrix(rows, cols);
  for (let at = 0; at < points.data.length; at++) {
    points.data[at] = rng.uniform(low[at % cols], high[at % cols]);
  }
  return points;
}
