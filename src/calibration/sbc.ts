/**
 * Simulation-based calibration: where the true parameter ranks among draws from its posterior. Over the joint
 * of parameters and data the ranks of a calibrated posterior are uniform on `0 ... S`; a hump means that
 * posteriors are too wide, a dip that they are too narrow, a slope that they are shifted.
 *
 * @see Talts et al. (2018), https://arxiv.org/abs/1804.06788
 * @module
 */
import { ShapeError } from "../core/errors.js";
import { type Matrix, matrix } from "../core/matrix.js";
import { foldIn, key as keyOf } from "../core/random.js";
import { stream } from "../core/rng.js";
import { chiSquaredTest, type EcdfEnvelope, ecdfEnvelope, ksUniform, type TestResult } from "./uniformity.js";

/** Ranks of true parameters; ready for `sbcFigure` with the parameters' names. */
export interface Ranks {
  /** Whole numbers from 0 to `numDraws`, `[N, D]`. */
  readonly ranks: Matrix;
  /** Posterior draws per pair, `S`. */
  readonly numDraws: number;
}

/**
 * Ranks each true parameter among the draws from its posterior; ties are broken at random.
 *
 * @param truth - true parameters, `[N, D]`.
 * @param draws - posterior draws, those of pair `i` in rows `i S` to `(i + 1) S`, `[N S, D]`. They must be nearly
 *   independent: thin chains to their effective size first.
 * @param options - each has a default.
 * @param options.seed - for ties. Default 0.
 * @throws {ShapeError} if the rows of `draws` are not a whole number per pair, or the widths differ.
 */
export function sbcRanks(
  truth: Matrix,
  draws: Matrix,
  { seed = 0 }: { readonly seed?: string | number } = {},
): Ranks {
  const { rows: n, cols: dim } = truth;
  const numDraws = draws.rows / n;
  if (!Number.isInteger(numDraws) || numDraws < 1 || draws.cols !== dim) {
    throw new ShapeError(
      `sbcRanks: expected draws of ${dim} columns and a whole number of rows for each of ${n} pairs, ` +
        `got [${draws.rows}, ${draws.cols}].`,
    );
  }
  const rng = stream(keyOf(seed));
  const ranks = matrix(n, dim);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < dim; j++) {
      const value = truth.data[i * dim + j];
      let smaller = 0;
      let ties = 0;
      for (let s = i * numDraws; s < (i + 1) * numDraws; s++) {
        const draw = draws.data[s * dim + j];
        if (draw < value) smaller++;
        else if (draw === value) ties++;
      }
      ranks.data[i * dim + j] = smaller + (ties > 0 ? rng.integer(ties + 1) : 0);
    }
  }
  return { ranks, numDraws };
}

/** Is one parameter calibrated? */
export interface SbcParameter {
  /** Pearson's test on a histogram of the ranks. */
  readonly chiSquared: TestResult;
  /** Kolmogorov-Smirnov test of the ranks, spread uniformly within their steps. */
  readonly ks: TestResult;
  /** Share of ranks at or below the points of the envelope, `[K]`. */
  readonly ecdf: Float64Array;
  /** Whether the whole of `ecdf` lies in the envelope. */
  readonly insideEnvelope: boolean;
}

/** Is the posterior calibrated? */
export interface SbcTest {
  readonly parameters: readonly SbcParameter[];
  /** Envelope of the distribution function of the ranks, at all points at once, for one parameter. */
  readonly envelope: EcdfEnvelope;
  /** Smallest Kolmogorov-Smirnov p-value times the number of parameters (Bonferroni), at most 1. */
  readonly pValue: number;
}

/**
 * Tests ranks for uniformity, parameter by parameter.
 *
 * @param ranks - as `sbcRanks` returns them.
 * @param options - each has a default.
 * @param options.bins - of the chi-squared test. Default `min(20, S + 1, N / 5)`, so that five ranks or more
 *   are expected in each.
 * @param options.level - of the envelope. Default 0.95.
 * @param options.seed - of the spread within steps and of the envelope's simulations. Default 0.
 * @throws {ShapeError} if there are no ranks.
 * @throws {RangeError} if there are more bins than ranks can take values.
 * @example
 * const { ranks, numDraws } = sbcRanks(heldOut.theta, posteriorDraws);
 * const { pValue } = sbcTest({ ranks, numDraws });
 */
export function sbcTest(
  { ranks, numDraws }: Ranks,
  {
    bins = Math.max(1, Math.min(20, numDraws + 1, Math.floor(ranks.rows / 5))),
    level = 0.95,
    seed = 0,
  }: { readonly bins?: number; readonly level?: number; readonly seed?: string | number } = {},
): SbcTest {
  const { rows: n, cols: dim } = ranks;
  if (n === 0) throw new ShapeError("sbcTest: expected the ranks of at least one pair, got none.");
  if (!(Number.isInteger(bins) && bins >= 1 && bins <= numDraws + 1)) {
    throw new RangeError(`sbcTest: bins must be an integer from 1 to ${numDraws + 1}, got ${bins}.`);
  }
  const key = keyOf(seed);
  const steps = numDraws + 1;
  const binOf = (rank: number) => Math.floor((rank * bins) / steps);
  const expected = new Float64Array(bins);
  for (let rank = 0; rank < steps; rank++) expected[binOf(rank)] += n / steps;
  const count = Math.min(50, steps - 1); // at the last rank the function is 1 and says nothing
  const lastRanks = Array.from({ length: count }, (_, k) => Math.floor(((k + 1) * (steps - 1)) / count) - 1);
  const envelope = ecdfEnvelope(
    n,
    lastRanks.map((rank) => (rank + 1) / steps),
    foldIn(key, "envelope"),
    { level },
  );
  const rng = stream(foldIn(key, "spread"));
  const parameters = Array.from({ length: dim }, (_, j) => {
    const values = Float64Array.from({ length: n }, (_, i) => ranks.data[i * dim + j]);
    const counts = new Float64Array(bins);
    for (const rank of values) counts[binOf(rank)]++;
    const ecdf = Float64Array.from(lastRanks, (last) => values.filter((rank) => rank <= last).length / n);
    return {
      chiSquared: chiSquaredTest(counts, expected),
      ks: ksUniform(values.map((rank) => (rank + rng.uniform()) / steps).sort()),
      ecdf,
      insideEnvelope: ecdf.every((share, k) => share >= envelope.lower[k] && share <= envelope.upper[k]),
    };
  });
  const smallest = Math.min(...parameters.map(({ ks }) => ks.pValue));
  return { parameters, envelope, pValue: Math.min(1, dim * smallest) };
}
