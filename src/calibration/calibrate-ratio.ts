/**
 * Fits the calibration of a ratio estimator.
 *
 * One map may serve all parameters: the estimator's log ratios of all calibration rows are pooled. It holds for ratios to a
 * reference point, for ratios to the evidence (joint pairs against independent ones), and for ratios of any two points. Or
 * each point has its own, from rows simulated there, or from reference simulations that the joint ratio weights to it,
 *
 *     E_ref[r(x, z | theta, ref) f(x)] = E_theta[f(x)]   for any f,
 *
 * so that one set of simulations calibrates any number of points.
 *
 * Beyond the log ratios of the calibration rows, histograms, isotonic fits and kernel densities keep the value of the edge. A
 * posterior has its tails there: `"sigmoid"` and `"expectation"` keep their shape.
 *
 * @see Cranmer, Pavez and Louppe (2015), https://arxiv.org/abs/1506.02169, section 3
 * @see Brehmer, Cranmer, Louppe and Pavez (2018), https://arxiv.org/abs/1805.00020, section III, on calibration by weights
 * @module
 */
import { ConfigError, ShapeError } from "../core/errors.js";
import { type Matrix, repeatRow, row, takeRows } from "../core/matrix.js";
import { checkOptions } from "../core/options.js";
import {
  type Calibrated,
  type CalibrationRecord,
  calibratedRatio,
  checkReference,
  type RatioFunction,
} from "./calibrated-ratio.js";
import {
  type CalibrationOptions,
  calibrationOptionNames,
  fitCalibration,
  type ScoredSample,
} from "./calibration-map.js";
import type { CalibrationSet, EvidenceSet, ReferenceSet } from "./calibration-set.js";

/** Options of `calibrateRatio`. */
export interface CalibrateRatioOptions extends CalibrationOptions {
  /** A map for each distinct `theta` of the rows with `y = 0`; the ratio then holds at these points only. Default `false`. */
  readonly perTheta?: boolean;
}

/**
 * Calibrates a ratio with labelled simulations.
 *
 * - Ratios to a reference point: rows of `theta` against rows of that point, a `CalibrationSet` with one `thetaRef`.
 * - Ratios to the evidence, as `aalr` learns: joint pairs against independent pairs, an `EvidenceSet`. With NRE-B what is
 *   calibrated holds the unknown `c(x)`, too.
 * - Ratios of any two points: a `CalibrationSet` whose `thetaRef` varies. Every row counts a second time with its points, and so
 *   the sign of its log ratio, exchanged; the map is odd, and the calibrated ratio antisymmetric as it was.
 *
 * With `perTheta` each point needs 20 rows of its own; the rows of the reference serve all of them.
 *
 * @throws {TypeError} if there is no such option.
 * @throws {ConfigError} if the set is not of what the estimator's ratio is taken to, or `thetaRef` varies with `perTheta` or by
 *   the expectation, whose factor could not be antisymmetric.
 * @throws {ShapeError} if a sample has fewer than 20 rows.
 * @throws {RangeError} if a log ratio is not finite.
 * @example
 * const { training, calibration } = splitForCalibration(simulations, { seed: 1 });
 * const estimator = await train(carl(training), { seed: 1 });
 * const calibrated = await calibrateRatio(estimator, calibration, { method: "sigmoid" });
 * const draws = await sample(hmc(posterior(calibrated, { observed })), { seed: 1 });
 */
export async function calibrateRatio<R extends RatioFunction>(
  ratio: R,
  set: CalibrationSet | EvidenceSet,
  options: CalibrateRatioOptions = {},
): Promise<Calibrated<R>> {
  checkOptions<CalibrateRatioOptions>("calibrateRatio", options, {
    ...calibrationOptionNames,
    perTheta: true,
  });
  const { perTheta = false, ...how } = options;
  const { theta, x, y } = set;
  const reference = referenceOf(set);
  checkReference("calibrateRatio", ratio, reference);
  const put = (maps: CalibrationRecord["maps"]) => calibratedRatio(ratio, { version: 1, reference, maps });
  if (reference === "pairs") {
    if (perTheta || how.method === "expectation") {
      throw new ConfigError(
        `calibrateRatio: thetaRef varies between rows, which ${perTheta ? "perTheta" : 'method: "expectation"'} cannot calibrate. ` +
          "Simulate calibration rows at one reference point, or leave it out.",
      );
    }
    const { thetaRef } = set as CalibrationSet; // it has varying ones
    const logRatio = await ratio.logRatioBetween!(theta, thetaRef, x); // checked with the reference
    return put([{ ...fitCalibration(mirrored(labelled(logRatio, y)), how), rows: x.rows }]);
  }
  if (!perTheta) {
    const logRatio = await ratio.logRatio(theta, x);
    return put([fitCalibration(labelled(logRatio, y), how)]);
  }
  const bottom = Array.from(y.keys()).filter((i) => y[i] === 1);
  const maps: CalibrationRecord["maps"][number][] = [];
  for (const [, rows] of groups(theta, y)) {
    const point = row(theta, rows[0]);
    const all = Int32Array.from([...rows, ...bottom]);
    const logRatio = await ratio.logRatio(repeatRow(point, all.length), takeRows(x, all));
    const sample = labelled(
      logRatio,
      all.map((i) => y[i]),
    );
    maps.push({ theta: Array.from(point), ...fitCalibration(sample, how) });
  }
  return put(maps);
}

/**
 * Calibrates a ratio at given points with reference simulations alone, weighted to each point by the joint ratio.
 *
 * @param theta - the points, `[K, D]`; the calibrated ratio holds at these only.
 * @throws as `calibrateRatio`, and {RangeError} if a joint log ratio is `NaN` or `Infinity`.
 * @example
 * const calibrated = await calibrateByGold(estimator, referenceSet(held, { training }), fromRows([[0.2], [0.4]]));
 */
export async function calibrateByGold<R extends RatioFunction>(
  ratio: R,
  set: ReferenceSet,
  theta: Matrix,
  options: CalibrationOptions = {},
): Promise<Calibrated<R>> {
  checkOptions("calibrateByGold", options, calibrationOptionNames);
  const reference = { thetaRef: Array.from(set.thetaRef) };
  checkReference("calibrateByGold", ratio, reference);
  if (theta.rows === 0 || theta.cols !== reference.thetaRef.length) {
    throw new ShapeError(
      `calibrateByGold: expected points of ${reference.thetaRef.length} values, got [${theta.rows}, ${theta.cols}].`,
    );
  }
  const maps: CalibrationRecord["maps"][number][] = [];
  for (let k = 0; k < theta.rows; k++) {
    const point = row(theta, k).slice();
    const joint = set.jointLogRatio(point);
    const bad = joint.findIndex((value) => !(value < Infinity));
    if (joint.length !== set.x.rows || bad >= 0) {
      throw new RangeError(
        `calibrateByGold: expected ${set.x.rows} joint log ratios below infinity at (${point.join(", ")}), got ${
          bad >= 0 ? `${joint[bad]} in row ${bad}` : joint.length
        }.`,
      );
    }
    const logRatio = await ratio.logRatio(repeatRow(point, set.x.rows), set.x);
    const sample = { logRatio, numerator: joint.map(Math.exp), denominator: joint.map(() => 1) };
    maps.push({ theta: Array.from(point), ...fitCalibration(sample, options) });
  }
  return calibratedRatio(ratio, { version: 1, reference, maps });
}

/** What the rows with `y = 1` are drawn from. */
function referenceOf(set: CalibrationSet | EvidenceSet): CalibrationRecord["reference"] {
  if (!("thetaRef" in set)) return "evidence";
  const first = row(set.thetaRef, 0);
  const isOne = set.thetaRef.data.every((value, i) => value === first[i % first.length]);
  return isOne ? { thetaRef: Array.from(first) } : "pairs";
}

const labelled = (logRatio: Float64Array, y: ArrayLike<number>): ScoredSample => ({
  logRatio,
  numerator: logRatio.map((_, i) => 1 - y[i]),
  denominator: logRatio.map((_, i) => y[i]),
});

/** Every row, and the same row with its two points exchanged. */
function mirrored({ logRatio, numerator, denominator }: ScoredSample): ScoredSample {
  const both = (a: Float64Array, b: Float64Array) => {
    const out = new Float64Array(a.length + b.length);
    out.set(a);
    out.set(b, a.length);
    return out;
  };
  return {
    logRatio: both(
      logRatio,
      logRatio.map((value) => 0 - value),
    ),
    numerator: both(numerator, denominator),
    denominator: both(denominator, numerator),
  };
}

/** Rows with `y = 0` by their point, in order of appearance. */
function groups(theta: Matrix, y: Uint8Array): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (let i = 0; i < theta.rows; i++) {
    if (y[i] !== 0) continue;
    const name = row(theta, i).join();
    const rows = found.get(name);
    if (rows) rows.push(i);
    else found.set(name, [i]);
  }
  return found;
}
